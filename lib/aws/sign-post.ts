// Signature Version 4 of a POST to a service's root, without a query: all that the query and JSON
// protocols need.
// docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
import { createHash, createHmac } from 'node:crypto'
import type { Credentials } from './client-options.ts'

export interface PostToSign {
  readonly host: string
  readonly contentType: string
  /** `X-Amz-Target`, of the JSON protocols */
  readonly target?: string
  readonly body: string
  readonly service: string
  readonly region: string
  readonly at: Date
  readonly credentials: Credentials
}

const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

/** the headers that the request is sent with, `authorization` among them */
export function signPost({ host, contentType, target, body, service, region, at, credentials }: PostToSign): Readonly<Record<string, string>> {
  const { accessKeyId, secretAccessKey, sessionToken } = credentials
  const time = at.toISOString().replace(/[-:]|\.\d{3}/g, '')
  const day = time.slice(0, 8)
  // In the order of their names, as the signature wants them.
  const headers: Record<string, string> = {
    'content-type': contentType, host, 'x-amz-date': time, ...(sessionToken === undefined ? {} : { 'x-amz-security-token': sessionToken }),
    ...(target === undefined ? {} : { 'x-amz-target': target }),
  }
  const signed = Object.keys(headers).join(';')
  const lines = Object.entries(headers).map(([name, value]) => `${name}:${value}\n`).join('')
  const canonical = `POST\n/\n\n${lines}\n${signed}\n${sha256(body)}`
  const scope = `${day}/${region}/${service}/aws4_request`
  const key = ['aws4_request', service, region, day].reduceRight((derived: string | Buffer, part) => hmac(derived, part), `AWS4${secretAccessKey}`)
  const signature = hmac(key, `AWS4-HMAC-SHA256\n${time}\n${scope}\n${sha256(canonical)}`).toString('hex')
  return { ...headers, authorization: `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${signed}, Signature=${signature}` }
}
