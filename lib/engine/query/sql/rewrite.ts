// The checked tree becomes the statement DuckDB runs: tables by the names of their views, our
// functions as DuckDB expressions, order and paging applied. What DuckDB has is left alone. The
// written text is parsed again and compared with the tree, so what runs is what was checked.
import { EngineError } from '../../../model/errors.ts'
import { STREAM_TYPES } from '../../../model/stream.ts'
import type { SqlSession } from '../../ports.ts'
import { WINDOWS } from './allow.ts'
import { argumentsOf, childOf, cloneValue, columnName, constantText, flattened, isCall, isColumn, isNode, listOf, locationOf, nodesOf, queryOf, text, textOf } from './ast.ts'
import { badArgument } from './call-site.ts'
import type { CallSite, Source } from './call-site.ts'
import { patternArgument } from './bounds.ts'
import { functionNamed } from './functions.ts'
import type { SqlFunction } from './functions.ts'
import { labelled } from './label.ts'
import { filterQuery, filterText } from './leaf-filter.ts'
import { macroCall, macroStatement } from './macros.ts'
import { isPlain, orderOf, someNode, unpaged, withDefaultOrder, withPaging } from './paging.ts'
import { positionOfByte, where } from './position.ts'
import { namedGroupsForRe2 } from './regex-bound.ts'
import { eachStream, isCte, scopeOf, streamKey, unknownStream, useOf } from './tables.ts'
import type { Scope } from './tables.ts'
import { mustBeWritten, written } from './written.ts'
import type { Ast, AstNode, AstValue, RewriteContext, Rewritten, StreamTable } from './contract.ts'

/** words of all match_all of one statement: each is a page of SQL and some ms of compiling */
const SEARCH_WORDS_MAX = 200

/** what one rewriting gathers */
interface Work {
  readonly sql: string
  readonly context: RewriteContext
  readonly tables: readonly StreamTable[]
  /** stream types written before a table name: `metrics.cpu.value` loses its first part */
  readonly qualified: ReadonlySet<string>
  /** histogram calls that may stay timestamps */
  readonly timestamps: ReadonlySet<AstNode>
  readonly macros: Set<string>
  histogramSeconds: number | null
  searchWords: number
}

/** where in the tree a value stands */
interface Frame {
  readonly scope: Scope
  readonly source: Source | null
}

/**
 * `sql` is the user's text: with it errors say where.
 * @throws EngineError unknown_stream (20002), invalid_query with 20001, 20003 or 20013,
 *   unknown_function (20005) for a wrong number of arguments, argument_too_large
 */
export async function rewriteSelect(session: SqlSession, ast: Ast, context: RewriteContext, sql = ''): Promise<Rewritten> {
  const work = begin(ast, context, sql)
  const outer = queryOf(ast)
  const root = rewriteValue(ast.root, { scope: new Set(), source: null }, work)
  const query = queryOf({ root: root as AstNode })
  const source = sourceOf(outer, scopeOf(outer, new Set(), () => {}), work)
  const plain = isPlain(query, source)
  const ordered = plain && source !== null ? withDefaultOrder(query, source) : query
  const { query: paged, skip } = withPaging(ordered, context)
  const filter = work.tables.length === 1 ? filterQuery(query, work.tables[0]!) : null
  const [body, counted, filtered] = await written(session, ast, [paged, unpaged(query), ...(filter === null ? [] : [filter])])
  return {
    sql: skip > 0 ? `SELECT * FROM (${mustBeWritten(body)}) AS page OFFSET ${skip}` : mustBeWritten(body),
    countSql: `SELECT count(*) AS total FROM (${mustBeWritten(counted)}) AS counted`,
    setup: [...work.macros].map(macroStatement),
    where: filtered == null ? null : filterText(filtered),
    tables: work.tables,
    plain,
    histogramIntervalSeconds: work.histogramSeconds,
    orderBy: orderOf(ordered),
  }
}

function begin(ast: Ast, context: RewriteContext, sql: string): Work {
  const tables = new Map<string, StreamTable>()
  const qualified = new Set<string>()
  eachStream(ast.root, new Set(), node => {
    const use = useOf(node)
    const key = streamKey(use, context.defaultType)
    const table = context.streams.get(key)
    if (table === undefined) throw unknownStream(use.name, [...context.streams.values()].map(t => t.name), sql)
    tables.set(key, table)
    if (use.type !== null && textOf(node, 'alias') === '') qualified.add(`${use.type}.${use.name}`)
  })
  return { sql, context, tables: [...tables.values()], qualified, timestamps: timestampsOf(queryOf(ast)), macros: new Set(), histogramSeconds: null, searchWords: 0 }
}

/**
 * histogram() prints the same as a timestamp or as text, and as a timestamp it groups eight times
 * faster. It stays one where only printing, grouping and ordering see it: alone in the top level's
 * list with no other use of its alias, or alone in a GROUP BY or ORDER BY.
 */
function timestampsOf(query: AstNode): ReadonlySet<AstNode> {
  const out = new Set<AstNode>()
  if (query['type'] !== 'SELECT_NODE') return out
  const isHistogram = (node: AstNode): boolean => isCall(node) && textOf(node, 'function_name') === 'histogram'
  const alone = new Set<AstNode>(nodesOf(query, 'group_expressions'))
  for (const modifier of nodesOf(query, 'modifiers')) {
    for (const order of nodesOf(modifier, 'orders')) alone.add(childOf(order, 'expression') ?? {})
  }
  for (const item of nodesOf(query, 'select_list').filter(isHistogram)) {
    const alias = textOf(item, 'alias').toLowerCase()
    const usesAlias = (node: AstNode): boolean =>
      isColumn(node) && !alone.has(node) && listOf(node, 'column_names').length === 1 && columnName(node).toLowerCase() === alias
    if (alias === '' || !someNode(query, usesAlias)) out.add(item)
  }
  for (const node of alone) if (isHistogram(node)) out.add(node)
  return out
}

function rewriteValue(value: AstValue, frame: Frame, work: Work): AstValue {
  if (Array.isArray(value)) return value.map(item => rewriteValue(item, frame, work))
  if (!isNode(value)) return value
  if (value['type'] === 'BASE_TABLE' && !isCte(value, frame.scope)) return viewOf(value, work)
  const ctes: AstNode[] = []
  const scope = scopeOf(value, frame.scope, (cte, visible) => {
    ctes.push(rewriteValue(cte, { scope: visible, source: null }, work) as AstNode)
  })
  const source = value['type'] === 'SELECT_NODE' ? sourceOf(value, scope, work) : frame.source
  const copy: AstNode = {}
  for (const [key, child] of Object.entries(value)) {
    copy[key] = key === 'cte_map' && ctes.length > 0 ? withCtes(value, ctes) : rewriteValue(child, { scope, source }, work)
  }
  if (copy['type'] === 'SELECT_NODE') copy['select_list'] = nodesOf(copy, 'select_list').map((item, i) => labelled(item, nodesOf(value, 'select_list')[i]!))
  if (isColumn(copy)) return withoutType(copy, work)
  if (copy['class'] === 'CONJUNCTION') return flattened(copy)
  return isCall(copy) || copy['class'] === 'WINDOW' ? atPlace(value, work, () => rewriteCall(value, copy, source, work)) : copy
}

/** adds the place of a call to what its rewriting throws */
function atPlace(node: AstNode, work: Work, rewrite: () => AstNode): AstNode {
  try {
    return rewrite()
  } catch (error) {
    const at = locationOf(node)
    if (!(error instanceof EngineError) || error.detail.position !== undefined || at === null || work.sql === '') throw error
    throw new EngineError(error.slug, error.message, { ...error.detail, ...where(positionOfByte(work.sql, at)) })
  }
}

/** `map` of a cte_map with the rewritten CTEs in place */
function withCtes(query: AstNode, ctes: readonly AstNode[]): AstNode {
  const map = childOf(query, 'cte_map') ?? {}
  return { ...map, map: nodesOf(map, 'map').map((entry, i) => ({ ...entry, value: ctes[i]! })) }
}

function viewOf(table: AstNode, work: Work): AstNode {
  const use = useOf(table)
  return {
    ...cloneValue(table),
    schema_name: use.type ?? work.context.defaultType,
    table_name: use.name,
    alias: textOf(table, 'alias') || textOf(table, 'table_name'),
  }
}

/** the stream behind a SELECT whose FROM is one table */
function sourceOf(select: AstNode, scope: Scope, work: Work): Source | null {
  const from = childOf(select, 'from_table')
  if (from?.['type'] !== 'BASE_TABLE' || isCte(from, scope)) return null
  const table = work.context.streams.get(streamKey(useOf(from), work.context.defaultType))
  return table === undefined ? null : { table, alias: textOf(from, 'alias') || textOf(from, 'table_name') }
}

/** `metrics.cpu.value` is `cpu.value` behind the alias that the table got */
function withoutType(node: AstNode, work: Work): AstNode {
  const names = listOf(node, 'column_names').map(String)
  if (names.length < 3 || !STREAM_TYPES.some(type => type === names[0]!.toLowerCase())) return node
  return work.qualified.has(`${names[0]}.${names[1]}`.toLowerCase()) ? { ...node, column_names: names.slice(1) } : node
}

function rewriteCall(original: AstNode, node: AstNode, source: Source | null, work: Work): AstNode {
  const name = textOf(node, 'function_name').toLowerCase()
  const withPattern = patternFor(name, node)
  const own = functionNamed(name)
  if (own === null || (node['class'] === 'WINDOW' && WINDOWS.has(name))) return withPattern
  checkArity(own, original)
  if (own.form.kind === 'rename') return { ...withPattern, function_name: own.form.to, ...(own.form.distinct ? { distinct: true } : {}) }
  if (node['filter'] !== null || node['distinct'] === true || nodesOf(childOf(node, 'order_bys') ?? {}, 'orders').length > 0) {
    throw badArgument(name, 'DISTINCT, FILTER and ORDER BY are for aggregate functions')
  }
  const site: CallSite = {
    context: work.context, source, tables: work.tables, asTimestamp: work.timestamps.has(original),
    macro: macro => {
      work.macros.add(macro)
      return macroCall(macro)
    },
    search: words => {
      work.searchWords += words
      if (work.searchWords > SEARCH_WORDS_MAX) {
        throw new EngineError('too_complex', `the query searches for more than ${SEARCH_WORDS_MAX} words`, { code: 20001 })
      }
    },
    histogram: seconds => {
      work.histogramSeconds ??= seconds
    },
  }
  return { ...own.form.expand({ name, args: argumentsOf(withPattern), site }), alias: textOf(node, 'alias') }
}

/** `(?<name>` in a constant pattern as RE2 writes it */
function patternFor(name: string, node: AstNode): AstNode {
  const at = patternArgument(name)
  const pattern = at === null ? null : constantText(argumentsOf(node)[at])
  if (pattern === null) return node
  const translated = namedGroupsForRe2(pattern)
  return translated === pattern ? node : { ...node, children: argumentsOf(node).map((arg, i) => (i === at ? text(translated) : arg)) }
}

function checkArity(own: SqlFunction, node: AstNode): void {
  const [min, max] = own.arguments
  const n = argumentsOf(node).length
  if (n >= min && n <= max) return
  throw new EngineError('unknown_function', `${own.name} was given ${n} arguments; it is written ${own.usage}`, { code: 20005 })
}
