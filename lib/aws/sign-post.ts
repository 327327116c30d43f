// Signature Version 4 of requests without a query: a POST to a service's root, which is all that the query
// and JSON protocols need, and a GET of an object.
// docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
import { createHash, createHmac } from 'node:crypto'
import type { Credentials } from './client-options.ts'

interface ToSign {
  readonly host: string
  readonly service: string
  readonly region: string
  readonly at: Date
  readonly credentials: Credentials
}

export interface PostToSign extends ToSign {
  readonly contentType: string
  /** `X-Amz-Target`, of the JSON protocols */
  readonly target?: string
  readonly body: string
}

export interface GetToSign extends ToSign {
  /** encoded as it is sent */
  readonly path: string
  /** lower-case names */
  readonly headers: Readonly<Record<string, string>>
}

const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

/** the headers that the request is sent with, `authorization` among them */
export function signPost({ contentType, target, body, ...rest }: PostToSign): Readonly<Record<string, string>> {
  const headers = { 'content-type': contentType, ...(target === undefined ? {} : { 'x-amz-target': target }) }
  return signed(rest, 'POST', '/', headers, sha256(body))
}

const NOTHING = sha256('')

/** as signPost; S3 wants the hash of the body as a header too */
export function signGet({ path, headers, ...rest }: GetToSign): Readonly<Record<string, string>> {
  return signed(rest, 'GET', path, { ...headers, 'x-amz-content-sha256': NOTHING }, NOTHING)
}

function signed({ host, service, region, at, credentials }: ToSign, method: string, path: string, more: Readonly<Record<string, string>>, bodyHash: string): Record<string, string> {
  const { accessKeyId, secretAccessKey, sessionToken } = credentials
  const time = at.toISOString().replace(/[-:]|\.\d{3}/g, '')
  const day = time.slice(0, 8)
  const all = { ...more, host, 'x-amz-date': time, ...(sessionToken === undefined ? {} : { 'x-amz-security-token': sessionToken }) }
  // In the order of their names, as the signature wants them.
  const headers = Object.fromEntries(Object.entries(all).sort(([a], [b]) => (a < b ? -1 : 1)))
  const names = Object.keys(headers).join(';')
  const lines = Object.entries(headers).map(([name, value]) => `${name}:${value}\n`).join('')
  const canonical = `${method}\n${path}\n\n${lines}\n${names}\n${bodyHash}`
  const scope = `${day}/${region}/${service}/aws4_request`
  const key = ['aws4_request', service, region, day].reduceRight((derived: string | Buffer, part) => hmac(derived, part), `AWS4${secretAccessKey}`)
  const signature = hmac(key, `AWS4-HMAC-SHA256\n${time}\n${scope}\n${sha256(canonical)}`).toString('hex')
  return { ...headers, authorization: `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}` }
}
