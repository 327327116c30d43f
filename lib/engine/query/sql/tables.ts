// Which streams a statement reads. A table is a stream of the caller's organisation or the name of
// a CTE that is in scope where it stands; nothing else exists: no files, no catalogs, no views.
// Scoping follows DuckDB 1.5: a CTE sees the earlier ones of its WITH, itself only when recursive.
import { EngineError } from '../../../model/errors.ts'
import { STREAM_TYPES } from '../../../model/stream.ts'
import type { StreamType } from '../../../model/stream.ts'
import { childOf, isNode, locationOf, nodesOf, textOf } from './ast.ts'
import { didYouMean, nearestNames } from './nearest.ts'
import { positionOfByte, positionOfIndex, where } from './position.ts'
import { findName } from './scan-text.ts'
import type { Ast, AstNode, AstValue, TableUse } from './contract.ts'

/** names of CTEs that stand for themselves here, lower case */
export type Scope = ReadonlySet<string>

/** what a CTE may be called: nothing that DuckDB could take for a file name if scopes ever disagreed */
const CTE_NAME = /^[\p{L}\p{M}\p{N}_ $-]+$/u

/** the scope inside a query node: its own CTEs added, each seeing those before it */
export function scopeOf(query: AstNode, outer: Scope, visit: (cte: AstNode, scope: Scope) => void): Scope {
  const entries = nodesOf(childOf(query, 'cte_map') ?? {}, 'map')
  if (entries.length === 0) return outer
  const scope = new Set(outer)
  for (const entry of entries) {
    const name = textOf(entry, 'key')
    if (!CTE_NAME.test(name)) {
      throw new EngineError('invalid_query', `the CTE name ${JSON.stringify(name)} is not allowed; use letters, digits, _ and spaces`, { code: 20001 })
    }
    const cte = childOf(entry, 'value') ?? {}
    const body = childOf(childOf(cte, 'query') ?? {}, 'node')
    visit(cte, body?.['type'] === 'RECURSIVE_CTE_NODE' ? new Set(scope).add(name.toLowerCase()) : new Set(scope))
    scope.add(name.toLowerCase())
  }
  return scope
}

/** true when a BASE_TABLE node names a CTE rather than a stream */
export const isCte = (table: AstNode, scope: Scope): boolean =>
  textOf(table, 'schema_name') === '' && textOf(table, 'catalog_name') === '' && scope.has(textOf(table, 'table_name').toLowerCase())

/** calls `found` for every stream that stands in the tree */
export function eachStream(value: AstValue | undefined, scope: Scope, found: (table: AstNode) => void): void {
  if (Array.isArray(value)) for (const item of value) eachStream(item, scope, found)
  if (!isNode(value)) return
  if (value['type'] === 'BASE_TABLE' && !isCte(value, scope)) found(value)
  const inner = scopeOf(value, scope, (cte, visible) => eachStream(cte, visible, found))
  for (const [key, child] of Object.entries(value)) if (key !== 'cte_map') eachStream(child, inner, found)
}

/**
 * A table as written; names of streams are lower case, so unquoted capitals find them too.
 * @throws EngineError unknown_stream (20002) for a catalog or a qualifier that is no stream type
 */
export function useOf(table: AstNode, sql = ''): TableUse {
  const name = textOf(table, 'table_name').toLowerCase()
  const qualifier = textOf(table, 'schema_name').toLowerCase()
  const catalog = textOf(table, 'catalog_name')
  if (catalog === '' && qualifier === '') return { type: null, name }
  const type = STREAM_TYPES.find(t => t === qualifier)
  if (catalog === '' && type !== undefined) return { type, name }
  const written = [catalog, qualifier, name].filter(part => part !== '').map(part => JSON.stringify(part)).join('.')
  const at = locationOf(table)
  throw new EngineError('unknown_stream', `the stream ${written} does not exist; a table is a stream of this organisation, alone or behind one of ${STREAM_TYPES.join(', ')}`,
    { code: 20002, ...where(at === null || sql === '' ? null : positionOfByte(sql, at)) })
}

/** the streams a statement reads, each once, in the order they stand */
export function tablesOf(ast: Ast, sql = ''): readonly TableUse[] {
  const uses = new Map<string, TableUse>()
  eachStream(ast.root, new Set(), table => {
    const use = useOf(table, sql)
    uses.set(`${use.type ?? ''}/${use.name}`, use)
  })
  return [...uses.values()]
}

/** the key of a table in RewriteContext.streams */
export const streamKey = (use: TableUse, defaultType: StreamType): string => `${use.type ?? defaultType}/${use.name}`

/** 400 20002 with the nearest names; `known` are the caller's streams of that type, `sql` the user's text */
export function unknownStream(name: string, known: Iterable<string>, sql = ''): EngineError {
  const suggestions = nearestNames(name, known)
  const at = sql === '' ? -1 : findName(sql, name)
  return new EngineError('unknown_stream', `the stream ${JSON.stringify(name.slice(0, 200))} does not exist${didYouMean(suggestions)}`,
    { code: 20002, ...where(at < 0 ? null : positionOfIndex(sql, at)), ...(suggestions.length > 0 ? { suggestions } : {}) })
}
