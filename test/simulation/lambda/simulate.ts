// One seed, one world of Lambda functions, one verdict: weather drawn from the seed for some days, then
// none, until every retention has ended and everything must have come right.
import { DEFAULT_SETTINGS, type Settings } from '../../../lib/engine/settings.ts'
import { writeEvent } from '../../../functions/ingest/write-event.ts'
import type { SqsEvent } from '../../../functions/lambda.ts'
import { newWriterState } from '../../../lib/engine/ingest/write.ts'
import { ENTRIES } from '../../../lib/env.ts'
import type { OrgId } from '../../../lib/model/stream.ts'
import { MICROS_PER_HOUR, MICROS_PER_SECOND, type Micros } from '../../../lib/model/time.ts'
import { Housekeeping } from '../housekeeping.ts'
import { Violation, must } from '../invariants.ts'
import { Scheduler, type Random } from '../scheduler.ts'
import { newStream } from '../simulate.ts'
import { World, type Faults } from '../world.ts'
import { Schedule, archiverHandler } from './archiver.ts'
import { Cloud, NO_FAULTS, ORGS, STREAMS, type LambdaFaults, type QuerySettings, type SourceSettings } from './cloud.ts'
import { Clients, ingestHandler, type IngestAnswer, type IngestEvent } from './edge.ts'
import { writerPorts } from './environment.ts'
import { LambdaFunction, type Handler } from './functions.ts'
import { WORLD_PROBES } from './probes.ts'
import { Askers, leafHandler, mergedFile, queryHandler, type QueryAnswer, type QueryEvent } from './leaves.ts'
import { EventSource } from './source.ts'

export interface Verdict {
  readonly seed: number
  readonly events: number
  readonly hash: string
  readonly probes: Map<string, number>
  readonly failure: Error | null
  readonly log: readonly string[]
}

const START: Micros = Date.UTC(2026, 0, 15, 12) * 1_000
const EVENTS_MAX = 60_000

const QUIET: Faults = {
  refused: 0, lost: 0, late: 0, twice: 0, conflict: 0, slow: 0, crash: 0, freeze: 0, longFreezes: false, redeliver: 0, poison: 0, stale: 0, stall: 0,
  listStall: 0, heldMicros: 0, tokenLife: 0, sweep: 0, hiddenMicros: 0,
}

function faultsOf(random: Random): Faults {
  return {
    ...QUIET,
    refused: random.rate(0.1), lost: random.rate(0.12), late: random.rate(0.06), twice: random.rate(0.06), conflict: random.rate(0.2),
    slow: random.chance(0.1) ? 0.4 : random.rate(0.1), crash: random.rate(0.03), freeze: random.rate(0.02), stall: random.rate(0.05), listStall: random.rate(0.02),
    tokenLife: random.chance(0.5) ? 0 : 600 * MICROS_PER_SECOND, sweep: random.rate(0.5), hiddenMicros: Math.round(random.rate(3 * MICROS_PER_SECOND)),
  }
}

function lambdaFaultsOf(random: Random): LambdaFaults {
  return {
    throttle: random.chance(0.05) ? 0.95 : random.rate(0.4), initFailure: random.rate(0.2), cold: random.rate(1), thrown: random.chance(0.15) ? 0.9 : random.rate(0.3), garbled: random.rate(0.2),
    answerLost: random.rate(0.2), redeliver: random.rate(0.4), poison: random.rate(0.1), deletionLost: random.rate(0.3), missed: random.rate(0.5), doubled: random.rate(0.5),
    late: random.rate(0.5), redrive: random.rate(0.6), unreadable: random.chance(0.1) ? 0.5 : random.rate(0.3), lateLeaf: random.rate(0.5),
  }
}

const sourceOf = (random: Random): SourceSettings => ({
  pollers: 1 + random.int(4),
  batchMax: random.chance(0.3) ? 1 + random.int(4) : 10_000,
  windowMicros: random.chance(0.2) ? 0 : Math.round(random.log(1, 300) * MICROS_PER_SECOND),
  payloadBytesMax: random.chance(0.5) ? 6 * 2 ** 20 : Math.round(random.log(2_500, 20_000)),
})

const queryOf = (random: Random): QuerySettings => ({
  toLeaves: random.chance(0.8), inlineBytesMax: random.chance(0.3) ? 0 : 4 * 2 ** 20, movesEarly: random.chance(0.5),
})

function settingsOf(random: Random): Settings {
  return {
    ...DEFAULT_SETTINGS, shareBytes: random.chance(0.7) ? Math.round(random.log(200_000, 1_000_000)) : DEFAULT_SETTINGS.shareBytes,
    leavesMax: 1 + random.int(6), hedgeFloorMs: Math.round(random.log(20, 1_500)),
    spillAboveBytes: random.chance(0.2) ? 0 : DEFAULT_SETTINGS.spillAboveBytes, commitRounds: random.chance(0.2) ? 1 : DEFAULT_SETTINGS.commitRounds,
  }
}

export async function simulate(seed: number, keepLog = false): Promise<Verdict> {
  const s = new Scheduler(seed, START, keepLog)
  // Some worlds are fair: there nothing may end among the dead letters.
  const fair = s.random.chance(0.1)
  const world = new World(s, settingsOf(s.random), fair ? { ...QUIET } : faultsOf(s.random))
  const cloud = new Cloud(world, fair ? { ...NO_FAULTS, redeliver: 0.3, poison: 0.2 } : lambdaFaultsOf(s.random), sourceOf(s.random), queryOf(s.random))
  let failure: Error | null = null
  try {
    await live(cloud, fair)
  } catch (error) {
    failure = error instanceof Error ? error : new Error(String(error))
    s.log(`FAILED ${failure.message}`)
  }
  const probes = new Map<string, number>(cloud.hits)
  for (const name of WORLD_PROBES) probes.set(`world: ${name}`, world.probes.get(name)!)
  return { seed, events: s.events, hash: s.digest(), probes, failure, log: s.lines ?? [] }
}

async function live(cloud: Cloud, fair: boolean): Promise<void> {
  const { s, world } = cloud
  const settled = (): Promise<void> | null => {
    if (world.failure !== null) throw world.failure
    return world.check.settle()
  }
  const { clients, askers } = deploy(cloud)
  const housekeeping = new Housekeeping(world)
  housekeeping.encode = mergedFile
  plan(cloud, clients, askers, housekeeping)
  if (!fair) weather(cloud)
  // Every message's retention ends within this run, whatever became of it.
  await s.run(EVENTS_MAX, settled)

  endFaults(cloud)
  for (let round = 0; round < 5; round++) {
    housekeeping.sweepAll()
    housekeeping.purge()
    s.after(2 * MICROS_PER_HOUR, () => undefined)
    await s.run(EVENTS_MAX, settled)
  }
  askers.answered = 0
  // One after another: there may be room for one function only.
  for (const org of ORGS) {
    for (const stream of STREAMS) {
      askers.ask(org, stream)
      await s.run(EVENTS_MAX, settled)
    }
  }
  must(askers.answered === ORGS.length * STREAMS.length, 'liveness: a query of the quiet end has no answer')
  must(!fair || world.check.deadLetters.size === 0, 'liveness: a message became a dead letter though nothing was wrong')
  world.check.atRest()
}

/** the functions of the stack, with the timeouts of lib/env.ts */
function deploy(cloud: Cloud): { readonly clients: Clients; readonly askers: Askers } {
  const { random } = cloud.s
  const concurrency = (): number => 1 + random.int(5)
  const { settings } = cloud.world
  const ingest = new LambdaFunction<IngestEvent, IngestAnswer>(cloud, { name: 'ingest', timeoutSeconds: ENTRIES.ingest.timeoutSeconds, concurrency: concurrency(), start: ingestHandler(cloud) })
  const writer = new LambdaFunction<SqsEvent, unknown>(cloud, {
    name: 'writer', timeoutSeconds: ENTRIES.writer.timeoutSeconds, concurrency: concurrency(),
    start: (environment): Handler<SqsEvent, unknown> => {
      const state = newWriterState()
      const ports = writerPorts(environment, cloud)
      // It promises never to throw: what throws here is the platform.
      return (event, context) => writeEvent({ ports, settings, state }, event, context).catch((error: unknown) => {
        throw error instanceof Violation ? error : new Violation(`the writer throws: ${String(error)}`)
      })
    },
  })
  const archiver = new LambdaFunction<object, unknown>(cloud, { name: 'archiver', timeoutSeconds: ENTRIES.archiver.timeoutSeconds, concurrency: 10, start: archiverHandler(cloud) })
  void new EventSource(cloud, writer)
  void new Schedule(cloud, archiver)
  const leaf = new LambdaFunction<unknown, unknown>(cloud, { name: 'leaf', timeoutSeconds: ENTRIES.leaf.timeoutSeconds, concurrency: concurrency(), start: leafHandler(cloud) })
  const query = new LambdaFunction<QueryEvent, QueryAnswer>(cloud, { name: 'query', timeoutSeconds: ENTRIES.query.timeoutSeconds, concurrency: 10, start: queryHandler(cloud, leaf) })
  return { clients: new Clients(cloud, ingest), askers: new Askers(cloud, query) }
}

function endFaults(cloud: Cloud): void {
  cloud.s.log('the faults end')
  Object.assign(cloud.world.faults, QUIET)
  Object.assign(cloud.faults, NO_FAULTS)
}

/** what the seed wants to happen, and when */
function plan(cloud: Cloud, clients: Clients, askers: Askers, housekeeping: Housekeeping): void {
  const { s } = cloud
  const { random } = s
  const span = random.log(2, 600) * MICROS_PER_SECOND
  const org = (): OrgId => (random.chance(0.85) ? ORGS[0] : ORGS[1])
  const at = (until: Micros, run: () => void): void => s.after(random.int(until), run)
  for (let i = 2 + random.int(8); i > 0; i--) at(span, () => clients.send(org(), random.pick(STREAMS)))
  for (let i = random.int(4); i > 0; i--) at(span * 2, () => askers.ask(org(), random.pick(STREAMS)))
  if (random.chance(0.1)) at(span, () => cloud.queue.sendStranger(random.pick(['hello', '{"Event":"s3:TestEvent"}', 'n1 o1 01ARZ3NDEKTSV4RRFFQ69G5FAV ###', ''])))
  if (random.chance(0.25)) deletions(cloud, clients, housekeeping, span)
  if (random.chance(0.5)) return
  for (let i = 1 + random.int(4); i > 0; i--) {
    const time = random.int(MICROS_PER_HOUR)
    s.after(time, () => housekeeping.merge(ORGS[0]))
    // A query that lists before the merge and reads after it.
    s.after(time + random.int(400_000) - 300_000, () => askers.ask(ORGS[0], random.pick(STREAMS)))
  }
  for (let i = random.int(6); i > 0; i--) at(3 * MICROS_PER_HOUR, () => housekeeping.purge())
  for (let i = random.int(3); i > 0; i--) at(MICROS_PER_HOUR, () => askers.ask(ORGS[0], random.pick(STREAMS)))
}

/** Streams are deleted while messages wait, and while environments that know them are asleep. */
function deletions({ s, world }: Cloud, clients: Clients, housekeeping: Housekeeping, span: Micros): void {
  const { random } = s
  const later = (): Micros => random.log(15, 120) * 60 * MICROS_PER_SECOND
  if (random.chance(0.7)) for (const name of STREAMS) world.createStream(newStream(random, name))
  for (let i = 1 + random.int(2); i > 0; i--) s.after(random.int(span), () => housekeeping.deleteStream(ORGS[0], random.pick(STREAMS)))
  s.after(later(), () => housekeeping.deleteStream(ORGS[0], random.pick(STREAMS)))
  for (let i = random.int(5); i > 0; i--) s.after(later(), () => clients.send(ORGS[0], random.pick(STREAMS)))
}

/** Every fault ends days before the first retention does: what is left to do then must be done by itself. */
function weather(cloud: Cloud): void {
  const { random } = cloud.s
  if (random.chance(0.3)) outage(cloud, random.log(2, 600) * MICROS_PER_SECOND)
  cloud.s.after(random.log(MICROS_PER_HOUR, 10 * 24 * MICROS_PER_HOUR), () => endFaults(cloud))
}

/** hours in which no request is answered: messages become dead letters, and are archived afterwards */
function outage(cloud: Cloud, span: Micros): void {
  const { s, world } = cloud
  const { faults } = world
  const before = faults.refused
  s.after(s.random.int(span), () => {
    faults.refused = 0.97
    s.log('an outage begins')
  })
  s.after(span + s.random.log(1, 30) * MICROS_PER_HOUR, () => {
    if (faults.refused > 0.9) faults.refused = before
    s.log('the outage ends')
  })
}
