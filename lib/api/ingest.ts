// What ingestion answers, per protocol: the status table of the wire and the bodies of success and
// partial success. Sources: OpenObserve's `_json` and `_bulk` replies, Elasticsearch's bulk API,
// OTLP/HTTP 1.x (partial success is 200, errors are google.rpc.Status).
import { ERROR_KINDS } from '../model/errors.ts'
import type { EngineError, ErrorKind, ErrorSlug } from '../model/errors.ts'

/** `json` stands for `_json` and `_multi` */
export const INGEST_PROTOCOLS = ['otlp', 'bulk', 'json'] as const
export type IngestProtocol = (typeof INGEST_PROTOCOLS)[number]

export type IngestCase = 'stored' | 'partly' | 'malformed' | 'media' | 'too_large' | 'limited' | 'fault' | 'empty'

/** the central table: no ingest status is written anywhere else */
export const INGEST_STATUS: Readonly<Record<IngestProtocol, Readonly<Record<IngestCase, number>>>> = {
  otlp: { stored: 200, partly: 200, malformed: 400, media: 415, too_large: 413, limited: 429, fault: 503, empty: 200 },
  bulk: { stored: 200, partly: 200, malformed: 400, media: 415, too_large: 413, limited: 429, fault: 503, empty: 200 },
  json: { stored: 200, partly: 200, malformed: 400, media: 415, too_large: 413, limited: 429, fault: 503, empty: 200 },
}

/** the table's row of an error; null: credentials, names and conflicts, which no protocol changes */
const CASE_OF: Readonly<Record<ErrorKind, IngestCase | null>> = {
  invalid: 'malformed', unsupported_media: 'media', too_large: 'too_large', limited: 'limited',
  unavailable: 'fault', timeout: 'fault', internal: 'fault',
  unauthenticated: null, forbidden: null, not_found: null, conflict: null, too_costly: null,
}

export function ingestStatus(protocol: IngestProtocol, error: EngineError): number {
  const which = CASE_OF[error.kind]
  return which === null ? ERROR_KINDS[error.kind].status : INGEST_STATUS[protocol][which]
}

export function outcomeCase(records: number, rejected: number): IngestCase {
  return records === 0 ? 'empty' : rejected === 0 ? 'stored' : 'partly'
}

/** what became of one stream's records */
export interface StreamOutcome {
  readonly accepted: number
  readonly rejected: number
  /** the first rejection's message */
  readonly error: string | null
}

export interface JsonIngestReply {
  readonly code: number
  readonly status: readonly { readonly name: string; readonly successful: number; readonly failed: number; readonly error?: string }[]
}

export function jsonIngestReply(code: number, streams: Iterable<readonly [string, StreamOutcome]>): JsonIngestReply {
  const status = Array.from(streams, ([name, s]) =>
    ({ name, successful: s.accepted, failed: s.rejected, ...(s.error === null ? {} : { error: s.error }) }))
  return { code, status }
}

/** what became of one action of a bulk request */
export interface BulkOutcome {
  readonly action: string
  readonly index: string
  readonly id: string | null
  /** null: stored */
  readonly error: { readonly slug: ErrorSlug; readonly message: string } | null
}

/** Elasticsearch's name for a failure; `timestamp_parsing_failed` is OpenObserve's */
function bulkErrorType(item: BulkOutcome, slug: ErrorSlug): string {
  if (item.action === 'delete') return 'illegal_argument_exception'
  return slug === 'timestamp' ? 'timestamp_parsing_failed' : 'mapper_parsing_exception'
}

function bulkItem(item: BulkOutcome): string {
  const name = `"_index":${JSON.stringify(item.index)},"_id":${JSON.stringify(item.id ?? '')}`
  if (item.error === null) {
    return `{"${item.action}":{${name},"_version":1,"result":"created","_shards":{"total":1,"successful":1,"failed":0},"_seq_no":1,"_primary_term":1,"status":200}}`
  }
  const type = bulkErrorType(item, item.error.slug)
  const error = { type, reason: item.error.message, index_uuid: '0', shard: '1', index: item.index }
  return `{"${item.action}":{${name},"status":400,"error":${JSON.stringify(error)}}}`
}

/**
 * The bulk reply as text. Key order and the absence of spaces matter: where its buffer cuts the
 * reply, Fluent Bit looks for the literal `"errors":false,"items":[`.
 */
export function bulkReply(tookMs: number, items: readonly BulkOutcome[]): string {
  const errors = items.some((item) => item.error !== null)
  return `{"took":${tookMs},"errors":${errors},"items":[${items.map(bulkItem).join(',')}]}`
}

/** what an item has beside its names and reason, and what stands around all items: generously */
const ITEM_BYTES = 256
/** the most bytes that JSON makes of one UTF-16 unit, as in \u0000 */
const BYTES_PER_UNIT_MAX = 6

/**
 * Bytes of the bulk reply at most. Above `enough` it is exact but for the digits of `took`; below, an
 * estimate that costs no text.
 */
export function bulkReplyBytes(items: readonly BulkOutcome[], enough: number): number {
  let bytes = ITEM_BYTES
  for (const { index, id, error } of items) {
    bytes += ITEM_BYTES + BYTES_PER_UNIT_MAX * (2 * index.length + (id?.length ?? 0) + (error?.message.length ?? 0))
  }
  if (bytes <= enough) return bytes
  bytes = ITEM_BYTES
  for (const item of items) bytes += Buffer.byteLength(bulkItem(item), 'utf8') + 1
  return bytes
}

/** OTLP's partial success; absent when every record was stored */
export interface PartialSuccess {
  readonly rejected: number
  readonly message: string
}

/** protobuf's JSON mapping: int64 is text */
export function otlpLogsJson(partial: PartialSuccess | null): object {
  if (partial === null) return {}
  return { partialSuccess: { rejectedLogRecords: String(partial.rejected), errorMessage: partial.message } }
}

/** google.rpc.Status, without details */
export interface RpcStatus {
  readonly code: number
  readonly message: string
}

export function rpcStatus(error: EngineError): RpcStatus {
  const { slug, message } = error
  return { code: ERROR_KINDS[error.kind].grpc, message: `${slug}: ${message}` }
}
