// A request to AWS as the emulator's front sees it, and answers in the words of its services.
import { randomUUID } from 'node:crypto'
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http'

export interface AwsRequest {
  /** the API's name of what is asked: PutObject, SendMessage... */
  readonly operation: string
  readonly service: 's3' | 'sqs' | 'ssm' | 'sts'
  readonly method: string
  /** path and query */
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  /** S3: '' where the request has none; the key decoded */
  readonly bucket: string
  readonly key: string
}

export interface Answer {
  readonly status: number
  readonly headers: OutgoingHttpHeaders
  readonly body: Buffer
}

/** what stands behind a rule: the next rule, or fauxqs */
export type Forward = (request: AwsRequest) => Promise<Answer>

export function awsRequest(method: string, url: string, headers: IncomingHttpHeaders, body: Buffer): AwsRequest {
  const target = headers['x-amz-target']
  if (typeof target === 'string') {
    const operation = target.slice(target.indexOf('.') + 1)
    return { operation, service: target.startsWith('AmazonSSM.') ? 'ssm' : 'sqs', method, url, headers, body, bucket: '', key: '' }
  }
  if (headers['content-type']?.startsWith('application/x-www-form-urlencoded') === true) {
    const operation = new URLSearchParams(body.toString('utf8')).get('Action') ?? ''
    return { operation, service: 'sts', method, url, headers, body, bucket: '', key: '' }
  }
  const [path = '', query = ''] = url.split('?')
  const [, bucket = '', ...segments] = path.split('/')
  const key = decodeURIComponent(segments.join('/'))
  return { operation: s3Operation(method, key, query), service: 's3', method, url, headers, body, bucket, key }
}

function s3Operation(method: string, key: string, query: string): string {
  if (key === '') return method === 'GET' ? (query.includes('list-type=2') ? 'ListObjectsV2' : 'ListObjects') : `${method} bucket`
  const names: Readonly<Record<string, string>> = { GET: 'GetObject', PUT: 'PutObject', HEAD: 'HeadObject', DELETE: 'DeleteObject' }
  return names[method] ?? `${method} object`
}

export const header = (request: AwsRequest, name: string): string | undefined => {
  const value = request.headers[name]
  return Array.isArray(value) ? value[0] : value
}

/** an error as each service writes it; S3's answers to HEAD have no body */
export function awsError({ service, method }: Pick<AwsRequest, 'service' | 'method'>, status: number, code: string, message: string): Answer {
  if (service === 'sts') {
    const xml = `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error></ErrorResponse>`
    return { status, headers: { 'content-type': 'text/xml' }, body: Buffer.from(xml) }
  }
  if (service === 's3') {
    const xml = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${message}</Message><RequestId>${randomUUID()}</RequestId></Error>`
    return { status, headers: { 'content-type': 'application/xml' }, body: Buffer.from(method === 'HEAD' ? '' : xml) }
  }
  const type = service === 'sqs' ? `com.amazonaws.sqs#${code}` : code
  return {
    status,
    headers: { 'content-type': 'application/x-amz-json-1.0', ...(service === 'sqs' ? { 'x-amzn-query-error': `${code};Sender` } : {}) },
    body: Buffer.from(JSON.stringify({ __type: type, message })),
  }
}

export const jsonAnswer = (value: unknown): Answer =>
  ({ status: 200, headers: { 'content-type': 'application/x-amz-json-1.1' }, body: Buffer.from(JSON.stringify(value)) })

export const jsonOf = (bytes: Buffer): Readonly<Record<string, unknown>> => JSON.parse(bytes.toString('utf8')) as Readonly<Record<string, unknown>>
