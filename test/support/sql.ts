// A SqlSession over DuckDB in this process: fast, and no sandbox. Tests of the SQL front use it;
// the real port is held to the same behaviour by its own contract suite.
import { DuckDBInstance } from '@duckdb/node-api'
import type { DuckDBConnection, DuckDBResultReader } from '@duckdb/node-api'
import { EngineError } from '../../lib/model/errors.ts'
import type { RowBounds, SqlResult, SqlRows, SqlSession } from '../../lib/engine/ports.ts'

export interface TestSession extends SqlSession {
  /** DuckDB itself, for tables and appenders of tests */
  readonly connection: DuckDBConnection
}

const SETTINGS = [
  'SET threads=1',
  "SET TimeZone='UTC'",
  'SET integer_division=true',
  "SET default_null_order='nulls_last_on_asc_first_on_desc'",
  'SET max_expression_depth=250',
  'SET autoinstall_known_extensions=false',
  'SET autoload_known_extensions=false',
]

export async function openTestSession(): Promise<TestSession> {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  for (const setting of SETTINGS) await connection.run(setting)
  for (const type of ['logs', 'metrics', 'traces']) await connection.run(`CREATE SCHEMA ${type}`)

  const read = async (sql: string, parameters: readonly string[]): Promise<DuckDBResultReader> => {
    try {
      const statement = await connection.prepare(sql)
      parameters.forEach((value, i) => statement.bindVarchar(i + 1, value))
      return await statement.runAndReadAll()
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      throw new EngineError('invalid_query', 'the query cannot run', { detail: message, cause: error })
    }
  }
  const ask = async (sql: string, parameters: readonly string[] = []): Promise<SqlResult> => {
    const reader = await read(sql, parameters)
    const rows = reader.getRowsJson().map(row => row.map(cell => (cell === null || typeof cell === 'boolean' || typeof cell === 'string' ? cell : JSON.stringify(cell))))
    return { columns: reader.columnNames(), types: reader.columnTypes().map(String), rows }
  }
  return {
    dir: '',
    connection,
    ask,
    prepare: async statements => {
      for (const sql of statements) await read(sql, [])
    },
    rows: async (sql: string, bounds: RowBounds): Promise<SqlRows> => {
      const { columns, types, rows } = await ask(sql)
      const kept = rows.slice(0, bounds.rowsMax)
      const json = kept.map(row => JSON.stringify(Object.fromEntries(columns.map((name, i) => [name, row[i]]).filter(([, v]) => v !== null)))).join(',')
      return { columns, types, rowCount: kept.length, json: new TextEncoder().encode(json), cut: rows.length > kept.length ? 'rows' : null }
    },
    writeFile: async () => {
      throw new Error('the test session has no directory')
    },
    explain: async () => {
      throw new Error('the test session does not plan')
    },
    copy: async () => {
      throw new Error('the test session has no directory')
    },
    close: async () => {
      connection.closeSync()
      instance.closeSync()
    },
  }
}
