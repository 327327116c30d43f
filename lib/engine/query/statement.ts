// From the user's text to a statement DuckDB may run, with what is known of the streams it reads:
// parse, find the tables, read items, list and schemas (in that order), check, rewrite.
import { EngineError } from '../../model/errors.ts'
import type { StreamType } from '../../model/stream.ts'
import type { Ports, SqlSession } from '../ports.ts'
import type { Settings } from '../settings.ts'
import { readListing, type StreamListing, type StreamName } from '../store/files.ts'
import type { Query } from './query.ts'
import { checkSelect } from './sql/check.ts'
import type { Rewritten, StreamTable, TableUse } from './sql/contract.ts'
import { parseSelect } from './sql/parse.ts'
import { rewriteSelect } from './sql/rewrite.ts'
import { tablesOf, unknownStream } from './sql/tables.ts'
import { fullTextFieldsOf } from './streams.ts'

export interface Statement {
  readonly sql: string
  readonly rewritten: Rewritten
  /** one for each of rewritten.tables, in their order */
  readonly listings: readonly StreamListing[]
}

const keyOf = (name: StreamName): string => `${name.type}/${name.name}`

/**
 * @param sql the user's text without EXPLAIN
 * @throws EngineError with OpenObserve's codes
 */
export async function understand(ports: Ports, settings: Settings, session: SqlSession, query: Query, sql: string): Promise<Statement> {
  const ast = await parseSelect(session, sql, settings.sqlBytesMax)
  checkSelect(ast, sql, settings)
  const names = distinctNames(tablesOf(ast, sql), query.defaultType)
  const found = await readListing(ports, settings, query.org, names, query.startTime, query.endTime - 1)
  const listings = new Map<string, StreamListing>()
  for (const [i, name] of names.entries()) {
    const listing = found[i]
    if (listing == null || listing.item.state !== 'live') throw await unknown(ports, query, name, sql)
    listings.set(keyOf(name), listing)
  }
  const streams = new Map<string, StreamTable>([...listings].map(([key, { item, schema }]) =>
    [key, { type: item.type, name: item.name, fields: schema.fields, fullText: fullTextFieldsOf(item, schema) }]))
  const rewritten = await rewriteSelect(session, ast, {
    defaultType: query.defaultType, streams, startTime: query.startTime, endTime: query.endTime,
    histogramIntervalSeconds: query.histogramIntervalSeconds, from: query.from, size: query.size,
  }, sql)
  return { sql, rewritten, listings: rewritten.tables.map((table) => listings.get(keyOf(table))!) }
}

function distinctNames(uses: readonly TableUse[], defaultType: StreamType): StreamName[] {
  const names = new Map<string, StreamName>()
  for (const use of uses) {
    const name = { type: use.type ?? defaultType, name: use.name }
    names.set(keyOf(name), name)
  }
  return [...names.values()]
}

async function unknown(ports: Ports, query: Query, name: StreamName, sql: string): Promise<EngineError> {
  const streams = await ports.catalog.streams(query.org)
  const known = streams.filter((s) => s.type === name.type && s.state === 'live').map((s) => s.name)
  return unknownStream(name.name, known, sql)
}
