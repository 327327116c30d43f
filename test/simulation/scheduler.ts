// The one scheduler of a simulated world: virtual time, seeded chance, and which pending thing happens
// next. Everything that happens is an event at a virtual time; between two events all promises settle,
// so that a seed means one run, whose log has one hash.
import { createHash } from 'node:crypto'
import { MICROS_PER_DAY, MICROS_PER_SECOND, type Micros } from '../../lib/model/time.ts'

/** sfc32: small, fast, and the same on every machine */
export class Random {
  private a: number
  private b: number
  private c = 0x9e3779b9
  private d = 1
  constructor(seed: number) {
    this.a = seed | 0
    this.b = (seed / 2 ** 32) | 0
    for (let i = 0; i < 12; i++) this.next()
  }
  /** 0 <= x < 1 */
  next(): number {
    const t = (((this.a + this.b) | 0) + this.d) | 0
    this.d = (this.d + 1) | 0
    this.a = this.b ^ (this.b >>> 9)
    this.b = (this.c + (this.c << 3)) | 0
    this.c = ((this.c << 21) | (this.c >>> 11)) + t | 0
    return (t >>> 0) / 2 ** 32
  }
  /** 0 <= n < max */
  int(max: number): number {
    return Math.floor(this.next() * max)
  }
  chance(p: number): boolean {
    return p > 0 && this.next() < p
  }
  pick<T>(items: readonly T[]): T {
    return items[this.int(items.length)]!
  }
  /** every order of magnitude is as likely as any other */
  log(min: number, max: number): number {
    return min * (max / min) ** this.next()
  }
  /** off in many seeds, anything up to `max` in the others: worlds differ in kind, not only in degree */
  rate(max: number): number {
    return this.chance(0.4) ? 0 : max * this.next()
  }
}

/** A host that runs our code: its clocks are off, it freezes, it dies. */
export class Process {
  readonly name: string
  /** its wall clock minus the true time */
  readonly skew: Micros
  /** a frozen virtual machine's monotonic clock may stand still */
  readonly monotonicStops: boolean
  frozenUntil: Micros = 0
  frozenFor: Micros = 0
  /** a host that is frozen for longer does not come back: its platform has ended the request */
  readonly freezeMax: Micros
  dead = false
  /** what reaches a host that its platform has put to sleep, until it is thawed; null: it is awake */
  held: Event[] | null = null
  constructor(name: string, skew: Micros, monotonicStops: boolean, freezeMax: Micros = Infinity) {
    this.freezeMax = freezeMax
    this.name = name
    this.skew = skew
    this.monotonicStops = monotonicStops
  }
}

interface Event {
  readonly at: Micros
  readonly order: number
  readonly run: () => void
  /** who must be awake and alive for it; null: the world itself */
  readonly process: Process | null
}

export class Scheduler {
  now: Micros
  events = 0
  readonly random: Random
  private readonly heap: Event[] = []
  private order = 0
  private readonly hash = createHash('sha256')
  /** the log itself, kept when asked for */
  readonly lines: string[] | null

  constructor(seed: number, start: Micros, keepLog: boolean) {
    this.random = new Random(seed)
    this.now = start
    this.lines = keepLog ? [] : null
  }

  log(line: string): void {
    const text = `${this.now} ${line}\n`
    this.hash.update(text)
    this.lines?.push(text)
  }

  digest(): string {
    return this.hash.copy().digest('hex')
  }

  after(delay: Micros, run: () => void, process: Process | null = null): void {
    this.push({ at: this.now + Math.max(0, Math.round(delay)), order: this.order++, run, process })
  }

  /** milliseconds mostly, now and then seconds */
  latency(slow: number): Micros {
    return this.random.chance(slow) ? this.random.log(1, 120) * MICROS_PER_SECOND : this.random.log(500, 30_000)
  }

  /** any length; more often those about the protocol's minutes, where its graces and attempts end */
  freezeLength(long: boolean): Micros {
    if (long) return (10 + 20 * this.random.next()) * MICROS_PER_DAY
    const minutes = this.random.chance(0.4)
    return minutes ? this.random.log(4, 20) * 60 * MICROS_PER_SECOND : this.random.log(MICROS_PER_SECOND, 30 * MICROS_PER_DAY)
  }

  freeze(process: Process, length: Micros): void {
    if (length > process.freezeMax) process.dead = true
    process.frozenUntil = this.now + Math.round(length)
    process.frozenFor += length
    this.log(`${process.name} freezes`)
  }

  /** Wakes a host; what reached it while it slept happens now, in any order. Returns how much that is. */
  thaw(process: Process): number {
    const held = process.held ?? []
    process.held = null
    for (const event of held) this.push({ ...event, at: this.now + this.random.int(1_000) })
    return held.length
  }

  /** Runs events until none is left. `settled` is called after each, when every promise has settled. */
  async run(eventsMax: number, settled: () => Promise<void> | null): Promise<void> {
    for (let event = this.pop(); event !== undefined; event = this.pop()) {
      if (++this.events > eventsMax) throw new Error(`the world does not come to rest within ${eventsMax} events`)
      const { process } = event
      if (process?.dead) continue
      this.now = Math.max(this.now, event.at)
      if (process?.held) {
        process.held.push(event)
        continue
      }
      if (process !== null && process.frozenUntil > this.now) {
        // What reaches a frozen host is dealt with when it thaws, in any order.
        this.push({ ...event, at: process.frozenUntil + this.random.int(1_000) })
        continue
      }
      event.run()
      await new Promise(setImmediate)
      const check = settled()
      if (check !== null) await check
    }
  }

  private push(event: Event): void {
    const { heap } = this
    let i = heap.push(event) - 1
    while (i > 0) {
      const parent = (i - 1) >> 1
      if (!isBefore(event, heap[parent]!)) break
      heap[i] = heap[parent]!
      i = parent
    }
    heap[i] = event
  }

  private pop(): Event | undefined {
    const { heap } = this
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined || heap.length === 0) return first
    let i = 0
    for (;;) {
      let child = 2 * i + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
      if (!isBefore(heap[child]!, last)) break
      heap[i] = heap[child]!
      i = child
    }
    heap[i] = last
    return first
  }
}

const isBefore = (a: Event, b: Event): boolean => a.at < b.at || (a.at === b.at && a.order < b.order)
