// What the SQL rooms hand each other on the way from text to a statement DuckDB may run:
// parse -> tables -> check -> rewrite. Pure data; the journey itself is query/search.ts.
import type { FieldType } from '../../../model/schema.ts'
import type { StreamType } from '../../../model/stream.ts'
import type { Micros } from '../../../model/time.ts'

/** a value of DuckDB's serialized syntax tree; numbers that JS cannot hold are JSON.rawJSON */
export type AstValue = null | boolean | string | number | RawNumber | AstValue[] | AstNode
export interface AstNode {
  [key: string]: AstValue
}
/** what JSON.rawJSON makes: JSON.stringify writes its text unchanged */
export interface RawNumber {
  readonly rawJSON: string
}

/** one SELECT, as json_serialize_sql gives it (the whole object with `statements`) */
export interface Ast {
  readonly root: AstNode
}

/** a stream that a statement reads, as written: `"s"` has no type, `metrics."s"` has */
export interface TableUse {
  readonly type: StreamType | null
  readonly name: string
}

/** a stream as the rewriter and the view see it: `_timestamp` is implied, BIGINT microseconds */
export interface StreamTable {
  readonly type: StreamType
  readonly name: string
  readonly fields: Readonly<Record<string, FieldType>>
  /** the fields match_all searches, those of the schema only; may be empty (20003) */
  readonly fullText: readonly string[]
}

export interface RewriteContext {
  /** the type of a table written without one: the request's `type` parameter */
  readonly defaultType: StreamType
  /** key `{type}/{name}`; holds every stream of tablesOf(ast) */
  readonly streams: ReadonlyMap<string, StreamTable>
  readonly startTime: Micros
  readonly endTime: Micros
  /** seconds; 0 = automatic by the range */
  readonly histogramIntervalSeconds: number
  readonly from: number
  /** rows wanted; -1 = all */
  readonly size: number
}

export interface Rewritten {
  /** the user's statement with our functions expressed, tables named `"{type}"."{name}"`, order and paging applied */
  readonly sql: string
  /** the same without order and paging, for track_total_hits: `SELECT count(*) FROM (...)` */
  readonly countSql: string
  /** macros the statement needs, to run before it */
  readonly setup: readonly string[]
  /** what a row of the statement's only stream must fulfil to matter, for leaves (leaf-filter.ts); null: unknown */
  readonly where: string | null
  /** streams read, each once */
  readonly tables: readonly StreamTable[]
  /** a plain select of one stream: no aggregate, group, distinct, window, set operation, join */
  readonly plain: boolean
  /** the interval of the first histogram(), else null */
  readonly histogramIntervalSeconds: number | null
  /** `[[column, 'asc' | 'desc']]` of the top level, for OpenObserve's order_by_metadata */
  readonly orderBy: readonly (readonly [string, 'asc' | 'desc'])[]
}
