// One seed, one world, one verdict: faults drawn from the seed, a busy phase in which anything may go
// wrong, a quiet one in which everything must come right.
import { DEFAULT_SETTINGS, type Settings } from '../../lib/engine/settings.ts'
import type { OrgId, StreamItem } from '../../lib/model/stream.ts'
import { MICROS_PER_HOUR, MICROS_PER_SECOND, type Micros } from '../../lib/model/time.ts'
import { Clients, Delivery, Readers } from './actors.ts'
import { Housekeeping } from './housekeeping.ts'
import { must } from './invariants.ts'
import type { ProbeCounts } from './probes.ts'
import { Scheduler, type Random } from './scheduler.ts'
import { World, type Faults } from './world.ts'

export interface Verdict {
  readonly seed: number
  readonly events: number
  /** of everything that happened, in order, with its virtual time */
  readonly hash: string
  readonly probes: ProbeCounts
  readonly failure: Error | null
  readonly log: readonly string[]
}

const START: Micros = Date.UTC(2026, 0, 15, 12) * 1_000
/** a world that needs more is not coming to rest */
const EVENTS_MAX = 60_000
const ORGS = ['o1', 'o2'] as readonly string[] as readonly [OrgId, OrgId]
const STREAMS = ['s', 't'] as const

function faultsOf(random: Random): Faults {
  return {
    refused: random.rate(0.1), lost: random.rate(0.12), late: random.rate(0.06), twice: random.rate(0.06), conflict: random.rate(0.2),
    slow: random.chance(0.1) ? 0.4 : random.rate(0.1), crash: random.rate(0.03), freeze: random.rate(0.03), longFreezes: random.chance(0.2), redeliver: random.rate(0.6), poison: random.rate(0.25), stale: random.rate(0.3), stall: random.rate(0.3), listStall: random.rate(0.1),
    heldMicros: random.chance(0.4) ? random.log(10, 90) * MICROS_PER_SECOND : 0,
    tokenLife: random.chance(0.5) ? 0 : 600 * MICROS_PER_SECOND,
    sweep: random.rate(0.8), hiddenMicros: Math.round(random.rate(3 * MICROS_PER_SECOND)),
  }
}

const QUIET: Faults = {
  refused: 0, lost: 0, late: 0, twice: 0, conflict: 0, slow: 0, crash: 0, freeze: 0, longFreezes: false, redeliver: 0, poison: 0, stale: 0, stall: 0, listStall: 0, heldMicros: 0, tokenLife: 0, sweep: 0, hiddenMicros: 0,
}

function settingsOf(random: Random): Settings {
  return {
    ...DEFAULT_SETTINGS,
    zstdLevelFresh: 1,
    spillAboveBytes: random.chance(0.2) ? 0 : DEFAULT_SETTINGS.spillAboveBytes,
    packSlicesMax: random.chance(0.3) ? 1 + random.int(2) : DEFAULT_SETTINGS.packSlicesMax,
    commitRounds: random.chance(0.2) ? 1 : DEFAULT_SETTINGS.commitRounds,
  }
}

export async function simulate(seed: number, keepLog = false): Promise<Verdict> {
  const s = new Scheduler(seed, START, keepLog)
  const world = new World(s, settingsOf(s.random), { ...faultsOf(s.random) })
  let failure: Error | null = null
  try {
    await live(world)
  } catch (error) {
    failure = error instanceof Error ? error : new Error(String(error))
    s.log(`FAILED ${failure.message}`)
  }
  return { seed, events: s.events, hash: s.digest(), probes: world.probes, failure, log: s.lines ?? [] }
}

async function live(world: World): Promise<void> {
  const { s } = world
  const settled = (): Promise<void> | null => {
    if (world.failure !== null) throw world.failure
    return world.check.settle()
  }
  const clients = new Clients(world)
  void new Delivery(world) // it plans its own deliveries
  const housekeeping = new Housekeeping(world)
  const readers = new Readers(world)
  plan(world, clients, readers, housekeeping)
  await s.run(EVENTS_MAX, settled)

  // What was frozen has thawed, what was sent has been delivered, again and again. Now the faults end.
  Object.assign(world.faults, QUIET)
  for (let round = 0; round < 20 && world.queue.some((m) => !m.deleted); round++) {
    world.onVisible()
    await s.run(EVENTS_MAX, settled)
  }
  for (let round = 0; round < 5; round++) {
    housekeeping.sweepAll()
    housekeeping.purge()
    s.after(2 * MICROS_PER_HOUR, () => undefined)
    await s.run(EVENTS_MAX, settled)
  }
  readers.answered = 0
  for (const org of ORGS) for (const stream of STREAMS) readers.start(org, stream)
  await s.run(EVENTS_MAX, settled)
  must(readers.answered === ORGS.length * STREAMS.length, 'liveness: a query of the quiet end has no answer')
  world.check.atRest()
}

/** a stream that stands before the first message */
export function newStream(random: Random, name: string): StreamItem {
  const id = random.int(2 ** 32).toString(16).padStart(16, '0')
  return { org: ORGS[0], type: 'logs', name, id, inc: 1, history: [{ inc: 1, from: 0 }], settings: {}, state: 'live' }
}

/** what the seed wants to happen in the busy phase, and when */
function plan(world: World, clients: Clients, readers: Readers, housekeeping: Housekeeping): void {
  const { s } = world
  const { random } = s
  const span = random.log(2, 60) * MICROS_PER_SECOND
  const org = (): OrgId => (random.chance(0.85) ? ORGS[0] : ORGS[1])
  const at = (until: Micros, run: () => void): void => s.after(random.int(until), run)
  for (let i = 2 + random.int(6); i > 0; i--) at(span, () => clients.send(org(), random.pick(STREAMS)))
  for (let i = random.int(4); i > 0; i--) at(span * 2, () => readers.start(org(), random.pick(STREAMS)))
  if (random.chance(0.35)) {
    // Streams that stand already are deleted while messages wait: some were accepted before, some after.
    if (random.chance(0.7)) for (const name of STREAMS) world.createStream(newStream(random, name))
    for (let i = 1 + random.int(2); i > 0; i--) at(span, () => housekeeping.deleteStream(ORGS[0], random.pick(STREAMS)))
    if (random.chance(0.3)) s.after(random.log(15, 120) * 60 * MICROS_PER_SECOND, () => housekeeping.deleteStream(ORGS[0], random.pick(STREAMS)))
    for (let i = random.int(3); i > 0; i--) s.after(random.log(15, 120) * 60 * MICROS_PER_SECOND, () => clients.send(ORGS[0], random.pick(STREAMS)))
  }
  if (random.chance(0.5)) return
  housekeeping.eager = random.chance(0.5)
  housekeeping.onEager = (o) => {
    if (random.chance(0.5)) s.after(random.log(1_000, 2 * MICROS_PER_SECOND), () => readers.start(o, random.pick(STREAMS)))
  }
  housekeeping.onMerge = (o) => {
    if (random.chance(0.5)) s.after(random.log(1_000, 3 * MICROS_PER_SECOND), () => readers.start(o, random.pick(STREAMS)))
  }
  // A merging world: compactor and purger come often, readers too, over hours.
  for (let i = 2 + random.int(5); i > 0; i--) s.after(random.log(MICROS_PER_SECOND, MICROS_PER_HOUR), () => housekeeping.merge(ORGS[0]))
  for (let t = span; t < 3 * MICROS_PER_HOUR; t += random.log(60, 3_000) * MICROS_PER_SECOND) s.after(t, () => housekeeping.purge())
  for (let i = 3 + random.int(6); i > 0; i--) s.after(random.log(MICROS_PER_SECOND, MICROS_PER_HOUR), () => readers.start(ORGS[0], random.pick(STREAMS)))
}
