// Every way a call can fail, in one table with three readers: HTTP (status), the queue's glue
// (redeliver or park) and the logger (level). A kind says what the *caller* must do; a slug names
// the cause for machines; the message is for people: lower case, subject first, the offending
// value, what would be right, no full stop, never a secret, a path or a stack.

export type ErrorKind =
  | 'invalid' | 'unauthenticated' | 'forbidden' | 'not_found' | 'conflict' | 'too_large' | 'limited'
  | 'unavailable' | 'unsupported_media' | 'too_costly' | 'timeout' | 'internal'

export interface ErrorKindRow {
  /** HTTP status; ingestion answers `ingestStatus` instead where it differs */
  readonly status: number
  /** on ingestion a client must retry what is our fault: OTLP clients drop on 500 and 408 */
  readonly ingestStatus?: number
  /** what the queue's glue does with a message that failed so */
  readonly onQueue: 'redeliver' | 'park'
  /** gRPC code for `google.rpc.Status` bodies (google/rpc/code.proto) */
  readonly grpc: number
  readonly level: 'info' | 'warn' | 'error'
}

export const ERROR_KINDS: Readonly<Record<ErrorKind, ErrorKindRow>> = {
  invalid: { status: 400, onQueue: 'park', grpc: 3, level: 'info' },
  unauthenticated: { status: 401, onQueue: 'park', grpc: 16, level: 'info' },
  forbidden: { status: 403, onQueue: 'park', grpc: 7, level: 'info' },
  not_found: { status: 404, onQueue: 'park', grpc: 5, level: 'info' },
  conflict: { status: 409, onQueue: 'redeliver', grpc: 10, level: 'info' },
  too_large: { status: 413, onQueue: 'park', grpc: 8, level: 'info' },
  limited: { status: 429, onQueue: 'redeliver', grpc: 8, level: 'info' },
  unavailable: { status: 503, onQueue: 'redeliver', grpc: 14, level: 'warn' },
  unsupported_media: { status: 415, onQueue: 'park', grpc: 3, level: 'info' },
  too_costly: { status: 422, onQueue: 'park', grpc: 8, level: 'info' },
  timeout: { status: 408, ingestStatus: 503, onQueue: 'redeliver', grpc: 14, level: 'warn' },
  internal: { status: 500, ingestStatus: 503, onQueue: 'park', grpc: 13, level: 'error' },
}

/** slug -> kind; the slugs are part of the API (`error` in every error body) and listed in docs/errors.md */
export const ERROR_SLUGS = {
  unauthenticated: 'unauthenticated',
  password_too_long: 'invalid',
  locked: 'limited',
  org: 'forbidden',
  scope: 'forbidden',
  role: 'forbidden',
  csrf: 'forbidden',
  invalid_org: 'invalid',
  invalid_stream: 'invalid',
  not_found: 'not_found',
  conflict: 'conflict',
  last_admin: 'conflict',
  idempotency_mismatch: 'conflict',
  payload_too_large: 'too_large',
  too_many_records: 'too_large',
  too_many_streams: 'invalid',
  too_many_partitions: 'too_large',
  unsupported_media: 'unsupported_media',
  unsupported_encoding: 'unsupported_media',
  malformed: 'invalid',
  not_an_object: 'invalid',
  too_deep: 'invalid',
  too_complex: 'invalid',
  field_name: 'invalid',
  too_many_fields: 'invalid',
  record_too_large: 'invalid',
  timestamp: 'invalid',
  span_id: 'invalid',
  invalid_type: 'invalid',
  invalid_query: 'invalid',
  unknown_stream: 'invalid',
  unknown_column: 'invalid',
  unknown_function: 'invalid',
  not_select: 'invalid',
  multiple_statements: 'invalid',
  function_not_allowed: 'invalid',
  argument_too_large: 'invalid',
  regex: 'invalid',
  time_range: 'invalid',
  query_memory: 'too_costly',
  query_timeout: 'timeout',
  too_costly: 'too_costly',
  file_unreadable: 'unavailable',
  data_moved: 'unavailable',
  limited: 'limited',
  unavailable: 'unavailable',
  internal: 'internal',
} as const satisfies Record<string, ErrorKind>

export type ErrorSlug = keyof typeof ERROR_SLUGS

/** what an error may carry beside its message; every member is optional and safe to show */
export interface ErrorDetail {
  /** OpenObserve's search code (20001...); absent: the HTTP status stands as `code` */
  readonly code?: number
  /** becomes `error_detail` */
  readonly detail?: string
  readonly hint?: string
  readonly suggestions?: readonly string[]
  /** where in the caller's text; 1-based, in characters */
  readonly position?: { readonly line: number; readonly column: number }
  /** seconds until a retry makes sense; becomes Retry-After */
  readonly retryAfterSeconds?: number
  readonly cause?: unknown
}

export class EngineError extends Error {
  readonly slug: ErrorSlug
  readonly kind: ErrorKind
  readonly detail: ErrorDetail

  constructor(slug: ErrorSlug, message: string, detail: ErrorDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause })
    this.name = 'EngineError'
    this.slug = slug
    this.kind = ERROR_SLUGS[slug]
    this.detail = detail
  }
}

/** the error as an EngineError; what nobody named is `internal`, with the cause kept for the log */
export function asEngineError(error: unknown): EngineError {
  if (error instanceof EngineError) return error
  return new EngineError('internal', 'the request failed inside nilometer; see the log', { cause: error })
}

/** asserts what must hold between our own parts; a failure is a bug, never bad input */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new EngineError('internal', `assertion failed: ${message}`)
}
