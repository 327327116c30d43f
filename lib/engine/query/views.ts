// The views user SQL runs over. The time range, the retention cutoff and the stream's current
// incarnation stand *inside* each view, so joins, CTEs and sub-queries obey them; `_timestamp` is
// BIGINT microseconds; columns have the catalog's types whatever type a file was written with.
import type { FieldType } from '../../model/schema.ts'
import type { Micros } from '../../model/time.ts'
import { markerOf } from './plan.ts'
import type { TimeRange } from '../../model/share.ts'
import type { StreamTable } from './sql/contract.ts'

export const DUCKDB_TYPES: Readonly<Record<FieldType, string>> = {
  bool: 'BOOLEAN', int: 'BIGINT', int64: 'BIGINT', double: 'DOUBLE', string: 'VARCHAR',
}

export const identifier = (name: string): string => `"${name.replaceAll('"', '""')}"`
export const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`

/** files whose columns have the same types: read together */
export interface FileGroup {
  /** paths, newest first; the first is the group's empty file, which fixes names and types */
  readonly paths: readonly string[]
  /** the types in these files of the columns they were made with */
  readonly types: ReadonlyMap<string, FieldType>
}

/**
 * A number joined to text is its shortest JS form (`5`, `1e+21`, `1e-7`), in SQL as in the decoder:
 * DuckDB prints the same digits as `5.0`, `1e+16`, `1e-07`, `nan`. Three macros without a sub-query,
 * which DuckDB would correlate: digits, exponent, text.
 */
export const NUMBER_TEXT_MACROS: readonly string[] = [
  `CREATE OR REPLACE MACRO nilometer_digits(shown) AS
    replace(replace(regexp_extract(shown, '^([^e]*)', 1), '-', ''), '.', '')`,
  `CREATE OR REPLACE MACRO nilometer_exponent(shown) AS
    TRY_CAST(nullif(regexp_extract(shown, 'e([+-][0-9]+)$', 1), '') AS INTEGER)`,
  `CREATE OR REPLACE MACRO nilometer_scientific(sign, digits, exponent) AS CASE
    WHEN exponent BETWEEN 0 AND 20 THEN sign || digits || repeat('0', (exponent - (length(digits) - 1))::INT)
    WHEN exponent BETWEEN -6 AND -1 THEN sign || '0.' || repeat('0', (-exponent - 1)::INT) || digits
    ELSE sign || digits[1] || CASE WHEN length(digits) > 1 THEN '.' || digits[2:] ELSE '' END
      || 'e' || CASE WHEN exponent > 0 THEN '+' ELSE '' END || exponent::VARCHAR
  END`,
  `CREATE OR REPLACE MACRO nilometer_number_text(x) AS CASE
    WHEN x IS NULL THEN NULL
    WHEN isnan(x) THEN 'NaN'
    WHEN isinf(x) THEN CASE WHEN x > 0 THEN 'Infinity' ELSE '-Infinity' END
    WHEN x = 0 THEN '0'
    WHEN nilometer_exponent(x::VARCHAR) IS NULL THEN regexp_replace(x::VARCHAR, '\\.0$', '')
    ELSE nilometer_scientific(CASE WHEN x < 0 THEN '-' ELSE '' END, nilometer_digits(x::VARCHAR), nilometer_exponent(x::VARCHAR))
  END`,
]

function cast(name: string, from: FieldType, to: FieldType): string {
  const column = identifier(name)
  if (DUCKDB_TYPES[from] === DUCKDB_TYPES[to]) return column
  const value = from === 'double' && to === 'string' ? `nilometer_number_text(${column})` : `CAST(${column} AS ${DUCKDB_TYPES[to]})`
  return `${value} AS ${column}`
}

export const viewName = (table: StreamTable): string => `${identifier(table.type)}.${identifier(table.name)}`

const within = (range: TimeRange): string =>
  `"_timestamp" >= ${range.startTime} AND "_timestamp" < ${range.endTime}`

/** the planner's view: every column of the schema over a file with no rows, and the marker */
export function plannerView(table: StreamTable, stream: number, path: string, range: TimeRange): string {
  const columns = ['_timestamp', ...Object.keys(table.fields)].map(identifier).join(', ')
  return `CREATE OR REPLACE VIEW ${viewName(table)} AS SELECT ${columns} FROM read_parquet(${literal(path)}) ` +
    `WHERE ${within(range)} AND ${identifier(markerOf(stream))} IS NULL`
}

/** the view the statement runs over: `fetched` columns from the files, the others typed nulls */
export function dataView(table: StreamTable, groups: readonly FileGroup[], fetched: ReadonlySet<string>, range: TimeRange): string {
  const names = Object.entries(table.fields)
  const selects = groups.map((group) => {
    const columns = names.map(([name, type]) => {
      if (!fetched.has(name)) return `NULL::${DUCKDB_TYPES[type]} AS ${identifier(name)}`
      return cast(name, group.types.get(name) ?? type, type)
    })
    const paths = group.paths.map(literal).join(', ')
    return `SELECT ${['"_timestamp"', ...columns].join(', ')} FROM read_parquet([${paths}], union_by_name=true) WHERE ${within(range)}`
  })
  return `CREATE OR REPLACE VIEW ${viewName(table)} AS ${selects.join(' UNION ALL ')}`
}

/** the range a stream's rows must lie in: the query's, no older than retention allows */
export function effectiveRange(startTime: Micros, endTime: Micros, cutoff: Micros): TimeRange {
  return { startTime: Math.max(startTime, cutoff), endTime }
}
