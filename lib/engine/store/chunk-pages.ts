// How a column chunk stands between its typed arrays and the file: raw pages in a sink. Holds what the
// encoders of every type share: the scratch arrays, the cutting into pages, levels and dictionary
// indexes. parquet-pages.ts compresses and frames the result.
import type { Encoding, Statistics } from 'hyparquet'
import { ByteSink, bitsFor, encodeHybrid } from './encodings.ts'

/** rows of one row group: positions [from, to) of `order`, which holds rows of the table */
export interface RowWindow {
  readonly order: Int32Array
  readonly from: number
  readonly to: number
}

export interface EncodeLimits {
  readonly pageBytesMax: number
  readonly statisticsBytesMax: number
}

/** a page as spans of the sink: levels [from, body), values [body, to) */
export interface RawPage {
  readonly kind: 'dictionary' | 'data'
  readonly encoding: Encoding
  readonly from: number
  readonly body: number
  readonly to: number
  /** rows of a data page, entries of a dictionary */
  readonly values: number
  readonly nulls: number
}

export interface RawChunk {
  readonly encoding: Encoding
  readonly pages: readonly RawPage[]
  readonly statistics: Statistics
  readonly rows: number
}

/** scratch above this is given back after a file */
const SCRATCH_BYTES_KEPT = 16 << 20

/** Scratch of the encoder, kept between chunks and files: allocating it afresh costs page faults. */
export class Workspace {
  readonly sink = new ByteSink()
  /** the file being written */
  readonly file = new ByteSink()
  /** 1 where a row has a value: definition levels */
  levels = new Uint8Array(0)
  /** values of the rows that have one, in order, by kind */
  entries = new Int32Array(0)
  numbers = new Float64Array(0)
  bits = new Uint8Array(0)
  /** entries of the dictionary in order of first use */
  used = new Int32Array(0)
  /** dictionary position + `seenBase` by entry; smaller values are of chunks past, so it is never cleared */
  seen = new Int32Array(0)
  seenBase = 1

  /** gives back what one big file needed */
  endFile(): void {
    for (const sink of [this.sink, this.file]) if (sink.bytes.length > SCRATCH_BYTES_KEPT) sink.shrink()
  }

  /** forgets the last chunk and makes room for `rows` */
  begin(rows: number): void {
    this.sink.at = 0
    if (this.levels.length >= rows) return
    this.levels = new Uint8Array(rows)
    this.entries = new Int32Array(rows)
    this.numbers = new Float64Array(rows)
    this.bits = new Uint8Array(rows)
    this.used = new Int32Array(rows)
  }

  beginDictionary(entries: number): void {
    if (this.seen.length < entries) {
      this.seen = new Int32Array(Math.max(entries, this.seen.length * 2))
      this.seenBase = 1
    } else if (this.seenBase > 2 ** 30) {
      this.seen.fill(0)
      this.seenBase = 1
    }
  }
}

/** what encodePages needs to know of the gathered rows */
export interface PagePlan {
  readonly rows: number
  /** rows that have a value; their values stand gathered in the workspace */
  readonly present: number
  /** a required column has no levels */
  readonly required?: boolean
  readonly encoding: Encoding
  readonly bytesMax: number
  /** bytes of a value, or of the value at a gathered position */
  readonly bytesOf: number | ((value: number) => number)
}

/** cuts the gathered rows into data pages and has each encoded: `encode` writes values [from, to) to the sink */
export function encodePages(ws: Workspace, plan: PagePlan, encode: (from: number, to: number) => void): RawPage[] {
  const { sink, levels } = ws
  const { rows, present, bytesOf, bytesMax } = plan
  const onePage = typeof bytesOf === 'number' && bytesOf * present <= bytesMax
  const pages: RawPage[] = []
  let row = 0
  let value = 0
  while (row < rows) {
    const rowFrom = row
    const valueFrom = value
    if (onePage) {
      row = rows
      value = present
    }
    for (let bytes = 0; row < rows; row++) {
      if (present < rows && levels[row] === 0) continue
      bytes += typeof bytesOf === 'number' ? bytesOf : bytesOf(value)
      // A page holds at least one value, however long.
      if (bytes > bytesMax && value > valueFrom) break
      value++
    }
    const from = sink.at
    const nulls = row - rowFrom - (value - valueFrom)
    if (plan.required !== true) encodeLevels(sink, levels, rowFrom, row, nulls)
    const body = sink.at
    encode(valueFrom, value)
    pages.push({ kind: 'data', encoding: plan.encoding, from, body, to: sink.at, values: row - rowFrom, nulls })
  }
  return pages
}

function encodeLevels(sink: ByteSink, levels: Uint8Array, from: number, to: number, nulls: number): void {
  if (nulls > 0) return encodeHybrid(sink, levels, from, to, 1)
  sink.reserve(16)
  sink.varint((to - from) * 2)
  sink.byte(1)
}

/** the page of a dictionary whose entries stand in the sink from `from` on, PLAIN */
export function dictionaryPage(sink: ByteSink, from: number, size: number): RawPage {
  return { kind: 'dictionary', encoding: 'PLAIN', from, body: from, to: sink.at, values: size, nulls: 0 }
}

/** data pages of the gathered dictionary indexes: their width, then the hybrid */
export function encodeIndexes(ws: Workspace, rows: number, present: number, size: number, bytesMax: number): RawPage[] {
  const width = bitsFor(size - 1)
  return encodePages(ws, { rows, present, encoding: 'RLE_DICTIONARY', bytesMax, bytesOf: 4 }, (from, to) => {
    ws.sink.reserve(1)
    ws.sink.byte(width)
    encodeHybrid(ws.sink, ws.entries, from, to, width)
  })
}
