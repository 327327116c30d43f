// A standard SQS queue and its dead letters, as weak as SQS: any order, more than once, also while a
// message is being written and after its deletion; a receipt ages; nothing is kept longer than the
// retention, which a move to the dead letters does not renew and a redrive does.
import { encodeMessage, MESSAGE_TEXT_MAX } from '../../../lib/aws/message.ts'
import type { QueueMessage } from '../../../lib/engine/ports.ts'
import { MICROS_PER_DAY, type Micros } from '../../../lib/model/time.ts'
import { must } from '../invariants.ts'
import { VISIBILITY, type Cloud } from './cloud.ts'

export const RETENTION: Micros = 14 * MICROS_PER_DAY
/** deliveries before a message is a dead letter */
export const RECEIVES_MAX = 5

export interface Letter {
  readonly messageId: string
  readonly text: string
  /** null: not ours */
  readonly bid: string | null
  readonly enqueuedAt: Micros
  /** of the message's first copy */
  readonly firstAt: Micros
  receives: number
  visibleAt: Micros
  /** counts deliveries for ever: the latest one's receipt deletes for sure */
  receipt: number
  deleted: boolean
  /** moved on, sent again under a new id, or past its retention: this queue has it no more */
  gone: boolean
  /** deleted at least once */
  settled: boolean
}

export class SimQueue {
  readonly name: string
  readonly letters = new Set<Letter>()
  private readonly cloud: Cloud
  private readonly dead: SimQueue | null
  private sent = 0
  /** something may be received */
  onVisible: () => void = () => undefined

  constructor(cloud: Cloud, name: string, dead: SimQueue | null) {
    this.cloud = cloud
    this.name = name
    this.dead = dead
  }

  /** the effect of SendMessage for a message of ours */
  send(message: QueueMessage): void {
    const { world } = this.cloud
    const { random } = this.cloud.s
    if (world.check.sent.has(message.bid)) this.cloud.probe('sent twice')
    world.check.sentMessage(message)
    const damaged = this.cloud.chance('poison')
    if (damaged) world.check.damaged.add(message.bid)
    const bytes = damaged ? damage(message.bytes, random.int(message.bytes.length)) : message.bytes
    const text = encodeMessage({ ...message, bytes })
    must(text.length <= MESSAGE_TEXT_MAX, `message ${message.bid} is longer than SQS takes`)
    this.enqueue(text, message.bid, this.cloud.s.now, random.log(1_000, 2_000_000))
  }

  /** what somebody else put into the queue */
  sendStranger(text: string): void {
    this.enqueue(text, null, this.cloud.s.now, 1_000)
  }

  private enqueue(text: string, bid: string | null, firstAt: Micros, delay: Micros): void {
    const { s } = this.cloud
    const letter: Letter = {
      messageId: `${this.name[0]}-${++this.sent}`, text, bid, enqueuedAt: s.now, firstAt, receives: 0, visibleAt: s.now + Math.round(delay),
      receipt: 0, deleted: false, gone: false, settled: false,
    }
    this.take(letter)
    s.log(`${this.name} takes ${letter.messageId} ${bid}`)
    while (this.cloud.chance('redeliver')) s.after(s.random.log(10_000, RETENTION), () => this.deliverAgain(letter))
  }

  private take(letter: Letter): void {
    const { s } = this.cloud
    this.letters.add(letter)
    s.after(letter.visibleAt - s.now, () => this.onVisible())
    s.after(letter.enqueuedAt + RETENTION - s.now, () => this.expire(letter))
  }

  /** at most `count` of what is visible, in any order; each is hidden for the visibility timeout */
  receive(count: number): Letter[] {
    const { s } = this.cloud
    const visible = [...this.letters].filter((l) => !l.deleted && l.visibleAt <= s.now)
    const out: Letter[] = []
    while (out.length < count && visible.length > 0) {
      const letter = visible.splice(s.random.int(visible.length), 1)[0]!
      if (this.dead !== null && letter.receives >= RECEIVES_MAX) {
        this.bury(letter, this.dead)
        continue
      }
      letter.receives++
      letter.receipt++
      letter.visibleAt = s.now + VISIBILITY
      s.after(VISIBILITY, () => this.onVisible())
      out.push(letter)
    }
    return out
  }

  hasVisible(): boolean {
    for (const letter of this.letters) if (!letter.deleted && letter.visibleAt <= this.cloud.s.now) return true
    return false
  }

  /** messages that are not done with, those in flight included */
  waiting(): Letter[] {
    return [...this.letters].filter((l) => !l.deleted)
  }

  /** DeleteMessage by a receipt; one of an earlier delivery may do nothing */
  delete(letter: Letter, receipt: number): void {
    const { s, world } = this.cloud
    if (letter.gone || letter.deleted) return
    if (receipt !== letter.receipt) {
      if (s.random.chance(0.5)) return
      this.cloud.probe('deleted by an old receipt')
    }
    letter.deleted = true
    letter.settled = true
    s.log(`${this.name} deletes ${letter.messageId} ${letter.bid}`)
    must(letter.bid !== null, `message ${letter.messageId}, which is not ours, is deleted`)
    world.check.messageDeleted(letter.bid)
  }

  /** comes again before its time: a batch that failed as a whole */
  release(letter: Letter): void {
    if (letter.gone || letter.deleted) return
    letter.visibleAt = this.cloud.s.now
    this.onVisible()
  }

  /** at least once means also: after its deletion, while it is being written, and days later */
  private deliverAgain(letter: Letter): void {
    const { s } = this.cloud
    if (letter.gone) return
    if (letter.deleted) this.cloud.probe('delivered after its deletion')
    if (s.now - letter.enqueuedAt > MICROS_PER_DAY) this.cloud.probe('delivered days later')
    if (letter.receives > 0) this.cloud.probe('redelivered with receive count 1')
    letter.deleted = false
    letter.receives = 0
    letter.visibleAt = s.now
    this.onVisible()
  }

  /** the time of a letter's death counts from its first day in the queue, wherever it lies */
  private bury(letter: Letter, dead: SimQueue): void {
    const { s, world } = this.cloud
    this.leave(letter)
    if (letter.bid === null) this.cloud.probe('not ours')
    else world.check.deadLetters.add(letter.bid)
    this.cloud.probe('became a dead letter')
    s.log(`${letter.messageId} ${letter.bid} is a dead letter`)
    dead.take({ ...letter, visibleAt: s.now, gone: false, deleted: false })
    dead.onArrival()
  }

  /** the archiver's schedule and the operator look here */
  onArrival: () => void = () => undefined

  private leave(letter: Letter): void {
    letter.gone = true
    this.letters.delete(letter)
  }

  /**
   * StartMessageMoveTask: what lies here is sent again, under new ids and with a new time. Not what was
   * first sent too long ago: an operator who keeps a message going for a month outlives its claim.
   */
  redriveInto(queue: SimQueue): number {
    const { s } = this.cloud
    const moved = [...this.letters].filter((l) => !l.deleted && l.visibleAt <= s.now && s.now - l.firstAt < RETENTION)
    for (const letter of moved) {
      this.leave(letter)
      queue.enqueue(letter.text, letter.bid, letter.firstAt, s.random.log(1_000, 2_000_000))
    }
    return moved.length
  }

  /** past the retention: nothing of ours may be lost with it, and nothing may have lain there unseen */
  private expire(letter: Letter): void {
    if (letter.gone) return
    const { bid, messageId, deleted, settled } = letter
    this.leave(letter)
    if (deleted || bid === null) return
    this.cloud.s.log(`${this.name} drops ${messageId} ${bid}`)
    this.cloud.world.check.messageDeleted(bid)
    must(settled, `liveness: message ${bid} lay in the ${this.name} until its retention ended`)
  }
}

/** What comes back cannot be read: cut short, or not an envelope at all; who sent it can still be told. */
function damage(bytes: Uint8Array, at: number): Uint8Array {
  if (at % 2 === 0) return bytes.slice(0, at)
  const out = bytes.slice()
  out[0]! ^= 0xff
  return out
}
