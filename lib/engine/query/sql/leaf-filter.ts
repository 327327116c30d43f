// The part of a statement that a leaf may run by itself: the WHERE of the only SELECT that reads the
// only stream, over bare columns. Every row of the stream that matters fulfils it, whatever stands
// around it (groups, windows, joins with itself through a CTE). The leader still runs the whole
// statement, so this may change the cost, never the answer: on any doubt there is none.
import { childOf, isColumn, isNode, listOf, textOf } from './ast.ts'
import { someNode } from './paging.ts'
import type { AstNode, AstValue, StreamTable } from './contract.ts'

/** functions whose value is not the same at a leaf as at the leader: the clock and chance; and what only fails */
export const VOLATILE: ReadonlySet<string> = new Set([
  'age', 'ago', 'current_date', 'current_localtime', 'current_localtimestamp', 'error', 'gen_random_uuid', 'get_current_time',
  'get_current_timestamp', 'now', 'random', 'today', 'transaction_timestamp', 'uuid', 'uuidv4', 'uuidv7',
])
/** forms that see other rows, other tables, or names that are no columns */
const DOUBTFUL: ReadonlySet<string> = new Set(['SUBQUERY', 'WINDOW', 'LAMBDA', 'STAR', 'POSITIONAL_REFERENCE'])
/** the relation of the query that is written; a name that needs no quotes */
const RELATION = 'wanted'
const PREFIX = `SELECT * FROM ${RELATION} WHERE `
/** a filter of more text costs a leaf more to plan than rows cost to send */
const TEXT_CHARS_MAX = 64 * 1024

/** `SELECT * FROM wanted WHERE ...` over the stream's columns, or null; `query` is rewritten already */
export function filterQuery(query: AstNode, table: StreamTable): AstNode | null {
  const selects: AstNode[] = []
  let uses = 0
  visit(query, (node) => {
    if (node['type'] === 'BASE_TABLE' && isStream(node, table)) uses++
    if (node['type'] === 'SELECT_NODE' && isStream(childOf(node, 'from_table') ?? {}, table)) selects.push(node)
  })
  const [select] = selects
  if (uses !== 1 || select === undefined || select['sample'] !== null) return null
  const from = childOf(select, 'from_table')!
  const where = childOf(select, 'where_clause')
  if (where === null || from['sample'] !== null || listOf(from, 'column_name_alias').length > 0) return null
  const bare = bareColumns(where, textOf(from, 'alias').toLowerCase(), table)
  return bare === null ? null : selectAll(from, bare)
}

/** the predicate of the written query; null when DuckDB wrote it otherwise than expected */
export function filterText(written: string): string | null {
  return written.startsWith(PREFIX) && written.length <= TEXT_CHARS_MAX ? written.slice(PREFIX.length) : null
}

/** after rewriting, tables of streams carry their type as schema; CTEs do not */
const isStream = (node: AstNode, table: StreamTable): boolean =>
  node['type'] === 'BASE_TABLE' && node['schema_name'] === table.type && node['table_name'] === table.name

function visit(value: AstValue | undefined, see: (node: AstNode) => void): void {
  if (Array.isArray(value)) for (const item of value) visit(item, see)
  if (!isNode(value)) return
  see(value)
  for (const child of Object.values(value)) visit(child, see)
}

/** the expression with its columns unqualified; null when it holds anything but columns of the stream and what is pure */
function bareColumns(where: AstNode, alias: string, table: StreamTable): AstNode | null {
  const isDoubtful = (node: AstNode): boolean => DOUBTFUL.has(textOf(node, 'class')) || VOLATILE.has(textOf(node, 'function_name').toLowerCase())
  if (someNode(where, isDoubtful)) return null
  let known = true
  const bare = (value: AstValue): AstValue => {
    if (Array.isArray(value)) return value.map(bare)
    if (!isNode(value)) return value
    if (!isColumn(value)) return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, bare(child)]))
    const names = listOf(value, 'column_names').map(String)
    const own = names.length === 2 && names[0]!.toLowerCase() === alias ? names.slice(1) : names
    const name = own[0]?.toLowerCase() ?? ''
    if (own.length !== 1 || (name !== '_timestamp' && !Object.hasOwn(table.fields, name))) known = false
    return { ...value, column_names: own }
  }
  const out = bare(where) as AstNode
  return known ? out : null
}

/** `SELECT * FROM wanted WHERE ...`, as json_serialize_sql gives it */
function selectAll(from: AstNode, where: AstNode): AstNode {
  const star = {
    class: 'STAR', type: 'STAR', alias: '', query_location: from['query_location'] ?? null, relation_name: '', exclude_list: [], replace_list: [],
    columns: false, expr: null, qualified_exclude_list: [], rename_list: [],
  }
  return {
    type: 'SELECT_NODE', modifiers: [], cte_map: { map: [] }, select_list: [star],
    from_table: { ...from, schema_name: '', table_name: RELATION, alias: '' },
    where_clause: where, group_expressions: [], group_sets: [], aggregate_handling: 'STANDARD_HANDLING', having: null, sample: null, qualify: null,
  }
}
