// Objects in one S3 bucket. A put is conditional (`If-None-Match: *`), so a key is written once however
// many try, and carries our SHA-256, which S3 checks before it keeps a byte. A get gives exactly the
// bytes that were asked for or fails. One request per call, no retries here: retry.ts does that.
import { createHash } from 'node:crypto'
import { DeleteObjectCommand, GetObjectCommand, HeadObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import type { BlobInfo, Blobs, ByteRange } from '../engine/ports.ts'
import { checkKey, checkPrefix, checkRange } from '../model/blob-key.ts'
import { EngineError } from '../model/errors.ts'
import { MICROS_PER_MS } from '../model/time.ts'
import { clientConfig, S3_LIMITS } from './client-options.ts'
import type { ClientOptions } from './client-options.ts'
import { asked, awsCode, awsFailure, awsStatus, isDenied } from './failures.ts'
import { damaged, missing, missingOrDenied, truncated } from './object-faults.ts'

const PAGE_KEYS = 1_000

export interface BlobsOptions {
  readonly bucket: string
  readonly client: S3Client
  /**
   * For a role without `s3:ListBucket`, to which S3 says 403 of an object that does not exist: what is
   * denied to a get is then not_found. Default false: it is unavailable.
   */
  readonly deniedIsMissing?: boolean
}

export interface S3Options extends ClientOptions {
  /** the bucket in the path, not in the host name: for emulators on an address */
  readonly forcePathStyle?: boolean
  /** another client, whose region and connections this one uses */
  readonly connectionsOf?: S3Client
}

export function s3Client({ forcePathStyle = false, connectionsOf, ...options }: S3Options = {}): S3Client {
  return new S3Client({
    ...clientConfig(options, S3_LIMITS),
    ...(connectionsOf === undefined ? {} : { requestHandler: connectionsOf.config.requestHandler, region: connectionsOf.config.region }),
    forcePathStyle,
    // Ours is the checksum; by default the SDK adds a CRC, and wraps bodies in a stream that checks it.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // By default bodies of 2 MiB and more wait for a `100 Continue` on a connection of their own.
    expectContinueHeader: false,
  })
}

export function createBlobs({ bucket, client, deniedIsMissing = false }: BlobsOptions): Blobs {
  async function put(key: string, bytes: Uint8Array): Promise<'created' | 'exists'> {
    const digest = createHash('sha256').update(bytes).digest()
    const command = new PutObjectCommand({
      Bucket: bucket, Key: checkKey(key), Body: bytes, ContentLength: bytes.byteLength, IfNoneMatch: '*', ChecksumSHA256: digest.toString('base64'),
    })
    // The signature's hash of the body, which the signer would compute again: 3 ms for 5 MB.
    addHeader(command, 'x-amz-content-sha256', digest.toString('hex'))
    try {
      await client.send(command)
      return 'created'
    } catch (error) {
      if (awsStatus(error) === 412) return 'exists'
      if (awsCode(error) === 'ConditionalRequestConflict') {
        throw new EngineError('conflict', `another writer holds the key ${key}: put it again`, { cause: error })
      }
      throw awsFailure('s3:PutObject', error)
    }
  }

  /** an object's answer; missing, or shorter than where the range begins, as the port says it */
  async function found<T>({ Key }: Target, range: ByteRange | undefined, request: () => Promise<T>): Promise<T> {
    try {
      return await request()
    } catch (error) {
      const code = awsCode(error)
      // `NotFound`: a HEAD's answer has no body to say more. A missing bucket is neither.
      if (code === 'NoSuchKey' || code === 'NotFound') throw missing(Key, error)
      if (deniedIsMissing && isDenied(error)) {
        throw missingOrDenied(Key, error)
      }
      if (range !== undefined && awsStatus(error) === 416) throw truncated(Key, range, 'it ends before')
      throw awsFailure('s3:GetObject', error)
    }
  }

  async function get(key: string, range?: ByteRange): Promise<Uint8Array> {
    const target = { Bucket: bucket, Key: checkKey(key) }
    if (range === undefined) return getWhole(target)
    checkRange(range)
    // HTTP has no empty range.
    return range.length === 0 ? getNothing(target, range) : getRange(target, range)
  }

  async function getWhole(target: Target): Promise<Uint8Array> {
    const command = new GetObjectCommand(target)
    // As a header, not as `ChecksumMode`: then the SDK would check in a stream that hides broken connections.
    addHeader(command, 'x-amz-checksum-mode', 'ENABLED')
    const answer = await found(target, undefined, () => client.send(command))
    const bytes = await readBody(target, answer.Body as Body, answer.ContentLength)
    const { ChecksumSHA256: checksum } = answer
    if (checksum !== undefined && createHash('sha256').update(bytes).digest('base64') !== checksum) {
      throw damaged(target.Key)
    }
    return bytes
  }

  async function getRange(target: Target, range: ByteRange): Promise<Uint8Array> {
    const { offset, length } = range
    const last = offset + length - 1
    const answer = await found(target, range, () => client.send(new GetObjectCommand({ ...target, Range: `bytes=${offset}-${last}` })))
    // S3 cuts a range that goes past the end. Looked at before memory is taken for a length that a damaged slice table may have named.
    if (answer.ContentLength !== length || !answer.ContentRange?.startsWith(`bytes ${offset}-${last}/`)) {
      ;(answer.Body as Body).destroy()
      throw truncated(target.Key, range, `${answer.ContentLength} bytes came (${answer.ContentRange ?? 'no range'})`)
    }
    return readBody(target, answer.Body as Body, length)
  }

  async function getNothing(target: Target, range: ByteRange): Promise<Uint8Array> {
    const { ContentLength: size = 0 } = await found(target, range, () => client.send(new HeadObjectCommand(target)))
    if (range.offset > size) throw truncated(target.Key, range, `it has ${size}`)
    return new Uint8Array(0)
  }

  async function list(prefix: string, after = ''): Promise<readonly BlobInfo[]> {
    const scope = { Bucket: bucket, Prefix: checkPrefix(prefix), ...(checkPrefix(after) === '' ? {} : { StartAfter: after }) }
    const page: BlobInfo[] = []
    // S3 may give fewer than it could and say that there is more; a short page of ours is the last.
    for (let token: string | undefined; ;) {
      const command = new ListObjectsV2Command({ ...scope, MaxKeys: PAGE_KEYS - page.length, ...(token === undefined ? {} : { ContinuationToken: token }) })
      const answer = await asked('s3:ListBucket', () => client.send(command))
      for (const { Key = '', Size = 0, LastModified } of answer.Contents ?? []) {
        page.push({ key: Key, bytes: Size, modifiedAt: (LastModified?.getTime() ?? 0) * MICROS_PER_MS })
      }
      token = answer.NextContinuationToken
      if (answer.IsTruncated !== true || page.length >= PAGE_KEYS) return page
      if (token === undefined) throw new EngineError('unavailable', 's3:ListBucket says that there is more and not where')
    }
  }

  return {
    put, get, list,
    // S3 answers 204 also for a key that is not there.
    delete: async (key) => {
      const command = new DeleteObjectCommand({ Bucket: bucket, Key: checkKey(key) })
      await asked('s3:DeleteObject', () => client.send(command))
    },
  }
}

interface Target {
  readonly Bucket: string
  readonly Key: string
}

/** a response's body in Node: its parts, as they come from the socket */
type Body = AsyncIterable<Uint8Array> & { destroy(): unknown }

/** the whole body, each part copied once to its place */
async function readBody({ Key }: Target, body: Body, length: number | undefined): Promise<Uint8Array> {
  if (length === undefined) {
    body.destroy()
    throw new EngineError('unavailable', `the object ${Key} came without its length`)
  }
  // Not zeroed first: only a buffer that was filled to the end leaves here. Plain, because a Buffer's `slice` is a view.
  const bytes = new Uint8Array(Buffer.allocUnsafeSlow(length).buffer)
  let filled = 0
  await asked('s3:GetObject', async () => {
    for await (const part of body) {
      // Node hands out no byte beyond Content-Length.
      bytes.set(part, filled)
      filled += part.byteLength
    }
  })
  if (filled !== length) throw new EngineError('unavailable', `the object ${Key} was cut off: ${filled} of ${length} bytes came`)
  return bytes
}

/** what of a command's middleware is used here */
interface Stacked {
  readonly middlewareStack: {
    add(middleware: (next: (args: { request: unknown }) => Promise<never>) => (args: { request: unknown }) => Promise<never>, options: { step: 'build'; name: string }): void
  }
}

/** a header that the command's input has no member for; signed as all others */
function addHeader(command: unknown, name: string, value: string): void {
  ;(command as Stacked).middlewareStack.add((next) => (args) => {
    ;(args.request as { readonly headers: Record<string, string> }).headers[name] = value
    return next(args)
  }, { step: 'build', name: `header ${name}` })
}
