// What every decoder takes and gives. A decoder walks a body in two modes that share one traversal:
// *check* (in the receiver) judges every record and makes nothing else; *decode* (in the writer)
// writes the accepted records into columns. Both are pure functions of the body and this context,
// so a redelivered message gives the same rows, days and slices. A property test holds that they
// agree on every record and that what check accepts decode never throws on.
import type { ErrorSlug } from '../../../model/errors.ts'
import type { Micros } from '../../../model/time.ts'
import type { Tables } from '../../store/columns.ts'

export type Route = 'json' | 'multi' | 'bulk' | 'otlp-logs'
export type BodyFormat = 'json' | 'protobuf'

/** everything a verdict depends on beside the body; travels in the envelope */
export interface DecodeContext {
  readonly route: Route
  readonly format: BodyFormat
  /** clean name of the stream the path or the header names; null: the body must (bulk) */
  readonly stream: string | null
  /** "now" */
  readonly acceptedAt: Micros
  /** a row's `_timestamp` must lie in [oldest, newest] */
  readonly oldest: Micros
  readonly newest: Micros
  readonly flattenLevels: number
  readonly recordsMax: number
  readonly recordBytesMax: number
  readonly recordFieldsMax: number
  readonly keyBytesMax: number
  readonly depthMax: number
  readonly requestStreamsMax: number
  readonly requestPartitionsMax: number
}

/** one record that will not be stored, and why; ordinals count the body's records from 0, in order */
export interface Rejection {
  readonly ordinal: number
  readonly slug: ErrorSlug
  readonly message: string
}

export interface StreamCount {
  accepted: number
  rejected: number
  /** the first rejection's message */
  error: string | null
}

/** `_bulk` only: one per action, in order */
export interface BulkItem {
  readonly action: 'create' | 'index' | 'update' | 'delete'
  readonly index: string
  readonly id: string | null
  /** null: stored */
  readonly error: { readonly slug: ErrorSlug; readonly message: string } | null
}

export interface Verdict {
  /** records in the body, rejected ones included (`_bulk`: actions) */
  records: number
  readonly rejections: Rejection[]
  /** by clean stream name; empty body: empty */
  readonly streams: Map<string, StreamCount>
  /** `_bulk`: every action; other routes: empty */
  readonly items: BulkItem[]
}

/**
 * Judges a body. The body may be changed in place (escapes undone): pass a copy if it is needed again.
 * @throws EngineError for faults of the whole request: malformed, too_deep, not_an_object,
 *   too_many_records, too_many_streams, too_many_partitions, invalid_stream (of the path)
 */
export type Check = (body: Uint8Array, context: DecodeContext) => Verdict

/**
 * Writes every record whose ordinal is not in `rejected` (ascending) into the table `logs/{stream}`
 * of its stream, in body order, with `message` as its message ordinal. The body may be changed in place.
 * Never throws on a body that `Check` accepted under the same context.
 */
export type Decode = (body: Uint8Array, context: DecodeContext, rejected: readonly number[], message: number, tables: Tables) => void
