// Items of DynamoDB: whatever is encoded is decoded to itself, and whatever else stands in an item is an
// error that names it, never another value's silence.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { AttributeValue } from '@aws-sdk/client-dynamodb'
import type { Item } from '../../lib/aws/attributes.ts'
import { decodeEntry, decodeHolder, encodeClaim, encodeEntry, encodeSweptSlot } from '../../lib/aws/catalog-items.ts'
import {
  decodeDocument, decodeRemembered, decodeSchema, decodeStream, encodeDocument, encodeRemembered, encodeSchema, encodeStream,
} from '../../lib/aws/catalog-values.ts'
import { itemBytes, writeUnits } from '../../lib/aws/item-size.ts'
import { ulidBytes, ulidText } from '../../lib/aws/slice-table.ts'
import { encodeSegment, fileKey, packKey } from '../../lib/engine/store/layout.ts'
import type { Entry, Slice } from '../../lib/model/file.ts'
import { FIELD_TYPES } from '../../lib/model/schema.ts'
import type { Fields } from '../../lib/model/schema.ts'
import { STREAM_TYPES } from '../../lib/model/stream.ts'
import type { OrgId, StreamItem, StreamSettings } from '../../lib/model/stream.ts'
import { dayOfNumber } from '../../lib/model/time.ts'
import { packEntry } from '../contract/catalog.suite.ts'

const RUNS = 150 * Number(process.env['NILOMETER_RUNS'] ?? 1)
const check = (property: fc.IProperty<unknown>, numRuns = RUNS): void => fc.assert(property, { numRuns })
/** JSON values are dear to make */
const FEW = Math.ceil(RUNS / 3)

const org = fc.stringMatching(/^[a-z0-9][a-z0-9_-]{0,63}$/).map((text) => text as OrgId)
const ulid = fc.stringMatching(/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/)
const hex = (digits: number): fc.Arbitrary<string> => fc.stringMatching(new RegExp(`^[0-9a-f]{${digits}}$`))
const whole = (bits: number): fc.Arbitrary<number> => fc.oneof(fc.constantFrom(0, 2 ** bits - 1), fc.maxSafeInteger().map((n) => Math.abs(n) % 2 ** bits))
const time = fc.oneof(fc.constantFrom(0, -1, 2 ** 53 - 1, -(2 ** 53 - 1)), fc.maxSafeInteger())
const slice: fc.Arbitrary<Omit<Slice, 'index'>> = fc.record({
  streamId: hex(16), inc: whole(32), day: fc.integer({ min: -719_528, max: 2_932_896 }).map(dayOfNumber), minTs: time, maxTs: time,
  rows: whole(32), rawBytes: whole(40), offset: whole(48), length: whole(32),
})
const replaces = fc.array(fc.record({
  fid: ulid, indexes: fc.uniqueArray(fc.integer({ min: 0, max: 600 }), { minLength: 1, maxLength: 20 }).map((list) => list.sort((a, b) => a - b)),
}), { maxLength: 5 })
const rest = { state: fc.constantFrom('live' as const, 'replaced' as const), bytes: fc.maxSafeInteger().map(Math.abs), hash: hex(64), replaces }
const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 }).filter((text) => !text.includes('#'))

/** an entry, its key of the layout's shape or any other */
const entry: fc.Arbitrary<readonly [OrgId, Entry]> = fc.tuple(
  org, ulid, fc.option(fc.tuple(fc.constantFrom(...STREAM_TYPES), name)), fc.array(slice, { minLength: 1, maxLength: 20 }), fc.record(rest), fc.option(fc.string()),
).map(([owner, fid, stream, slices, more, otherKey]) => {
  const all = slices.slice(0, stream === null ? 20 : 1).map((one, index) => ({ index, ...one }))
  const { day, streamId, inc } = all[0]!
  const key = stream === null ? packKey(owner, fid) : fileKey({ org: owner, type: stream[0], stream: stream[1], day, streamId, inc, fid })
  return [owner, { list: stream === null ? 'fresh' : 'stream', fid, key: otherKey ?? key, slices: all, ...more }]
})

test('an entry is decoded as it was encoded', () => {
  check(fc.property(entry, ([owner, one]) => {
    expect(decodeEntry(owner, encodeEntry(owner, one))).toEqual(one)
    expect(decodeHolder(owner, encodeEntry(owner, one))).toEqual({ kind: 'entry' })
  }))
})

test('an object key of the layout\'s shape costs its item the stream\'s name at most', () => {
  check(fc.property(org, ulid, slice, name, (owner, fid, one, stream) => {
    const key = fileKey({ org: owner, type: 'logs', stream, day: one.day, streamId: one.streamId, inc: one.inc, fid })
    const base = { fid, state: 'live', slices: [{ index: 0, ...one }], bytes: 1, hash: 'ab'.repeat(32), replaces: [] } as const
    expect(encodeEntry(owner, { ...base, list: 'stream', key })['m']).toEqual({ S: `type=logs/stream=${encodeSegment(stream)}` })
    expect(Object.keys(encodeEntry(owner, { ...base, list: 'fresh', key: packKey(owner, fid) })).sort()).toEqual(['h', 'n', 'pk', 'sk', 'st', 't'])
  }))
})

test('a ULID is 16 bytes and back, in the same order', () => {
  check(fc.property(ulid, ulid, (a, b) => {
    expect(ulidText(ulidBytes(a))).toBe(a)
    expect(Math.sign(Buffer.compare(ulidBytes(a), ulidBytes(b)))).toBe(a < b ? -1 : a > b ? 1 : 0)
  }))
})

test('a byte changed or cut is another entry of the same key or an error that names the item', () => {
  const part = fc.constantFrom('t', 'rp', 'h')
  check(fc.property(entry, part, fc.nat(), fc.integer({ min: 1, max: 255 }), fc.boolean(), ([owner, one], at, place, flip, cut) => {
    const item = encodeEntry(owner, one)
    const bytes = item[at]?.B
    if (bytes === undefined) return
    const changed = Buffer.from(cut ? bytes.subarray(0, place % bytes.length) : bytes)
    if (!cut) changed[place % changed.length]! ^= flip
    const damaged: Item = { ...item, [at]: { B: changed } }
    try {
      const read = decodeEntry(owner, damaged)
      // What still reads is what these bytes say, no less and no more.
      expect(read).not.toEqual(one)
      expect(encodeEntry(owner, read!)[at]).toEqual({ B: changed })
    } catch (error) {
      expect(error).toMatchObject({ slug: 'internal', message: expect.stringContaining(`${item['pk']!.S} / ${item['sk']!.S} is not readable`) })
    }
  }))
})

test('an attribute that is missing or of another type is an error that names the item', () => {
  const strange = fc.constantFrom<AttributeValue | undefined>(undefined, { N: '1.5' }, { N: '-3' }, { S: 'x' }, { B: new Uint8Array(3) }, { BOOL: true }, { NULL: true })
  const request = { bid: 'B', bodyHash: 'h', acceptedAt: 1, expiresAt: 2 }
  const stream: StreamItem = { org: 'o' as OrgId, type: 'logs', name: 'a', id: 'x', inc: 1, history: [{ inc: 1, from: 0 }], settings: {}, state: 'live' }
  const cases: readonly (readonly [Item, (item: Item) => unknown, readonly string[]])[] = [
    [encodeEntry('o', packEntry('01KAJ2T5000000000000000001')), (item) => decodeEntry('o', item), ['st', 't', 'h', 'n']],
    [encodeClaim('o', 'B', '01KAJ2T5000000000000000001', 1), (item) => decodeHolder('o', item), ['f']],
    [encodeStream(stream), (item) => decodeStream('o' as OrgId, item), ['st', 'hs', 'j', 'inc']],
    [encodeSchema('o', 's', 1, { version: 1, fields: { a: 'int' } }), decodeSchema, ['v', 'j']],
    [encodeRemembered('o', 'k', request), decodeRemembered, ['at', 'ex']],
    [encodeDocument('o', 'k', { id: 'd', version: 1, value: [1] }), decodeDocument, ['v', 'j']],
  ]
  check(fc.property(fc.constantFrom(...cases), fc.nat(), strange, ([item, decode, names], place, value) => {
    const at = names[place % names.length]!
    const { [at]: own, ...without } = item
    if (JSON.stringify(own) === JSON.stringify(value)) return
    const damaged = value === undefined ? without : { ...without, [at]: value }
    expect(() => decode(damaged)).toThrow(`${item['pk']!.S} / ${item['sk']!.S} is not readable`)
  }))
})

test('a packed part of another version, and a bitmap longer than it need be, are errors', () => {
  const item = encodeEntry('o', { ...packEntry('01KAJ2T5000000000000000001'), replaces: [{ fid: '01KAJ2T5000000000000000002', indexes: [0, 9] }] })
  const [table, refs] = [Buffer.from(item['t']!.B!), Buffer.from(item['rp']!.B!)]
  const other = (bytes: Buffer): Buffer => Buffer.concat([Buffer.of(2), bytes.subarray(1)])
  expect(() => decodeEntry('o', { ...item, t: { B: other(table) } })).toThrow('version 2, not 1')
  expect(() => decodeEntry('o', { ...item, rp: { B: other(refs) } })).toThrow('version 2, not 1')
  const longer = Buffer.concat([refs.subarray(0, 17), Buffer.of(0, 3), refs.subarray(19), Buffer.of(0)])
  const empty = Buffer.concat([refs.subarray(0, 17), Buffer.of(0, 0)])
  for (const bytes of [longer, empty, refs.subarray(0, 18), refs.subarray(0, -1)]) expect(() => decodeEntry('o', { ...item, rp: { B: bytes } })).toThrow('are cut at byte 1')
})

test('an entry under another key than its own is an error', () => {
  const item = encodeEntry('o', { ...packEntry('01KAJ2T5000000000000000001'), list: 'stream' })
  for (const pk of ['L#o#ffffffffffffffff#1', 'L#o#00112233aabbccdd#2', 'L#p#00112233aabbccdd#1', 'F#p']) {
    expect(() => decodeEntry('o', { ...item, pk: { S: pk } })).toThrow('is not readable')
  }
  for (const sk of ['2026-11-20#01KAJ2T5000000000000000001', '01KAJ2T5000000000000000001', '2026-11-21#01KAJ2T500000000000000000I']) {
    expect(() => decodeEntry('o', { ...item, sk: { S: sk } })).toThrow('is not readable')
  }
})

test('streams, schemas, requests and documents are decoded as they were encoded', () => {
  const settings = fc.dictionary(fc.string(), fc.jsonValue()).map((value) => JSON.parse(JSON.stringify(value)) as StreamSettings)
  const history = fc.array(fc.record({ inc: fc.integer({ min: 1 }), from: time }), { maxLength: 5 })
  check(fc.property(org, fc.constantFrom(...STREAM_TYPES), name, fc.integer({ min: 1 }), history, settings, (owner, type, text, inc, steps, set) => {
    const stream: StreamItem = { org: owner, type, name: text, id: 'ab', inc, history: steps, settings: set, state: inc % 2 ? 'live' : 'deleted' }
    expect(decodeStream(owner, encodeStream(stream))).toEqual(stream)
  }), FEW)
  check(fc.property(fc.dictionary(fc.string(), fc.constantFrom(...FIELD_TYPES), { maxKeys: 60 }), fc.integer({ min: 1 }), (fields, version) => {
    const read = decodeSchema(encodeSchema('o', 's', 1, { version, fields: fields as Fields }))
    expect([read.version, Object.entries(read.fields)]).toEqual([version, Object.entries(fields)])
  }), FEW)
  check(fc.property(fc.string(), fc.string(), whole(53), whole(53), (bid, bodyHash, acceptedAt, expiresAt) => {
    const item = { bid, bodyHash, acceptedAt, expiresAt }
    expect(decodeRemembered(encodeRemembered('o', 'k', item))).toEqual(item)
    // DynamoDB removes by the second, and never before the instant.
    expect(Number(encodeRemembered('o', 'k', item)['exp']?.N) * 1e6).toBeGreaterThanOrEqual(expiresAt)
  }))
  check(fc.property(fc.string({ unit: 'binary' }), fc.jsonValue({ maxDepth: 4 }), fc.integer({ min: 1 }), (docId, value, version) => {
    const document = { id: docId, version, value: JSON.parse(JSON.stringify(value)) as unknown }
    expect(decodeDocument(encodeDocument('o', 'k', document))).toEqual(document)
  }), FEW)
})

test('a value above a kilobyte is compressed where that is smaller, and reads the same', () => {
  check(fc.property(fc.array(fc.constantFrom('the request was answered', 'not found', 'a'), { minLength: 100, maxLength: 400 }), (value) => {
    const item = encodeDocument('o', 'k', { id: 'd', version: 1, value })
    expect(Object.keys(item).sort()).toEqual(JSON.stringify(value).length > 768 ? ['pk', 'sk', 'v', 'z'] : ['j', 'pk', 'sk', 'v'])
    expect(decodeDocument(item).value).toEqual(value)
  }))
})

test('a pack of 16 slices, a file that replaces 40 packs and a claim are one kilobyte at most, under any organisation', () => {
  const owner = 'o'.repeat(64)
  const fid = `7${'Z'.repeat(25)}`
  const one: Slice = {
    index: 0, streamId: 'f'.repeat(16), inc: 2 ** 32 - 1, day: '2026-11-21', minTs: 2 ** 53 - 1, maxTs: 2 ** 53 - 1,
    rows: 2 ** 32 - 1, rawBytes: 2 ** 40 - 1, offset: 2 ** 48 - 1, length: 2 ** 32 - 1,
  }
  const base = { fid, state: 'live', bytes: 2 ** 53 - 1, hash: 'ff'.repeat(32), replaces: [] } as const
  const pack: Entry = { ...base, list: 'fresh', key: packKey(owner, fid), slices: Array.from({ length: 16 }, (_, index) => ({ ...one, index })) }
  const refs = Array.from({ length: 40 }, () => ({ fid, indexes: [0, 7] }))
  const file = (ref: number): Entry => ({
    ...base, list: 'stream', slices: [one], replaces: refs.slice(0, ref),
    key: fileKey({ org: 'acme', type: 'metrics', stream: 'http_requests_total', day: one.day, streamId: one.streamId, inc: one.inc, fid }),
  })
  expect(itemBytes(encodeEntry(owner, pack))).toBeLessThanOrEqual(1_024)
  expect(itemBytes(encodeEntry('acme', file(40)))).toBeLessThanOrEqual(1_024)
  expect(itemBytes(encodeEntry('acme', file(2))) - itemBytes(encodeEntry('acme', file(1)))).toBe(19)
  expect(writeUnits(itemBytes(encodeEntry(owner, pack)), true)).toBe(2)
  for (const item of [encodeClaim(owner, `${fid}~99`, fid, 2 ** 53 - 1), encodeSweptSlot({ pk: `F#${owner}`, sk: fid }, 2 ** 53 - 1)]) {
    expect(itemBytes(item)).toBeLessThanOrEqual(200)
  }
})
