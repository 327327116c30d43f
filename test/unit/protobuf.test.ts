// The wire reader on its own: what it reads, and that nothing hostile passes the end it was given.
import { describe, expect, test } from 'vitest'
import { WireReader } from '../../lib/engine/ingest/decode/protobuf.ts'
import { Source } from '../../lib/engine/store/columns.ts'
import { EngineError } from '../../lib/model/errors.ts'
import { field, tag, varint } from '../support/otlp.ts'

const readerOf = (...parts: (Uint8Array | number[])[]): WireReader => new WireReader(new Source(Buffer.concat(parts.map((p) => Uint8Array.from(p)))))
const end = (r: WireReader): number => r.bytes.length
const malformed = (run: () => unknown): void => {
  let thrown: unknown
  try {
    run()
  } catch (error) {
    thrown = error
  }
  expect(thrown).toBeInstanceOf(EngineError)
  expect((thrown as EngineError).slug).toBe('malformed')
}
/** reads one field as a message that knows none would */
const skipOne = (r: WireReader): void => r.skip(r.tag(end(r)), end(r))

describe('the protobuf reader', () => {
  test('reads tags of one byte and of many', () => {
    for (const number of [1, 15, 16, 2047, 2048, 536_870_911]) expect(readerOf(tag(number, 2)).tag(5)).toBe(number * 8 + 2)
    expect(readerOf([0x8a, 0x00]).tag(2)).toBe(10)
  })

  test('reads 64-bit varints exactly', () => {
    for (const value of [0n, 1n, 127n, 128n, 300n, (1n << 28n) - 1n, 1n << 28n, 1n << 32n, 1n << 35n, (1n << 53n) + 1n, (1n << 63n) - 1n, -1n, -(1n << 63n), -300n]) {
      const r = readerOf(varint(value))
      r.varint64(end(r))
      expect((BigInt(r.hi) << 32n) | BigInt(r.lo >>> 0)).toBe(value)
      expect(r.pos).toBe(end(r))
    }
  })

  test('reads fixed-size numbers', () => {
    const r = readerOf([1, 0, 0, 0, 2, 0, 0, 0x80], [0, 0, 0, 0, 0, 0xc0, 0x62, 0x40])
    r.fixed64(end(r))
    expect([r.lo, r.hi]).toEqual([1, 2 - 2 ** 31])
    expect(r.double(end(r))).toBe(150)
  })

  test('gives the end of a payload that fits', () => {
    const r = readerOf(field(1, Buffer.alloc(300)))
    expect(r.tag(end(r))).toBe(10)
    expect(r.payloadEnd(end(r))).toBe(end(r))
    expect(r.pos).toBe(3)
  })

  test('passes over unknown fields of every living wire type', () => {
    for (const bytes of [[0x08, 0xff, 0x01], [0x09, 1, 2, 3, 4, 5, 6, 7, 8], [0x0a, 2, 1, 1], [0x0d, 1, 2, 3, 4]]) {
      const r = readerOf(bytes)
      skipOne(r)
      expect(r.pos).toBe(bytes.length)
    }
  })

  test('refuses field number 0 and tags of more than 32 bits', () => {
    for (const bytes of [[0x00], [0x02], [0x07], [0x80, 0x00], [0xff, 0xff, 0xff, 0xff, 0x1f]]) malformed(() => readerOf(bytes).tag(bytes.length))
  })

  test('refuses wire types 3, 4, 6 and 7', () => {
    for (const type of [3, 4, 6, 7]) malformed(() => skipOne(readerOf(tag(1, type), [0, 0, 0, 0])))
  })

  test('refuses a length beyond what remains: too long, 2^63, negative, 2^64 - 1', () => {
    for (const length of [3n, 1n << 31n, 1n << 32n, 1n << 53n, 1n << 63n, -1n, -5n]) {
      malformed(() => skipOne(readerOf([0x0a], varint(length), [1, 2])))
    }
  })

  test('refuses varints of eleven bytes, even of small value', () => {
    const long = [...Array<number>(10).fill(0x80), 0x00]
    malformed(() => skipOne(readerOf([0x08], long)))
    malformed(() => skipOne(readerOf([0x0a], long)))
    malformed(() => readerOf(long).varint64(11))
    malformed(() => readerOf(long).tag(11))
  })

  test('refuses what is cut off, anywhere', () => {
    for (const bytes of [[0x08], [0x08, 0x80], [0x09, 1, 2, 3, 4, 5, 6, 7], [0x0a], [0x0a, 0x80], [0x0a, 1], [0x0d, 1, 2, 3], [0x80]]) malformed(() => skipOne(readerOf(bytes)))
    malformed(() => readerOf([1, 2, 3]).fixed64(3))
    malformed(() => readerOf([1, 2, 3]).double(3))
    malformed(() => readerOf([0x80]).varint64(1))
  })

  test('never reads past the end of a message that lies inside the body', () => {
    // The bytes behind `end` would complete each of these.
    malformed(() => readerOf([0x80, 0x01]).varint64(1))
    malformed(() => readerOf([0x80, 0x01]).tag(1))
    malformed(() => readerOf([0x02, 9, 9]).payloadEnd(2))
    malformed(() => readerOf([1, 2, 3, 4, 5, 6, 7, 8]).fixed64(7))
  })
})
