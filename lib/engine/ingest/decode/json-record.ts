// One JSON object to one row: the traversal both modes share. Checking, it reads keys, times and
// structure and keeps nothing; decoding, it also puts each value into its column. A refusal is found
// at the record's end, so the whole of it is always walked and the next record can be read.
import { STREAM_FIELDS_MAX } from '../../../model/schema.ts'
import type { Micros } from '../../../model/time.ts'
import type { FieldColumns, Source, Table } from '../../store/columns.ts'
import type { FieldSlot, KeyNode, KeyTree } from '../flatten.ts'
import { readTimeNumber, readTimeText, TIME_FORMS } from '../timestamp.ts'
import type { DecodeContext } from './contract.ts'
import type { Destination, Judge, Refusal } from './judge.ts'
import type { Scanner } from './scanner.ts'
import { DOUBLE, FALSE, INT, NULL, OPEN_ARRAY, OPEN_OBJECT, QUOTE, TRUE } from './scanner.ts'

/** where a time stands: its first byte's kind and its range; `from` -1 = not given */
interface TimeText {
  kind: number
  from: number
  to: number
}

export class RecordReader {
  readonly scanner: Scanner
  private readonly judge: Judge
  private readonly context: DecodeContext
  private readonly source: Source
  private readonly message: number
  private readonly alone: boolean
  private table: Table | null = null
  private tree!: KeyTree
  private row = 0
  /** values that are to be stored */
  private values = 0
  private fault: string | null = null
  /** fields that first appear in this record */
  private readonly fresh: FieldSlot[] = []
  private readonly time: TimeText = { kind: 0, from: -1, to: 0 }
  private readonly fallback: TimeText = { kind: 0, from: -1, to: 0 }

  /** `alone`: nothing but white space may follow a record in the scanner's range (a line) */
  constructor(judge: Judge, scanner: Scanner, message: number, alone: boolean) {
    this.judge = judge
    this.context = judge.context
    this.scanner = scanner
    this.source = scanner.source
    this.message = message
    this.alone = alone
  }

  /**
   * Reads the object at the scanner into its stream's row and settles it with the judge. [idFrom, idTo)
   * is the value of `_id`, idFrom -1 for none. Gives why the record is rejected, or null.
   * @throws malformed, too_deep: nothing is settled then
   */
  read(to: Destination, idFrom = -1, idTo = 0): Refusal | null {
    const { scanner } = this
    this.begin(to)
    scanner.peek()
    const start = scanner.at
    let bytes = 0
    try {
      this.members(this.tree.root)
      bytes = scanner.at - start
      if (this.alone) scanner.finish()
    } catch (error) {
      this.tree.forget(this.fresh)
      throw error
    }
    if (idFrom >= 0) this.id(idFrom, idTo)
    const refusal = this.settle(to, bytes)
    if (refusal !== null) this.tree.forget(this.fresh)
    return refusal
  }

  private begin(to: Destination): void {
    this.tree = to.tree
    this.tree.tidy()
    this.table = to.table
    this.row = to.table === null ? 0 : to.table.rows
    this.values = 0
    this.fault = null
    this.fresh.length = 0
    this.time.from = -1
    this.fallback.from = -1
  }

  private settle(to: Destination, bytes: number): Refusal | null {
    const { judge, context } = this
    if (bytes > context.recordBytesMax) return judge.reject(to, 'record_too_large', `the record is ${bytes} bytes long: at most ${context.recordBytesMax}`)
    if (this.fault !== null) return judge.reject(to, 'field_name', this.fault)
    if (this.values > context.recordFieldsMax) return judge.reject(to, 'too_many_fields', `the record has more than ${context.recordFieldsMax} fields: send fewer`)
    const time = this.timeOf()
    if (!(time >= context.oldest && time <= context.newest)) return judge.reject(to, 'timestamp', this.timeFault(time))
    const refusal = judge.accept(to, time, bytes, this.fresh)
    if (refusal === null && this.table !== null) this.table.endRow(time, this.message)
    return refusal
  }

  /** the members of the object at the scanner, as children of `node` */
  private members(node: KeyNode): void {
    const { scanner, tree, source } = this
    scanner.open(OPEN_OBJECT)
    let before: KeyNode | null = null
    for (let first = true; ; first = false) {
      let key = tree.guess(node, before, source, scanner.at, scanner.end)
      if (key !== null) scanner.at += before === null ? key.tokenBytes - 1 : key.tokenBytes
      else {
        if (!scanner.more(first)) return
        scanner.peek()
        key = tree.guessKey(node, before, source, scanner.at, scanner.end)
        if (key !== null) {
          scanner.at += key.tokenBytes - 2
          scanner.colon()
        } else {
          scanner.key()
          if (this.refused) {
            // Names of no use are not even looked up.
            scanner.skipValue()
            continue
          }
          key = tree.child(node, before, source, scanner.from, scanner.to)
        }
      }
      before = key
      const c = scanner.peek()
      if (key.fault !== null) {
        this.fault = key.fault
        scanner.skipValue()
      } else if (key.role !== 'field') this.timeValue(key.role === 'time' ? this.time : this.fallback, c)
      else if (c === NULL) scanner.literal()
      else if (c === OPEN_OBJECT && key.level < this.context.flattenLevels) this.members(key)
      else this.value(key.slot, c)
    }
  }

  /** the record cannot be stored, whatever else it holds */
  private get refused(): boolean {
    return this.fault !== null || this.values > this.context.recordFieldsMax || this.tree.fields + this.fresh.length > STREAM_FIELDS_MAX
  }

  private value(slot: FieldSlot, c: number): void {
    const { scanner } = this
    if (this.table === null) {
      if (c === QUOTE) scanner.skipString()
      else if (c === OPEN_OBJECT) {
        const start = scanner.at
        scanner.skipValue()
        if (this.isEmptyObject(start, scanner.at)) return
      } else if (c === OPEN_ARRAY) scanner.skipValue()
      else scanner.skipScalar(c)
      this.use(slot)
      return
    }
    if (c === OPEN_OBJECT || c === OPEN_ARRAY) return this.jsonText(slot, c)
    this.use(slot)
    const column = slot.column ?? this.tree.column(slot)
    if (c === QUOTE) this.text(column)
    else if (c === TRUE || c === FALSE) {
      scanner.literal()
      column.setBool(this.row, c === TRUE)
    } else this.number(column)
  }

  /** counts a value that is stored */
  private use(slot: FieldSlot): void {
    this.values++
    if (slot.usedIn !== this.tree.request) {
      slot.usedIn = this.tree.request
      this.fresh.push(slot)
    }
  }

  private text(column: FieldColumns): void {
    const { scanner, source, row } = this
    const n = column.setRepeatedText(row, source, scanner.at + 1, scanner.end)
    if (n >= 0) {
      scanner.at += n + 2
      return
    }
    scanner.string()
    // An undone escape leaves a gap before the closing quote.
    if (scanner.to + 1 === scanner.at) column.setVerbatimText(row, source, scanner.from, scanner.to)
    else column.setText(row, source, scanner.from, scanner.to)
  }

  private number(column: FieldColumns): void {
    const { scanner } = this
    const kind = scanner.number()
    if (kind === INT) column.setInt(this.row, scanner.lo, scanner.hi)
    else if (kind === DOUBLE) column.setDouble(this.row, scanner.double)
    else column.setText(this.row, this.source, scanner.from, scanner.to)
  }

  /** an array, or an object below the last level: its own text without white space, so every digit stays */
  private jsonText(slot: FieldSlot, c: number): void {
    const { scanner } = this
    const start = scanner.at
    scanner.skipValue()
    let end = scanner.at
    if (c === OPEN_OBJECT && this.isEmptyObject(start, end)) return
    if (scanner.spaced) end = this.compact(start, end)
    this.use(slot)
    ;(slot.column ?? this.tree.column(slot)).setText(this.row, this.source, start, end)
  }

  private isEmptyObject(start: number, end: number): boolean {
    const { bytes } = this.source
    let p = start + 1
    while (p < end && bytes[p]! <= 32) p++
    return p === end - 1
  }

  /** moves checked JSON text down over its white space; gives its new end */
  private compact(start: number, end: number): number {
    const { bytes } = this.source
    let w = start
    for (let p = start, quoted = false; p < end; p++) {
      const c = bytes[p]!
      if (quoted) {
        if (c === 0x5c) bytes[w++] = bytes[p++]!
        else if (c === QUOTE) quoted = false
      } else if (c === QUOTE) quoted = true
      else if (c <= 32) continue
      bytes[w++] = bytes[p]!
    }
    return w
  }

  private id(from: number, to: number): void {
    const slot = this.tree.slot('_id')
    this.use(slot)
    if (this.table !== null) (slot.column ?? this.tree.column(slot)).setText(this.row, this.source, from, to)
  }

  /** a time's text is undone in both modes: both must read the same bytes */
  private timeValue(time: TimeText, c: number): void {
    const { scanner } = this
    const start = scanner.at
    if (c === NULL) {
      scanner.literal()
      return
    }
    time.kind = c
    if (c === QUOTE) scanner.string()
    else {
      scanner.skipValue()
      scanner.from = start
      scanner.to = scanner.at
    }
    time.from = scanner.from
    time.to = scanner.to
  }

  /** the record's time; NaN when what it gives is none */
  private timeOf(): Micros {
    let time = this.time.from >= 0 ? this.readTime(this.time) : 0
    // Zero is how many clients write "none".
    if (time === 0 && this.fallback.from >= 0) time = this.readTime(this.fallback)
    return time === 0 ? this.context.acceptedAt : time
  }

  private readTime(time: TimeText): Micros {
    const { kind, from, to } = time
    const { bytes } = this.source
    if (kind === QUOTE) return readTimeText(bytes, from, to)
    if (kind === OPEN_OBJECT || kind === OPEN_ARRAY || kind === TRUE || kind === FALSE) return NaN
    return readTimeNumber(bytes, from, to)
  }

  private timeFault(time: Micros): string {
    const given = this.time.from >= 0 && this.readTime(this.time) !== 0 ? this.time : this.fallback
    const { bytes } = this.source
    const text = given.from < 0 ? '' : bytes.toString('utf8', given.from, Math.min(given.to, given.from + 40))
    const shown = given.from < 0 ? 'now' : given.kind === QUOTE ? JSON.stringify(text) : text
    if (Number.isNaN(time)) return `_timestamp ${shown} is not a time: ${TIME_FORMS}`
    return `_timestamp ${shown} is outside the window: from ${isoOf(this.context.oldest)} to ${isoOf(this.context.newest)}`
  }
}

const isoOf = (micros: Micros): string => new Date(Math.floor(micros / 1000)).toISOString()
