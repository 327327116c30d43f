// Parquet's value encodings from typed arrays to bytes, without a JS value in between: runs and bit
// packing (levels, dictionary indexes, booleans), DELTA_BINARY_PACKED, BYTE_STREAM_SPLIT. Formats:
// parquet-format/Encodings.md. Every function reserves its worst case first, then writes unchecked.

/** bytes from which a native copy beats a loop of 32-bit moves (measured) */
const COPY_NATIVE_BYTES = 200
const SINK_BYTES = 1 << 16
const TWO_24 = 16_777_216
const TWO_32 = 4_294_967_296
const DELTA_BLOCK = 128
const DELTA_MINIBLOCK = 32
/** minimum as varint, four widths, 128 values of at most 53 bits */
const DELTA_BLOCK_BYTES_MAX = 10 + 4 + (DELTA_BLOCK * 53) / 8

/** A growing buffer that keeps its room between pages, chunks and files. */
export class ByteSink {
  bytes: Buffer
  view: DataView
  /** bytes written */
  at = 0

  constructor() {
    this.bytes = Buffer.allocUnsafeSlow(SINK_BYTES)
    this.view = new DataView(this.bytes.buffer)
  }

  /** makes room for `n` more bytes; typed arrays drop writes beyond their end without a word */
  reserve(n: number): void {
    if (this.at + n <= this.bytes.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, this.at + n))
    grown.set(this.bytes.subarray(0, this.at))
    this.bytes = grown
    this.view = new DataView(grown.buffer)
  }

  /** gives big room back */
  shrink(): void {
    this.bytes = Buffer.allocUnsafeSlow(SINK_BYTES)
    this.view = new DataView(this.bytes.buffer)
    this.at = 0
  }

  /** appends bytes, with room for them */
  append(bytes: Uint8Array): void {
    this.reserve(bytes.length)
    this.bytes.set(bytes, this.at)
    this.at += bytes.length
  }

  byte(value: number): void {
    this.bytes[this.at++] = value
  }

  uint32(value: number): void {
    this.view.setUint32(this.at, value, true)
    this.at += 4
  }

  /** ULEB128 of an integer below 2^53 */
  varint(value: number): void {
    let v = value
    for (; v > 127; v = Math.floor(v / 128)) this.bytes[this.at++] = (v % 128) | 128
    this.bytes[this.at++] = v
  }

  /** ULEB128 of the zigzag of a signed 64-bit integer */
  zigzag64(value: bigint): void {
    let z = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n))
    for (; z > 127n; z >>= 7n) this.bytes[this.at++] = Number(z & 127n) | 128
    this.bytes[this.at++] = Number(z)
  }

  /** copies source[from, to); room must be reserved */
  copy(source: Uint8Array, view: DataView, from: number, to: number): void {
    const n = to - from
    let q = this.at
    this.at += n
    if (n > COPY_NATIVE_BYTES) {
      this.bytes.set(source.subarray(from, to), q)
    } else if (n >= 4) {
      // The last four bytes are moved once more, overlapping, instead of one by one.
      const out = this.view
      const end = this.at - 4
      for (let p = from; q < end; p += 4, q += 4) out.setInt32(q, view.getInt32(p, true), true)
      out.setInt32(end, view.getInt32(to - 4, true), true)
    } else {
      for (let p = from; p < to; p++) this.bytes[q++] = source[p]!
    }
  }
}

/** bits that hold values 0..max */
export const bitsFor = (max: number): number => (max === 0 ? 0 : 32 - Math.clz32(max))

/**
 * RLE / bit-packed hybrid of non-negative integers below 2^width, width <= 24, without length prefix.
 * Runs are looked for at every eighth value only: bit-packed groups hold eight, so a packed stretch
 * always ends on a group's border, and padding comes only at the very end.
 */
export function encodeHybrid(sink: ByteSink, values: Int32Array | Uint8Array, from: number, to: number, width: number): void {
  sink.reserve((to - from) * 4 + 64)
  if (width === 0) {
    if (to > from) sink.varint((to - from) * 2)
    return
  }
  let i = from
  let packedFrom = -1
  while (i < to) {
    const value = values[i]!
    let end = i + 1
    while (end < to && values[end] === value) end++
    if (end - i >= 8) {
      if (packedFrom >= 0) encodePacked(sink, values, packedFrom, i, to, width)
      packedFrom = -1
      sink.varint((end - i) * 2)
      for (let shift = 0; shift < width; shift += 8) sink.byte((value >>> shift) & 255)
      i = end
    } else {
      if (packedFrom < 0) packedFrom = i
      i += 8
    }
  }
  if (packedFrom >= 0) encodePacked(sink, values, packedFrom, i, to, width)
}

/** one bit-packed run of whole groups of eight; values at and beyond `end` are padding */
function encodePacked(sink: ByteSink, values: Int32Array | Uint8Array, from: number, to: number, end: number, width: number): void {
  const groups = (to - from) >> 3
  sink.varint(groups * 2 + 1)
  const { bytes } = sink
  let p = sink.at
  let pending = 0
  let bits = 0
  for (let i = from; i < to; i++) {
    if (i < end) pending |= values[i]! << bits
    bits += width
    while (bits >= 8) {
      bytes[p++] = pending
      pending >>>= 8
      bits -= 8
    }
  }
  sink.at = p
}

const deltas = new Float64Array(DELTA_BLOCK)

/**
 * DELTA_BINARY_PACKED of integers given as doubles relative to any base; `first` is the first value
 * itself. Exact while max - min < 2^52: then deltas, and deltas less their minimum, stay below 2^53.
 */
export function encodeDelta(sink: ByteSink, values: Float64Array, from: number, to: number, first: bigint): void {
  const n = to - from
  sink.reserve(32 + Math.ceil(n / DELTA_BLOCK) * DELTA_BLOCK_BYTES_MAX)
  sink.varint(DELTA_BLOCK)
  sink.varint(DELTA_BLOCK / DELTA_MINIBLOCK)
  sink.varint(n)
  sink.zigzag64(first)
  for (let block = from + 1; block < to; block += DELTA_BLOCK) {
    const size = Math.min(to - block, DELTA_BLOCK)
    let min = Infinity
    let previous = values[block - 1]!
    for (let i = 0; i < size; i++) {
      const value = values[block + i]!
      const delta = value - previous
      deltas[i] = delta
      if (delta < min) min = delta
      previous = value
    }
    sink.varint(min < 0 ? -2 * min - 1 : 2 * min)
    const widths = sink.at
    sink.at += 4
    for (let m = 0; m < 4; m++) {
      sink.bytes[widths + m] = encodeMiniblock(sink, m * DELTA_MINIBLOCK, Math.min(size, (m + 1) * DELTA_MINIBLOCK), min)
    }
  }
}

/** 32 deltas less `min` (padded with zeros), bit-packed; returns their width. Beyond the end: width 0, no bytes. */
function encodeMiniblock(sink: ByteSink, from: number, to: number, min: number): number {
  let max = 0
  for (let i = from; i < to; i++) {
    const adjusted = deltas[i]! - min
    deltas[i] = adjusted
    if (adjusted > max) max = adjusted
  }
  if (max === 0) return 0
  const width = max < TWO_32 ? bitsFor(max) : 32 + bitsFor(Math.floor(max / TWO_32))
  const { bytes } = sink
  const end = sink.at + width * 4
  let p = sink.at
  let pending = 0
  let bits = 0
  for (let i = from; i < to; i++) {
    // Bit operations see 32 bits, of which up to 7 wait: a wide value goes in parts of 24.
    let rest = deltas[i]!
    for (let left = width; left > 0; left -= 24) {
      const take = left > 24 ? 24 : left
      const part = left > 24 ? rest % TWO_24 : rest
      pending |= part << bits
      bits += take
      while (bits >= 8) {
        bytes[p++] = pending
        pending >>>= 8
        bits -= 8
      }
      if (left > 24) rest = (rest - part) / TWO_24
    }
  }
  if (bits > 0) bytes[p++] = pending
  bytes.fill(0, p, end)
  sink.at = end
  return width
}

/** BYTE_STREAM_SPLIT: byte k of every value, then byte k + 1 (hosts are little-endian, as Parquet is) */
export function encodeByteStreams(sink: ByteSink, values: Float64Array, from: number, to: number): void {
  sink.reserve((to - from) * 8)
  const source = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  const { bytes } = sink
  let p = sink.at
  for (let k = 0; k < 8; k++) for (let i = from; i < to; i++) bytes[p++] = source[i * 8 + k]!
  sink.at = p
}
