// HTTP requests as the three edges hand them to a function. Members and their values as AWS documents
// them: apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html (1.0, REST),
// http-api-develop-integrations-lambda.html (2.0), lambda/latest/dg/urls-invocation.html (function URL).
import type { LambdaContext } from '../../functions/lambda.ts'

export interface PlainRequest {
  readonly method: string
  /** as sent: encoded, with its query string */
  readonly path: string
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  readonly body?: string | Uint8Array
}

export const EDGES = ['rest', 'http', 'url'] as const
export type Edge = (typeof EDGES)[number]

const STAGE = 'prod'

/** API Gateway decodes the path of payload 1.0; what cannot be decoded stays */
function decoded(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}

export function eventOf(edge: Edge, { method, path, headers = {}, body }: PlainRequest): Record<string, unknown> {
  const [rawPath = '', rawQueryString = ''] = path.split(/\?(.*)/s)
  const many = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value].flat()]))
  const bytes = body === undefined ? null : Buffer.from(body as Uint8Array)
  // A REST API whose binary media types are `*/*` sends every body in base64; the others ask the media type.
  const text = edge !== 'rest' && typeof body === 'string'
  const payload = { body: bytes === null ? null : bytes.toString(text ? 'utf8' : 'base64'), isBase64Encoded: bytes !== null && !text }
  return edge === 'rest' ? restEvent(method, rawPath, rawQueryString, many, payload) : httpEvent(edge, method, rawPath, rawQueryString, many, payload)
}

type Many = Readonly<Record<string, readonly string[]>>

function restEvent(method: string, rawPath: string, rawQuery: string, headers: Many, payload: object): Record<string, unknown> {
  const query = [...new URLSearchParams(rawQuery)]
  const values: Record<string, string[]> = {}
  for (const [name, value] of query) (values[name] ??= []).push(value)
  return {
    resource: '/{proxy+}', path: decoded(rawPath), httpMethod: method,
    headers: Object.fromEntries(Object.entries(headers).map(([name, all]) => [name, all.at(-1)])),
    multiValueHeaders: headers,
    queryStringParameters: query.length === 0 ? null : Object.fromEntries(query),
    multiValueQueryStringParameters: query.length === 0 ? null : values,
    pathParameters: { proxy: decoded(rawPath).slice(1) }, stageVariables: null,
    requestContext: {
      accountId: '123456789012', apiId: 'abcdef1234', domainName: 'abcdef1234.execute-api.us-east-1.amazonaws.com', httpMethod: method,
      identity: { sourceIp: '203.0.113.7', userAgent: 'test' }, path: `/${STAGE}${rawPath}`, protocol: 'HTTP/1.1', requestId: 'r-1',
      resourceId: 'xyz', resourcePath: '/{proxy+}', stage: STAGE, requestTimeEpoch: 1_795_219_200_000,
    },
    ...payload,
  }
}

function httpEvent(edge: Edge, method: string, rawPath: string, rawQueryString: string, headers: Many, payload: object): Record<string, unknown> {
  const { cookie, ...rest } = Object.fromEntries(Object.entries(headers).map(([name, all]) => [name.toLowerCase(), all])) as Record<string, readonly string[]>
  const stage = edge === 'url' ? '$default' : STAGE
  const path = edge === 'url' ? rawPath : `/${STAGE}${rawPath}`
  return {
    version: '2.0', routeKey: '$default', rawPath: path, rawQueryString,
    ...(cookie === undefined ? {} : { cookies: cookie.flatMap((one) => one.split('; ')) }),
    headers: Object.fromEntries(Object.entries(rest).map(([name, all]) => [name, all.join(',')])),
    requestContext: {
      accountId: 'anonymous', apiId: 'abcdef1234', domainName: 'abcdef1234.lambda-url.us-east-1.on.aws', domainPrefix: 'abcdef1234',
      http: { method, path, protocol: 'HTTP/1.1', sourceIp: '203.0.113.7', userAgent: 'test' },
      requestId: 'r-1', routeKey: '$default', stage, timeEpoch: 1_795_219_200_000,
    },
    ...payload,
  }
}

export const contextOf = (remainingMs = 29_000): LambdaContext =>
  ({ awsRequestId: '00000000-0000-4000-8000-000000000001', functionName: 'f', getRemainingTimeInMillis: () => remainingMs })
