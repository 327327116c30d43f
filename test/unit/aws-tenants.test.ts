// The second wall: an organisation's rows are read with a session of its own, which reads no other's.
import { Sha256 } from '@smithy/core/checksum'
import { SignatureV4 } from '@smithy/signature-v4'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { assumeRole } from '../../lib/aws/assume-role.ts'
import { createBlobs, s3Client } from '../../lib/aws/blobs.ts'
import { signPost } from '../../lib/aws/sign-post.ts'
import { tenantBlobs } from '../../lib/aws/tenant-blobs.ts'
import type { Blobs } from '../../lib/engine/ports.ts'
import type { EngineError } from '../../lib/model/errors.ts'
import { startEmulator } from '../support/aws-emulator.ts'
import type { AwsEmulator } from '../support/aws-emulator.ts'

const RUNS = Number(process.env['NILOMETER_RUNS'] ?? 1)
const ROLE = 'arn:aws:iam::000000000000:role/tenant'

let aws: AwsEmulator
beforeAll(async () => { aws = await startEmulator() })
afterAll(() => aws.close())

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)
const failure = (request: Promise<unknown>): Promise<EngineError> => request.then(() => { throw new Error('it did not fail') }, (error: EngineError) => error)
const assumed = (): number => aws.requests.get('AssumeRole') ?? 0
const keyOf = (operation: string): string => /Credential=([^/]+)\//.exec(String(aws.last(operation)?.headers['authorization']))?.[1] ?? ''

async function fresh(): Promise<{ readonly own: Blobs; readonly blobs: Blobs }> {
  const bucket = await aws.createBucket()
  const { endpoint, region, credentials } = aws
  const client = s3Client({ endpoint, region, credentials, forcePathStyle: true })
  const own = createBlobs({ bucket, client })
  for (const key of ['fresh/acme/A.pack', 'data/org=acme/f', 'fresh/acme2/B.pack', 'data/org=acme2/f', 'answers/x']) await own.put(key, bytesOf(key))
  return { own, blobs: tenantBlobs(own, { bucket, client, roleArn: ROLE, s3: { endpoint, forcePathStyle: true }, stsEndpoint: endpoint }) }
}

describe('tenants', () => {
  test('rows are read with the session of their organisation, whatever else is read between', async () => {
    const { blobs } = await fresh()
    for (const key of ['fresh/acme/A.pack', 'data/org=acme2/f', 'data/org=acme/f', 'fresh/acme2/B.pack', 'answers/x']) {
      expect(await blobs.get(key)).toEqual(bytesOf(key))
      expect(keyOf('GetObject').startsWith('ASIA')).toBe(!key.startsWith('answers/'))
    }
    expect(keyOf('GetObject')).toBe(aws.credentials.accessKeyId)
    expect(await blobs.get('fresh/acme/A.pack', { offset: 0, length: 5 })).toEqual(bytesOf('fresh'))
    expect(keyOf('GetObject')).toMatch(/^ASIA/)
    expect(aws.last('GetObject')?.headers['x-amz-security-token']).toMatch(/./)
  })

  test('a session is asked for once an organisation, also by many readers at once', async () => {
    const { blobs } = await fresh()
    const before = assumed()
    await Promise.all(Array.from({ length: 20 }, (_, i) => blobs.get(i % 2 ? 'fresh/acme/A.pack' : 'data/org=acme/f')))
    await blobs.get('fresh/acme/A.pack')
    expect(assumed() - before).toBe(1)
    await blobs.get('fresh/acme2/B.pack')
    expect(assumed() - before).toBe(2)
    expect(new URLSearchParams(aws.last('AssumeRole')?.body.toString())).toEqual(new URLSearchParams({
      Action: 'AssumeRole', Version: '2011-06-15', RoleArn: ROLE, RoleSessionName: 'org=acme2', DurationSeconds: '3600',
      'Tags.member.1.Key': 'org', 'Tags.member.1.Value': 'acme2',
    }))
  })

  test('the session of one organisation reads nothing of another, and writes nothing', async () => {
    const bucket = await aws.createBucket()
    const { endpoint, region, credentials } = aws
    const session = await assumeRole({ roleArn: ROLE, sessionName: 'org=acme', tags: { org: 'acme' }, region, endpoint, credentials: async () => credentials })
    const blobs = createBlobs({ bucket, client: s3Client({ endpoint, region, credentials: session, forcePathStyle: true }) })
    await createBlobs({ bucket, client: aws.s3 }).put('fresh/acme/own', bytesOf('own'))
    expect(await blobs.get('fresh/acme/own')).toEqual(bytesOf('own'))
    for (const key of ['fresh/acme2/x', 'data/org=acme2/x', 'answers/x', 'fresh/x']) expect((await failure(blobs.get(key))).slug).toBe('unavailable')
    expect((await failure(blobs.put('fresh/acme/x', bytesOf('x')))).slug).toBe('unavailable')
    expect((await failure(blobs.delete('fresh/acme/x'))).slug).toBe('unavailable')
    expect((await failure(blobs.list('fresh/acme/'))).slug).toBe('unavailable')
  })

  test('a missing object is not found, though S3 says only that it is denied', async () => {
    const { blobs } = await fresh()
    expect((await failure(blobs.get('fresh/acme/none'))).slug).toBe('not_found')
    expect((await failure(blobs.get('data/org=acme/none', { offset: 0, length: 0 }))).slug).toBe('not_found')
  })

  test('a session that is about to expire is replaced before the next read', async () => {
    const { blobs } = await fresh()
    const before = assumed()
    const soon = new Date(Date.now() + 240_000).toISOString()
    aws.provoke({ operation: 'AssumeRole', kind: 'edit-answer', replace: [/<Expiration>[^<]+/, `<Expiration>${soon}`] })
    await blobs.get('fresh/acme/A.pack')
    await blobs.get('fresh/acme/A.pack')
    expect(assumed() - before).toBe(2)
    await blobs.get('fresh/acme/A.pack')
    expect(assumed() - before).toBe(2)
  })

  test('organisations beyond a hundred push out the one unused longest', async () => {
    const { own, blobs } = await fresh()
    const orgs = Array.from({ length: 100 }, (_, i) => `org${i}`)
    for (const org of orgs) await own.put(`fresh/${org}/x`, bytesOf(org))
    await blobs.get('fresh/acme/A.pack')
    for (const org of orgs.slice(0, 99)) await blobs.get(`fresh/${org}/x`)
    const before = assumed()
    await blobs.get('fresh/acme/A.pack')
    expect(assumed() - before).toBe(0)
    await blobs.get('fresh/org99/x')
    await blobs.get('fresh/acme/A.pack')
    expect(assumed() - before).toBe(1)
    await blobs.get('fresh/org0/x')
    expect(assumed() - before).toBe(2)
  })

  test('puts, listings and deletes stay with the own role', async () => {
    const { blobs } = await fresh()
    const before = assumed()
    expect(await blobs.put('answers/y', bytesOf('y'))).toBe('created')
    expect((await blobs.list('answers/', 'answers/x')).map(({ key }) => key)).toEqual(['answers/y'])
    await blobs.delete('answers/y')
    expect(assumed()).toBe(before)
  })

  test.for([
    [403, 'AccessDenied', 'unavailable'], [400, 'Throttling', 'limited'], [503, 'ServiceUnavailable', 'unavailable'], [403, 'ExpiredToken', 'unavailable'],
  ] as const)('STS\' %i %s is %s for who reads, and the next read asks again', async ([status, code, slug]) => {
    const { blobs } = await fresh()
    aws.provoke({ operation: 'AssumeRole', kind: 'refuse', status, code })
    expect(await failure(blobs.get('fresh/acme/A.pack'))).toMatchObject({ slug, message: expect.stringMatching(/^sts:AssumeRole /) })
    expect(await blobs.get('fresh/acme/A.pack')).toEqual(bytesOf('fresh/acme/A.pack'))
  })

  test('an answer of STS that is cut off, incomplete or missing is unavailable, and no part of it is told', async () => {
    const { blobs } = await fresh()
    aws.provoke({ operation: 'AssumeRole', kind: 'cut-body', bytes: 100 })
    aws.provoke({ operation: 'AssumeRole', kind: 'edit-answer', replace: [/<SessionToken>.*<\/SessionToken>/, ''] })
    aws.provoke({ operation: 'AssumeRole', kind: 'hang-up' })
    for (let i = 0; i < 3; i += 1) {
      const error = await failure(blobs.get('fresh/acme/A.pack'))
      expect(error.slug).toBe('unavailable')
      expect(`${error.message} ${String(error.cause)}`).not.toMatch(/ASIA/)
    }
  })
})

describe('signatures', () => {
  /** AWS's own test suite of Signature Version 4: post-x-www-form-urlencoded */
  test('the example of AWS is signed as AWS does', () => {
    const { authorization } = signPost({
      host: 'example.amazonaws.com', contentType: 'application/x-www-form-urlencoded', body: 'Param1=value1', service: 'service', region: 'us-east-1',
      at: new Date('2015-08-30T12:36:00Z'), credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' },
    })
    expect(authorization).toBe('AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, '
      + 'SignedHeaders=content-type;host;x-amz-date, Signature=ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a')
  })

  test('every request is signed as the SDK would sign it, with and without a session', async () => {
    const text = fc.string({ minLength: 1, maxLength: 40 })
    await fc.assert(fc.asyncProperty(text, text, fc.option(fc.base64String({ minLength: 8 })), fc.date({ min: new Date(0), max: new Date(4e12), noInvalidDate: true }), async (body, secretAccessKey, token, at) => {
      const credentials = { accessKeyId: 'AKID', secretAccessKey, ...(token === null ? {} : { sessionToken: token }) }
      const host = 'sts.eu-west-1.amazonaws.com'
      const contentType = 'application/x-www-form-urlencoded'
      const signer = new SignatureV4({ credentials, region: 'eu-west-1', service: 'sts', sha256: Sha256, applyChecksum: false })
      const request = { method: 'POST', protocol: 'https:', hostname: host, path: '/', query: {}, headers: { host, 'content-type': contentType }, body }
      const expected = await signer.sign(request, { signingDate: at })
      const got = signPost({ host, contentType, body, service: 'sts', region: 'eu-west-1', at, credentials })
      expect(got['authorization']).toBe(expected.headers['authorization'])
    }), { numRuns: 60 * RUNS })
  })
})
