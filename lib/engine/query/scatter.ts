// Scatter: shares go to leaves, all at once as far as allowed, and come back slice by slice. What failed
// is sent once more, the slowest are sent twice and the first answer counts; the other is dropped whole,
// so no row is there twice. A slice that fails again fails the query: it is never silently less.
import { asEngineError, EngineError, type ErrorSlug } from '../../model/errors.ts'
import type { ScanCounts, Share, ShareOutcome } from '../../model/share.ts'
import type { Clock, Leaves, Telemetry } from '../ports.ts'

export interface Scattering {
  /** the leader itself */
  readonly near: Leaves
  /** functions of their own; null: the leader scans everything */
  readonly far: Leaves | null
  readonly clock: Clock
  readonly telemetry: Telemetry
  /** shares out at leaves at once */
  readonly leavesMax: number
  /** a leaf quicker than this is never late, milliseconds */
  readonly hedgeFloorMs: number
  /** throws when the query's time is over */
  readonly check: () => void
  /** the share with what is left of the query's bytes and time, just before it is sent */
  readonly budgeted: (share: Share) => Share
  /** takes what came of (a part of) the share at this position; never called twice for one slice */
  readonly take: (origin: number, outcome: ShareOutcome) => Promise<void>
}

export interface Scattered {
  /** shares that leaves answered, and the time from sending to answer of all of them, milliseconds */
  readonly farShares: number
  readonly farMs: number
}

/** shares the leader scans at once: one is fetched while another is written down */
const NEAR_MAX = 2
/** answers that lie elsewhere and are fetched at once: each may be as large as a share, and a leader's memory is small */
const FETCHED_MAX = 2
/** how often it is looked whether a leaf is late or the time is over, milliseconds: small beside a request to an object store */
const LOOK_MS = 20
/** of the shares, how many may be out when the late ones are sent again; one always may */
const HEDGED_FRACTION = 0.1
/** late is who takes this many times the median */
const LATE_FACTOR = 2
const ATTEMPTS = 2

/** a share, or what failed of one, on its way to an answer */
interface Job {
  readonly origin: number
  readonly share: Share
  readonly attempt: number
  readonly far: boolean
  sentMs: number
  /** invocations out: two when hedged */
  flights: number
  hedged: boolean
}

type Arrival = { readonly job: Job } & (
  | { readonly kind: 'answered'; readonly outcome: ShareOutcome }
  /** all of its pieces are here now */
  | { readonly kind: 'fetched'; readonly outcome: ShareOutcome }
  | { readonly kind: 'failed'; readonly error: EngineError }
)

interface Run extends Scattering {
  readonly waiting: Job[]
  readonly out: Set<Job>
  readonly arrivals: Arrival[]
  /** answered, but pieces are elsewhere still */
  readonly spilled: { readonly job: Job; readonly outcome: ShareOutcome; readonly more: NonNullable<ShareOutcome['more']> }[]
  fetching: number
  /** milliseconds that answered leaves took */
  readonly took: number[]
  /** shrinks when leaves are refused for being too many */
  farMax: number
  wake: () => void
  over: boolean
}

/**
 * Returns when every slice of every share has been taken.
 * @throws what `check` throws; not_found at once (the list is old); file_unreadable for what failed
 *   twice; limited, too_costly and all else as it comes
 */
export async function scatter(scattering: Scattering, shares: readonly Share[], toLeaves: boolean): Promise<Scattered> {
  const far = toLeaves && scattering.far !== null
  const run: Run = {
    ...scattering, waiting: shares.map((share, origin) => jobOf(origin, share, 1, far)), out: new Set(), arrivals: [], spilled: [], fetching: 0, took: [],
    farMax: scattering.leavesMax, wake: () => {}, over: false,
  }
  try {
    while (run.waiting.length + run.out.size + run.spilled.length + run.fetching > 0) {
      run.check()
      sendWaiting(run)
      fetchSpilled(run)
      sendLateAgain(run)
      await nextArrival(run)
      for (const arrival of run.arrivals.splice(0)) await settle(run, arrival)
    }
    return { farShares: run.took.length, farMs: run.took.reduce((sum, ms) => sum + ms, 0) }
  } finally {
    run.over = true
  }
}

const jobOf = (origin: number, share: Share, attempt: number, far: boolean): Job =>
  ({ origin, share, attempt, far, sentMs: 0, flights: 0, hedged: false })

function sendWaiting(run: Run): void {
  const room = { far: run.farMax - countOut(run, true), near: NEAR_MAX - countOut(run, false) }
  for (const job of run.waiting.splice(0)) {
    const lane = job.far ? 'far' : 'near'
    if (room[lane] <= 0) {
      run.waiting.push(job)
      continue
    }
    room[lane]--
    run.out.add(job)
    job.sentMs = run.clock.monotonicMs()
    fly(run, job)
  }
}

function countOut(run: Run, far: boolean): number {
  let n = 0
  for (const job of run.out) if (job.far === far) n++
  return n
}

function fly(run: Run, job: Job): void {
  job.flights++
  run.telemetry.count('leaf_requests_total', 1, { leaf: job.far ? 'remote' : 'local' })
  const leaves = job.far && run.far !== null ? run.far : run.near
  leaves.scan(run.budgeted(job.share)).then(
    (outcome) => arrive(run, { kind: 'answered', job, outcome }),
    (error: unknown) => arrive(run, { kind: 'failed', job, error: asEngineError(error) }),
  )
}

function arrive(run: Run, arrival: Arrival): void {
  // Nobody waits any more: what comes now must not be held in memory.
  if (run.over) return
  run.arrivals.push(arrival)
  run.wake()
}

function fetchSpilled(run: Run): void {
  while (run.fetching < FETCHED_MAX) {
    const next = run.spilled.shift()
    if (next === undefined) return
    const { job, outcome, more } = next
    run.fetching++
    more().then(
      (pieces) => arrive(run, { kind: 'fetched', job, outcome: { ...outcome, pieces: [...outcome.pieces, ...pieces] } }),
      (error: unknown) => arrive(run, { kind: 'fetched', job, outcome: nothingOf(job, asEngineError(error)) }),
    )
  }
}

const NO_COUNTS: ScanCounts = { filesRead: 0, filesPrunedStats: 0, rowGroups: 0, rowGroupsPruned: 0, bytesFetched: 0, gets: 0, rowsScanned: 0, rawBytes: 0 }
/** as if each slice had failed: what cannot be fetched is scanned again */
const nothingOf = (job: Job, error: EngineError): ShareOutcome =>
  ({ pieces: [], failed: job.share.slices.map((_, slice) => ({ slice, error })), counts: NO_COUNTS })

/** until something has arrived; with leaves out also every LOOK_MS, for they may never answer */
async function nextArrival(run: Run): Promise<void> {
  if (run.arrivals.length > 0 || (run.out.size === 0 && run.fetching === 0)) return
  const arrived = new Promise<void>((resolve) => {
    run.wake = resolve
  })
  await (countOut(run, true) + run.fetching === 0 ? arrived : Promise.race([arrived, run.clock.sleep(LOOK_MS)]))
}

/** the slowest tenth, when all others have answered and those still out take twice as long as usual */
function sendLateAgain(run: Run): void {
  const { out, took, clock } = run
  if (took.length === 0 || run.waiting.some((job) => job.far)) return
  const late = [...out].filter((job) => job.far)
  if (late.length > Math.max(1, (took.length + late.length) * HEDGED_FRACTION)) return
  const patienceMs = Math.max(run.hedgeFloorMs, LATE_FACTOR * median(took))
  for (const job of late) {
    if (job.hedged || clock.monotonicMs() - job.sentMs <= patienceMs) continue
    job.hedged = true
    run.telemetry.count('leaf_hedges_total', 1)
    fly(run, job)
  }
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

async function settle(run: Run, arrival: Arrival): Promise<void> {
  const { job } = arrival
  if (arrival.kind === 'fetched') {
    run.fetching--
    return settleSlices(run, job, arrival.outcome)
  }
  job.flights--
  // The loser of two: its answer was taken from the other, all of it.
  if (!run.out.has(job)) return
  if (arrival.kind === 'failed') {
    if (!isRetried(arrival.error)) throw arrival.error
    // Its twin may still answer.
    if (job.flights > 0) return
    run.out.delete(job)
    return shareFailed(run, job, arrival.error)
  }
  run.out.delete(job)
  if (job.far) run.took.push(run.clock.monotonicMs() - job.sentMs)
  const { outcome } = arrival
  if (outcome.more === undefined) return settleSlices(run, job, outcome)
  run.spilled.push({ job, outcome, more: outcome.more })
}

async function settleSlices(run: Run, job: Job, outcome: ShareOutcome): Promise<void> {
  await run.take(job.origin, outcome)
  const { failed } = outcome
  if (failed.length === 0) return
  for (const { error } of failed) if (error.slug === 'not_found') throw error
  tryAgain(run, job, failed[0]!.error, [failed.map(({ slice }) => job.share.slices[slice]!)])
}

/** whole shares: what another leaf may do better; all else is the query's own fault, or a bug */
const RETRIED: ReadonlySet<ErrorSlug> = new Set<ErrorSlug>(['unavailable', 'limited', 'file_unreadable'])
const isRetried = (error: EngineError): boolean => RETRIED.has(error.slug)

/** nothing is known of any slice of the share */
function shareFailed(run: Run, job: Job, error: EngineError): void {
  if (error.slug === 'limited' && job.far) return sendElsewhere(run, job)
  // Two halves: a leaf that ran out of memory would again.
  const { slices } = job.share
  const half = Math.ceil(slices.length / 2)
  tryAgain(run, job, error, [slices.slice(0, half), slices.slice(half)].filter((part) => part.length > 0))
}

/** Too many functions run: it waits for one of ours to end, and where there is none the leader does the work. */
function sendElsewhere(run: Run, job: Job): void {
  const others = countOut(run, true)
  run.farMax = Math.max(1, others)
  run.telemetry.count('leaf_throttles_total', 1)
  run.waiting.unshift(jobOf(job.origin, job.share, job.attempt, others > 0))
}

function tryAgain(run: Run, job: Job, error: EngineError, parts: readonly Share['slices'][]): void {
  if (job.attempt === ATTEMPTS) {
    if (error.slug === 'limited') throw error
    throw new EngineError('file_unreadable', 'a data file could not be read, and not again: try later', { retryAfterSeconds: 1, cause: error })
  }
  run.telemetry.count('leaf_retries_total', 1)
  run.telemetry.log('warn', 'a part of a query is scanned again', { slices: parts.flat().length, reason: error.message })
  for (const slices of parts) run.waiting.push(jobOf(job.origin, { ...job.share, slices }, job.attempt + 1, job.far))
}
