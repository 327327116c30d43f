// Order and paging of the top level: the newest rows first where the user gave no order, `size` as
// LIMIT unless SQL has its own, `from` skipped in what remains. Works on the rewritten tree.
import { EngineError } from '../../../model/errors.ts'
import { AGGREGATES } from './allow.ts'
import { childOf, column, columnName, constantNumber, integer, isCall, isColumn, isNode, isNullConstant, listOf, nodesOf, textOf } from './ast.ts'
import type { Source } from './call-site.ts'
import type { AstNode, AstValue, Rewritten } from './contract.ts'

const SQL_INVALID = 20001
/** above it LIMIT and OFFSET mean "all"; a larger number would not fit what DuckDB counts with */
const ROWS_MAX = Number.MAX_SAFE_INTEGER

const ordered = (query: AstNode): AstNode | undefined => nodesOf(query, 'modifiers').find(m => m['type'] === 'ORDER_MODIFIER')

/** any node below (or at) `value` that holds; stops at the first */
export function someNode(value: AstValue | undefined, test: (node: AstNode) => boolean): boolean {
  if (Array.isArray(value)) return value.some(item => someNode(item, test))
  if (!isNode(value)) return false
  return test(value) || Object.values(value).some(child => someNode(child, test))
}

/**
 * A plain select of one stream: each row of the answer is one row of the stream, so rows may be
 * ordered by time and reading may stop early.
 */
export function isPlain(query: AstNode, source: Source | null): boolean {
  if (query['type'] !== 'SELECT_NODE' || source === null) return false
  if (listOf(query, 'group_expressions').length > 0 || listOf(query, 'group_sets').length > 0) return false
  if (query['having'] !== null || query['qualify'] !== null || query['sample'] !== null) return false
  if (query['aggregate_handling'] !== 'STANDARD_HANDLING' || childOf(query, 'from_table')?.['sample'] !== null) return false
  if (nodesOf(query, 'modifiers').some(m => m['type'] === 'DISTINCT_MODIFIER')) return false
  const isMany = (node: AstNode): boolean =>
    node['class'] === 'WINDOW' || node['class'] === 'SUBQUERY' ||
    (isCall(node) && (AGGREGATES.has(textOf(node, 'function_name')) || textOf(node, 'function_name') === 'unnest'))
  return ![query['select_list'], query['where_clause'], query['modifiers']].some(part => someNode(part, isMany))
}

/** the query with `_timestamp DESC` when it is plain and has no order of its own */
export function withDefaultOrder(query: AstNode, source: Source): AstNode {
  if (ordered(query) !== undefined) return query
  const order: AstNode = {
    type: 'ORDER_MODIFIER',
    orders: [{ type: 'DESCENDING', null_order: 'ORDER_DEFAULT', expression: column(source.alias, '_timestamp') }],
  }
  return { ...query, modifiers: [order, ...listOf(query, 'modifiers')] }
}

/** the top level's order as names of the answer's columns; expressions without a name are left out */
export function orderOf(query: AstNode): Rewritten['orderBy'] {
  const items = nodesOf(query, 'select_list')
  const out: (readonly [string, 'asc' | 'desc'])[] = []
  for (const order of nodesOf(ordered(query) ?? {}, 'orders')) {
    const name = orderName(childOf(order, 'expression') ?? {}, items)
    if (name !== '') out.push([name, order['type'] === 'DESCENDING' ? 'desc' : 'asc'])
  }
  return out
}

function orderName(expression: AstNode, items: readonly AstNode[]): string {
  if (isColumn(expression)) return columnName(expression)
  const position = constantNumber(expression)
  const same = position === null ? items.find(item => sameExpression(item, expression)) : items[position - 1]
  if (same === undefined) return ''
  return textOf(same, 'alias') || (isColumn(same) ? columnName(same) : '')
}

/** equal but for alias and place */
export function sameExpression(a: AstNode, b: AstNode): boolean {
  const bare = (_key: string, value: unknown): unknown => (_key === 'query_location' || _key === 'alias' ? undefined : value)
  return JSON.stringify(a, bare) === JSON.stringify(b, bare)
}

/** the query without order and limit, for counting all rows */
export function unpaged(query: AstNode): AstNode {
  return { ...query, modifiers: nodesOf(query, 'modifiers').filter(m => m['type'] === 'DISTINCT_MODIFIER') }
}

export interface Paging {
  readonly from: number
  /** -1: all */
  readonly size: number
}

export interface Paged {
  readonly query: AstNode
  /** rows to skip around the query, when its own limit is not a constant */
  readonly skip: number
}

/**
 * Applies size and from.
 * @throws EngineError invalid_query for a negative or unreadable constant LIMIT or OFFSET
 */
export function withPaging(query: AstNode, paging: Paging): Paged {
  const others = nodesOf(query, 'modifiers').filter(m => m['type'] !== 'LIMIT_MODIFIER')
  const own = nodesOf(query, 'modifiers').find(m => m['type'] === 'LIMIT_MODIFIER')
  const percent = others.some(m => m['type'] === 'LIMIT_PERCENT_MODIFIER')
  const limit = own === undefined ? undefined : rowsOf(childOf(own, 'limit'), 'LIMIT')
  const offset = own === undefined ? null : rowsOf(childOf(own, 'offset'), 'OFFSET')
  if (paging.size === 0) return { query: limited(query, others.filter(m => m['type'] !== 'LIMIT_PERCENT_MODIFIER'), 0, 0), skip: 0 }
  if (percent || limit === 'computed' || offset === 'computed') return { query, skip: paging.from }
  // LIMIT ALL is a limit of the user's too: it wins over size
  const hasLimit = own !== undefined && childOf(own, 'limit') !== null
  const rows = hasLimit ? (limit === null || limit === undefined ? null : Math.max(0, limit - paging.from)) : paging.size < 0 ? null : paging.size
  return { query: limited(query, others, rows, Math.min(ROWS_MAX, (offset ?? 0) + paging.from)), skip: 0 }
}

function rowsOf(node: AstNode | null, word: string): number | null | 'computed' {
  if (node === null || isNullConstant(node)) return null
  const n = constantNumber(node)
  if (n === null) return 'computed'
  if (!(n >= 0)) throw new EngineError('invalid_query', `${word} ${n} is not valid: it must be 0 or more`, { code: SQL_INVALID })
  return Math.min(Math.floor(n), ROWS_MAX)
}

function limited(query: AstNode, others: readonly AstNode[], rows: number | null, offset: number): AstNode {
  if (rows === null && offset === 0) return { ...query, modifiers: [...others] }
  const limit: AstNode = {
    type: 'LIMIT_MODIFIER',
    limit: rows === null ? null : integer(rows),
    offset: offset === 0 ? null : integer(offset),
  }
  return { ...query, modifiers: [...others, limit] }
}
