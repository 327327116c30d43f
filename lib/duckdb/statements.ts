// What a sandbox does with a statement: ask, explain, copy, rows; child only. Each runs exactly one
// statement on the session's locked connection and stops soon after an interrupt.
import { DuckDBBlobValue, StatementType } from '@duckdb/node-api'
import type {
  DuckDBConnection, DuckDBDataChunk, DuckDBExtractedStatements, DuckDBPreparedStatement, DuckDBResult, DuckDBValue,
} from '@duckdb/node-api'
import type { Answer, Fault } from './protocol.ts'
import { rowSql } from './row-sql.ts'
import { jsonRows, plainOf, uniqueNames } from './serialize.ts'

/** rows leave in pieces of this size: neither side holds a giant string */
const PIECE_BYTES = 256 * 1024
/** all cells of one `ask`: a plan or a syntax tree, never a result set */
const ASK_CHARS_MAX = 32 * 2 ** 20

/** a session's connection and its ways out */
export interface Box {
  readonly connection: DuckDBConnection
  /** @throws when an interrupt came; DuckDB itself forgets one that comes while it plans */
  check(): void
  /** resolves when there is room for more */
  send(bytes: Uint8Array): Promise<void>
}

/** a mistake that has a name of its own; all else is DuckDB's to explain */
export class Refusal extends Error {
  readonly fault: Fault

  constructor(fault: Fault, message: string) {
    super(message)
    this.fault = fault
  }
}

/** @throws Refusal when the text is not one statement; DuckDB's error when it cannot be planned */
async function prepareOne(box: Box, sql: string): Promise<DuckDBPreparedStatement> {
  const statements = await extract(box, sql)
  // run() and stream() would execute them all.
  if (statements.count !== 1) throw new Refusal('multiple_statements', `one statement expected, found ${statements.count}`)
  const prepared = await statements.prepare(0)
  box.check()
  return prepared
}

async function extract(box: Box, sql: string): Promise<DuckDBExtractedStatements> {
  try {
    return await box.connection.extractStatements(sql)
  } catch (error) {
    // The binding has no words for a text without any statement.
    if (error instanceof Error && error.message.startsWith('Error in native callback')) {
      throw new Refusal('not_select', 'a statement expected, found none')
    }
    throw error
  }
}

export async function ask(box: Box, sql: string, parameters: readonly string[]): Promise<Answer> {
  const prepared = await prepareOne(box, sql)
  try {
    parameters.forEach((text, index) => prepared.bindVarchar(index + 1, text))
    const result = await prepared.stream()
    const types = result.columnTypes()
    const cells: (string | boolean | null)[][] = []
    let chars = 0
    await eachChunk(box, result, (chunk) => {
      const columns = types.map((type, index) => chunk.getColumnValues(index).map((value) => plainOf(value, type)))
      for (let row = 0; row < chunk.rowCount; row++) {
        const line = columns.map((column) => column[row] ?? null)
        for (const cell of line) chars += typeof cell === 'string' ? cell.length + 8 : 8
        cells.push(line)
      }
      if (chars > ASK_CHARS_MAX) throw new Refusal('too_large', `an answer above ${ASK_CHARS_MAX} characters`)
      return Promise.resolve(true)
    })
    return { columns: result.columnNames(), types: types.map(String), rows: cells }
  } finally {
    prepared.destroySync()
  }
}

/**
 * @see SqlSession.explain in engine/ports.ts for what each plan is good for. Late materialization
 * scans a table twice, and neither scan would tell the whole story.
 */
export async function explain(box: Box, sql: string): Promise<Answer> {
  const projections = await planOf(box, sql, 'filter_pushdown,statistics_propagation,late_materialization')
  return { projections, filters: await planOf(box, sql, 'late_materialization') }
}

async function planOf(box: Box, sql: string, disabledOptimizers: string): Promise<string> {
  try {
    await box.connection.run(`SET disabled_optimizers='${disabledOptimizers}'`)
    const prepared = await prepareOne(box, `EXPLAIN (FORMAT json) ${sql}`)
    try {
      const plan = (await (await prepared.run()).getRows())[0]?.[1]
      box.check()
      return String(plan)
    } finally {
      prepared.destroySync()
    }
  } finally {
    await box.connection.run("SET disabled_optimizers=''")
  }
}

/**
 * Without dictionaries, which take -0.0 for 0.0; version 2 has delta encodings, which make up for them
 * (times and counters take a tenth).
 */
const COPY_OPTIONS = 'FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION v2, DICTIONARY_SIZE_LIMIT 0'

/** A statement of ours into a Parquet file; `path` lies in the session's directory, or DuckDB refuses it. */
export async function copy(box: Box, select: string, path: string): Promise<null> {
  const prepared = await prepareOne(box, `COPY (${select}) TO '${path.replaceAll("'", "''")}' (${COPY_OPTIONS})`)
  try {
    if (prepared.statementType !== StatementType.COPY) throw new Refusal('not_select', 'only a SELECT is copied')
    await prepared.run()
    box.check()
    return null
  } finally {
    prepared.destroySync()
  }
}

/** the last word on rows; they themselves have gone out through `box.send` before */
export async function rows(box: Box, sql: string, rowsMax: number, bytesMax: number): Promise<Answer> {
  const prepared = await prepareOne(box, sql)
  let quick: DuckDBPreparedStatement | null = null
  try {
    if (prepared.statementType !== StatementType.SELECT) throw new Refusal('not_select', 'only a SELECT is run')
    const indexes = Array.from({ length: prepared.columnCount }, (_, index) => index)
    const types = indexes.map((index) => prepared.columnType(index))
    const names = uniqueNames(indexes.map((index) => prepared.columnName(index)))
    quick = await quickWay(box, rowSql(sql, names, types))
    const sink = new RowSink(box, rowsMax, bytesMax)
    if (quick !== null) {
      await eachChunk(box, await quick.stream(), (chunk) => sink.addMembers(chunk.getColumnValues(0)))
    } else {
      const keys = names.map((name) => `${JSON.stringify(name)}:`)
      await eachChunk(box, await prepared.stream(), (chunk) => sink.addTexts(jsonRows(chunk, types, keys)))
    }
    await sink.flush()
    return { columns: names, types: types.map(String), rowCount: sink.rowCount, cut: sink.cut }
  } finally {
    quick?.destroySync()
    prepared.destroySync()
  }
}

/** null: no quick way, or a statement that cannot stand in brackets (`select 1;`, DESCRIBE) */
async function quickWay(box: Box, sql: string | null): Promise<DuckDBPreparedStatement | null> {
  try {
    return sql === null ? null : await prepareOne(box, sql)
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('Parser Error')) return null
    throw error
  }
}

/** hands over chunk by chunk until there are no more or `take` says that it has enough */
async function eachChunk(box: Box, result: DuckDBResult, take: (chunk: DuckDBDataChunk) => Promise<boolean>): Promise<void> {
  for (;;) {
    const chunk = await result.fetchChunk()
    box.check()
    if (chunk === null || chunk.rowCount === 0 || !(await take(chunk))) return
  }
}

/** Joins rows by commas, counts them and their bytes, stops at the bounds and sends full pieces. */
class RowSink {
  rowCount = 0
  cut: 'rows' | 'bytes' | null = null
  private readonly box: Box
  private readonly rowsMax: number
  private bytesLeft: number
  private piece = Buffer.allocUnsafe(PIECE_BYTES)
  private used = 0

  constructor(box: Box, rowsMax: number, bytesMax: number) {
    this.box = box
    this.rowsMax = rowsMax
    this.bytesLeft = bytesMax
  }

  /** the quick way's BLOBs: `,"key":value...` or nothing; false when a bound is met */
  async addMembers(values: readonly DuckDBValue[]): Promise<boolean> {
    for (const value of values) {
      if (!(value instanceof DuckDBBlobValue)) throw new Error('a row is a BLOB')
      // The first comma's place serves the opening bracket.
      const size = Math.max(1, value.bytes.length) + 1
      if (!(await this.reserve(size))) return false
      this.piece.set(value.bytes, this.used)
      this.close(size)
    }
    return true
  }

  /** whole objects; false when a bound is met */
  async addTexts(texts: readonly string[]): Promise<boolean> {
    for (const text of texts) {
      const bytes = Buffer.from(text)
      if (!(await this.reserve(bytes.length))) return false
      this.piece.set(bytes, this.used)
      this.close(bytes.length)
    }
    return true
  }

  async flush(): Promise<void> {
    if (this.used > 0) await this.box.send(this.piece.subarray(0, this.used))
    // The socket may still hold the old piece.
    this.piece = Buffer.allocUnsafe(PIECE_BYTES)
    this.used = 0
  }

  /** room for a row of `size` bytes and its comma, which is written; false: it is one too many */
  private async reserve(size: number): Promise<boolean> {
    const comma = this.rowCount > 0 ? 1 : 0
    if (this.rowCount >= this.rowsMax) this.cut = 'rows'
    else if (size + comma > this.bytesLeft) this.cut = 'bytes'
    if (this.cut !== null) return false
    if (this.used + size + comma > this.piece.length) {
      await this.flush()
      if (size + comma > this.piece.length) this.piece = Buffer.allocUnsafe(size + comma)
    }
    if (comma > 0) this.piece[this.used++] = 0x2c
    this.bytesLeft -= size + comma
    return true
  }

  private close(size: number): void {
    this.piece[this.used] = 0x7b
    this.used += size
    this.piece[this.used - 1] = 0x7d
    this.rowCount++
  }
}
