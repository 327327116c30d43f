// What the receiver is given and what its headers mean: content coding, media type, stream name and
// the context that every verdict hangs on. Decided here once, so that HTTP glue only carries headers.
import { EngineError } from '../../model/errors.ts'
import { cleanStreamName } from '../../model/stream.ts'
import type { OrgId } from '../../model/stream.ts'
import type { Micros } from '../../model/time.ts'
import type { Settings } from '../settings.ts'
import type { BodyFormat, DecodeContext, Route, Verdict } from './decode/contract.ts'
import type { Coding } from './inflate.ts'

/** one HTTP request as the glue hands it over; headers raw, null when absent */
export interface IngestRequest {
  readonly org: OrgId
  readonly route: Route
  readonly format: BodyFormat
  /** raw name from path or header; null: the route's default (`bulk`: the body must name it) */
  readonly stream: string | null
  readonly contentType: string | null
  readonly contentEncoding: string | null
  readonly idempotencyKey: string | null
  /** as received, still coded */
  readonly body: Uint8Array
  /** looks at each verdict before anything is stored, and throws what refuses the whole request */
  readonly inspect?: (verdict: Verdict) => void
}

/** `stream-name` is absent: OpenObserve's stream for OTLP */
const DEFAULT_STREAM = 'default'

/**
 * Content-Encoding as one coding. One layer only: a second one multiplies a bomb's ratio (498 bytes
 * of double gzip are 200 MiB).
 * @throws EngineError `unsupported_encoding`
 */
export function codingOf(header: string | null): Coding {
  const name = (header ?? '').trim().toLowerCase()
  switch (name) {
    case '': case 'identity': return 'identity'
    case 'gzip': case 'x-gzip': return 'gzip'
    case 'deflate': case 'zstd': case 'br': return name
  }
  const shown = JSON.stringify(name.slice(0, 40))
  throw new EngineError('unsupported_encoding', `the content encoding ${shown} is not supported: use one of gzip, deflate, zstd, br, once`)
}

/** type/subtype in lower case, without parameters */
export function mediaTypeOf(contentType: string | null): string {
  return (contentType ?? '').split(';', 1)[0]!.trim().toLowerCase()
}

const isProtobuf = (mediaType: string): boolean => /^application\/(.*[+.-])?protobuf$/.test(mediaType)
const isNoText = (mediaType: string): boolean => /^(image|audio|video|multipart)\//.test(mediaType)

/** how an error is answered on an OTLP route: by what the media type looks like, else JSON */
export const looksLikeProtobuf = (contentType: string | null): boolean => mediaTypeOf(contentType).includes('protobuf')

/**
 * The body's format. OTLP takes protobuf and JSON and must be told which; the text routes take any
 * type (curl's form default too) that cannot be mistaken for something else.
 * @throws EngineError `unsupported_media`
 */
export function formatOf(route: Route, contentType: string | null): BodyFormat {
  const type = mediaTypeOf(contentType)
  if (route === 'otlp-logs') {
    if (isProtobuf(type)) return 'protobuf'
    if (type === 'application/json') return 'json'
    throw unsupported(type, 'application/x-protobuf or application/json')
  }
  if (isNoText(type) || looksLikeProtobuf(type)) throw unsupported(type, 'application/json or application/x-ndjson')
  return 'json'
}

function unsupported(type: string, right: string): EngineError {
  const shown = type === '' ? 'is missing' : `${JSON.stringify(type.slice(0, 80))} is not supported`
  return new EngineError('unsupported_media', `the content type ${shown}: use ${right}`)
}

/** @throws EngineError `invalid_stream` */
export function streamOf(request: IngestRequest): string | null {
  if (request.stream !== null) return cleanStreamName(request.stream)
  return request.route === 'bulk' ? null : DEFAULT_STREAM
}

/** everything beside the body that a verdict depends on; the writer decodes under the same */
export function contextOf(request: IngestRequest, settings: Settings, acceptedAt: Micros): DecodeContext {
  return {
    route: request.route,
    format: request.format,
    stream: streamOf(request),
    acceptedAt,
    oldest: acceptedAt - settings.pastMicrosMax,
    newest: acceptedAt + settings.futureMicrosMax,
    flattenLevels: settings.flattenLevels,
    recordsMax: settings.recordsMax,
    recordBytesMax: settings.recordBytesMax,
    recordFieldsMax: settings.recordFieldsMax,
    keyBytesMax: settings.keyBytesMax,
    depthMax: settings.depthMax,
    requestStreamsMax: settings.requestStreamsMax,
    requestPartitionsMax: settings.requestPartitionsMax,
  }
}
