// Rows as byte columns: what decoders write and the Parquet encoder reads. No JS string is made and
// no row object: a text column is an arena of bytes, offsets of its distinct entries and one Int32
// index a row (-1 = null). Values of one field may come in four kinds; `settle.ts` makes one column
// of them. Measured in docs/bench.md; 3-4x cheaper than objects. What one flush grew, the next may use
// again (`Tables.spare`): fresh memory costs page faults and garbage collections.
import { BoolColumn, DoubleColumn, IntColumn, fits, grownInt32 } from './number-columns.ts'

/** the request's bytes while a decoder reads them; ranges below are [from, to) in `bytes` */
export class Source {
  readonly bytes: Buffer
  readonly view: DataView
  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }
}

export function hashRange(s: Source, from: number, to: number): number {
  const n = to - from
  let h = n
  if (n >= 4) {
    const last = to - 4
    for (let p = from; p < last; p += 4) {
      h = Math.imul(h ^ s.view.getInt32(p, true), 0x9e3779b1)
      h ^= h >>> 15
    }
    h = Math.imul(h ^ s.view.getInt32(last, true), 0x9e3779b1)
    h ^= h >>> 15
  } else {
    for (let p = from; p < to; p++) {
      h = Math.imul(h ^ s.bytes[p]!, 0x9e3779b1)
      h ^= h >>> 15
    }
  }
  h = Math.imul(h, 0x85ebca6b)
  return h ^ (h >>> 13)
}

/** entries before a mostly distinct column stops being interned, and the share that counts as "mostly" */
const DISTINCT_PROBE = 48
const DISTINCT_SHARE = 0.6
/** slots looked at before interning is given up: a client can make values of equal hash at will */
const PROBES_MAX = 128
/** bytes from which a native copy beats a loop of 32-bit moves (measured) */
const COPY_NATIVE_BYTES = 200

export class TextColumn {
  readonly kind = 'text'
  /** entry per row, -1 = null; rows beyond the length are null */
  index: Int32Array
  /** entries stand end to end; entry i is [offsets[i], offsets[i + 1]) */
  arena: Buffer = Buffer.allocUnsafeSlow(1024)
  arenaView: DataView = new DataView(this.arena.buffer)
  offsets: Int32Array = new Int32Array(32)
  /** number of entries */
  entries = 0
  /** true when interning was given up: entries may repeat */
  plain = false
  private table: Int32Array = new Int32Array(64)
  private hashes: Int32Array = new Int32Array(32)
  private last = -1
  /** the last value holds no byte that JSON writes with an escape: found again in quotes, it is itself */
  private lastVerbatim = false
  private sets = 0

  constructor(rows: number) {
    this.index = new Int32Array(Math.max(rows, 16)).fill(-1)
  }

  equals(entry: number, s: Source, from: number, to: number): boolean {
    let q = this.offsets[entry]!
    const n = to - from
    if (this.offsets[entry + 1]! - q !== n) return false
    if (n >= 4) {
      const { view } = s
      const arena = this.arenaView
      const end = to - 4
      if (view.getInt32(end, true) !== arena.getInt32(q + n - 4, true)) return false
      for (let p = from; p < end; p += 4, q += 4) if (view.getInt32(p, true) !== arena.getInt32(q, true)) return false
      return true
    }
    for (let p = from; p < to; p++, q++) if (s.bytes[p] !== this.arena[q]) return false
    return true
  }

  /** appends an entry without looking for an equal one */
  push(s: Source, from: number, to: number): number {
    const entry = this.entries++
    const at = this.offsets[entry]!
    const n = to - from
    const end = at + n
    if (this.entries + 1 > this.offsets.length) this.offsets = grownInt32(this.offsets, this.entries + 1, 0)
    if (end > this.arena.length) this.reserve(Math.max(end, this.arena.length * 2), at)
    if (n > COPY_NATIVE_BYTES) this.arena.set(s.bytes.subarray(from, to), at)
    else if (n >= 4) {
      const { view } = s
      const arena = this.arenaView
      const last = to - 4
      for (let p = from, q = at; p < last; p += 4, q += 4) arena.setInt32(q, view.getInt32(p, true), true)
      arena.setInt32(end - 4, view.getInt32(last, true), true)
    } else for (let p = from, q = at; p < to; p++, q++) this.arena[q] = s.bytes[p]!
    this.offsets[entry + 1] = end
    return entry
  }

  /** another arena of at least that length, with the bytes used so far */
  private reserve(length: number, used: number): void {
    const b = Buffer.allocUnsafeSlow(length)
    b.set(this.arena.subarray(0, used))
    this.arena = b
    this.arenaView = new DataView(b.buffer)
  }

  /** the entry with these bytes, made when there is none */
  intern(s: Source, from: number, to: number): number {
    this.lastVerbatim = false
    if (this.plain) return this.push(s, from, to)
    this.sets++
    if (this.last >= 0 && this.equals(this.last, s, from, to)) return this.last
    const h = hashRange(s, from, to)
    const mask = this.table.length - 1
    let slot = h & mask
    let t: number
    for (let probes = 0; (t = this.table[slot]!) !== 0; probes++) {
      if (this.hashes[t - 1] === h && this.equals(t - 1, s, from, to)) return (this.last = t - 1)
      if (probes === PROBES_MAX) {
        this.plain = true
        return this.push(s, from, to)
      }
      slot = (slot + 1) & mask
    }
    const entry = this.push(s, from, to)
    if (entry >= this.hashes.length) this.hashes = grownInt32(this.hashes, entry + 1, 0)
    this.hashes[entry] = h
    this.table[slot] = entry + 1
    if (this.entries * 2 > this.table.length) this.rehash()
    if (this.entries >= DISTINCT_PROBE && this.entries > this.sets * DISTINCT_SHARE) this.plain = true
    return (this.last = entry)
  }

  private rehash(): void {
    const mask = this.table.length * 2 - 1
    const t = (this.table = new Int32Array(mask + 1))
    for (let i = 0; i < this.entries; i++) {
      let slot = this.hashes[i]! & mask
      while (t[slot] !== 0) slot = (slot + 1) & mask
      t[slot] = i + 1
    }
  }

  set(row: number, s: Source, from: number, to: number): void {
    const entry = this.intern(s, from, to)
    if (row >= this.index.length) this.index = grownInt32(this.index, row + 1, -1)
    this.index[row] = entry
  }

  /** `set` for text that stood in quotes just so, without an escape */
  setVerbatim(row: number, s: Source, from: number, to: number): void {
    this.set(row, s, from, to)
    this.lastVerbatim = !this.plain
  }

  /**
   * Gives the row the last value when just that stands at `at` with a quote behind it, below `end`:
   * its bytes need no reading then. Gives its length, or -1 when something else stands there.
   */
  setRepeated(row: number, s: Source, at: number, end: number): number {
    if (!this.lastVerbatim) return -1
    const { last } = this
    const n = this.offsets[last + 1]! - this.offsets[last]!
    if (at + n >= end || s.bytes[at + n] !== 0x22 || !this.equals(last, s, at, at + n)) return -1
    this.sets++
    if (row >= this.index.length) this.index = grownInt32(this.index, row + 1, -1)
    this.index[row] = last
    return n
  }

  /** gives rows [from, to) one entry */
  fill(from: number, to: number, entry: number): void {
    if (to > this.index.length) this.index = grownInt32(this.index, to, -1)
    this.index.fill(entry, from, to)
  }

  /** as new, with the memory it has; `rows` is what the last flush needed */
  reset(rows: number): this {
    const { arena, entries } = this
    this.index = fits(this.index.length, rows) ? this.index.fill(-1) : new Int32Array(Math.max(rows, 16)).fill(-1)
    if (!fits(arena.length, this.offsets[entries]!)) this.reserve(Math.max(this.offsets[entries]!, 1024), 0)
    if (!fits(this.offsets.length, entries)) this.offsets = new Int32Array(Math.max(entries, 32))
    if (!fits(this.hashes.length, entries)) this.hashes = new Int32Array(32)
    this.table = fits(this.table.length, 2 * entries) ? this.table.fill(0) : new Int32Array(64)
    this.entries = this.sets = 0
    this.last = -1
    this.plain = this.lastVerbatim = false
    return this
  }

  /** of memory held */
  get bytes(): number {
    return this.arena.length + 4 * (this.index.length + this.offsets.length + this.hashes.length + this.table.length)
  }

  has(row: number): boolean {
    return row < this.index.length && this.index[row]! >= 0
  }

  clear(row: number): void {
    if (row < this.index.length) this.index[row] = -1
  }
}

/** One field of a table: up to four columns, one a kind of value; a row has a value in at most one. */
export class FieldColumns {
  readonly name: string
  text: TextColumn | null = null
  ints: IntColumn | null = null
  doubles: DoubleColumn | null = null
  bools: BoolColumn | null = null
  /** last row written: a second write to it is a name collision, and the last wins */
  private lastRow = -1
  private rowsHint: number

  constructor(name: string, rowsHint: number) {
    this.name = name
    this.rowsHint = rowsHint
  }

  setText(row: number, s: Source, from: number, to: number): void {
    if (row === this.lastRow) this.clear(row)
    this.lastRow = row
    ;(this.text ??= new TextColumn(this.rowsHint)).set(row, s, from, to)
  }
  /** the text that begins at `at` when it is the last row's again (`TextColumn.setRepeated`); its length or -1 */
  setRepeatedText(row: number, s: Source, at: number, end: number): number {
    if (this.text === null) return -1
    const n = this.text.setRepeated(row, s, at, end)
    if (n < 0) return -1
    if (row === this.lastRow) {
      const entry = this.text.index[row]!
      this.clear(row)
      this.text.index[row] = entry
    }
    this.lastRow = row
    return n
  }
  /** `setText` for text that stood in quotes just so, without an escape */
  setVerbatimText(row: number, s: Source, from: number, to: number): void {
    if (row === this.lastRow) this.clear(row)
    this.lastRow = row
    ;(this.text ??= new TextColumn(this.rowsHint)).setVerbatim(row, s, from, to)
  }
  setInt(row: number, lo: number, hi: number): void {
    if (row === this.lastRow) this.clear(row)
    this.lastRow = row
    ;(this.ints ??= new IntColumn(this.rowsHint)).set(row, lo, hi)
  }
  setDouble(row: number, value: number): void {
    if (row === this.lastRow) this.clear(row)
    this.lastRow = row
    ;(this.doubles ??= new DoubleColumn(this.rowsHint)).set(row, value)
  }
  setBool(row: number, value: boolean): void {
    if (row === this.lastRow) this.clear(row)
    this.lastRow = row
    ;(this.bools ??= new BoolColumn(this.rowsHint)).set(row, value)
  }
  /** as new, with the memory its columns have */
  reset(rows: number): this {
    this.lastRow = -1
    this.text?.reset(rows)
    this.ints?.reset(rows)
    this.doubles?.reset(rows)
    this.bools?.reset(rows)
    return this
  }
  /** of memory held */
  get bytes(): number {
    return (this.text?.bytes ?? 0) + (this.ints?.bytes ?? 0) + (this.doubles?.bytes ?? 0) + (this.bools?.bytes ?? 0)
  }
  clear(row: number): void {
    this.text?.clear(row)
    this.ints?.clear(row)
    this.doubles?.clear(row)
    this.bools?.clear(row)
  }
}

/** The rows of one stream in one flush. `times` and `messages` are dense; fields are sparse. */
export class Table {
  rows = 0
  /** `_timestamp` of each row, microseconds */
  times: Float64Array
  /** which message of the flush a row came from */
  messages: Int32Array
  /** bytes of request text behind the rows, by message ordinal */
  readonly rawBytes: Map<number, number> = new Map()
  readonly fields: FieldColumns[] = []
  private readonly byName = new Map<string, FieldColumns>()
  private readonly rowsHint: number
  /** of an earlier flush, done with: its fields are used again as they are met */
  private spare: Table | null

  constructor(rowsHint = 1024, spare: Table | null = null) {
    this.rowsHint = rowsHint
    this.spare = spare
    // It holds on to nothing older, or a chain of all flushes would grow.
    if (spare !== null) spare.spare = null
    this.times = spare?.times ?? new Float64Array(rowsHint)
    this.messages = spare?.messages ?? new Int32Array(rowsHint)
  }

  /** by clean (flattened) name */
  field(name: string): FieldColumns {
    let f = this.byName.get(name)
    if (f === undefined) {
      f = this.spare?.byName.get(name)?.reset(this.spare.rows) ?? new FieldColumns(name, Math.max(this.rowsHint, this.rows))
      this.byName.set(name, f)
      this.fields.push(f)
    }
    return f
  }

  /** ends the row being written */
  endRow(time: number, message: number): void {
    const row = this.rows++
    if (row >= this.times.length) {
      const times = new Float64Array(this.times.length * 2)
      times.set(this.times)
      this.times = times
      this.messages = grownInt32(this.messages, times.length, 0)
    }
    this.times[row] = time
    this.messages[row] = message
  }

  addRawBytes(message: number, bytes: number): void {
    this.rawBytes.set(message, (this.rawBytes.get(message) ?? 0) + bytes)
  }
}

/** the tables of a flush, by stream */
export class Tables {
  readonly byStream: Map<string, Table> = new Map()
  private spare: Tables | null

  /** `spare`: of an earlier flush, never to be looked at again, for its memory is written over */
  constructor(spare: Tables | null = null) {
    this.spare = spare
    if (spare !== null) spare.spare = null
  }

  /** of memory held by fields */
  get bytes(): number {
    let bytes = 0
    for (const { fields } of this.byStream.values()) for (const field of fields) bytes += field.bytes
    return bytes
  }

  /** `type` and clean name, joined as `logs/default` */
  of(stream: string): Table {
    let t = this.byStream.get(stream)
    if (t === undefined) this.byStream.set(stream, (t = new Table(1024, this.spare?.byStream.get(stream))))
    return t
  }
}
