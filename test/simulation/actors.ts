// Who lives in the world: clients that send, the queue's glue that delivers to writers, readers that ask.
// They run the engine's own receive, writeBatch and readListing.
import { receive } from '../../lib/engine/ingest/receive.ts'
import { newWriterState, writeBatch, type WriterState } from '../../lib/engine/ingest/write.ts'
import type { Ports } from '../../lib/engine/ports.ts'
import { readListing } from '../../lib/engine/store/files.ts'
import { EngineError } from '../../lib/model/errors.ts'
import type { OrgId } from '../../lib/model/stream.ts'
import { MICROS_PER_DAY, MICROS_PER_SECOND } from '../../lib/model/time.ts'
import { SKEW, must } from './invariants.ts'
import { portsOf, request } from './ports.ts'
import { Process } from './scheduler.ts'
import type { QueuedMessage, World } from './world.ts'

/** purger hosts keep NTP time (SKEW of the protocol, 30 s between two); others may be minutes off */
export function newProcess(world: World, name: string, skewMax = SKEW, freezeMax = Infinity): Process {
  const { random } = world.s
  return new Process(name, random.chance(0.5) ? 0 : Math.round((2 * random.next() - 1) * skewMax), random.chance(0.5), freezeMax)
}

/**
 * A receiver thaws within minutes or not at all. One that sent a message weeks after it accepted it would
 * break what the age fence builds on: that a queue's message is not much younger than its acceptance.
 */
const RECEIVER_FREEZE = 15 * 60 * MICROS_PER_SECOND

/** the rest of a seed must not outlive a host that never comes back; a client gives up on it */
const CLIENT_TIMEOUT = 30 * MICROS_PER_SECOND

export class Clients {
  private readonly world: World
  private receiver: Process
  private nextId = 0
  constructor(world: World) {
    this.world = world
    this.receiver = newProcess(world, 'receiver', SKEW, RECEIVER_FREEZE)
  }

  send(org: OrgId, stream: string): void {
    const { random } = this.world.s
    const key = random.chance(0.4) ? `key-${this.nextId}` : null
    this.attempt(org, stream, key, this.records(), 1)
  }

  /** values of every type under few names, so that schemas race and types move up */
  private records(): object[] {
    const { s } = this.world
    const { random } = s
    return Array.from({ length: 1 + random.int(3) }, () => ({
      id: this.nextId++,
      [random.pick(['a', 'b', 'c'])]: random.pick([1, 2.5, true, 'text']),
      ...(random.chance(0.2) ? { _timestamp: s.now - random.int(2) * MICROS_PER_DAY } : {}),
    }))
  }

  private attempt(org: OrgId, stream: string, key: string | null, records: object[], tries: number): void {
    const { world } = this
    const { s } = world
    if (this.receiver.dead || this.receiver.frozenUntil > s.now) this.receiver = newProcess(world, 'receiver', SKEW, RECEIVER_FREEZE)
    let over = false
    const retry = (): void => {
      if (over) return
      over = true
      if (tries >= 4) return
      // Without a key a second request is a second message: the client means other rows by it.
      const again = key === null ? this.records() : records
      s.after(s.random.log(100_000, 60 * MICROS_PER_SECOND), () => this.attempt(org, stream, key, again, tries + 1))
    }
    s.after(CLIENT_TIMEOUT, retry)
    receive(portsOf(world, this.receiver), world.settings, {
      org, route: 'json', format: 'json', stream, contentType: 'application/json', contentEncoding: null, idempotencyKey: key,
      body: Buffer.from(JSON.stringify(records)),
    }).then(({ bid }) => {
      must(bid !== null, 'a good request was not queued')
      over = true
      world.probe('accepted')
      world.check.accepted.add(bid)
      s.log(`accepted ${bid}`)
    }, (error: unknown) => {
      must(error instanceof EngineError && error.kind === 'unavailable', `a good request is refused: ${String(error)}`)
      retry()
    }).catch(world.fail)
  }
}

interface Writer {
  readonly process: Process
  readonly ports: Ports
  readonly state: WriterState
  busy: boolean
}

/** The event source between queue and writers: any batch of what is visible, to any writer, more than one at a time. */
export class Delivery {
  private readonly world: World
  private readonly writers: Writer[] = []
  private readonly visibility: number
  private waking = false

  constructor(world: World) {
    this.world = world
    this.visibility = world.s.random.log(20, 720) * MICROS_PER_SECOND
    world.onVisible = () => this.wake()
  }

  wake(): void {
    if (this.waking) return
    this.waking = true
    this.world.s.after(this.world.s.random.log(10_000, MICROS_PER_SECOND), () => {
      this.waking = false
      this.deliver()
    })
  }

  private deliver(): void {
    const { s, queue } = this.world
    const visible = queue.filter((m) => !m.deleted && m.visibleAt <= s.now)
    if (visible.length === 0) return
    const batch: QueuedMessage[] = []
    for (const max = 1 + s.random.int(8); batch.length < max && visible.length > 0;) batch.push(...visible.splice(s.random.int(visible.length), 1))
    for (const message of batch) {
      message.receives++
      message.visibleAt = s.now + this.visibility
      s.after(this.visibility, () => this.wake())
    }
    this.invoke(batch)
    if (visible.length > 0) this.wake()
  }

  private invoke(batch: readonly QueuedMessage[]): void {
    const { world } = this
    const writer = this.idleWriter()
    writer.busy = true
    const delivered = batch.map(({ message, receives }) => ({ ...message, receives }))
    if (new Set(delivered.map(({ org }) => org)).size > 1) world.s.log(`${writer.process.name} writes for two organisations`)
    writeBatch(writer.ports, world.settings, writer.state, delivered).then((outcome) => {
      writer.busy = false
      const ended = new Set([...outcome.done, ...outcome.park.map(({ bid }) => bid)])
      for (const { error } of outcome.retry) if (error.kind === 'conflict') world.probe('rounds used up')
      for (const queued of batch) {
        if (ended.has(queued.message.bid)) request(world, writer.process, () => world.deleteMessage(queued)).catch((e: unknown) => must(e instanceof EngineError, String(e)))
        else world.s.log(`not written: ${queued.message.bid}`)
      }
    }).catch(world.fail)
  }

  private idleWriter(): Writer {
    const { world, writers } = this
    const idle = writers.filter((w) => !w.busy && !w.process.dead && w.process.frozenUntil <= world.s.now)
    if (idle.length > 0 && !world.s.random.chance(0.2)) return world.s.random.pick(idle)
    const process = newProcess(world, `writer-${writers.length}`)
    const writer = { process, ports: portsOf(world, process), state: newWriterState(), busy: false }
    writers.push(writer)
    return writer
  }
}

/** A query: the reader rule, then every slice's bytes; what it saw is compared with what it had to see. */
export class Readers {
  private readonly world: World
  /** queries that answered, of the quiet end */
  answered = 0
  constructor(world: World) {
    this.world = world
  }

  start(org: OrgId, stream: string): void {
    const { world } = this
    this.query(org, stream).catch((error: unknown) => {
      if (!(error instanceof EngineError)) throw error
      must(error.kind === 'unavailable', `a query fails: ${error.message}`)
      if (error.message.startsWith('the file list took')) world.probe('listing refused')
    }).catch(world.fail)
  }

  private async query(org: OrgId, stream: string): Promise<void> {
    const { world } = this
    const { s, settings } = world
    const process = newProcess(world, 'reader')
    const ports = portsOf(world, process)
    const startedAt = s.now
    const wall = ports.clock.now()
    const monotonic = ports.clock.monotonicMs()
    const writing = world.queue.some((m) => !m.deleted)
    const [listing] = await readListing(ports, settings, org, [{ type: 'logs', name: stream }], 0, Number.MAX_SAFE_INTEGER / 2)
    if (!listing) {
      this.answered++
      return
    }
    const { item } = listing
    const wanted = new Set<number>()
    for (const [id, row] of world.check.committedRows) if (row.streamId === item.id && row.inc === item.inc && row.visibleAt <= startedAt) wanted.add(id)
    const seen = new Set<number>()
    for (const { entry, slice } of listing.slices) {
      if (entry.replaces.length > 0) world.probe('merge met')
      // A query older than its deadline is stopped: its objects may be gone.
      const late = ports.clock.now() - wall > settings.queryDeadlineMs * 1_000 || ports.clock.monotonicMs() - monotonic > settings.queryDeadlineMs
      if (late) {
        world.probe('query too long')
        return
      }
      await ports.blobs.get(entry.key, slice).catch((error: unknown) => {
        const inTime = ports.clock.now() - wall <= settings.queryDeadlineMs * 1_000 && ports.clock.monotonicMs() - monotonic <= settings.queryDeadlineMs
        must(!(error instanceof EngineError) || error.kind !== 'not_found' || !inTime, `I9: object ${entry.key} is gone under a reader`)
        throw error instanceof EngineError && error.kind === 'not_found' ? new EngineError('unavailable', 'moved') : error
      })
      for (const id of world.check.rowsOf.get(`${entry.fid}/${slice.index}`) ?? []) {
        must(!seen.has(id), `I9: a reader sees row ${id} twice`)
        seen.add(id)
        must(world.check.committedRows.get(id)?.inc === item.inc, `I10: a reader sees row ${id} of another incarnation`)
      }
    }
    for (const id of wanted) must(seen.has(id), `I9: a reader misses row ${id}`)
    s.log(`read ${stream}: ${seen.size}`)
    world.probe(writing ? 'read while writing' : 'read exactly')
    this.answered++
  }
}
