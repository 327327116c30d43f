// The engine's ports on a simulated AWS, as one process sees it, and as weak as the real one: requests are
// refused, answers are lost after the effect, effects come after the caller gave up or twice, lists
// are read page by page while the world moves on, clocks are off, the host freezes or dies.
import type { Catalog, Clock, Ids, ListRange, Ports, Telemetry } from '../../lib/engine/ports.ts'
import { EngineError } from '../../lib/model/errors.ts'
import type { Entry } from '../../lib/model/file.ts'
import type { OrgId } from '../../lib/model/stream.ts'
import { MICROS_PER_MS, MICROS_PER_SECOND, type Micros } from '../../lib/model/time.ts'
import type { Process } from './scheduler.ts'
import { SIGNATURE_LIFE, type Slot, type World } from './world.ts'

const lostAnswer = (): EngineError => new EngineError('unavailable', 'the service did not answer')

/** Sends a request: its effect happens once, later, twice or never; its answer comes or does not. */
export function request<T>(world: World, process: Process, effect: () => T): Promise<T> {
  const { s, faults } = world
  const { random } = s
  if (random.chance(faults.freeze)) {
    world.probe('freeze')
    s.freeze(process, s.freezeLength(faults.longFreezes))
  }
  const signedAt = s.now + process.skew
  return new Promise<T>((resolve, reject) => {
    const answer = (run: () => void): void => s.after(s.latency(faults.slow), () => {
      if (random.chance(faults.crash)) {
        world.probe('crash')
        s.log(`${process.name} crashes`)
        process.dead = true
      } else run()
    }, process)
    const act = (run: (value: T) => void, fail: (error: unknown) => void): void => {
      if (Math.abs(s.now - signedAt) > SIGNATURE_LIFE) {
        world.probe('signature expired')
        fail(lostAnswer())
        return
      }
      let value: T
      try {
        value = effect()
      } catch (error) {
        if (!(error instanceof EngineError)) throw error
        fail(error)
        return
      }
      run(value)
    }
    const ignore = (): void => undefined
    if (random.chance(faults.refused)) {
      world.probe('request refused')
      answer(() => reject(lostAnswer()))
    } else if (random.chance(faults.late)) {
      answer(() => reject(lostAnswer()))
      s.after(random.log(1_000_000, 1.1 * SIGNATURE_LIFE), () => act(() => world.probe('effect after the caller gave up'), ignore))
    } else {
      s.after(s.latency(faults.slow), () => act((value) => {
        const lost = random.chance(faults.lost)
        if (lost) world.probe('response lost')
        answer(() => (lost ? reject(lostAnswer()) : resolve(value)))
      }, (error) => answer(() => reject(error))))
      if (random.chance(faults.twice)) s.after(random.log(1_000, 1.1 * SIGNATURE_LIFE), () => act(() => world.probe('effect twice'), ignore))
    }
  })
}

/** A Query of each place, its pages one after another, the places at the same time. */
function list(world: World, process: Process, org: OrgId, ranges: readonly ListRange[]): Promise<readonly Entry[]> {
  const place = async (range: ListRange | null): Promise<Entry[]> => {
    const entries: Entry[] = []
    for (let after = ''; ;) {
      const count = 1 + world.s.random.int(4)
      const page: Slot[] = await request(world, process, () => world.listPage(org, range, after, count))
      for (const { entry } of page) if (entry !== null) entries.push(entry)
      if (page.length < count) return entries
      // A reader that stops in the middle of its list: what it read before may have been merged and removed since.
      if (world.s.random.chance(world.faults.listStall)) world.s.freeze(process, world.s.random.log(1, 20) * 60 * MICROS_PER_SECOND)
      after = page.at(-1)!.sk
    }
  }
  return Promise.all([place(null), ...ranges.map(place)]).then((lists) => lists.flat())
}

export function clockOf(world: World, process: Process): Clock {
  const { s } = world
  return {
    now: (): Micros => s.now + process.skew,
    monotonicMs: () => (s.now - (process.monotonicStops ? process.frozenFor : 0)) / MICROS_PER_MS,
    sleep: (ms) => new Promise((resolve) => s.after(ms * MICROS_PER_MS, resolve, process)),
  }
}

const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

function idsOf(world: World, clock: Clock): Ids {
  const { random } = world.s
  return {
    random: () => random.next(),
    ulid: () => {
      let text = ''
      for (let i = 0, ms = Math.floor(clock.now() / MICROS_PER_MS); i < 10; i++, ms = Math.floor(ms / 32)) text = CROCKFORD[ms % 32]! + text
      for (let i = 0; i < 16; i++) text += CROCKFORD[random.int(32)]!
      return text
    },
  }
}

function telemetryOf(world: World): Telemetry {
  return {
    count: (name) => {
      if (name === 'attempt_abandoned') world.probe('attempt abandoned')
      else if (name === 'commit_rebuilt') world.probe('rebuilt without claimed messages')
      else if (name === 'listing_too_long') world.probe('listing too long')
      else if (name === 'batches_cut') world.probe('cut by message')
      else if (name === 'batches_of_two_incarnations') world.probe('batch of two incarnations')
    },
    observe: () => undefined,
    log: (_level, message, fields) => {
      if (message !== 'a message was parked in the quarantine') return
      world.probe(String(fields?.['reason']).startsWith('the message waited') ? 'parked: age fence' : 'parked: unreadable')
    },
  }
}

export function portsOf(world: World, process: Process): Ports {
  const ask = <T>(effect: () => T): Promise<T> => request(world, process, effect)
  const clock = clockOf(world, process)
  const unused = (): never => {
    throw new Error('the simulator has no such thing')
  }
  const catalog: Catalog = {
    commit: (org, token, changes) => {
      const outcome = ask(() => {
        if (world.s.random.chance(world.faults.conflict)) {
          world.probe('conflict')
          throw new EngineError('conflict', 'another transaction touches the same items')
        }
        return world.commit(org, token, changes)
      })
      if (!world.s.random.chance(world.faults.stall)) return outcome
      // The host stops before it hears the answer, and comes back when the rows have long been merged.
      world.s.freeze(process, world.s.random.log(6, 14) * 60 * MICROS_PER_SECOND)
      return outcome.then(() => {
        throw lostAnswer()
      })
    },
    list: (org, ranges) => list(world, process, org, ranges),
    stream: (org, type, name) => ask(() => world.stream(org, type, name)),
    streams: unused,
    createStream: (item) => ask(() => world.createStream(item)),
    schema: (org, streamId, inc) => ask(() => world.schema(org, streamId, inc)),
    putSchema: (org, streamId, inc, fields, ifVersion) => ask(() => world.putSchema(org, streamId, inc, fields, ifVersion)),
    remember: (org, keyHash, item) => ask(() => world.remember(org, keyHash, item)),
    document: unused,
    documents: unused,
    putDocument: unused,
  }
  return {
    catalog,
    clock,
    ids: idsOf(world, clock),
    telemetry: telemetryOf(world),
    queue: { send: (message) => ask(() => world.send(message)) },
    sql: { open: unused },
    blobs: {
      put: (key, bytes) => ask(() => world.put(key, bytes)),
      get: (key, range) => ask(() => world.get(key, range?.offset, range?.length)),
      list: unused,
      // The engine's way in never deletes; a mutant does.
      delete: (key) => ask(() => world.deleteObject(key)),
    },
  }
}
