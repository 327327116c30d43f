// Integers, doubles, booleans and the required columns of one row group to raw pages. Every 64-bit
// integer stays exact: as distances from the first value in doubles where those are exact, as its
// two halves elsewhere; so do the bit patterns of doubles.
import type { Statistics } from 'hyparquet'
import { assert } from '../../model/errors.ts'
import { dictionaryPage, encodeIndexes, encodePages } from './chunk-pages.ts'
import type { EncodeLimits, RawChunk, RowWindow, Workspace } from './chunk-pages.ts'
import type { BoolColumn, DoubleColumn, IntColumn } from './number-columns.ts'
import { encodeByteStreams, encodeDelta, encodeHybrid } from './encodings.ts'
import { doubleBounds } from './statistics.ts'

const TWO_32 = 4_294_967_296
/** differences up to here, and differences of those, are exact in doubles */
const DELTA_RANGE_MAX = 2 ** 52
/** slots looked at before a dictionary of doubles is given up */
const PROBES_MAX = 128

/** 64-bit integers: deltas in doubles where exact, else PLAIN halves; bounds are exact either way. */
export function encodeInts(ws: Workspace, column: IntColumn, w: RowWindow, limits: EncodeLimits): RawChunk {
  const rows = w.to - w.from
  ws.begin(rows)
  const { levels, entries, numbers } = ws
  const { halves, present: has } = column
  const { order } = w
  let present = 0
  let low0 = 0
  let high0 = 0
  let min = 0
  let max = 0
  for (let r = 0; r < rows; r++) {
    const row = order[w.from + r]!
    if (has[row] === 0) {
      levels[r] = 0
      continue
    }
    levels[r] = 1
    const low = halves[2 * row]! >>> 0
    const high = halves[2 * row + 1]!
    if (present === 0) {
      low0 = low
      high0 = high
    }
    const distance = (high - high0) * TWO_32 + (low - low0)
    if (distance < min) min = distance
    if (distance > max) max = distance
    entries[present] = row
    numbers[present++] = distance
  }
  const null_count = BigInt(rows - present)
  const bytesMax = limits.pageBytesMax
  if (max - min >= DELTA_RANGE_MAX) {
    const pages = encodePages(ws, { rows, present, encoding: 'PLAIN', bytesMax, bytesOf: 8 }, (from, to) => encodeHalves(ws, column, from, to))
    return { encoding: 'PLAIN', pages, statistics: { ...wideBounds(column, entries, present), null_count }, rows }
  }
  const base = (BigInt(high0) << 32n) | BigInt(low0)
  const pages = encodePages(ws, { rows, present, encoding: 'DELTA_BINARY_PACKED', bytesMax, bytesOf: 8 },
    (from, to) => encodeDelta(ws.sink, numbers, from, to, to > from ? base + BigInt(numbers[from]!) : 0n))
  const bounds = present === 0 ? {} : { min_value: base + BigInt(min), max_value: base + BigInt(max) }
  return { encoding: 'DELTA_BINARY_PACKED', pages, statistics: { ...bounds, null_count }, rows }
}

function encodeHalves(ws: Workspace, column: IntColumn, from: number, to: number): void {
  const { sink, entries } = ws
  sink.reserve((to - from) * 8)
  for (let i = from; i < to; i++) {
    sink.uint32(column.halves[2 * entries[i]!]! >>> 0)
    sink.uint32(column.halves[2 * entries[i]! + 1]! >>> 0)
  }
}

function wideBounds(column: IntColumn, rows: Int32Array, present: number): Statistics {
  const { halves } = column
  let least = rows[0]!
  let greatest = least
  const below = (a: number, b: number): boolean => {
    const difference = halves[2 * a + 1]! - halves[2 * b + 1]!
    return difference !== 0 ? difference < 0 : halves[2 * a]! >>> 0 < halves[2 * b]! >>> 0
  }
  for (let i = 1; i < present; i++) {
    if (below(rows[i]!, least)) least = rows[i]!
    if (below(greatest, rows[i]!)) greatest = rows[i]!
  }
  const value = (row: number): bigint => (BigInt(halves[2 * row + 1]!) << 32n) | BigInt(halves[2 * row]! >>> 0)
  return { min_value: value(least), max_value: value(greatest) }
}

/** A required column of safe integers: `_timestamp` (Float64Array of microseconds) and `_b`. */
export function encodeRequired(ws: Workspace, values: Float64Array | Int32Array, wide: boolean, w: RowWindow, limits: EncodeLimits): RawChunk {
  const rows = w.to - w.from
  ws.begin(rows)
  const { numbers } = ws
  let min = Infinity
  let max = -Infinity
  for (let r = 0; r < rows; r++) {
    const value = values[w.order[w.from + r]!]!
    numbers[r] = value
    if (value < min) min = value
    if (value > max) max = value
  }
  assert(Number.isSafeInteger(min) && Number.isSafeInteger(max) && max - min < DELTA_RANGE_MAX, 'times and message ordinals are safe integers of one era')
  const plan = { rows, present: rows, required: true, encoding: 'DELTA_BINARY_PACKED', bytesMax: limits.pageBytesMax, bytesOf: 8 } as const
  const pages = encodePages(ws, plan, (from, to) => encodeDelta(ws.sink, numbers, from, to, BigInt(numbers[from]!)))
  const bounds = wide ? { min_value: BigInt(min), max_value: BigInt(max) } : { min_value: min, max_value: max }
  return { encoding: 'DELTA_BINARY_PACKED', pages, statistics: { ...bounds, null_count: 0n }, rows }
}

/** Booleans: runs, after the length that Parquet asks for before an RLE body. */
export function encodeBools(ws: Workspace, column: BoolColumn, w: RowWindow, limits: EncodeLimits): RawChunk {
  const rows = w.to - w.from
  ws.begin(rows)
  const { levels, bits, sink } = ws
  let present = 0
  let trues = 0
  for (let r = 0; r < rows; r++) {
    const row = w.order[w.from + r]!
    levels[r] = column.present[row]!
    if (levels[r] === 0) continue
    trues += bits[present++] = column.values[row]!
  }
  const pages = encodePages(ws, { rows, present, encoding: 'RLE', bytesMax: limits.pageBytesMax, bytesOf: 1 }, (from, to) => {
    sink.reserve(4)
    const at = sink.at
    sink.at += 4
    encodeHybrid(sink, bits, from, to, 1)
    sink.view.setUint32(at, sink.at - at - 4, true)
  })
  const bounds = present === 0 ? {} : { min_value: trues === present, max_value: trues > 0 }
  return { encoding: 'RLE', pages, statistics: { ...bounds, null_count: BigInt(rows - present) }, rows }
}

/**
 * Doubles: byte streams and, where values repeat, also a dictionary; the caller measures both after
 * compression and keeps the smaller. Bit patterns are what repeats, so -0 and NaN survive.
 */
export function encodeDoubles(ws: Workspace, column: DoubleColumn, w: RowWindow, limits: EncodeLimits): RawChunk[] {
  const rows = w.to - w.from
  ws.begin(rows)
  const { levels, numbers, sink } = ws
  let present = 0
  for (let r = 0; r < rows; r++) {
    const row = w.order[w.from + r]!
    levels[r] = column.present[row]!
    if (levels[r] === 1) numbers[present++] = column.values[row]!
  }
  const statistics = { ...doubleBounds(numbers, present), null_count: BigInt(rows - present) }
  const split = encodePages(ws, { rows, present, encoding: 'BYTE_STREAM_SPLIT', bytesMax: limits.pageBytesMax, bytesOf: 8 },
    (from, to) => encodeByteStreams(sink, numbers, from, to))
  const chunks: RawChunk[] = [{ encoding: 'BYTE_STREAM_SPLIT', pages: split, statistics, rows }]
  const size = indexDoubles(ws, present)
  if (size > 0) {
    const from = sink.at
    sink.reserve(size * 8)
    for (let i = 0; i < size; i++, sink.at += 8) sink.view.setFloat64(sink.at, numbers[ws.used[i]!]!, true)
    const pages = [dictionaryPage(sink, from, size), ...encodeIndexes(ws, rows, present, size, limits.pageBytesMax)]
    chunks.push({ encoding: 'RLE_DICTIONARY', pages, statistics, rows })
  }
  return chunks
}

/**
 * Dictionary positions of the gathered doubles into `ws.entries`; 0 when more than half are distinct,
 * or when their hashes collide as only a client who wants them to can make them.
 */
function indexDoubles(ws: Workspace, present: number): number {
  const { entries, used } = ws
  const words = new Int32Array(ws.numbers.buffer)
  const sizeMax = present >> 1
  const mask = 2 ** Math.ceil(Math.log2(present + 2)) - 1
  const table = new Int32Array(mask + 1)
  let size = 0
  for (let i = 0; i < present; i++) {
    const low = words[2 * i]!
    const high = words[2 * i + 1]!
    let h = Math.imul(low ^ Math.imul(high, 0x9e3779b1), 0x85ebca6b)
    h ^= h >>> 15
    let slot = h & mask
    let known: number
    for (let probes = 0; (known = table[slot]!) !== 0; probes++) {
      const other = used[known - 1]!
      if (words[2 * other] === low && words[2 * other + 1] === high) break
      if (probes === PROBES_MAX) return 0
      slot = (slot + 1) & mask
    }
    if (known === 0) {
      if (size >= sizeMax) return 0
      used[size++] = i
      table[slot] = known = size
    }
    entries[i] = known - 1
  }
  return size
}
