// The small reader of S3 against the adapter on the SDK: the same bytes, and failures that mean the same.
import { Sha256 } from '@smithy/core/checksum'
import { SignatureV4 } from '@smithy/signature-v4'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createBlobs } from '../../lib/aws/blobs.ts'
import { createLeanBlobs } from '../../lib/aws/lean-blobs.ts'
import { signGet } from '../../lib/aws/sign-post.ts'
import type { Blobs, ByteRange } from '../../lib/engine/ports.ts'
import { EngineError } from '../../lib/model/errors.ts'
import { startEmulator, type AwsEmulator } from '../support/aws-emulator.ts'

let aws: AwsEmulator
let full: Blobs
let lean: Pick<Blobs, 'get'>
const BYTES = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 131) & 255)
const KEYS = ['fresh/acme/01ARZ3NDEKTSV4RRFFQ69G5FAV.pack', 'data/org=acme/type=logs/stream=caf%C3%A9%2F1/date=2026-01-01/a.1.b.parquet', 'answers/acme/x'] as const

beforeAll(async () => {
  aws = await startEmulator()
  const bucket = await aws.createBucket()
  const { endpoint, region, credentials } = aws
  full = createBlobs({ bucket, client: aws.s3, deniedIsMissing: true })
  lean = createLeanBlobs({ bucket, endpoint, region, credentials })
  for (const key of KEYS) await full.put(key, BYTES)
})
afterAll(() => aws.close())

const outcome = async (blobs: Pick<Blobs, 'get'>, key: string, range?: ByteRange): Promise<unknown> => {
  try {
    return Buffer.from(await blobs.get(key, range)).toString('base64')
  } catch (error) {
    const { slug, message, detail } = error as EngineError
    // Of an answer that is not S3's the SDK names its own parser's complaint.
    return { slug, message: message.replace(/\((?:SyntaxError|Error)\)/, ''), after: detail.retryAfterSeconds }
  }
}
const same = async (key: string, range?: ByteRange): Promise<unknown> => {
  const ours = await outcome(lean, key, range)
  expect(ours).toEqual(await outcome(full, key, range))
  return ours
}

test('every object and every range is the same, byte for byte', async () => {
  for (const key of KEYS) expect(await same(key)).toBe(Buffer.from(BYTES).toString('base64'))
  const range = fc.record({ offset: fc.nat(310_000), length: fc.integer({ min: 1, max: 310_000 }) })
  await fc.assert(fc.asyncProperty(fc.constantFrom(...KEYS), range, async (key, r) => void await same(key, r)), { numRuns: 40 * Number(process.env['NILOMETER_RUNS'] ?? 1) })
})

test('what is missing or ends too soon is told the same', async () => {
  expect(await same('fresh/acme/none')).toMatchObject({ slug: 'not_found' })
  expect(await same('fresh/acme/none', { offset: 0, length: 5 })).toMatchObject({ slug: 'not_found' })
  expect(await same(KEYS[0], { offset: 299_999, length: 2 })).toMatchObject({ slug: 'unavailable' })
  expect(await same(KEYS[0], { offset: 300_000, length: 1 })).toMatchObject({ slug: 'unavailable' })
})

describe.each([undefined, { offset: 10, length: 100 }])('of a get of %j', (range) => {
  test.each([
    [503, 'SlowDown'], [500, 'InternalError'], [403, 'AccessDenied'], [403, 'SignatureDoesNotMatch'], [400, 'ExpiredToken'], [403, 'RequestTimeTooSkewed'], [404, 'NoSuchBucket'], [429, 'TooManyRequests'],
  ])('%i %s means the same', async (status, code) => {
    for (let i = 0; i < 2; i++) aws.provoke({ operation: 'GetObject', kind: 'refuse', status, code })
    await same(KEYS[0], range)
  })

  test('a closed connection and half a body mean the same', async () => {
    for (let i = 0; i < 2; i++) aws.provoke({ operation: 'GetObject', kind: 'hang-up' })
    expect(await same(KEYS[0], range)).toMatchObject({ slug: 'unavailable' })
    for (let i = 0; i < 2; i++) aws.provoke({ operation: 'GetObject', kind: 'cut-body', bytes: 50 })
    expect([await outcome(lean, KEYS[0], range), await outcome(full, KEYS[0], range)]).toMatchObject([{ slug: 'unavailable' }, { slug: 'unavailable' }])
  })
})

test('a whole object that came damaged is refused', async () => {
  aws.provoke({ operation: 'GetObject', kind: 'damage-body' })
  expect(await outcome(lean, KEYS[0])).toMatchObject({ slug: 'unavailable', message: expect.stringContaining('its SHA-256 differs') as string })
})

test('a get is signed as the SDK would sign it', async () => {
  const segment = fc.stringMatching(/^[A-Za-z0-9._=%~-]{1,20}$/)
  await fc.assert(fc.asyncProperty(fc.array(segment, { minLength: 1, maxLength: 4 }), fc.option(fc.base64String({ minLength: 8 })), fc.option(fc.nat(1e9)), async (segments, token, offset) => {
    const credentials = { accessKeyId: 'AKID', secretAccessKey: 'secret', ...(token === null ? {} : { sessionToken: token }) }
    const path = `/${segments.map(encodeURIComponent).join('/')}`
    const host = 'bucket.s3.eu-west-1.amazonaws.com'
    const headers = offset === null ? { 'x-amz-checksum-mode': 'ENABLED' } : { range: `bytes=${offset}-${offset + 5}` }
    const at = new Date('2026-11-21T10:00:00Z')
    const ours = signGet({ host, path, headers, service: 's3', region: 'eu-west-1', at, credentials })
    const signer = new SignatureV4({ credentials, region: 'eu-west-1', service: 's3', sha256: Sha256, uriEscapePath: false, applyChecksum: false })
    const hash = { 'x-amz-content-sha256': ours['x-amz-content-sha256']! }
    const expected = await signer.sign({ method: 'GET', protocol: 'https:', hostname: host, path, query: {}, headers: { host, ...headers, ...hash } }, { signingDate: at })
    expect(ours['authorization']).toBe(expected.headers['authorization'])
  }), { numRuns: 60 * Number(process.env['NILOMETER_RUNS'] ?? 1) })
})
