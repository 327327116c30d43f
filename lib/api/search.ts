// `POST /api/{org}/_search`: OpenObserve's request and response (api.md), declared once.
import { flag, integer, object, text, type Of } from './shape.ts'

export const SEARCH_REQUEST = object({
  query: object({
    sql: text(),
    /** microseconds; the range is [start_time, end_time) */
    start_time: integer({ min: 0 }),
    end_time: integer({ min: 0 }),
    from: integer({ min: 0, max: 1_000_000_000_000, fallback: 0 }),
    /** rows; -1 = all up to the cap; absent = 1,000 */
    size: integer({ min: -1, max: 1_000_000_000_000, fallback: 1_000 }),
    track_total_hits: flag(false),
    /** seconds; 0 = automatic */
    histogram_interval: integer({ min: 0, fallback: 0 }),
    dry_run: flag(false),
  }),
  /** `base64`: query.sql is base64, standard or URL-safe */
  encoding: text(''),
  /** seconds; 0 = the default of 300 */
  timeout: integer({ min: 0, max: 300, fallback: 0 }),
})
export type SearchRequest = Of<typeof SEARCH_REQUEST>

/** what a query cost; `receipt` in the answer and `Server-Timing` in its headers */
export interface Receipt {
  readonly shape: 'whole' | 'rows' | 'aggregate'
  readonly files_listed: number
  readonly files_pruned_time: number
  readonly files_pruned_stats: number
  readonly files_read: number
  readonly row_groups: number
  readonly row_groups_pruned: number
  readonly bytes_fetched: number
  readonly gets: number
  readonly rows_scanned: number
  readonly leaves: number
  readonly cached_ratio: number
  readonly dollars: number
}

/** milliseconds */
export interface TookDetail {
  readonly total: number
  readonly cache_took: number
  readonly file_list_took: number
  readonly wait_in_queue: number
  readonly idx_took: number
  readonly search_took: number
}

/** every member of the answer but `hits`, which is spliced in as finished JSON */
export interface SearchHead {
  readonly took: number
  readonly took_detail: TookDetail
  readonly columns: readonly string[]
  readonly total: number
  readonly from: number
  readonly size: number
  readonly cached_ratio: number
  readonly scan_size: number
  readonly idx_scan_size: number
  readonly scan_records: number
  readonly trace_id: string
  readonly is_partial: boolean
  readonly function_error: readonly string[]
  readonly histogram_interval?: number
  readonly new_start_time?: number
  readonly new_end_time?: number
  readonly result_cache_ratio: number
  readonly order_by?: string
  readonly order_by_metadata: readonly (readonly [string, string])[]
  readonly response_type: string
  readonly work_group?: string
  readonly dry_run?: true
  readonly receipt: Receipt
}
