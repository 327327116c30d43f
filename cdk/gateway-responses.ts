// What API Gateway says when no function of ours was asked or none answered, in the words and with the
// statuses our own errors have: OTLP clients drop a batch on 500 and 504 and keep it on 503 and 429.
// Types: docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
import { ERROR_KINDS, ERROR_SLUGS, type ErrorSlug } from '../lib/model/errors.ts'

interface Row {
  readonly types: readonly string[]
  readonly slug: ErrorSlug
  readonly message: string
  readonly retryAfterSeconds?: number
}

const ROWS: readonly Row[] = [
  {
    types: ['DEFAULT_5XX', 'API_CONFIGURATION_ERROR', 'INTEGRATION_FAILURE', 'INTEGRATION_TIMEOUT'], slug: 'unavailable', retryAfterSeconds: 5,
    message: 'the function behind this address did not answer: send the request again',
  },
  { types: ['THROTTLED', 'QUOTA_EXCEEDED'], slug: 'limited', retryAfterSeconds: 5, message: 'too many requests at once: send this one again later' },
  { types: ['REQUEST_TOO_LARGE'], slug: 'payload_too_large', message: 'the request is larger than what this address takes: split it, or compress it' },
  { types: ['UNSUPPORTED_MEDIA_TYPE'], slug: 'unsupported_media', message: 'the media type is not taken here' },
  { types: ['BAD_REQUEST_BODY', 'BAD_REQUEST_PARAMETERS'], slug: 'malformed', message: 'the request cannot be read' },
  // What API Gateway calls a missing token is a path that its table does not have.
  { types: ['MISSING_AUTHENTICATION_TOKEN', 'RESOURCE_NOT_FOUND'], slug: 'not_found', message: 'there is no such route: see docs/api.md for the paths and methods that exist' },
  // No function of ours refuses by these: a client sent an AWS signature, or a firewall stands before us.
  { types: ['ACCESS_DENIED', 'WAF_FILTERED', 'INVALID_SIGNATURE', 'EXPIRED_TOKEN'], slug: 'role', message: 'the address refused the request before it was read' },
]

/** the value of `x-amazon-apigateway-gateway-responses` */
export function gatewayResponses(): Readonly<Record<string, object>> {
  const responses = ROWS.flatMap(({ types, slug, message, retryAfterSeconds }) => {
    const { status } = ERROR_KINDS[ERROR_SLUGS[slug]]
    const body = { code: status, error: slug, message, trace_id: '$context.requestId' }
    const retry = retryAfterSeconds === undefined ? {} : { responseParameters: { 'gatewayresponse.header.Retry-After': `'${retryAfterSeconds}'` } }
    return types.map((type) => [type, { statusCode: String(status), responseTemplates: { 'application/json': JSON.stringify(body) }, ...retry }] as const)
  })
  return Object.fromEntries(responses)
}
