// Tables from plain rows, and DuckDB as a second reader of what we write: shared by the tests of the
// store. Rows are the naive form; nothing here uses the code under test but the column builders.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { Source, Table } from '../../lib/engine/store/columns.ts'
import type { FieldColumns } from '../../lib/engine/store/columns.ts'

/** text, bytes as they are, an integer, a double, a boolean, or nothing */
export type Cell = string | Buffer | bigint | number | boolean | null | undefined
/** `_timestamp` (microseconds) and `message` (ordinal) beside the fields */
export interface PlainRow {
  readonly time: number
  readonly message?: number
  readonly cells: Readonly<Record<string, Cell>>
}

export function setCell(field: FieldColumns, row: number, cell: Cell): void {
  if (cell === null || cell === undefined) return
  if (typeof cell === 'boolean') field.setBool(row, cell)
  else if (typeof cell === 'number') field.setDouble(row, cell)
  else if (typeof cell === 'bigint') field.setInt(row, Number(BigInt.asIntN(32, cell)), Number(cell >> 32n))
  else {
    const bytes = Buffer.from(cell as string)
    field.setText(row, new Source(bytes), 0, bytes.length)
  }
}

export function tableOf(rows: readonly PlainRow[]): Table {
  const table = new Table(16)
  rows.forEach((row, i) => {
    for (const [name, cell] of Object.entries(row.cells)) setCell(table.field(name), i, cell)
    table.endRow(row.time, row.message ?? 0)
  })
  return table
}

export interface Duck {
  /** rows as objects; BIGINT as bigint; TIMESTAMPTZ and others as DuckDB's own values */
  query(sql: string): Promise<Record<string, unknown>[]>
  /** writes bytes under a fresh name; returns the path, safe inside an SQL string */
  file(bytes: Uint8Array): string
  close(): void
}

export async function openDuck(): Promise<Duck> {
  const dir = mkdtempSync(join(tmpdir(), 'nilometer-'))
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' })
  const connection = await instance.connect()
  let files = 0
  return {
    query: async sql => (await connection.runAndReadAll(sql)).getRowObjects(),
    file(bytes) {
      const path = join(dir, `${files++}.parquet`)
      writeFileSync(path, bytes)
      return path
    },
    close() {
      connection.closeSync()
      instance.closeSync()
      rmSync(dir, { recursive: true })
    },
  }
}

/** settings of the encoder for tests: small groups and pages show the seams */
export const TEST_PARQUET = { metadata: [], fullText: [], hot: [], zstdLevel: 3, rowGroupRows: 50_000, statisticsBytesMax: 64 } as const

/** runs of a property: `few` by default, times NILOMETER_RUNS */
export const runs = (few: number): number => Math.ceil(few * Number(process.env['NILOMETER_RUNS'] ?? 1))
