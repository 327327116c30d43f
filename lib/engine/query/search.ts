// STORY: a question becomes an answer. Opened in a sandbox, understood (parsed, checked, rewritten),
// planned by DuckDB over empty files, pruned, scanned into small local files, run, answered with the
// receipt. Fresh rows are ordinary slices: the same path, the same meaning.
import type { SearchHead } from '../../api/search.ts'
import { EngineError, asEngineError } from '../../model/errors.ts'
import type { Leaves, Ports, SqlRows } from '../ports.ts'
import type { Settings } from '../settings.ts'
import { explainAnswer } from './explain.ts'
import { emptyFile } from './extracts.ts'
import { FooterCache } from './footer-cache.ts'
import { gather, type Gathering, type SearchState } from './gather.ts'
import { markerOf, readPlan, type Plan } from './plan.ts'
import type { Query } from './query.ts'
import { answerParts, newLedger, receiptOf, serverTiming, tookOf, type Ledger } from './respond.ts'
import { deadlineCheck } from './scan.ts'
import { sqlError } from './sql/errors.ts'
import { splitExplain } from './sql/scan-text.ts'
import { understand, type Statement } from './statement.ts'
import { effectiveRange, plannerView } from './views.ts'

export type { SearchState } from './gather.ts'

const FOOTER_CACHE_BYTES = 64 * 2 ** 20
/** `leaves`: functions that scan for the leader; absent: it scans by itself */
export const newSearchState = (options: { readonly leaves?: Leaves | null } = {}): SearchState =>
  ({ footers: new FooterCache(FOOTER_CACHE_BYTES), leaves: options.leaves ?? null })

export interface SearchAnswer {
  /** the body: JSON, to be written part after part */
  readonly parts: readonly Uint8Array[]
  readonly serverTiming: string
}

/** objects may be deleted an hour after they left the list; a query that met one lists again, once */
const ATTEMPTS = 2

/** @throws EngineError with OpenObserve's search codes */
export async function search(ports: Ports, settings: Settings, state: SearchState, query: Query): Promise<SearchAnswer> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await searchOnce(ports, settings, state, query)
    } catch (thrown) {
      const error = asEngineError(thrown)
      ports.telemetry.count('search_errors_total', 1, { slug: error.slug })
      if (error.slug !== 'not_found') throw error
      if (attempt === ATTEMPTS) throw new EngineError('data_moved', 'files of the stream moved while they were read: try again', { cause: error, retryAfterSeconds: 1 })
    }
  }
}

async function searchOnce(ports: Ports, settings: Settings, state: SearchState, query: Query): Promise<SearchAnswer> {
  const ledger = newLedger(ports.clock.monotonicMs())
  const deadlineMs = query.timeoutSeconds > 0 ? query.timeoutSeconds * 1_000 : settings.queryDeadlineMs
  const checkDeadline = deadlineCheck(ports.clock, deadlineMs)
  const session = await ports.sql.open({ deadlineMs, memoryBytes: settings.sandboxMemoryBytes })
  ledger.openedMs = ports.clock.monotonicMs()
  const searching: Gathering = { ports, settings, state, query, ledger, session, deadlineMs, checkDeadline }
  try {
    const { explain, sql } = splitExplain(query.sql)
    const planOnly = explain === 'plan' || query.dryRun
    const statement = await understand(ports, settings, session, query, sql)
    ledger.listedMs = ports.clock.monotonicMs()
    const plan = await planStatement(searching, statement)
    if (planOnly) {
      estimate(ledger, statement)
      return answer(searching, statement, plan, explainAnswer(statement, plan, explain === 'plan'), true)
    }
    await gather(searching, statement, plan)
    const rows = await run(searching, statement)
    return answer(searching, statement, plan, explain === 'analyze' ? explainAnswer(statement, plan, true, ledger) : rows, false)
  } finally {
    await session.close()
  }
}

/** what a run would read at most, without asking any file: every byte of every slice in range */
function estimate(ledger: Ledger, { listings }: Statement): void {
  ledger.filesPrunedTime = listings.reduce((sum, { outOfRange }) => sum + outOfRange, 0)
  ledger.filesListed = ledger.filesPrunedTime
  for (const { slice } of listings.flatMap((listing) => listing.slices)) {
    ledger.filesListed++
    ledger.gets++
    ledger.bytesFetched += slice.length
    ledger.rowsScanned += slice.rows
    ledger.rawBytes += slice.rawBytes
  }
}

/** DuckDB's plan over views with the right columns and no rows */
async function planStatement({ session, query, ledger, ports }: Gathering, { sql, rewritten, listings }: Statement): Promise<Plan> {
  const { tables } = rewritten
  const statements = ['CREATE SCHEMA IF NOT EXISTS logs', 'CREATE SCHEMA IF NOT EXISTS metrics', 'CREATE SCHEMA IF NOT EXISTS traces']
  for (const [i, table] of tables.entries()) {
    const path = await session.writeFile(`plan-${i}.parquet`, emptyFile({ ...table.fields, [markerOf(i)]: 'bool' }))
    statements.push(plannerView(table, i, path, effectiveRange(query.startTime, query.endTime, listings[i]!.cutoff)))
  }
  try {
    await session.prepare([...statements, ...rewritten.setup])
    const { projections, filters } = await session.explain(rewritten.sql)
    return readPlan(tables, projections, filters)
  } catch (error) {
    throw sqlError(asEngineError(error), { sql, tables })
  } finally {
    ledger.scannedMs = ports.clock.monotonicMs()
  }
}

interface Rows extends SqlRows {
  /** count(*) of the whole statement when it was asked for */
  readonly total: number | null
}

async function run({ session, query, settings, checkDeadline }: Gathering, { sql, rewritten }: Statement): Promise<Rows> {
  checkDeadline()
  try {
    const rows = await session.rows(rewritten.sql, { rowsMax: settings.queryRowsMax, bytesMax: settings.queryBytesMax })
    const counted = query.trackTotalHits ? await session.ask(rewritten.countSql) : null
    return { ...rows, total: counted === null ? null : Number(counted.rows[0]![0]) }
  } catch (error) {
    throw sqlError(asEngineError(error), { sql, tables: rewritten.tables })
  }
}

const CUT_REASONS = { rows: 'the answer was cut at the most rows one may hold', bytes: 'the answer was cut at the most bytes one may hold' } as const

function answer({ ports, query, ledger, settings }: Gathering, { rewritten }: Statement, plan: Plan, rows: Rows, dryRun: boolean): SearchAnswer {
  const took = tookOf(ledger, ports.clock.monotonicMs())
  const cut = rows.cut === null ? [] : [`${CUT_REASONS[rows.cut]} (${rows.cut === 'rows' ? settings.queryRowsMax : settings.queryBytesMax}): narrow the range or page with from and size`]
  const head: SearchHead = {
    took: took.total,
    took_detail: took,
    columns: rows.columns,
    total: rows.total ?? rows.rowCount,
    from: query.from,
    size: query.size,
    cached_ratio: 0,
    scan_size: Number((ledger.rawBytes / 1e6).toFixed(3)),
    idx_scan_size: 0,
    scan_records: ledger.rowsScanned,
    trace_id: query.traceId,
    is_partial: rows.cut !== null,
    function_error: cut,
    ...(rewritten.histogramIntervalSeconds === null ? {} : { histogram_interval: rewritten.histogramIntervalSeconds }),
    result_cache_ratio: 0,
    order_by_metadata: rewritten.orderBy,
    response_type: '',
    ...(dryRun ? { dry_run: true as const } : {}),
    receipt: receiptOf(ledger, plan.shape, took.total),
  }
  ports.telemetry.count('search_requests_total', 1)
  ports.telemetry.observe('search_ms', took.total)
  ports.telemetry.count('search_bytes_fetched_total', ledger.bytesFetched)
  return { parts: answerParts(head, rows.json), serverTiming: serverTiming(took) }
}
