// How an error is told over HTTP: the body every route shares, the status (ingestion's differs, for
// its clients drop a batch on 500 and 408) and the headers that belong to it.
import { ERROR_KINDS } from '../model/errors.ts'
import type { EngineError, ErrorSlug } from '../model/errors.ts'

export interface ErrorBody {
  /** OpenObserve's search code, else the HTTP status */
  readonly code: number
  readonly error: ErrorSlug
  readonly message: string
  readonly error_detail?: string
  readonly hint?: string
  readonly suggestions?: readonly string[]
  /** 1-based, in characters of the caller's text */
  readonly position?: { readonly line: number; readonly column: number }
  readonly trace_id: string
}

/** which door the caller came through */
export type Door = 'ingest' | 'other'

export function statusOf(error: EngineError, door: Door = 'other'): number {
  const row = ERROR_KINDS[error.kind]
  return door === 'ingest' ? (row.ingestStatus ?? row.status) : row.status
}

/** what is safe to show: never the cause */
export function errorBody(error: EngineError, traceId: string, status: number = statusOf(error)): ErrorBody {
  const { code, detail, hint, suggestions, position } = error.detail
  return {
    code: code ?? status,
    error: error.slug,
    message: error.message,
    ...(detail === undefined ? {} : { error_detail: detail }),
    ...(hint === undefined ? {} : { hint }),
    ...(suggestions === undefined ? {} : { suggestions }),
    ...(position === undefined ? {} : { position }),
    trace_id: traceId,
  }
}

/** seconds, where the one who overloads us names none */
export const RETRY_AFTER_SECONDS = 5

/** headers that an error's status asks for; a refused body is not read on, so its connection closes */
export function errorHeaders(error: EngineError, status: number): Readonly<Record<string, string>> {
  switch (status) {
    case 401: return { 'WWW-Authenticate': 'Basic realm="obs"' }
    case 413: return { Connection: 'close' }
    case 429: case 503: return { 'Retry-After': String(error.detail.retryAfterSeconds ?? RETRY_AFTER_SECONDS) }
    default: return {}
  }
}
