// Objects of one S3 bucket, to read: what a leader needs of S3, without loading an SDK for it (60 ms of
// CPU before the first byte). Gives exactly the bytes that were asked for or fails, as blobs.ts does.
import { createHash } from 'node:crypto'
import type { Blobs, ByteRange } from '../engine/ports.ts'
import { checkKey, checkRange } from '../model/blob-key.ts'
import { EngineError } from '../model/errors.ts'
import { S3_LIMITS } from './client-options.ts'
import type { Credentials } from './client-options.ts'
import { awsFailure, isDenied } from './failures.ts'
import { credentialsMissing, exchange, transportOf, xmlFailure, type LeanAnswer, type Limits } from './lean-request.ts'
import { damaged, missing, missingOrDenied, truncated } from './object-faults.ts'
import { signGet } from './sign-post.ts'

export interface LeanBlobsOptions {
  readonly bucket: string
  readonly region?: string
  readonly credentials?: Credentials
  /** an emulator's; then the bucket stands in the path */
  readonly endpoint?: string
}

const { socketsMax, ...limits } = S3_LIMITS
const LIMITS: Limits = { connectionTimeout: limits.connectionTimeoutMs, requestTimeout: limits.requestTimeoutMs, socketTimeout: limits.silenceTimeoutMs }

/** S3 takes every character but these in its encoded form, slashes of the key as they are */
const encoded = (key: string): string => key.split('/').map((part) => encodeURIComponent(part).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)).join('/')

export function createLeanBlobs({ bucket, region = '', credentials, endpoint }: LeanBlobsOptions): Pick<Blobs, 'get'> {
  const base = new URL(endpoint ?? `https://${bucket}.s3.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`)
  const prefix = endpoint === undefined ? '/' : `/${bucket}/`
  const transport = transportOf(base.protocol, { keepAlive: true, maxSockets: socketsMax })

  async function ask(key: string, headers: Readonly<Record<string, string>>): Promise<LeanAnswer> {
    if (credentials === undefined) throw credentialsMissing()
    const path = prefix + encoded(key)
    const signed = signGet({ host: base.host, path, headers, service: 's3', region, at: new Date(), credentials })
    const answer = await exchange(transport, { endpoint: new URL(base.origin + path), headers: signed, body: null }, LIMITS)
    if (answer.status === 200 || answer.status === 206) return answer
    throw xmlFailure(answer)
  }

  return {
    async get(key, range) {
      checkKey(key)
      if (range !== undefined) checkRange(range)
      if (range?.length === 0) throw new EngineError('internal', 'an empty range is not asked of S3')
      try {
        return range === undefined ? whole(key, await ask(key, { 'x-amz-checksum-mode': 'ENABLED' })) : part(key, range, await ask(key, { range: `bytes=${range.offset}-${range.offset + range.length - 1}` }))
      } catch (error) {
        throw told(key, range, error)
      }
    },
  }
}

/** plain, because a Buffer's `slice` is a view */
const plain = (bytes: Buffer): Uint8Array => new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)

function whole(key: string, { bytes, headers }: LeanAnswer): Uint8Array {
  const checksum = headers['x-amz-checksum-sha256']
  if (typeof checksum === 'string' && createHash('sha256').update(bytes).digest('base64') !== checksum) {
    throw damaged(key)
  }
  return plain(bytes)
}

/** S3 cuts a range that goes past the end */
function part(key: string, range: ByteRange, { bytes, headers }: LeanAnswer): Uint8Array {
  const { offset, length } = range
  const came = headers['content-range']
  if (bytes.length === length && came?.startsWith(`bytes ${offset}-${offset + length - 1}/`) === true) return plain(bytes)
  throw truncated(key, range, `${bytes.length} bytes came (${came ?? 'no range'})`)
}

function told(key: string, range: ByteRange | undefined, error: unknown): EngineError {
  if (error instanceof EngineError) return error
  const { name, $metadata } = error as { name?: string; $metadata?: { httpStatusCode: number } }
  if (name === 'NoSuchKey') return missing(key, error)
  // Our roles list nothing: S3 does not tell them whether an object exists.
  if (isDenied(error)) return missingOrDenied(key, error)
  if (range !== undefined && $metadata?.httpStatusCode === 416) return truncated(key, range, 'it ends before')
  return awsFailure('s3:GetObject', error)
}
