// Reads the protobuf wire format (protobuf.dev/programming-guides/encoding) from hostile bytes.
// Every read is given the end of the message it stands in and never passes it, so a caller that
// loops `while (pos < end)` ends exactly at `end`; what does not fit is `malformed`. Nothing is
// copied and nothing is allocated.
import { EngineError } from '../../../model/errors.ts'
import type { Source } from '../../store/columns.ts'

/** the four wire types that are left: groups (3, 4) are dead, 6 and 7 never existed */
export const WIRE_VARINT = 0
export const WIRE_FIXED64 = 1
export const WIRE_BYTES = 2
export const WIRE_FIXED32 = 5

/** a 64-bit number has at most ten groups of seven bits */
const VARINT_BYTES_MAX = 10
/** field numbers have 29 bits, so a tag has 32 */
const TAG_MAX = 0xffff_ffff
/** tags below are those of field number 0, which no message has */
const TAG_MIN = 8

function malformed(at: number, what: string): EngineError {
  return new EngineError('malformed', `the protobuf body is malformed at byte ${at}: ${what}`)
}

export class WireReader {
  readonly bytes: Buffer
  readonly view: DataView
  /** the next byte to read */
  pos = 0
  /** halves of the last 64-bit value read: hi * 2^32 + (lo >>> 0) */
  lo = 0
  hi = 0

  constructor(source: Source) {
    this.bytes = source.bytes
    this.view = source.view
  }

  /**
   * The next field's tag: field number * 8 + wire type. Call only while `pos < end`.
   * @throws EngineError `malformed`
   */
  tag(end: number): number {
    const b = this.bytes[this.pos]!
    if (b >= TAG_MIN && b < 128) {
      this.pos++
      return b
    }
    const at = this.pos
    const tag = this.varint(end)
    if (tag < TAG_MIN || tag > TAG_MAX) throw malformed(at, 'the field number must be 1 to 536870911')
    return tag
  }

  /**
   * Reads a length and gives where its payload ends; `pos` then stands at the payload's first byte.
   * @throws EngineError `malformed` when the payload would pass `end` (2^63 and negative lengths do)
   */
  payloadEnd(end: number): number {
    const at = this.pos
    let length: number
    const b = at < end ? this.bytes[at]! : 128
    if (b < 128) {
      length = b
      this.pos = at + 1
    } else length = this.varint(end)
    const to = this.pos + length
    if (to > end) throw malformed(at, `a length exceeds the ${end - this.pos} bytes that remain`)
    return to
  }

  /** a varint as a number: exact below 2^53, its magnitude above (enough to refuse a length or a tag) */
  private varint(end: number): number {
    const from = this.pos
    let value = 0
    let scale = 1
    for (let i = 0; i < VARINT_BYTES_MAX; i++) {
      if (this.pos >= end) throw malformed(from, 'a varint is cut off')
      const b = this.bytes[this.pos++]!
      value += (b & 127) * scale
      if (b < 128) return value
      scale *= 128
    }
    throw malformed(from, 'a varint has more than 10 bytes')
  }

  /** a varint's 64 bits into `lo` and `hi`; bits beyond the 64th are dropped, as everywhere */
  varint64(end: number): void {
    const from = this.pos
    let lo = 0
    let hi = 0
    for (let shift = 0; shift < VARINT_BYTES_MAX * 7; shift += 7) {
      if (this.pos >= end) throw malformed(from, 'a varint is cut off')
      const b = this.bytes[this.pos++]!
      if (shift < 28) lo |= (b & 127) << shift
      else if (shift === 28) {
        lo |= (b & 15) << 28
        hi = (b & 127) >> 4
      } else hi |= (b & 127) << (shift - 32)
      if (b < 128) {
        this.lo = lo
        this.hi = hi
        return
      }
    }
    throw malformed(from, 'a varint has more than 10 bytes')
  }

  /** eight little-endian bytes into `lo` and `hi` */
  fixed64(end: number): void {
    const at = this.advance(8, end)
    this.lo = this.view.getInt32(at, true)
    this.hi = this.view.getInt32(at + 4, true)
  }

  double(end: number): number {
    return this.view.getFloat64(this.advance(8, end), true)
  }

  /**
   * Passes over a field nobody asked for.
   * @throws EngineError `malformed` for wire types 3, 4, 6 and 7 and for what is cut off
   */
  skip(tag: number, end: number): void {
    switch (tag & 7) {
      case WIRE_VARINT:
        this.varint(end)
        return
      case WIRE_FIXED64:
        this.advance(8, end)
        return
      case WIRE_BYTES:
        this.pos = this.payloadEnd(end)
        return
      case WIRE_FIXED32:
        this.advance(4, end)
        return
      default:
        throw malformed(this.pos, `wire type ${tag & 7} is not one of 0, 1, 2 and 5`)
    }
  }

  private advance(bytes: number, end: number): number {
    const at = this.pos
    if (bytes > end - at) throw malformed(at, 'a fixed-size number is cut off')
    this.pos = at + bytes
    return at
  }
}
