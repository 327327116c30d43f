// The archiver and what wakes it: an hourly schedule that misses, doubles and is late, whose invocations
// are asynchronous (two more tries after an error), and an operator who sends dead letters again.
import { archiveDeadLetters } from '../../../functions/ingest/archive-event.ts'
import type { DeadLetters } from '../../../lib/aws/dead-letters.ts'
import { REPEATABLE, retried } from '../../../lib/aws/retry.ts'
import { MICROS_PER_HOUR, MICROS_PER_SECOND } from '../../../lib/model/time.ts'
import { request } from '../ports.ts'
import type { Process } from '../scheduler.ts'
import type { Cloud } from './cloud.ts'
import type { EnvironmentPorts } from './environment.ts'
import type { Handler, LambdaFunction } from './functions.ts'
import type { Letter } from './queue.ts'

/** a poll's most */
const RECEIVE_MAX = 10
const STRANGER_HOURS_MAX = 5

export const archiverHandler = (cloud: Cloud) => ({ ports, process, retries }: EnvironmentPorts): Handler<object, unknown> => {
  const deadLetters = retried(deadLettersOf(cloud, process), REPEATABLE.deadLetters, retries)
  return async (_event, context) => {
    const archived = await archiveDeadLetters({ ports, settings: cloud.world.settings, deadLetters }, context)
    if (context.getRemainingTimeInMillis() <= 15_000) cloud.probe('archiver out of time')
    return archived
  }
}

interface Handle {
  readonly letter: Letter
  readonly receipt: number
  /** of the message before this delivery */
  readonly parked: boolean
}

function deadLettersOf(cloud: Cloud, process: Process): DeadLetters {
  const { quarantined } = cloud.world.check
  const handles = new Map<string, Handle>()
  const ask = <T>(effect: () => T): Promise<T> => request(cloud.world, process, effect)
  return {
    receive: () => ask(() => cloud.deadLetters.receive(1 + cloud.s.random.int(RECEIVE_MAX)).map((letter) => {
      const receipt = `${letter.messageId}/${letter.receipt}`
      handles.set(receipt, { letter, receipt: letter.receipt, parked: quarantined.has(letter.bid ?? '') })
      return { receipt, text: letter.text, receives: letter.receives, messageId: letter.messageId }
    })),
    done: (receipt: string) => ask(() => {
      const { letter, receipt: count, parked } = handles.get(receipt)!
      const now = quarantined.has(letter.bid ?? '')
      cloud.probe(parked ? 'dead letter already parked' : now ? 'dead letter archived' : 'dead letter whose rows were in')
      cloud.deadLetters.delete(letter, count)
    }),
  }
}

export class Schedule {
  private readonly cloud: Cloud
  private readonly archiver: LambdaFunction<object, unknown>
  private planned = false
  private redriving = false
  private strangerHours = 0

  constructor(cloud: Cloud, archiver: LambdaFunction<object, unknown>) {
    this.cloud = cloud
    this.archiver = archiver
    cloud.deadLetters.onArrival = () => this.plan()
  }

  /** Hours at which no dead letter waits are left out: the archiver would find nothing. */
  private plan(): void {
    const { cloud } = this
    const { s } = cloud
    if (!this.redriving && cloud.chance('redrive')) {
      this.redriving = true
      s.after(s.random.log(60, 48 * 3_600) * MICROS_PER_SECOND, () => this.redrive())
    }
    if (this.planned) return
    this.planned = true
    s.after(MICROS_PER_HOUR - (s.now % MICROS_PER_HOUR), () => this.tick())
  }

  private tick(): void {
    const { cloud } = this
    const { s } = cloud
    this.planned = false
    const waiting = cloud.deadLetters.waiting()
    if (waiting.length === 0) return
    // What is not ours stays for two weeks; a few hours of it show what there is to see.
    const ours = waiting.some(({ bid }) => bid !== null)
    if (!ours && ++this.strangerHours > STRANGER_HOURS_MAX) return
    this.plan()
    if (cloud.chance('missed')) {
      cloud.probe('schedule missed')
      return
    }
    const late = cloud.chance('late')
    if (late) cloud.probe('schedule late')
    s.after(late ? s.random.log(1, 3_500) * MICROS_PER_SECOND : 0, () => this.start(1))
    if (!cloud.chance('doubled')) return
    cloud.probe('schedule doubled')
    s.after(s.random.log(1_000, 60 * MICROS_PER_SECOND), () => this.start(1))
  }

  private start(tries: number): void {
    const { cloud } = this
    if (this.archiver.running > 0) cloud.probe('two archivers at once')
    this.archiver.invoke({}, (result) => {
      if (result.kind === 'answer' || tries > 2) return
      cloud.probe('invoked again after an error')
      cloud.s.after((result.kind === 'error' ? 60 * tries : 1) * MICROS_PER_SECOND, () => this.start(tries + 1))
    })
  }

  private redrive(): void {
    const { cloud } = this
    this.redriving = false
    for (const { bid } of cloud.deadLetters.waiting()) if (bid !== null && cloud.world.check.quarantined.has(bid)) cloud.probe('redriven after it was archived')
    const moved = cloud.deadLetters.redriveInto(cloud.queue)
    if (moved > 0) cloud.probe('redriven')
    cloud.s.log(`${moved} dead letters are sent again`)
  }
}
