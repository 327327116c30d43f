// The packed parts of an entry's item, byte by byte (docs/format.md): the slice table and the slices an
// entry replaces. Big-endian. Promises: decoding gives what was encoded, and other bytes throw.
import { assert } from '../model/errors.ts'
import type { Slice, SliceRef } from '../model/file.ts'
import { dayNumberOfDay, dayOfNumber } from '../model/time.ts'

/** first byte of both parts; another one means a layout this code does not know */
const VERSION = 1
const SLICE_BYTES = 51
/** 0000-01-01 and 9999-12-31: `YYYY-MM-DD` says no others */
const DAY_MIN = -719_528
const DAY_MAX = 2_932_896

const STREAM_ID = /^[0-9a-f]{16}$/

const isWhole = (n: number, max: number): boolean => Number.isInteger(n) && n >= 0 && n <= max
/** the largest unsigned integer of so many bytes */
const top = (bytes: number): number => 2 ** (8 * bytes) - 1

export function encodeSlices(slices: readonly Slice[]): Buffer {
  const out = Buffer.alloc(1 + slices.length * SLICE_BYTES)
  out[0] = VERSION
  slices.forEach((slice, i) => {
    const { streamId, inc, day, minTs, maxTs, rows, rawBytes, offset, length } = slice
    const dayNumber = dayNumberOfDay(day)
    assert(slice.index === i, `slice ${i} of an entry has index ${slice.index}`)
    assert(STREAM_ID.test(streamId), `a stream id is 16 hex digits: ${streamId}`)
    assert(!Number.isNaN(dayNumber), `a slice has a day: ${day}`)
    assert(Number.isSafeInteger(minTs) && Number.isSafeInteger(maxTs), `times are safe integers: ${minTs}, ${maxTs}`)
    const fits = isWhole(inc, top(4)) && isWhole(rows, top(4)) && isWhole(rawBytes, top(5)) && isWhole(offset, top(6)) && isWhole(length, top(4))
    assert(fits, `a number of slice ${i} has no place in the slice table: ${[inc, rows, rawBytes, offset, length].join(', ')}`)
    const at = 1 + i * SLICE_BYTES
    out.write(streamId, at, 'hex')
    out.writeUInt32BE(inc, at + 8)
    out.writeInt32BE(dayNumber, at + 12)
    out.writeBigInt64BE(BigInt(minTs), at + 16)
    out.writeBigInt64BE(BigInt(maxTs), at + 24)
    out.writeUInt32BE(rows, at + 32)
    out.writeUIntBE(rawBytes, at + 36, 5)
    out.writeUIntBE(offset, at + 41, 6)
    out.writeUInt32BE(length, at + 47)
  })
  return out
}

/** @throws Error saying what is wrong; the caller names the item */
export function decodeSlices(bytes: Buffer): Slice[] {
  if (bytes[0] !== VERSION) throw new Error(`its slice table has version ${bytes[0]}, not ${VERSION}`)
  if ((bytes.length - 1) % SLICE_BYTES !== 0) throw new Error(`its slice table has ${bytes.length} bytes`)
  const slices: Slice[] = []
  for (let at = 1, index = 0; at < bytes.length; at += SLICE_BYTES, index++) {
    const dayNumber = bytes.readInt32BE(at + 12)
    const minTs = Number(bytes.readBigInt64BE(at + 16))
    const maxTs = Number(bytes.readBigInt64BE(at + 24))
    if (dayNumber < DAY_MIN || dayNumber > DAY_MAX) throw new Error(`slice ${index} has no day`)
    if (!Number.isSafeInteger(minTs) || !Number.isSafeInteger(maxTs)) throw new Error(`slice ${index} has no time`)
    slices.push({
      index,
      streamId: bytes.toString('hex', at, at + 8),
      inc: bytes.readUInt32BE(at + 8),
      day: dayOfNumber(dayNumber),
      minTs,
      maxTs,
      rows: bytes.readUInt32BE(at + 32),
      rawBytes: bytes.readUIntBE(at + 36, 5),
      offset: bytes.readUIntBE(at + 41, 6),
      length: bytes.readUInt32BE(at + 47),
    })
  }
  return slices
}

/** per object: its id (16 bytes), the bitmap's length (2), the bitmap: index i is bit i % 8, the lowest first, of byte i / 8 */
export function encodeRefs(refs: readonly SliceRef[]): Buffer {
  const parts: Buffer[] = [Buffer.of(VERSION)]
  for (const { fid, indexes } of refs) {
    const last = indexes.at(-1)
    assert(last !== undefined && isWhole(last, 8 * top(2) - 1), `the slices of ${fid} that are replaced are some, and have a place: ${last}`)
    assert(indexes.every((n, i) => isWhole(n, last) && (i === 0 || n > indexes[i - 1]!)), `the replaced slices of ${fid} ascend`)
    const bitmap = Buffer.alloc((last >> 3) + 1)
    for (const n of indexes) bitmap[n >> 3]! |= 1 << (n & 7)
    const length = Buffer.alloc(2)
    length.writeUInt16BE(bitmap.length)
    parts.push(ulidBytes(fid), length, bitmap)
  }
  return Buffer.concat(parts)
}

/** @throws Error saying what is wrong; the caller names the item */
export function decodeRefs(bytes: Buffer): SliceRef[] {
  if (bytes[0] !== VERSION) throw new Error(`its replaced slices have version ${bytes[0]}, not ${VERSION}`)
  const refs: SliceRef[] = []
  let at = 1
  while (at < bytes.length) {
    const end = at + 18 <= bytes.length ? at + 18 + bytes.readUInt16BE(at + 16) : NaN
    // A bitmap is as short as it can be: so there is one way to write each, and none is empty.
    if (!(end <= bytes.length) || end === at + 18 || bytes[end - 1] === 0) throw new Error(`its replaced slices are cut at byte ${at}`)
    const indexes: number[] = []
    for (let n = 0; n < 8 * (end - at - 18); n++) if ((bytes[at + 18 + (n >> 3)]! >> (n & 7)) & 1) indexes.push(n)
    refs.push({ fid: ulidText(bytes.subarray(at, at + 16)), indexes })
    at = end
  }
  return refs
}

const DIGITS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
export const ULID = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/

/** the 128 bits of a ULID: 26 digits of 5 bits, of which the first uses 3 */
export function ulidBytes(ulid: string): Buffer {
  assert(ULID.test(ulid), `an object's id is a ULID: ${ulid}`)
  let n = 0n
  for (const digit of ulid) n = (n << 5n) | BigInt(DIGITS.indexOf(digit))
  return Buffer.from(n.toString(16).padStart(32, '0'), 'hex')
}

export function ulidText(bytes: Buffer): string {
  let n = BigInt(`0x${bytes.toString('hex')}`)
  let text = ''
  for (let i = 0; i < 26; i++, n >>= 5n) text = DIGITS[Number(n & 31n)]! + text
  return text
}
