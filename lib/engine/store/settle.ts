// Between decoding and Parquet: a field that came in several kinds of value gets one type, the join
// of the kinds that occur (model/schema.ts), and one column of it. No digit is lost: integers become
// doubles only up to 2^53, every other mix becomes text. A batch settles its own types; files keep
// them; the stream's schema is the join over all of them.
import { isUtf8 } from 'node:buffer'
import { joinTypes, type FieldType } from '../../model/schema.ts'
import { Source, TextColumn } from './columns.ts'
import { DoubleColumn } from './number-columns.ts'
import type { BoolColumn, IntColumn } from './number-columns.ts'
import type { FieldColumns, Table } from './columns.ts'
import type { ColumnValues, SettledColumn } from './types.ts'

/** the high half of 2^53: integers from -2^53 to 2^53 are `int`, beyond it `int64` */
const SAFE_HIGH = 0x200000
const TWO_32 = 4_294_967_296

/** every field of a table that has a value, with one type each, in the table's order */
export function settle(table: Table): SettledColumn[] {
  const columns: SettledColumn[] = []
  for (const field of table.fields) {
    const column = settleField(field, table.rows)
    if (column !== null) columns.push(column)
  }
  return columns
}

/**
 * One column of a field's kinds; null when no row has a value. The field's own columns may be handed
 * on (padded to `rows` entries), never changed in meaning: settling twice gives the same.
 */
export function settleField(field: FieldColumns, rows: number): SettledColumn | null {
  const { name } = field
  const kinds: { readonly type: FieldType; readonly values: ColumnValues; readonly count: number }[] = []
  const text = field.text === null ? 0 : countText(field.text, rows)
  if (text > 0) kinds.push({ type: 'string', values: withValidUtf8(field.text!, rows), count: text })
  const ints = field.ints === null ? 0 : countPresent(field.ints.present, rows)
  if (ints > 0) kinds.push({ type: isSafe(field.ints!, rows) ? 'int' : 'int64', values: field.ints!, count: ints })
  const doubles = field.doubles === null ? 0 : countPresent(field.doubles.present, rows)
  if (doubles > 0) kinds.push({ type: 'double', values: field.doubles!, count: doubles })
  const bools = field.bools === null ? 0 : countPresent(field.bools.present, rows)
  if (bools > 0) kinds.push({ type: 'bool', values: field.bools!, count: bools })

  const [first] = kinds
  if (first === undefined) return null
  const nulls = rows - text - ints - doubles - bools
  if (kinds.length === 1) return { name, type: first.type, values: padded(first.values, rows), nulls }
  const type = kinds.reduce((joined, kind) => joinTypes(joined, kind.type), first.type)
  const columns = kinds.map(kind => kind.values)
  return { name, type, values: type === 'double' ? asDoubles(columns, rows) : asText(columns, rows), nulls }
}

function countText(column: TextColumn, rows: number): number {
  const { index } = column
  const end = Math.min(rows, index.length)
  let n = 0
  for (let r = 0; r < end; r++) if (index[r]! >= 0) n++
  return n
}

function countPresent(present: Uint8Array, rows: number): number {
  const end = Math.min(rows, present.length)
  let n = 0
  for (let r = 0; r < end; r++) n += present[r]!
  return n
}

/** whether every value n has |n| <= 2^53, so that a double holds it */
function isSafe(column: IntColumn, rows: number): boolean {
  const { halves, present } = column
  const end = Math.min(rows, present.length)
  for (let r = 0; r < end; r++) {
    if (present[r] === 0) continue
    const high = halves[2 * r + 1]!
    if (high >= -SAFE_HIGH && high < SAFE_HIGH) continue
    if (high !== SAFE_HIGH || halves[2 * r] !== 0) return false
  }
  return true
}

/** The encoder reads every row without looking at lengths: reads beyond a typed array are slow. */
function padded(column: ColumnValues, rows: number): ColumnValues {
  if (column.kind === 'text') {
    if (column.index.length < rows) {
      const index = new Int32Array(rows).fill(-1)
      index.set(column.index)
      column.index = index
    }
    return column
  }
  if (column.present.length >= rows) return column
  const present = new Uint8Array(rows)
  present.set(column.present)
  column.present = present
  if (column.kind === 'int') {
    const halves = new Int32Array(rows * 2)
    halves.set(column.halves)
    column.halves = halves
  } else {
    const values = column.kind === 'double' ? new Float64Array(rows) : new Uint8Array(rows)
    values.set(column.values)
    column.values = values
  }
  return column
}

function asDoubles(columns: readonly ColumnValues[], rows: number): DoubleColumn {
  const out = new DoubleColumn(rows)
  for (const column of columns) {
    if (column.kind === 'text') continue
    for (let r = 0; r < rows; r++) {
      if (!column.has(r)) continue
      out.set(r, column.kind === 'int' ? safeNumber(column, r) : Number(column.values[r]))
    }
  }
  return out
}

/** Text of a mixed field. Rows are interned again one by one: mixes are rare, and the column stays a normal one. */
function asText(columns: readonly ColumnValues[], rows: number): TextColumn {
  const out = new TextColumn(rows)
  for (const column of columns) {
    if (column.kind === 'text') {
      const source = new Source(column.arena)
      for (let r = 0; r < rows; r++) {
        if (!column.has(r)) continue
        const entry = column.index[r]!
        out.set(r, source, column.offsets[entry]!, column.offsets[entry + 1]!)
      }
      continue
    }
    for (let r = 0; r < rows; r++) {
      if (!column.has(r)) continue
      const bytes = Buffer.from(valueText(column, r), 'latin1')
      out.set(r, new Source(bytes), 0, bytes.length)
    }
  }
  return out
}

/** shortest JS form of a number (`5`, `1.5`, `1e+21`), all digits of an integer, `true` or `false` */
function valueText(column: IntColumn | DoubleColumn | BoolColumn, row: number): string {
  if (column.kind === 'double') return String(column.values[row])
  if (column.kind === 'bool') return column.values[row] === 0 ? 'false' : 'true'
  const high = column.halves[2 * row + 1]!
  if (high >= -SAFE_HIGH && high < SAFE_HIGH) return String(safeNumber(column, row))
  return String((BigInt(high) << 32n) | BigInt(column.halves[2 * row]! >>> 0))
}

function safeNumber(column: IntColumn, row: number): number {
  return column.halves[2 * row + 1]! * TWO_32 + (column.halves[2 * row]! >>> 0)
}

/**
 * The column itself when all its entries are valid UTF-8, else a repaired copy with U+FFFD. Decoders
 * repair already; this is the last gate, because one bad value makes DuckDB refuse a whole file.
 * A valid arena whose entries begin at character borders has only valid entries (0.03 ms a MB).
 */
function withValidUtf8(column: TextColumn, rows: number): TextColumn {
  const { arena, offsets, entries } = column
  let valid = isUtf8(arena.subarray(0, offsets[entries]!))
  for (let i = 0; valid && i < entries; i++) {
    const at = offsets[i]!
    if (at < offsets[i + 1]! && (arena[at]! & 0xc0) === 0x80) valid = false
  }
  if (valid) return column
  const out = new TextColumn(rows)
  for (let r = 0; r < rows; r++) {
    if (!column.has(r)) continue
    const entry = column.index[r]!
    const bytes = Buffer.from(arena.toString('utf8', offsets[entry], offsets[entry + 1]), 'utf8')
    out.set(r, new Source(bytes), 0, bytes.length)
  }
  return out
}
