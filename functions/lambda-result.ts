// A response as Lambda's answer to its event: text as text, all else in base64, compressed where the
// client takes it. Every answer fits an invocation's 6 MB, or says itself that it does not.
import { gzipSync } from 'node:zlib'
import type { EventVersion, LambdaResult } from './lambda.ts'
import { ANSWER_BODY_BYTES_MAX } from './settings.ts'

/** below it, compressing costs more than the bytes; level 1 is a third of the CPU for a tenth more bytes */
const GZIP_BYTES_MIN = 16 * 2 ** 10
const GZIP_LEVEL = 1
/** a longer text goes in base64: escaped in the answer's JSON it may take six times its length */
const TEXT_BYTES_MAX = 2 ** 19
const TEXT = /^(?:text\/|application\/(?:json|x-ndjson|xml)\b)/
/** headers of a connection, which the edge makes with its client */
const OF_CONNECTION: ReadonlySet<string> = new Set(['connection', 'content-length', 'transfer-encoding', 'keep-alive'])

const takesGzip = (acceptEncoding: string | null): boolean =>
  (acceptEncoding ?? '').toLowerCase().split(',').some((one) => /^\s*(?:x-)?gzip\s*(?:;\s*q=(?!0(?:\.0*)?\s*$).*)?$/.test(one))

/** null: the body is longer than an invocation may answer */
export async function resultOf(version: EventVersion, acceptEncoding: string | null, response: Response): Promise<LambdaResult | null> {
  const plain = Buffer.from(await response.arrayBuffer())
  const headers = new Map<string, string>()
  response.headers.forEach((value, name) => {
    if (name !== 'set-cookie' && !OF_CONNECTION.has(name)) headers.set(name, value)
  })
  const squeezed = plain.length >= GZIP_BYTES_MIN && takesGzip(acceptEncoding) && !headers.has('content-encoding')
  const body = squeezed ? gzipSync(plain, { level: GZIP_LEVEL }) : plain
  if (plain.length >= GZIP_BYTES_MIN) headers.set('vary', 'Accept-Encoding')
  if (squeezed) headers.set('content-encoding', 'gzip')
  if (body.length > ANSWER_BODY_BYTES_MAX) return null
  const type = headers.get('content-type')
  const asText = body.length === 0 || (!headers.has('content-encoding') && body.length <= TEXT_BYTES_MAX && TEXT.test(type ?? ''))
  const cookies = response.headers.getSetCookie()
  const several = cookies.length === 0 ? {} : version === 2 ? { cookies } : { multiValueHeaders: { 'set-cookie': cookies } }
  return {
    statusCode: response.status, headers: Object.fromEntries(headers), ...several,
    body: body.toString(asText ? 'utf8' : 'base64'), isBase64Encoded: !asText,
  }
}
