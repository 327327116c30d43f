// The quick way from rows to JSON: a SELECT around the user's SELECT in which DuckDB itself prints
// every row as bytes; child only. JS pays 1 µs for each string it reads, 160 CPU-ms for 10,000
// rows of 28 columns; this way it reads one value a row, 50 CPU-ms. Prints what serialize.ts prints,
// but for capitals in `\u000B`.
import { DuckDBDecimalType, DuckDBTypeId } from '@duckdb/node-api'
import type { DuckDBType } from '@duckdb/node-api'

/** Below this many columns planning the statement a second time (1 ms and more) costs more than it saves. */
const COLUMNS_MIN = 4

/** our macros may bear the names of DuckDB's functions; here the originals are meant */
const FN = 'system.main.'

/**
 * A statement with one BLOB column: per row the members `,"key":value` of its JSON object, null
 * columns left out, an empty text when nothing is left. null: a column has a type that only
 * serialize.ts can print, or the result is so narrow that the detour does not pay.
 * `names` must be unique: they become the keys.
 */
export function rowSql(sql: string, names: readonly string[], types: readonly DuckDBType[]): string | null {
  if (types.length < COLUMNS_MIN) return null
  const members: string[] = []
  for (const [index, type] of types.entries()) {
    const value = valueSql(`c${index}`, type)
    if (value === null) return null
    members.push(`${literal(`,${JSON.stringify(names[index])}:`)}||${value}`)
  }
  // concat leaves nulls out, and `||` makes a member null when its value is. Columns are renamed by
  // position, so names that are equal, or equal but for case, do no harm. The line breaks keep a
  // comment at the end of the statement from swallowing the bracket.
  const columns = types.map((_, index) => `c${index}`).join(',')
  return `SELECT ${FN}encode(${FN}concat(${members.join(',')})) FROM (\n${sql}\n) AS t(${columns})`
}

/** the JSON text of a column as an SQL expression, null when the value is null */
function valueSql(column: string, type: DuckDBType): string | null {
  switch (type.typeId) {
    case DuckDBTypeId.BOOLEAN: case DuckDBTypeId.TINYINT: case DuckDBTypeId.SMALLINT: case DuckDBTypeId.INTEGER:
    case DuckDBTypeId.BIGINT: case DuckDBTypeId.UTINYINT: case DuckDBTypeId.USMALLINT: case DuckDBTypeId.UINTEGER:
    case DuckDBTypeId.UBIGINT: case DuckDBTypeId.HUGEINT: case DuckDBTypeId.UHUGEINT:
      return `${column}::VARCHAR`
    case DuckDBTypeId.DECIMAL:
      return decimalSql(column, type)
    case DuckDBTypeId.DOUBLE:
      return doubleSql(column)
    case DuckDBTypeId.VARCHAR: case DuckDBTypeId.ENUM:
      // The cast first: to_json would print a column of type JSON as a value, not as text.
      return `${FN}to_json(${column}::VARCHAR)::VARCHAR`
    case DuckDBTypeId.DATE: case DuckDBTypeId.TIME: case DuckDBTypeId.UUID: case DuckDBTypeId.INTERVAL:
      return `'"'||${column}::VARCHAR||'"'`
    case DuckDBTypeId.TIMESTAMP: case DuckDBTypeId.TIMESTAMP_S: case DuckDBTypeId.TIMESTAMP_MS: case DuckDBTypeId.TIMESTAMP_NS:
      return `'"'||${FN}replace(${column}::VARCHAR,' ','T')||'"'`
    case DuckDBTypeId.TIMESTAMP_TZ:
      // The session's zone is UTC, so the cast only drops `+00`.
      return `'"'||${FN}replace(${column}::TIMESTAMP::VARCHAR,' ','T')||'"'`
    default:
      // FLOAT too: its text is not always the shortest, so the two ways would differ.
      return null
  }
}

/** DECIMAL(n,n) prints `.5`; one more digit before the point makes it JSON */
function decimalSql(column: string, type: DuckDBType): string | null {
  if (!(type instanceof DuckDBDecimalType)) return null
  if (type.width > type.scale) return `${column}::VARCHAR`
  return type.width < 38 ? `${column}::DECIMAL(${type.width + 1},${type.scale})::VARCHAR` : null
}

/** a null must not fall through to the last branch */
function doubleSql(column: string): string {
  const whole = `${column}=${FN}trunc(${column}) AND ${FN}abs(${column})<1e15`
  return `CASE WHEN ${column} IS NULL THEN NULL WHEN ${FN}isnan(${column}) THEN '"NaN"' WHEN ${FN}isinf(${column})`
    + ` THEN CASE WHEN ${column}>0 THEN '"Infinity"' ELSE '"-Infinity"' END`
    + ` WHEN ${whole} THEN TRY_CAST(${column} AS BIGINT)::VARCHAR ELSE ${column}::VARCHAR END`
}

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`
