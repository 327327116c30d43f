// DuckDB values as JSON text and as plain text; child only. This is the general path, a value at a
// time through JS; wide results of plain types take the quick one (row-sql.ts), which must print
// the same bytes. Promise: every digit of an integer or decimal, and every number reads back equal.
import {
  DuckDBArrayType, DuckDBArrayValue, DuckDBListType, DuckDBListValue, DuckDBMapType, DuckDBMapValue,
  DuckDBStructType, DuckDBStructValue, DuckDBTimestampTZValue, DuckDBTimestampValue, DuckDBTypeId,
  DuckDBUnionType, DuckDBUnionValue, DuckDBVariantValue,
} from '@duckdb/node-api'
import type { DuckDBDataChunk, DuckDBType, DuckDBValue } from '@duckdb/node-api'
import './whole-text.ts'

type Print = (value: DuckDBValue) => string

/** the JSON text of one value of `type`; null inside a list or struct stays `null` */
export function jsonOf(value: DuckDBValue, type: DuckDBType): string {
  return printerOf(type)(value)
}

/**
 * The rows of a chunk as JSON objects, one text a row, null columns left out.
 * `keys` are the texts `"name":` of the columns, in order.
 */
export function jsonRows(chunk: DuckDBDataChunk, types: readonly DuckDBType[], keys: readonly string[]): string[] {
  const rows: string[] = Array.from({ length: chunk.rowCount }, () => '')
  // By column: one printer and one vector at a time, which is how the data lies in memory.
  for (const [index, type] of types.entries()) {
    const print = printerOf(type)
    const key = keys[index] ?? ''
    const vector = chunk.getColumnVector(index)
    for (let row = 0; row < rows.length; row++) {
      const value = vector.getItem(row)
      if (value !== null && value !== undefined) rows[row] += `,${key}${print(value)}`
    }
  }
  return rows.map((text) => `{${text.slice(1)}}`)
}

/** a cell for `ask`: null, boolean, or the text DuckDB prints */
export function plainOf(value: DuckDBValue, type: DuckDBType): string | boolean | null {
  if (value === null || typeof value === 'boolean') return value
  if (typeof value !== 'number') return String(value)
  if (type.typeId === DuckDBTypeId.DOUBLE) return doubleText(value)
  return type.typeId === DuckDBTypeId.FLOAT ? doubleText(shortestOfFloat(value)) : String(value)
}

/**
 * Names for JSON objects: a name that came before gets the first free `_1`, `_2`, ..., as DuckDB
 * names the columns of a sub-query, so no column hides another. Case counts.
 */
export function uniqueNames(names: readonly string[]): string[] {
  const taken = new Set<string>()
  const given = new Set(names)
  return names.map((name) => {
    let unique = name
    for (let n = 1; taken.has(unique) || (unique !== name && given.has(unique)); n++) unique = `${name}_${n}`
    taken.add(unique)
    return unique
  })
}

/** picks the printer once a column, not once a cell */
function printerOf(type: DuckDBType): Print {
  switch (type.typeId) {
    case DuckDBTypeId.BOOLEAN: case DuckDBTypeId.TINYINT: case DuckDBTypeId.SMALLINT: case DuckDBTypeId.INTEGER:
    case DuckDBTypeId.BIGINT: case DuckDBTypeId.UTINYINT: case DuckDBTypeId.USMALLINT: case DuckDBTypeId.UINTEGER:
    case DuckDBTypeId.UBIGINT: case DuckDBTypeId.HUGEINT: case DuckDBTypeId.UHUGEINT: case DuckDBTypeId.BIGNUM:
      return String
    case DuckDBTypeId.DECIMAL:
      return (value) => decimalJson(String(value))
    case DuckDBTypeId.DOUBLE:
      return (value) => (typeof value === 'number' ? doubleJson(value) : 'null')
    case DuckDBTypeId.FLOAT:
      return (value) => (typeof value === 'number' ? doubleJson(isPlainWhole(value) ? value : shortestOfFloat(value)) : 'null')
    case DuckDBTypeId.VARCHAR: case DuckDBTypeId.ENUM:
      return (value) => JSON.stringify(value)
    case DuckDBTypeId.TIMESTAMP: case DuckDBTypeId.TIMESTAMP_S: case DuckDBTypeId.TIMESTAMP_MS: case DuckDBTypeId.TIMESTAMP_NS:
      return (value) => JSON.stringify(String(value).replaceAll(' ', 'T'))
    case DuckDBTypeId.TIMESTAMP_TZ:
      return (value) => JSON.stringify(timestampOfTz(value).replaceAll(' ', 'T'))
    case DuckDBTypeId.LIST: case DuckDBTypeId.ARRAY: case DuckDBTypeId.STRUCT: case DuckDBTypeId.MAP:
    case DuckDBTypeId.UNION: case DuckDBTypeId.VARIANT:
      return nestedPrinterOf(type)
    default:
      // DATE, TIME, INTERVAL, UUID, BLOB, BIT and what may come: DuckDB's text as a JSON string.
      return (value) => JSON.stringify(String(value))
  }
}

function nestedPrinterOf(type: DuckDBType): Print {
  if (type instanceof DuckDBListType || type instanceof DuckDBArrayType) {
    const print = orNull(printerOf(type.valueType))
    return (value) => (value instanceof DuckDBListValue || value instanceof DuckDBArrayValue
      ? `[${value.items.map(print).join(',')}]`
      : 'null')
  }
  if (type instanceof DuckDBStructType) {
    const prints = type.entryTypes.map((entry) => orNull(printerOf(entry)))
    const keys = type.entryNames.map((name) => JSON.stringify(name))
    return (value) => {
      if (!(value instanceof DuckDBStructValue)) return 'null'
      const texts = type.entryNames.map((name, i) => `${keys[i]}:${prints[i]?.(value.entries[name] ?? null)}`)
      return `{${texts.join(',')}}`
    }
  }
  if (type instanceof DuckDBMapType) {
    const print = orNull(printerOf(type.valueType))
    // JSON keys are text: a key that is none is printed as DuckDB prints it.
    return (value) => (value instanceof DuckDBMapValue
      ? `{${value.entries.map((entry) => `${JSON.stringify(String(entry.key))}:${print(entry.value)}`).join(',')}}`
      : 'null')
  }
  if (type instanceof DuckDBUnionType) {
    return (value) => (value instanceof DuckDBUnionValue && value.value !== null
      ? printerOf(type.memberTypeForTag(value.tag))(value.value)
      : 'null')
  }
  return (value) => (value instanceof DuckDBVariantValue && value.value === null ? 'null' : JSON.stringify(String(value)))
}

const orNull = (print: Print): Print => (value) => (value === null || value === undefined ? 'null' : print(value))

/** in UTC, without the zone DuckDB appends */
function timestampOfTz(value: DuckDBValue): string {
  return value instanceof DuckDBTimestampTZValue ? String(new DuckDBTimestampValue(value.micros)) : String(value)
}

/** DuckDB prints DECIMAL(n,n) as `.5`, which JSON does not know */
function decimalJson(text: string): string {
  if (text.startsWith('.')) return `0${text}`
  return text.startsWith('-.') ? `-0${text.slice(1)}` : text
}

/** whole numbers below 1e15 without fraction, NaN and infinities as strings, else DuckDB's text */
function doubleJson(value: number): string {
  if (Number.isNaN(value)) return '"NaN"'
  if (!Number.isFinite(value)) return value > 0 ? '"Infinity"' : '"-Infinity"'
  return isPlainWhole(value) ? String(value) : doubleText(value)
}

/** printed with all its digits and no fraction */
const isPlainWhole = (value: number): boolean => Number.isInteger(value) && Math.abs(value) < 1e15

/** a double as DuckDB casts it to VARCHAR: the shortest digits, an exponent below 1e-4 and from 1e16 */
function doubleText(value: number): string {
  if (Number.isNaN(value)) return 'nan'
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf'
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0'
  const [mantissa = '', exponentText = '0'] = value.toExponential().split('e')
  const exponent = Number(exponentText)
  if (exponent < -4 || exponent >= 16) {
    const digits = String(Math.abs(exponent)).padStart(2, '0')
    return `${mantissa}e${exponent < 0 ? '-' : '+'}${digits}`
  }
  const text = String(value)
  return text.includes('.') ? text : `${text}.0`
}

/** the double whose shortest digits are those of the 32-bit float: 0.1, not 0.10000000149011612 */
function shortestOfFloat(value: number): number {
  if (!Number.isFinite(value)) return value
  for (let digits = 1; digits < 9; digits++) {
    const candidate = Number(value.toPrecision(digits))
    if (Math.fround(candidate) === value) return candidate
  }
  return Number(value.toPrecision(9))
}
