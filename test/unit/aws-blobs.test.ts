// The S3 adapter when S3 refuses, is slow, loses its answer or gives half a body: always the error that
// makes the caller do the right thing, never wrong bytes.
import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createBlobs, s3Client } from '../../lib/aws/blobs.ts'
import type { S3Options } from '../../lib/aws/blobs.ts'
import type { Credentials } from '../../lib/aws/client-options.ts'
import { lazyBlobs } from '../../lib/aws/lazy-blobs.ts'
import { retried } from '../../lib/aws/retry.ts'
import type { Blobs } from '../../lib/engine/ports.ts'
import type { EngineError } from '../../lib/model/errors.ts'
import { startEmulator } from '../support/aws-emulator.ts'
import type { AwsEmulator } from '../support/aws-emulator.ts'
import { MemoryClock, MemoryIds, MemoryTelemetry } from '../support/memory-ports.ts'

let aws: AwsEmulator
beforeAll(async () => { aws = await startEmulator() })
afterAll(() => aws.close())

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

/** a port on a fresh bucket that holds `a/ten` */
async function fresh(over: S3Options = {}): Promise<Blobs> {
  const bucket = await aws.createBucket()
  const { endpoint, region, credentials } = aws
  await createBlobs({ bucket, client: aws.s3 }).put('a/ten', bytesOf('0123456789'))
  return createBlobs({ bucket, client: s3Client({ endpoint, region, credentials, forcePathStyle: true, ...over }) })
}

const failure = (request: Promise<unknown>): Promise<EngineError> => request.then(() => { throw new Error('it did not fail') }, (error: EngineError) => error)

describe('puts', () => {
  test('a put is conditional, and carries the hash of its bytes once', async () => {
    const blobs = await fresh()
    const bytes = bytesOf('hello')
    await blobs.put('a/k', bytes)
    const digest = createHash('sha256').update(bytes).digest()
    const { headers, body } = aws.last('PutObject') ?? {}
    expect(headers).toMatchObject({
      'if-none-match': '*', 'x-amz-checksum-sha256': digest.toString('base64'), 'x-amz-content-sha256': digest.toString('hex'), 'content-length': '5',
    })
    expect(Object.keys(headers ?? {}).filter((name) => /crc|trailer|decoded-content-length|transfer-encoding|expect/.test(name))).toEqual([])
    expect(String(headers?.['authorization'])).toContain('x-amz-content-sha256')
    expect(body?.toString()).toBe('hello')
  })

  test.for([
    [409, 'ConditionalRequestConflict', 'conflict'],
    [503, 'SlowDown', 'unavailable'],
    [503, 'ServiceUnavailable', 'unavailable'],
    [500, 'InternalError', 'unavailable'],
    [502, 'NobodyKnows', 'unavailable'],
    [403, 'NobodyKnows', 'internal'],
    [400, 'RequestTimeout', 'unavailable'],
    [400, 'BadDigest', 'unavailable'],
    [400, 'ExpiredToken', 'unavailable'],
    [403, 'RequestTimeTooSkewed', 'unavailable'],
    [503, 'RequestLimitExceeded', 'limited'],
    [403, 'AccessDenied', 'unavailable'],
    [403, 'InvalidAccessKeyId', 'unavailable'],
    [403, 'SignatureDoesNotMatch', 'unavailable'],
    [404, 'NoSuchBucket', 'internal'],
    [400, 'InvalidArgument', 'internal'],
  ] as const)('%i %s is %s, names the action and nothing of the account', async ([status, code, slug]) => {
    const blobs = await fresh()
    aws.provoke({ operation: 'PutObject', kind: 'refuse', status, code, message: 'User: arn:aws:iam::123456789012:role/secret is not authorized' })
    const error = await failure(blobs.put('a/k', bytesOf('x')))
    expect(error.slug).toBe(slug)
    expect(error.message).toMatch(slug === 'conflict' ? /a\/k/ : /^s3:PutObject /)
    expect(error.message).not.toMatch(/arn|123456789012|secret|authorized/)
    expect(error.cause).toBeInstanceOf(Error)
  })

  test('412 says that the key is taken', async () => {
    const blobs = await fresh()
    aws.provoke({ operation: 'PutObject', kind: 'refuse', status: 412, code: 'PreconditionFailed' })
    expect(await blobs.put('a/k', bytesOf('x'))).toBe('exists')
  })

  test('bytes that change on their way are refused by S3, and the put may be repeated', async () => {
    const blobs = await fresh()
    aws.provoke({ operation: 'PutObject', kind: 'damage-request' })
    expect((await failure(blobs.put('a/k', bytesOf('hello')))).slug).toBe('unavailable')
    expect(await blobs.put('a/k', bytesOf('hello'))).toBe('created')
    expect(await blobs.get('a/k')).toEqual(bytesOf('hello'))
  })

  test('a put whose answer is lost is unavailable; its repetition finds its own object', async () => {
    const blobs = await fresh()
    aws.provoke({ operation: 'PutObject', kind: 'lose-answer' })
    expect((await failure(blobs.put('a/k', bytesOf('x')))).slug).toBe('unavailable')
    const clock = new MemoryClock()
    const deadline = { remainingMs: () => 10_000 }
    const again = retried(blobs, ['put'], { clock, ids: new MemoryIds(clock), telemetry: new MemoryTelemetry(), deadline })
    aws.provoke({ operation: 'PutObject', kind: 'lose-answer' })
    expect(await again.put('a/l', bytesOf('y'))).toBe('exists')
    expect(await blobs.get('a/l')).toEqual(bytesOf('y'))
  })

  test('a server that closes, or is not there, is unavailable', async () => {
    const blobs = await fresh()
    aws.provoke({ operation: 'PutObject', kind: 'hang-up' })
    expect(await failure(blobs.put('a/k', bytesOf('x')))).toMatchObject({ slug: 'unavailable', message: expect.stringContaining('connection') })
    const nowhere = await fresh({ endpoint: 'http://127.0.0.1:1' })
    expect(await failure(nowhere.put('a/k', bytesOf('x')))).toMatchObject({ slug: 'unavailable', message: expect.stringContaining('ECONNREFUSED') })
  })

  test('an answer that never comes is unavailable when the time for a request is over', async () => {
    const blobs = await fresh({ requestTimeoutMs: 150, silenceTimeoutMs: 60_000 })
    aws.provoke({ operation: 'PutObject', kind: 'stall' })
    expect(await failure(blobs.put('a/k', bytesOf('x')))).toMatchObject({ slug: 'unavailable', message: 's3:PutObject was not answered in time' })
  })

  test('credentials that cannot be had are unavailable, malformed ones are a fault of the deployment', async () => {
    const expired = await fresh({ credentials: () => Promise.reject(Object.assign(new Error('none'), { name: 'CredentialsProviderError' })) })
    expect((await failure(expired.put('a/k', bytesOf('x')))).slug).toBe('unavailable')
    const malformed = await fresh({ credentials: async () => ({ accessKeyId: 'AKIA' }) as Credentials })
    expect(await failure(malformed.put('a/k', bytesOf('x')))).toMatchObject({ slug: 'internal', message: expect.stringMatching(/^s3:PutObject /) })
  })

  test('puts of 5 MB, one after the other, share one connection', async () => {
    const blobs = await fresh()
    const before = aws.connections()
    for (const n of [1, 2, 3]) await blobs.put(`a/big${n}`, new Uint8Array(5_000_000))
    expect(aws.connections() - before).toBe(1)
  })
})

describe('gets', () => {
  test('a body that is cut off is unavailable, whole and by range', async () => {
    const blobs = await fresh()
    for (const range of [undefined, { offset: 2, length: 6 }]) {
      aws.provoke({ operation: 'GetObject', kind: 'cut-body', bytes: 3 })
      expect((await failure(blobs.get('a/ten', range))).slug).toBe('unavailable')
    }
    expect(await blobs.get('a/ten')).toEqual(bytesOf('0123456789'))
  })

  test('a body that stops coming is unavailable when the silence is too long', async () => {
    const blobs = await fresh({ silenceTimeoutMs: 150 })
    aws.provoke({ operation: 'GetObject', kind: 'stall-body', bytes: 3 })
    expect((await failure(blobs.get('a/ten'))).slug).toBe('unavailable')
  })

  test('a whole object whose bytes are not those that were put is unavailable', async () => {
    const blobs = await fresh()
    aws.provoke({ operation: 'GetObject', kind: 'damage-body' })
    expect(await failure(blobs.get('a/ten'))).toMatchObject({ slug: 'unavailable', message: expect.stringContaining('SHA-256') })
  })

  test('an object that was put without a checksum is read all the same', async () => {
    const blobs = await fresh()
    aws.provoke({ operation: 'GetObject', kind: 'answer-headers', headers: { 'x-amz-checksum-sha256': null } })
    expect(await blobs.get('a/ten')).toEqual(bytesOf('0123456789'))
  })

  test('another range than the one asked for is unavailable, also of the same length', async () => {
    const blobs = await fresh()
    for (const headers of [{ 'content-range': 'bytes 3-6/10' }, { 'content-range': null }]) {
      aws.provoke({ operation: 'GetObject', kind: 'answer-headers', headers })
      expect((await failure(blobs.get('a/ten', { offset: 2, length: 4 }))).slug).toBe('unavailable')
    }
  })

  test('an empty range asks whether the object is there, and reaches to its end', async () => {
    const blobs = await fresh()
    expect(await blobs.get('a/ten', { offset: 10, length: 0 })).toEqual(new Uint8Array(0))
    expect((await failure(blobs.get('a/ten', { offset: 11, length: 0 }))).slug).toBe('unavailable')
    expect((await failure(blobs.get('a/none', { offset: 0, length: 0 }))).slug).toBe('not_found')
  })

  test.for([{ offset: -1, length: 2 }, { offset: 0, length: 1.5 }, { offset: Number.NaN, length: 1 }])('the range %j is a bug of the caller', async (range) => {
    const blobs = await fresh()
    expect((await failure(blobs.get('a/ten', range))).slug).toBe('internal')
  })

  test.for([
    [503, 'SlowDown', 'unavailable'], [403, 'AccessDenied', 'unavailable'], [404, 'NoSuchBucket', 'internal'], [404, 'NoSuchKey', 'not_found'],
  ] as const)('%i %s is %s', async ([status, code, slug]) => {
    const blobs = await fresh()
    aws.provoke({ operation: 'GetObject', kind: 'refuse', status, code })
    expect((await failure(blobs.get('a/ten'))).slug).toBe(slug)
  })

  test('a role that may not list is told 403 of a missing object: not found, if it says so of itself', async () => {
    const bucket = await aws.createBucket()
    for (const [deniedIsMissing, slug] of [[true, 'not_found'], [false, 'unavailable']] as const) {
      const blobs = createBlobs({ bucket, client: aws.s3, deniedIsMissing })
      for (const operation of ['GetObject', 'HeadObject']) aws.provoke({ operation, kind: 'refuse', status: 403, code: 'AccessDenied' })
      expect(await failure(blobs.get('a/none'))).toMatchObject({ slug, message: expect.stringContaining('s3:GetObject') })
      expect((await failure(blobs.get('a/none', { offset: 0, length: 0 }))).slug).toBe(slug)
      // Credentials that are not valid say nothing of the object.
      aws.provoke({ operation: 'GetObject', kind: 'refuse', status: 403, code: 'InvalidAccessKeyId' })
      expect(await failure(blobs.get('a/none'))).toMatchObject({ slug: 'unavailable', message: expect.stringContaining('credentials that are not valid') })
    }
  })

  test('bytes are a plain array of their own memory', async () => {
    const blobs = await fresh()
    const bytes = await blobs.get('a/ten')
    expect(Buffer.isBuffer(bytes)).toBe(false)
    expect(bytes.buffer.byteLength).toBe(10)
  })
})

describe('listings and deletes', () => {
  test('a page that S3 cuts short is filled up, so that a short one is the last', async () => {
    const blobs = await fresh()
    for (const key of ['a/1', 'a/2', 'a/3', 'a/4']) await blobs.put(key, bytesOf(key))
    aws.provoke({ operation: 'ListObjectsV2', kind: 'short-page', keys: 1 })
    aws.provoke({ operation: 'ListObjectsV2', kind: 'short-page', keys: 2 })
    expect((await blobs.list('a/', 'a/1')).map(({ key }) => key)).toEqual(['a/2', 'a/3', 'a/4', 'a/ten'])
    aws.provoke({ operation: 'ListObjectsV2', kind: 'short-page', keys: 0, times: 1 })
    expect(await blobs.list('a/')).toHaveLength(5)
  })

  test('failures of an empty range, whose answers have no body, are told by their status', async () => {
    const blobs = await fresh()
    for (const [status, slug] of [[503, 'unavailable'], [403, 'unavailable'], [400, 'internal']] as const) {
      aws.provoke({ operation: 'HeadObject', kind: 'refuse', status, code: 'AsGood' })
      expect(await failure(blobs.get('a/ten', { offset: 0, length: 0 }))).toMatchObject({ slug, message: expect.stringMatching(/^s3:GetObject /) })
    }
  })

  test('a failed page fails the listing, and a refused delete the delete', async () => {
    const blobs = await fresh()
    aws.provoke({ operation: 'ListObjectsV2', kind: 'refuse', status: 503, code: 'SlowDown' })
    expect(await failure(blobs.list('a/'))).toMatchObject({ slug: 'unavailable', message: expect.stringContaining('s3:ListBucket') })
    aws.provoke({ operation: 'DeleteObject', kind: 'refuse', status: 403, code: 'AccessDenied' })
    expect(await failure(blobs.delete('a/ten'))).toMatchObject({ slug: 'unavailable', message: 's3:DeleteObject is not granted to this function' })
  })

  test('a prefix that is none of ours is refused before any request', async () => {
    const blobs = await fresh()
    const before = aws.requests.get('ListObjectsV2') ?? 0
    for (const [prefix, after] of [['/a', ''], ['a b', ''], ['a', '\0']] as const) expect((await failure(blobs.list(prefix, after))).slug).toBe('internal')
    expect(aws.requests.get('ListObjectsV2') ?? 0).toBe(before)
  })
})

describe('loaded on first use', () => {
  test('nothing is loaded before the first call, and then once', async () => {
    const inside = await fresh()
    let loads = 0
    const blobs = lazyBlobs(async () => { loads += 1; return inside })
    expect(loads).toBe(0)
    await Promise.all([blobs.get('a/ten'), blobs.put('a/k', bytesOf('x')), blobs.list('a/'), blobs.delete('a/none')])
    expect(await blobs.get('a/ten', { offset: 1, length: 2 })).toEqual(bytesOf('12'))
    expect((await blobs.list('a/', 'a/k')).map(({ key }) => key)).toEqual(['a/ten'])
    expect(loads).toBe(1)
  })

  test('a load that failed is tried again by the next call', async () => {
    const inside = await fresh()
    const loads = [() => Promise.reject(new Error('no such module')), () => Promise.resolve(inside)]
    const blobs = lazyBlobs(() => loads.shift()?.() ?? Promise.reject(new Error('loaded too often')))
    await expect(blobs.get('a/ten')).rejects.toThrow('no such module')
    expect(await blobs.get('a/ten')).toEqual(bytesOf('0123456789'))
  })
})
