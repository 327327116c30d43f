// Outcomes and errors as responses of each protocol. Shapes and statuses stand in lib/api; here they
// only meet headers and encodings.
import { errorBody, errorHeaders } from '../../lib/api/errors.ts'
import { INGEST_STATUS, bulkReply, ingestStatus, jsonIngestReply, otlpLogsJson, outcomeCase, rpcStatus } from '../../lib/api/ingest.ts'
import type { IngestProtocol, PartialSuccess } from '../../lib/api/ingest.ts'
import type { Verdict } from '../../lib/engine/ingest/decode/contract.ts'
import type { Received } from '../../lib/engine/ingest/receive.ts'
import { looksLikeProtobuf, mediaTypeOf } from '../../lib/engine/ingest/request.ts'
import type { EngineError } from '../../lib/model/errors.ts'
import { ELASTIC_HEADERS } from './elastic.ts'
import { otlpLogsProtobuf, rpcStatusProtobuf } from './otlp-reply.ts'

const JSON_TYPE = { 'Content-Type': 'application/json' }

export function successReply(protocol: IngestProtocol, request: Request, received: Received, tookMs: number): Response {
  const { verdict } = received
  const status = INGEST_STATUS[protocol][outcomeCase(verdict.records, verdict.rejections.length)]
  switch (protocol) {
    case 'otlp': return otlpReply(request, status, partialOf(verdict))
    case 'bulk': return new Response(bulkReply(Math.max(0, Math.round(tookMs)), verdict.items), { status, headers: { ...JSON_TYPE, ...ELASTIC_HEADERS } })
    case 'json': return Response.json(jsonIngestReply(status, streamsOf(received)), { status })
  }
}

/** a body without records still names its stream */
function streamsOf({ verdict, stream }: Received): Verdict['streams'] {
  if (verdict.streams.size > 0 || stream === null) return verdict.streams
  return new Map([[stream, { accepted: 0, rejected: 0, error: null }]])
}

function partialOf({ records, rejections }: Verdict): PartialSuccess | null {
  const first = rejections[0]
  if (first === undefined) return null
  const message = `${rejections.length} of ${records} records were rejected; the first is record ${first.ordinal}: ${first.message}`
  return { rejected: rejections.length, message }
}

/** in the request's encoding, under the request's media type */
function otlpReply(request: Request, status: number, partial: PartialSuccess | null): Response {
  const contentType = request.headers.get('content-type')
  if (!looksLikeProtobuf(contentType)) return Response.json(otlpLogsJson(partial), { status })
  return new Response(otlpLogsProtobuf(partial), { status, headers: { 'Content-Type': mediaTypeOf(contentType) } })
}

export function failureReply(protocol: IngestProtocol, request: Request, error: EngineError, traceId: string): Response {
  const status = ingestStatus(protocol, error)
  const headers = { ...errorHeaders(error, status), ...(protocol === 'bulk' ? ELASTIC_HEADERS : {}) }
  if (protocol !== 'otlp') return Response.json(errorBody(error, traceId, status), { status, headers })
  if (!looksLikeProtobuf(request.headers.get('content-type'))) return Response.json(rpcStatus(error), { status, headers })
  return new Response(rpcStatusProtobuf(rpcStatus(error)), { status, headers: { ...headers, 'Content-Type': 'application/x-protobuf' } })
}
