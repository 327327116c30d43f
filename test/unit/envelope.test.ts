// The envelope: what goes in comes out, version 1 stays readable for ever, and nothing else is read.
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeEnvelope, encodeEnvelope } from '../../lib/engine/ingest/envelope.ts'
import type { EnvelopeHeader } from '../../lib/engine/ingest/envelope.ts'
import { CODINGS } from '../../lib/engine/ingest/inflate.ts'
import { EngineError } from '../../lib/model/errors.ts'
import type { OrgId } from '../../lib/model/stream.ts'

const RUNS = Number(process.env['NILOMETER_RUNS'] ?? 1)
const BID = '01KF0V2Z0G0000000000000001'

const header: EnvelopeHeader = {
  v: 1, bid: BID, org: 'o1' as OrgId, acceptedAt: 1_768_478_400_000_000, sentAt: 1_768_478_400_000_001, coding: 'gzip',
  context: {
    route: 'json', format: 'json', stream: 'app', acceptedAt: 1_768_478_400_000_000, oldest: -5, newest: 9,
    flattenLevels: 3, recordsMax: 10, recordBytesMax: 11, recordFieldsMax: 12, keyBytesMax: 13, depthMax: 14,
    requestStreamsMax: 15, requestPartitionsMax: 16,
  },
  rejected: [1, 4], records: 6, rawBytes: 100, bodyBytes: 3, spill: null, replay: 0,
}

function slugOf(call: () => unknown): string {
  try {
    call()
  } catch (error) {
    if (error instanceof EngineError) return error.slug
    throw error
  }
  return 'none'
}

const ordinals = fc.uniqueArray(fc.nat(4_999), { maxLength: 1_000 }).map((a) => a.sort((x, y) => x - y))

test('header and body come out as they went in', () => {
  const any = fc.record({ rejected: ordinals, body: fc.uint8Array(), coding: fc.constantFrom(...CODINGS), stream: fc.option(fc.string({ minLength: 1 })) })
  fc.assert(fc.property(any, ({ rejected, body, coding, stream }) => {
    const full: EnvelopeHeader = { ...header, rejected, coding, records: 5_000, bodyBytes: body.length, context: { ...header.context, stream } }
    const out = decodeEnvelope(encodeEnvelope(full, body))
    expect(out.header).toEqual(full)
    expect(Buffer.from(out.body).equals(body)).toBe(true)
  }), { numRuns: 100 * RUNS })
})

test('a spilled body leaves a pointer, of its own organisation only', () => {
  const sha256 = createHash('sha256').update('x').digest('hex')
  const spilled = (key: string): EnvelopeHeader => ({ ...header, spill: { key, bytes: 3, sha256 } })
  const none = new Uint8Array(0)
  expect(decodeEnvelope(encodeEnvelope(spilled(`wal/o1/${BID}`), none)).header.spill?.key).toBe(`wal/o1/${BID}`)
  for (const key of [`wal/o2/${BID}`, `wal/o1/../o2/${BID}`, `fresh/o1/${BID}.pack`]) {
    expect(slugOf(() => decodeEnvelope(encodeEnvelope(spilled(key), none)))).toBe('malformed')
  }
  expect(slugOf(() => decodeEnvelope(encodeEnvelope(spilled(`wal/o1/${BID}`), Uint8Array.of(1))))).toBe('malformed')
})

test('100,000 rejected records fit a message', () => {
  const rejected = Array.from({ length: 100_000 }, (_, i) => i)
  const bytes = encodeEnvelope({ ...header, rejected, records: 100_000, bodyBytes: 0 }, new Uint8Array(0))
  expect(bytes.length).toBeLessThan(20_000)
  expect(decodeEnvelope(bytes).header.rejected).toEqual(rejected)
})

test('version 1 as it was first written is read', () => {
  // The bytes of docs/envelope.md: a change that breaks this line loses what lies in queues.
  const json = JSON.stringify(header)
  const bytes = Buffer.concat([Buffer.from('NLE\x01'), Buffer.from([json.length & 0xff, json.length >> 8, 0, 0]), Buffer.from(json), Buffer.from('abc')])
  const out = decodeEnvelope(bytes)
  expect(out.header).toEqual(header)
  expect(Buffer.from(out.body).toString()).toBe('abc')
  expect(Buffer.from(encodeEnvelope(header, Buffer.from('abc'))).equals(bytes)).toBe(true)
})

test('whatever else comes is malformed, never another error', () => {
  const good = encodeEnvelope(header, Uint8Array.of(1, 2, 3))
  for (let n = 0; n < good.length; n++) expect(slugOf(() => decodeEnvelope(good.subarray(0, n)))).toBe('malformed')
  expect(slugOf(() => decodeEnvelope(Buffer.concat([good, Buffer.from('x')])))).toBe('malformed')
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (b) => slugOf(() => decodeEnvelope(b)) === 'malformed'), { numRuns: 100 * RUNS })
  fc.assert(fc.property(fc.nat(good.length - 1), fc.nat(255), (at, byte) => {
    const bent = good.slice()
    bent[at] = byte
    return ['none', 'malformed'].includes(slugOf(() => decodeEnvelope(bent)))
  }), { numRuns: 400 * RUNS })
})

test('a header with a wrong member is malformed and says which', () => {
  const wrong: Record<string, unknown> = {
    v: 2, bid: 7, org: '../x', acceptedAt: 1.5, sentAt: null, coding: 'lzma', context: null, rejected: [4, 1], records: -1,
    rawBytes: '1', bodyBytes: 4, spill: {}, replay: -1,
  }
  for (const [name, value] of Object.entries(wrong)) {
    const bent = { ...header, [name]: value } as unknown as EnvelopeHeader
    expect(slugOf(() => decodeEnvelope(encodeEnvelope(bent, Uint8Array.of(1, 2, 3)))), name).toBe('malformed')
  }
  expect(slugOf(() => decodeEnvelope(encodeEnvelope({ ...header, rejected: [6] }, Uint8Array.of(1, 2, 3))))).toBe('malformed')
})
