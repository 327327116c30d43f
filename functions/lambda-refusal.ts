// An error that arises outside the app (the event, the deadline, the length of the answer), told as the
// app would have told it.
import { errorBody, errorHeaders, statusOf } from '../lib/api/errors.ts'
import type { EngineError } from '../lib/model/errors.ts'
import { SECURITY_HEADERS } from './door.ts'
import { protocolOf } from './ingest/protocols.ts'
import { failureReply } from './ingest/replies.ts'

/** @param request null: the event was none */
export function refusalOf(request: Request | null, error: EngineError, traceId: string): Response {
  const protocol = request === null ? null : protocolOf(new URL(request.url).pathname)
  const status = statusOf(error)
  const response = protocol === null || request === null
    ? Response.json(errorBody(error, traceId), { status, headers: errorHeaders(error, status) })
    : failureReply(protocol, request, error, traceId)
  for (const [name, value] of SECURITY_HEADERS) response.headers.set(name, value)
  return response
}
