// From the plan to the views the statement runs over: the slices of every stream are cut into shares,
// scanned by leaves or by the leader itself, and what comes back becomes files in the session's
// directory, newest first.
import { EngineError } from '../../model/errors.ts'
import type { Share, ShareOutcome } from '../../model/share.ts'
import type { Leaves, Ports, SqlSession } from '../ports.ts'
import type { Settings } from '../settings.ts'
import { bytesOf, groupFiles, landPieces, type Landed } from './extracts.ts'
import type { FooterCache } from './footer-cache.ts'
import type { Plan, StreamPlan } from './plan.ts'
import type { Query } from './query.ts'
import { countScan, type Ledger } from './respond.ts'
import { scanShare } from './scan.ts'
import { scatter } from './scatter.ts'
import { cutShares, newestFirst, sliceOf, weightOf } from './shares.ts'
import type { Statement } from './statement.ts'
import { dataView, effectiveRange, NUMBER_TEXT_MACROS } from './views.ts'

/** what searches share: footers never change; leaves: functions that scan, null in embedded mode */
export interface SearchState {
  readonly footers: FooterCache
  readonly leaves: Leaves | null
}

export interface Gathering {
  readonly ports: Ports
  readonly settings: Settings
  readonly state: SearchState
  readonly query: Query
  readonly ledger: Ledger
  readonly session: SqlSession
  readonly deadlineMs: number
  readonly checkDeadline: () => void
}

/** of a share the leader scans: what it holds of the files in memory at once, twice */
const NEAR_SHARE_BYTES = 16 * 2 ** 20

interface StreamShare {
  readonly stream: number
  readonly share: Share
}

/** Scans all streams and puts the views in place. */
export async function gather(gathering: Gathering, statement: Statement, plan: Plan): Promise<void> {
  const { session, ledger, ports, query } = gathering
  const { shares, toLeaves } = sharesOf(gathering, statement, plan)
  const landed = await scanShares(gathering, shares, toLeaves)
  const views: string[] = []
  for (const [i, table] of statement.rewritten.tables.entries()) {
    const stream = plan.streams[i]!
    const listing = statement.listings[i]!
    ledger.filesListed += listing.slices.length + listing.outOfRange
    ledger.filesPrunedTime += listing.outOfRange
    const files = landed.filter((_, n) => shares[n]!.stream === i).flat()
    const groups = await groupFiles(session, `s${i}`, fieldsOf(stream), files)
    views.push(dataView(table, groups, new Set(stream.columns), effectiveRange(query.startTime, query.endTime, listing.cutoff)))
  }
  if (!toLeaves) ledger.leaves = plan.streams.some((s) => s.scans.length > 0) ? 1 : 0
  const macros = views.some((view) => view.includes('nilometer_number_text')) ? NUMBER_TEXT_MACROS : []
  await session.prepare([...macros, ...views])
  ledger.scannedMs = ports.clock.monotonicMs()
}

/** the wanted columns' types by the catalog */
const fieldsOf = ({ columns, table }: StreamPlan): Share['fields'] => Object.fromEntries(columns.map((column) => [column, table.fields[column]!]))

/** shares of all streams: small questions stay with the leader, however many streams they read */
function sharesOf(gathering: Gathering, { rewritten, listings }: Statement, plan: Plan): { readonly shares: StreamShare[]; readonly toLeaves: boolean } {
  const { settings, state, query } = gathering
  const streams = plan.streams.map((stream, i) => {
    const slices = stream.scans.length === 0 ? [] : newestFirst(listings[i]!.slices).map(sliceOf)
    const columnsAll = Object.keys(stream.table.fields).length
    return { stream, slices, weight: (slice: { readonly length: number }) => weightOf(slice, stream.columns.length, columnsAll) }
  })
  const total = streams.reduce((sum, { slices, weight }) => slices.reduce((s, slice) => s + weight(slice), sum), 0)
  const toLeaves = state.leaves !== null && total > settings.leaderShareBytes
  const shares = streams.flatMap(({ stream, slices, weight }, i) => {
    const range = effectiveRange(query.startTime, query.endTime, listings[i]!.cutoff)
    const scans = stream.scans.map((conjuncts) => [...conjuncts])
    const common = { org: query.org, fields: fieldsOf(stream), columns: stream.columns, scans, where: rewritten.where, range, bytesMax: 0, deadlineMs: 0 }
    return cutShares(slices, weight, toLeaves ? settings.shareBytes : NEAR_SHARE_BYTES, settings.shareSlicesMax)
      .map((part): StreamShare => ({ stream: i, share: { ...common, slices: part } }))
  })
  return { shares, toLeaves }
}

/** the files of each share, in the order of the shares */
async function scanShares(gathering: Gathering, shares: readonly StreamShare[], toLeaves: boolean): Promise<Landed[][]> {
  const { ports, settings, state, ledger, session, checkDeadline } = gathering
  const landed: Landed[][] = shares.map(() => [])
  let parts = 0
  let bytes = 0
  let over = false
  let refusal: EngineError | null = null
  const check = (): void => {
    if (over) throw new EngineError('unavailable', 'the query has ended')
    checkDeadline()
  }
  const scanning = { blobs: ports.blobs, coalesceBytes: settings.coalesceBytes, footers: state.footers, check }
  const take = async (origin: number, outcome: ShareOutcome): Promise<void> => {
    countScan(ledger, outcome.counts)
    bytes += bytesOf(outcome.pieces)
    if (ledger.bytesFetched > settings.queryScanBytesMax) refusal = tooMuchRead(settings)
    if (bytes > settings.gatherBytesMax) refusal = tooMuchGathered(settings)
    if (refusal !== null) throw refusal
    landed[origin]!.push(...await landPieces(session, `p${parts++}`, outcome.pieces))
  }
  try {
    const { farShares, farMs } = await scatter({
      near: { scan: (share) => scanShare(scanning, share) }, far: state.leaves, clock: ports.clock, telemetry: ports.telemetry,
      leavesMax: settings.leavesMax, hedgeFloorMs: settings.hedgeFloorMs, check, take, budgeted: (share) => budgeted(gathering, share),
    }, shares.map(({ share }) => share), toLeaves)
    ledger.leaves = Math.max(1, farShares)
    ledger.leafMs = farMs
    return landed
  } catch (error) {
    // A leaf knows only what was left for its share.
    throw error instanceof EngineError && error.slug === 'too_costly' && error !== refusal ? tooMuchRead(settings) : error
  } finally {
    over = true
  }
}

function budgeted({ ledger, settings, ports, deadlineMs }: Gathering, share: Share): Share {
  const spentMs = ports.clock.monotonicMs() - ledger.startedMs
  return { ...share, bytesMax: settings.queryScanBytesMax - ledger.bytesFetched, deadlineMs: Math.max(1, Math.floor(deadlineMs - spentMs)) }
}

const tooMuchRead = ({ queryScanBytesMax }: Settings): EngineError =>
  new EngineError('too_costly', `the query would read more than ${queryScanBytesMax} bytes: narrow the range, or name fewer columns`)

const tooMuchGathered = ({ gatherBytesMax }: Settings): EngineError =>
  new EngineError('too_costly', `the rows that the query looks at take more than ${gatherBytesMax} bytes: narrow the range or the filter, or name fewer columns`)
