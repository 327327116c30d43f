// The SQL front as one call, over streams that tests name: parse, check, rewrite, and run.
import { EngineError } from '../../lib/model/errors.ts'
import { checkSelect } from '../../lib/engine/query/sql/check.ts'
import { sqlError } from '../../lib/engine/query/sql/errors.ts'
import { parseSelect } from '../../lib/engine/query/sql/parse.ts'
import { rewriteSelect } from '../../lib/engine/query/sql/rewrite.ts'
import { streamKey, tablesOf, unknownStream } from '../../lib/engine/query/sql/tables.ts'
import type { RewriteContext, Rewritten, StreamTable } from '../../lib/engine/query/sql/contract.ts'
import type { SqlResult } from '../../lib/engine/ports.ts'
import type { TestSession } from './sql.ts'

const key = (table: StreamTable): string => `${table.type}/${table.name}`

const TABLES: readonly StreamTable[] = [
  {
    type: 'logs', name: 'default', fullText: ['message'],
    fields: { message: 'string', level: 'string', n: 'int', took: 'double', ok: 'bool', arr: 'string', js: 'string', start_time: 'int64' },
  },
  { type: 'logs', name: 'other', fullText: [], fields: { level: 'string', n: 'int' } },
  { type: 'metrics', name: 'cpu', fullText: [], fields: { value: 'double', host: 'string' } },
]

export const CONTEXT: RewriteContext = {
  defaultType: 'logs', streams: new Map(TABLES.map(t => [key(t), t])),
  startTime: 1_790_000_000_000_000, endTime: 1_790_000_100_000_000, histogramIntervalSeconds: 0, from: 0, size: -1,
}

/** 100 rows a second apart in logs."default", three in logs.other, two in metrics.cpu */
export async function fillStreams(session: TestSession): Promise<void> {
  await session.prepare([
    `CREATE TABLE logs."default" AS SELECT 1790000000000000 + i * 1000000 AS _timestamp,
      CASE WHEN i % 10 = 0 THEN NULL WHEN i % 2 = 0 THEN 'Error in user-42 at 10.0.0.1 ' || i ELSE 'all is well ' || i END AS message,
      CASE WHEN i % 3 = 0 THEN 'ERROR' ELSE 'INFO' END AS level, i::BIGINT AS n, i / 4.0::DOUBLE AS took, i % 2 = 0 AS ok,
      '["b","a",3,1]' AS arr, '{"a":{"b":[1,2]},"s":"x","t":true}' AS js, (1790000000000000 + i)::BIGINT AS start_time FROM range(100) t(i)`,
    `CREATE TABLE logs.other AS SELECT 1790000000000000 + i AS _timestamp, 'INFO' AS level, i::BIGINT AS n FROM range(3) t(i)`,
    `CREATE TABLE metrics.cpu AS SELECT 1790000000000000 + i AS _timestamp, i * 0.5::DOUBLE AS value, 'h' || i AS host FROM range(2) t(i)`,
  ])
}

export async function rewritten(session: TestSession, sql: string, context: Partial<RewriteContext> = {}): Promise<Rewritten> {
  const full = { ...CONTEXT, ...context }
  const ast = await parseSelect(session, sql)
  for (const use of tablesOf(ast, sql)) {
    if (!full.streams.has(streamKey(use, full.defaultType))) throw unknownStream(use.name, [...full.streams.values()].map(t => t.name), sql)
  }
  checkSelect(ast, sql)
  return rewriteSelect(session, ast, full, sql)
}

/** what the query answers, as text cells */
export async function run(session: TestSession, sql: string, context: Partial<RewriteContext> = {}): Promise<SqlResult> {
  const done = await rewritten(session, sql, context)
  try {
    await session.prepare(done.setup)
    return await session.ask(done.sql)
  } catch (error) {
    throw error instanceof EngineError ? sqlError(error, { sql, tables: done.tables }) : error
  }
}

/** the error a query ends with */
export async function failure(session: TestSession, sql: string, context: Partial<RewriteContext> = {}): Promise<EngineError> {
  try {
    await run(session, sql, context)
  } catch (error) {
    if (error instanceof EngineError) return error
    throw error
  }
  throw new Error(`passed: ${sql}`)
}
