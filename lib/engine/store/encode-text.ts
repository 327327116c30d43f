// A text column of one row group to raw pages, straight from its arena: a dictionary where that is
// smaller, else lengths and bytes. No string is made; entries of neighbouring rows go in one copy.
import type { Statistics } from 'hyparquet'
import { dictionaryPage, encodeIndexes, encodePages } from './chunk-pages.ts'
import type { EncodeLimits, RawChunk, RawPage, RowWindow, Workspace } from './chunk-pages.ts'
import { Source, hashRange } from './columns.ts'
import type { TextColumn } from './columns.ts'
import { bitsFor, encodeDelta } from './encodings.ts'
import { textBounds } from './statistics.ts'

/** a dictionary up to this size is kept whenever it saves bytes; a bigger one must save three quarters */
const DICTIONARY_BYTES_FREE = 1 << 20
/** dictionary indexes are bit-packed in at most 24 bits (encodeHybrid) */
const DICTIONARY_ENTRIES_MAX = 1 << 24
/** of so many entries, at most this share may be distinct for it to pay to look at all */
const SAMPLE_ENTRIES = 1_024
const SAMPLE_DISTINCT_SHARE = 0.8
const PROBES_MAX = 128

/** Text: a dictionary straight from the arena where that is smaller, else lengths and bytes. */
export function encodeText(ws: Workspace, column: TextColumn, w: RowWindow, limits: EncodeLimits): RawChunk {
  const rows = w.to - w.from
  ws.begin(rows)
  const { levels, entries, used } = ws
  const { index } = column
  const { order } = w
  let present = 0
  for (let r = 0; r < rows; r++) {
    const entry = index[order[w.from + r]!]!
    if (entry >= 0) {
      levels[r] = 1
      entries[present++] = entry
    } else levels[r] = 0
  }
  const null_count = BigInt(rows - present)
  // Random ids, messages: no dictionary is even tried, and bounds need none.
  if (column.plain && present > SAMPLE_ENTRIES && !mayRepeat(column, entries, present)) {
    const statistics = { ...textBounds(column, entries, present, limits.statisticsBytesMax), null_count }
    return plainText(ws, column, rows, present, statistics, limits)
  }
  let size = indexDictionary(ws, column, present)
  if (column.plain && size > 1 && mayRepeat(column, used, size)) size = joinEqualEntries(ws, column, present, size)
  const statistics = { ...textBounds(column, used, size, limits.statisticsBytesMax), null_count }
  if (dictionaryPays(ws, column, present, size)) {
    const pages = [textDictionary(ws, column, size), ...encodeIndexes(ws, rows, present, size, limits.pageBytesMax)]
    return { encoding: 'RLE_DICTIONARY', pages, statistics, rows }
  }
  for (let i = 0; i < present; i++) entries[i] = used[entries[i]!]!
  return plainText(ws, column, rows, present, statistics, limits)
}

/** the gathered entries as lengths and bytes */
function plainText(ws: Workspace, column: TextColumn, rows: number, present: number, statistics: Statistics, limits: EncodeLimits): RawChunk {
  const { entries } = ws
  const { offsets } = column
  const encoding = 'DELTA_LENGTH_BYTE_ARRAY'
  const bytesOf = (i: number): number => offsets[entries[i]! + 1]! - offsets[entries[i]!]! + 1
  const pages = encodePages(ws, { rows, present, encoding, bytesMax: limits.pageBytesMax, bytesOf },
    (from, to) => encodeLengthsAndBytes(ws, column, from, to))
  return { encoding, pages, statistics, rows }
}

/** replaces the gathered entries by positions in `ws.used`, the entries that occur; returns how many do */
function indexDictionary(ws: Workspace, column: TextColumn, present: number): number {
  ws.beginDictionary(column.entries)
  const { entries, seen, used, seenBase } = ws
  let size = 0
  for (let i = 0; i < present; i++) {
    const entry = entries[i]!
    let position = seen[entry]! - seenBase
    if (position < 0) {
      position = size
      seen[entry] = seenBase + size
      used[size++] = entry
    }
    entries[i] = position
  }
  ws.seenBase += size
  return size
}

/**
 * Whether the listed entries of a column whose interning was given up may be equal after all. Decoders give up
 * on what the first 48 values show, so a column of eighty pod names can be such a one: few entries
 * are all compared, of many a sample.
 */
function mayRepeat(column: TextColumn, list: Int32Array, size: number): boolean {
  if (size <= SAMPLE_ENTRIES) return true
  const source = new Source(column.arena)
  const { offsets } = column
  // A place a hash, without a look at what else may stand there: 3 in a hundred meet and count as equal.
  const places = new Uint8Array(16 * SAMPLE_ENTRIES)
  let taken = 0
  for (let i = 0; i < SAMPLE_ENTRIES; i++) {
    const entry = list[Math.floor((i * size) / SAMPLE_ENTRIES)]!
    const place = hashRange(source, offsets[entry]!, offsets[entry + 1]!) & (places.length - 1)
    if (places[place] === 0) taken++
    places[place] = 1
  }
  return taken <= SAMPLE_ENTRIES * SAMPLE_DISTINCT_SHARE
}

/**
 * Gives entries of equal bytes one position; returns how many positions remain. Clients can make
 * values of equal hash at will: one that is not placed soon ends the search, the rest stay apart.
 */
function joinEqualEntries(ws: Workspace, column: TextColumn, present: number, size: number): number {
  const source = new Source(column.arena)
  const { entries, used } = ws
  const { offsets } = column
  const mask = 2 ** Math.ceil(Math.log2(size * 2)) - 1
  const table = new Int32Array(mask + 1)
  const joined = new Int32Array(size)
  let distinct = 0
  let probes = 0
  for (let i = 0; i < size; i++) {
    const entry = used[i]!
    const from = offsets[entry]!
    const to = offsets[entry + 1]!
    let slot = hashRange(source, from, to) & mask
    if (probes < PROBES_MAX) probes = 0
    while (probes < PROBES_MAX && table[slot] !== 0 && !column.equals(used[table[slot]! - 1]!, source, from, to)) {
      slot = (slot + 1) & mask
      probes++
    }
    if (probes < PROBES_MAX && table[slot] !== 0) joined[i] = table[slot]! - 1
    else {
      joined[i] = distinct
      used[distinct++] = entry
      if (probes < PROBES_MAX) table[slot] = distinct
    }
  }
  if (distinct < size) for (let i = 0; i < present; i++) entries[i] = joined[entries[i]!]!
  return distinct
}

/** an estimate before compression, with values as long as their dictionary's mean */
function dictionaryPays(ws: Workspace, column: TextColumn, present: number, size: number): boolean {
  if (present === 0 || size > DICTIONARY_ENTRIES_MAX) return false
  const { offsets } = column
  let bytes = 0
  for (let i = 0; i < size; i++) bytes += offsets[ws.used[i]! + 1]! - offsets[ws.used[i]!]!
  const plain = (bytes / size + 1) * present
  const dictionary = bytes + 4 * size + (present * bitsFor(size - 1)) / 8
  return dictionary < plain && (dictionary <= DICTIONARY_BYTES_FREE || dictionary <= plain / 4)
}

function textDictionary(ws: Workspace, column: TextColumn, size: number): RawPage {
  const { sink, used } = ws
  const { arena, arenaView, offsets } = column
  const from = sink.at
  for (let i = 0; i < size; i++) {
    const entry = used[i]!
    const start = offsets[entry]!
    const end = offsets[entry + 1]!
    sink.reserve(end - start + 4)
    sink.uint32(end - start)
    sink.copy(arena, arenaView, start, end)
  }
  return dictionaryPage(sink, from, size)
}

function encodeLengthsAndBytes(ws: Workspace, column: TextColumn, from: number, to: number): void {
  const { sink, entries, numbers } = ws
  const { arena, arenaView, offsets } = column
  let bytes = 0
  for (let i = from; i < to; i++) {
    const entry = entries[i]!
    const length = offsets[entry + 1]! - offsets[entry]!
    numbers[i] = length
    bytes += length
  }
  encodeDelta(sink, numbers, from, to, to > from ? BigInt(numbers[from]!) : 0n)
  sink.reserve(bytes)
  for (let i = from; i < to;) {
    // Entries of neighbouring rows mostly stand side by side in the arena: one copy for the run.
    const first = entries[i]!
    let last = first
    for (i++; i < to && entries[i] === last + 1; i++) last++
    sink.copy(arena, arenaView, offsets[first]!, offsets[last + 1]!)
  }
}
