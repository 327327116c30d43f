// An event of API Gateway (REST, payload 1.0; HTTP API, payload 2.0) or of a function URL (as 2.0) as a
// request. Shapes: docs.aws.amazon.com/apigateway/latest/developerguide/
// http-api-develop-integrations-lambda.html and set-up-lambda-proxy-integrations.html.
import { Headers, Request as LightRequest } from '../lib/node/web.ts'
import { isObject, type EventVersion, type Json } from './lambda.ts'
import { rawPathOf, rawQueryOf } from './lambda-path.ts'

export interface LambdaRequest {
  readonly version: EventVersion
  /** its path is still encoded, once */
  readonly request: Request
}

/** null: no request we know */
export function requestOf(event: unknown): LambdaRequest | null {
  if (!isObject(event)) return null
  const context = isObject(event['requestContext']) ? event['requestContext'] : {}
  const http = isObject(context['http']) ? context['http'] : null
  const method = http === null ? event['httpMethod'] : http['method']
  const path = rawPathOf(event, context)
  if (typeof method !== 'string' || path === null) return null
  try {
    const body = bodyOf(event)
    const headers = headersOf(event)
    // What came whole has a length, whether the edge says so or not.
    if (!headers.has('content-length')) headers.set('content-length', String(body.length))
    const url = new URL(`http://lambda${path}${rawQueryOf(event)}`).href
    // The part of the class that our apps use.
    const request = new LightRequest(url, { method: method.toUpperCase(), headers, body }) as unknown as Request
    return { version: http === null ? 1 : 2, request }
  } catch {
    return null
  }
}

function bodyOf({ body, isBase64Encoded }: Json): Buffer<ArrayBuffer> {
  return typeof body === 'string' ? Buffer.from(body, isBase64Encoded === true ? 'base64' : 'utf8') : Buffer.alloc(0)
}

/** 1.0 has each value in `multiValueHeaders`; 2.0 joins them with commas, and cookies stand apart */
function headersOf(event: Json): Headers {
  const headers = new Headers()
  const many = isObject(event['multiValueHeaders']) ? event['multiValueHeaders'] : isObject(event['headers']) ? event['headers'] : {}
  for (const [name, values] of Object.entries(many)) for (const value of [values].flat()) headers.append(name, String(value))
  for (const cookie of Array.isArray(event['cookies']) ? event['cookies'] : []) headers.append('cookie', String(cookie))
  return headers
}
