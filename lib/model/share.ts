// The nouns of a fan-out: a share is what one leaf is asked to scan of one stream, its outcome what came
// of it, file by file. Plain data, so that it can cross a process or a network as JSON and bytes.
import type { EngineError } from './errors.ts'
import type { Fields, FieldType } from './schema.ts'
import type { OrgId } from './stream.ts'
import type { Micros } from './time.ts'

export type FilterOp = '=' | '<' | '<=' | '>' | '>='
/** a conjunct `column op value`; no value: the column must not be null */
export interface Conjunct {
  readonly column: string
  readonly op: FilterOp | 'not-null'
  /** text, digits, or a double's text */
  readonly value: string
  /** whether DuckDB compares text, not numbers */
  readonly text: boolean
}

export interface TimeRange {
  /** inclusive */
  readonly startTime: Micros
  /** exclusive */
  readonly endTime: Micros
}

/** a slice as a leaf needs it: where its bytes are and what it was worth */
export interface ShareSlice {
  readonly fid: string
  readonly index: number
  /** the object's key: it begins with the organisation's prefix, which every leaf asserts */
  readonly key: string
  /** of the slice's Parquet file inside the object, bytes */
  readonly offset: number
  readonly length: number
  readonly rows: number
  readonly rawBytes: number
}

/** the slices of one stream given to one leaf, and what is wanted of them */
export interface Share {
  readonly org: OrgId
  /** types of all columns that any part of the share names, by the catalog */
  readonly fields: Fields
  /** columns to give, `_timestamp` apart (it is always given) */
  readonly columns: readonly string[]
  /** one list of conjuncts per scan of the stream: a row matters if it fulfils some list */
  readonly scans: readonly (readonly Conjunct[])[]
  /**
   * A checked SQL predicate over `columns` and `_timestamp` that every row that matters fulfils; null:
   * none. A leaf may use it to send less, and may ignore it.
   */
  readonly where: string | null
  readonly range: TimeRange
  readonly slices: readonly ShareSlice[]
  /** bytes that this share may fetch */
  readonly bytesMax: number
  /** wall time the leaf may take, milliseconds */
  readonly deadlineMs: number
}

/** Rows of a share that may matter (never fewer) as one Parquet file. */
export interface Piece {
  /** the file, in parts to write end to end */
  readonly parts: readonly Uint8Array[]
  /** columns whose type in the file is not the catalog's */
  readonly differing: ReadonlyMap<string, FieldType>
}

/** what scanning cost and spared; sums over slices */
export interface ScanCounts {
  readonly filesRead: number
  readonly filesPrunedStats: number
  readonly rowGroups: number
  readonly rowGroupsPruned: number
  readonly bytesFetched: number
  readonly gets: number
  readonly rowsScanned: number
  readonly rawBytes: number
}

export interface ShareOutcome {
  readonly pieces: readonly Piece[]
  /**
   * Fetches pieces that lie elsewhere still, when there is room for them; absent: there are none.
   * @throws unavailable: then nothing is known of the share
   */
  readonly more?: () => Promise<readonly Piece[]>
  /** slices (by position in the share) that could not be read; all others are in the pieces, whole */
  readonly failed: readonly { readonly slice: number; readonly error: EngineError }[]
  readonly counts: ScanCounts
}
