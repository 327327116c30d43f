// Bounds of a column chunk for pruning. They must hold for every value, or a query loses rows: a
// column with a NaN has no bounds, zeros are widened to both signs (parquet.thrift, ColumnOrder), and
// a long text is cut at a character's border with the maximum rounded up.
import type { Statistics } from 'hyparquet'
import type { TextColumn } from './columns.ts'

/** Bounds of doubles; none when a NaN is among them, since NaN has no place in the order. */
export function doubleBounds(values: Float64Array, count: number): Statistics {
  let min = Infinity
  let max = -Infinity
  for (let i = 0; i < count; i++) {
    const value = values[i]!
    if (value < min) min = value
    if (value > max) max = value
    if (Number.isNaN(value)) return {}
  }
  if (count === 0) return {}
  return { min_value: min === 0 ? -0 : min, max_value: max === 0 ? 0 : max }
}

/** bounds of the first `count` of `list` (entries of the arena), cut to `bytesMax` */
export function textBounds(column: TextColumn, list: Int32Array, count: number, bytesMax: number): Statistics {
  if (count === 0) return {}
  const { arena, offsets } = column
  let least = list[0]!
  let greatest = least
  let low = prefix(column, least)
  let high = low
  for (let i = 1; i < count; i++) {
    const entry = list[i]!
    const head = prefix(column, entry)
    // The first four bytes decide nearly always; only ties look at the rest.
    if (head > low && head < high) continue
    if (head < low || (head === low && entry !== least && compare(column, entry, least) < 0)) {
      least = entry
      low = head
    }
    if (head > high || (head === high && entry !== greatest && compare(column, entry, greatest) > 0)) {
      greatest = entry
      high = head
    }
  }
  const min = arena.subarray(offsets[least]!, offsets[least + 1]!)
  const max = arena.subarray(offsets[greatest]!, offsets[greatest + 1]!)
  const upper = max.length <= bytesMax ? Buffer.from(max) : roundedUp(max, bytesMax)
  return {
    min_value: Buffer.from(min.subarray(0, cutAt(min, bytesMax))),
    ...(min.length > bytesMax ? { is_min_value_exact: false } : {}),
    ...(upper === null ? {} : { max_value: upper }),
    ...(upper !== null && max.length > bytesMax ? { is_max_value_exact: false } : {}),
  }
}

/** the first four bytes of an entry as an unsigned number in byte order, zeros beyond its end */
function prefix(column: TextColumn, entry: number): number {
  const { arena, offsets } = column
  const at = offsets[entry]!
  const n = offsets[entry + 1]! - at
  if (n >= 4) return column.arenaView.getUint32(at)
  let head = 0
  for (let i = 0; i < 4; i++) head = head * 256 + (i < n ? arena[at + i]! : 0)
  return head
}

/** of two entries by bytes; what they begin with is often long and equal, and a native call costs more than to read it */
function compare(column: TextColumn, a: number, b: number): number {
  const { arena, arenaView, offsets } = column
  let p = offsets[a]!
  let q = offsets[b]!
  const end = offsets[a + 1]!
  const n = Math.min(end - p, offsets[b + 1]! - q)
  const words = p + (n & ~3)
  while (p < words && arenaView.getInt32(p) === arenaView.getInt32(q)) {
    p += 4
    q += 4
  }
  const common = offsets[a]! + n
  while (p < common && arena[p] === arena[q]) {
    p++
    q++
  }
  return p < common ? arena[p]! - arena[q]! : end - offsets[a]! - (offsets[b + 1]! - offsets[b]!)
}

/** the last character border at or before `bytesMax` */
function cutAt(text: Uint8Array, bytesMax: number): number {
  if (text.length <= bytesMax) return text.length
  let at = bytesMax
  while (at > 0 && (text[at]! & 0xc0) === 0x80) at--
  return at
}

/**
 * The least convenient text of at most `bytesMax` bytes above every text that begins as `text` does:
 * its prefix with the last character that has a successor raised by one. Byte order of UTF-8 is code
 * point order, so the successor is the next code point (surrogates are none). Null when every
 * character is U+10FFFF: then the chunk has no upper bound.
 */
export function roundedUp(text: Buffer, bytesMax: number): Buffer | null {
  let end = cutAt(text, bytesMax)
  while (end > 0) {
    let from = end - 1
    while (from > 0 && (text[from]! & 0xc0) === 0x80) from--
    const codePoint = text.toString('utf8', from, end).codePointAt(0)!
    if (codePoint < 0x10ffff) {
      const next = Buffer.from(String.fromCodePoint(codePoint === 0xd7ff ? 0xe000 : codePoint + 1))
      // One more byte (U+007F to U+0080) may not fit; then the character before is raised.
      if (from + next.length <= bytesMax) return Buffer.concat([text.subarray(0, from), next])
    }
    end = from
  }
  return null
}
