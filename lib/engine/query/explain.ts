// `EXPLAIN [ANALYZE] SELECT` and dry runs: our plan as rows, one a stream, with what would be read.
import type { Plan } from './plan.ts'
import type { Ledger } from './respond.ts'
import type { Statement } from './statement.ts'

export interface ExplainRows {
  readonly columns: readonly string[]
  readonly types: readonly string[]
  readonly rowCount: number
  readonly json: Uint8Array
  readonly cut: null
  readonly total: null
}

/**
 * @param shown false: a dry run, whose estimate stands in the receipt's place and which has no hits
 * @param ledger with ANALYZE: what the run read
 */
export function explainAnswer(statement: Statement, plan: Plan, shown: boolean, ledger?: Ledger): ExplainRows {
  const rows = !shown ? [] : plan.streams.map((stream, i) => {
    const { slices } = statement.listings[i]!
    return {
      stream: `${stream.table.type}.${stream.table.name}`,
      shape: plan.shape,
      columns: ['_timestamp', ...stream.columns].join(', '),
      filters: stream.scans.map((scan) => scan.map((c) => `${c.column} ${c.op} ${c.value}`.trim()).join(' AND ')).filter((t) => t !== '').join(' OR '),
      files: slices.length,
      rows: slices.reduce((sum, { slice }) => sum + slice.rows, 0),
      stored_bytes: slices.reduce((sum, { slice }) => sum + slice.length, 0),
      ...(ledger === undefined ? {} : { files_read: ledger.filesRead, row_groups: ledger.rowGroups, bytes_fetched: ledger.bytesFetched, rows_scanned: ledger.rowsScanned }),
    }
  })
  return {
    columns: rows.length === 0 ? [] : Object.keys(rows[0]!), types: [], rowCount: rows.length,
    json: Buffer.from(rows.map((row) => JSON.stringify(row)).join(',')), cut: null, total: null,
  }
}
