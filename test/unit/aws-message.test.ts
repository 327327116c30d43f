// The text of a message in SQS: every envelope comes back, and nothing that is not ours gets in.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeMessage, encodeMessage } from '../../lib/aws/message.ts'
import type { OrgId } from '../../lib/model/stream.ts'

const RUNS = Number(process.env['NILOMETER_RUNS'] ?? 1)
const CROCKFORD = [...'0123456789ABCDEFGHJKMNPQRSTVWXYZ']

const org = fc.stringMatching(/^[a-z0-9][a-z0-9_-]{0,63}$/) as fc.Arbitrary<OrgId>
const ulid = fc.array(fc.constantFrom(...CROCKFORD), { minLength: 26, maxLength: 26 }).map((digits) => digits.join(''))
const bid = fc.tuple(ulid, fc.option(fc.integer({ min: 1, max: 1_000 }))).map(([id, replay]) => (replay === null ? id : `${id}~${replay}`))
const bytes = fc.uint8Array({ maxLength: 300 })

test('every message comes back as it was, with the count of its deliveries', () => {
  fc.assert(fc.property(org, bid, bytes, fc.nat(10), (o, b, body, receives) => {
    const text = encodeMessage({ org: o, bid: b, bytes: body })
    expect(decodeMessage(text, receives)).toEqual({ org: o, bid: b, bytes: body, receives })
    // Printable ASCII on one line: SQS takes it, and its bytes are its characters.
    expect(text).toMatch(/^[\x20-\x7e]+$/)
  }), { numRuns: 300 * RUNS })
})

test('views of a larger buffer are encoded alone', () => {
  const pool = Buffer.from('..hello..')
  const text = encodeMessage({ org: 'acme' as OrgId, bid: '01JD0000000000000000000000', bytes: pool.subarray(2, 7) })
  expect(text).toBe(`n1 acme 01JD0000000000000000000000 ${Buffer.from('hello').toString('base64')}`)
})

test('decoded bytes are a plain array, whose slices are copies', () => {
  const { bytes: got } = decodeMessage('n1 acme 01JD0000000000000000000000 aGVsbG8=', 1)
  got.slice(0, 1).fill(0)
  expect(Buffer.from(got).toString()).toBe('hello')
  expect(Buffer.isBuffer(got)).toBe(false)
})

test.for([
  '', 'n1', 'hello', '{"n1":1}', 'n2 acme 01JD0000000000000000000000 aGVsbG8=', 'n1 Acme 01JD0000000000000000000000 aGVsbG8=',
  'n1 acme 01JD0000000000000000000000 aGVsbG8', 'n1 acme 01JD0000000000000000000000 aGVsb', 'n1 acme 01JD0000000000000000000000 aGVsbG9=',
  'n1 ../up 01JD0000000000000000000000 aGVsbG8=', 'n1 acme 01JD aGVsbG8=', 'n1 acme 01jd0000000000000000000000 aGVsbG8=',
  'n1 acme 01JD0000000000000000000000~0 aGVsbG8=', 'n1 acme 01JD0000000000000000000000 aGVs bG8=', 'n1 acme 01JD0000000000000000000000 aGVsbG8=\n',
  'n1 acme 01JD0000000000000000000000 aGVsbG8===', ' n1 acme 01JD0000000000000000000000 aGVsbG8=', 'n1 acme 01JD0000000000000000000000',
])('the text %j is not one of ours', (text) => {
  expect(() => decodeMessage(text, 1)).toThrow(expect.objectContaining({ slug: 'malformed' }))
})

test('any text is decoded or refused as malformed, and what is decoded encodes to itself', () => {
  const line = fc.tuple(org, bid, fc.base64String()).map(([o, b, body]) => `n1 ${o} ${b} ${body}`)
  fc.assert(fc.property(fc.oneof(fc.string(), line), (text) => {
    try {
      expect(encodeMessage(decodeMessage(text, 1))).toBe(text)
    } catch (error) {
      expect(error).toMatchObject({ slug: 'malformed' })
    }
  }), { numRuns: 300 * RUNS })
})
