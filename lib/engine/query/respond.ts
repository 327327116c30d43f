// The answer: OpenObserve's envelope around hits that arrive as finished JSON bytes, so that rows are
// never parsed again on their way out; and the receipt of what the query cost.
import type { Receipt, SearchHead, TookDetail } from '../../api/search.ts'
import { dollarsOf, gbOfMb } from '../../model/prices.ts'
import type { ScanCounts } from '../../model/share.ts'
import type { PlanShape } from './plan.ts'

/** what the journey counted; every step adds to it */
export interface Ledger {
  filesListed: number
  filesPrunedTime: number
  filesPrunedStats: number
  filesRead: number
  rowGroups: number
  rowGroupsPruned: number
  bytesFetched: number
  gets: number
  rowsScanned: number
  /** uncompressed bytes of request text behind the slices in range */
  rawBytes: number
  leaves: number
  /** milliseconds that leaves worked, all together */
  leafMs: number
  /** monotonic milliseconds at which the steps ended */
  startedMs: number
  openedMs: number
  listedMs: number
  scannedMs: number
}

export const newLedger = (startedMs: number): Ledger => ({
  filesListed: 0, filesPrunedTime: 0, filesPrunedStats: 0, filesRead: 0, rowGroups: 0, rowGroupsPruned: 0,
  bytesFetched: 0, gets: 0, rowsScanned: 0, rawBytes: 0, leaves: 0, leafMs: 0,
  startedMs, openedMs: startedMs, listedMs: startedMs, scannedMs: startedMs,
})

/** adds what a share cost; answers that were not used count nowhere */
export function countScan(ledger: Ledger, counts: ScanCounts): void {
  for (const name of ['filesRead', 'filesPrunedStats', 'rowGroups', 'rowGroupsPruned', 'bytesFetched', 'gets', 'rowsScanned', 'rawBytes'] as const) {
    ledger[name] += counts[name]
  }
}

/** the query function's memory: one vCPU; and a leaf's */
const QUERY_MEMORY_MB = 1_769
const LEAF_MEMORY_MB = 3_008

/** `dollars`: GETs and Lambda time at list prices; embedded, what it would cost */
export function receiptOf(ledger: Ledger, shape: PlanShape, totalMs: number): Receipt {
  const gbSeconds = (totalMs / 1_000) * gbOfMb(QUERY_MEMORY_MB) + (ledger.leafMs / 1_000) * gbOfMb(LEAF_MEMORY_MB)
  const dollars = dollarsOf('s3Get', ledger.gets) + dollarsOf('lambdaArmGbSecond', gbSeconds)
  return {
    shape,
    files_listed: ledger.filesListed,
    files_pruned_time: ledger.filesPrunedTime,
    files_pruned_stats: ledger.filesPrunedStats,
    files_read: ledger.filesRead,
    row_groups: ledger.rowGroups,
    row_groups_pruned: ledger.rowGroupsPruned,
    bytes_fetched: ledger.bytesFetched,
    gets: ledger.gets,
    rows_scanned: ledger.rowsScanned,
    leaves: ledger.leaves,
    cached_ratio: 0,
    dollars: Number(dollars.toPrecision(4)),
  }
}

export function tookOf(ledger: Ledger, endedMs: number): TookDetail {
  const ms = (from: number, to: number): number => Math.max(0, Math.round(to - from))
  return {
    total: ms(ledger.startedMs, endedMs),
    cache_took: 0,
    file_list_took: ms(ledger.openedMs, ledger.listedMs),
    wait_in_queue: ms(ledger.startedMs, ledger.openedMs),
    idx_took: 0,
    search_took: ms(ledger.listedMs, endedMs),
  }
}

/** `{head..., "hits":[...]}` as parts to write one after another */
export function answerParts(head: SearchHead, hits: Uint8Array): Uint8Array[] {
  const text = JSON.stringify(head)
  return [Buffer.from(`${text.slice(0, -1)},"hits":[`), hits, Buffer.from(']}')]
}

/** `Server-Timing` (W3C): the same figures where a browser shows them */
export function serverTiming(took: TookDetail): string {
  return `list;dur=${took.file_list_took}, queue;dur=${took.wait_in_queue}, search;dur=${took.search_took}, total;dur=${took.total}`
}
