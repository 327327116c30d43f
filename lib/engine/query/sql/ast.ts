// Reading and making nodes of DuckDB's serialized syntax tree. Everything that walks the tree goes
// through here, so the shape of json_serialize_sql (DuckDB 1.5) is known in two files only: this
// one and grammar.ts.
import type { Ast, AstNode, AstValue, RawNumber } from './contract.ts'

interface JsonWithSource {
  parse(text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown): unknown
  rawJSON(text: string): RawNumber
  isRawJSON(value: unknown): value is RawNumber
}
const json = JSON as unknown as JsonWithSource

/** query_location of nodes that stand nowhere in the user's text: DuckDB's own "no location" */
export const NOWHERE: RawNumber = json.rawJSON('18446744073709551615')

export const isRaw = (value: unknown): value is RawNumber => json.isRawJSON(value)

export function isNode(value: AstValue | undefined): value is AstNode {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isRaw(value)
}

/**
 * JSON text to a tree that JSON.stringify writes back unchanged: a number that is not a plain safe
 * integer keeps its source text, because 3600.0 read as 3600 is another type to DuckDB and 64-bit
 * literals would lose digits.
 */
export function parseLossless(text: string): AstValue {
  return json.parse(text, (_key, value, context) => {
    if (typeof value !== 'number') return value
    const source = context.source ?? ''
    return Number.isSafeInteger(value) && /^-?\d+$/.test(source) ? value : json.rawJSON(source)
  }) as AstValue
}

/** a copy to change; raw numbers are immutable and shared */
export function cloneValue<T extends AstValue>(value: T): T {
  if (Array.isArray(value)) return value.map(cloneValue) as unknown as T
  if (!isNode(value)) return value
  const copy: AstNode = {}
  for (const [key, child] of Object.entries(value)) copy[key] = cloneValue(child)
  return copy as T
}

export const textOf = (node: AstNode, key: string): string => {
  const value = node[key]
  return typeof value === 'string' ? value : ''
}

export const listOf = (node: AstNode, key: string): readonly AstValue[] => {
  const value = node[key]
  return Array.isArray(value) ? value : []
}

export const nodesOf = (node: AstNode, key: string): readonly AstNode[] => listOf(node, key).filter(isNode)

export const childOf = (node: AstNode, key: string): AstNode | null => {
  const value = node[key]
  return isNode(value) ? value : null
}

/** byte offset of a node in the statement's UTF-8 text, or null */
export function locationOf(node: AstNode): number | null {
  const at = node['query_location']
  return typeof at === 'number' ? at : null
}

/** the one statement's query node; parseSelect made sure that there is exactly one */
export function queryOf(ast: Ast): AstNode {
  const node = childOf(nodesOf(ast.root, 'statements')[0] ?? {}, 'node')
  return node ?? {}
}

/** the names of a function's arguments' order: FUNCTION and WINDOW nodes alike */
export const argumentsOf = (call: AstNode): readonly AstNode[] => nodesOf(call, 'children')

type ColumnNode = AstNode & { class: 'COLUMN_REF' }
type CallNode = AstNode & { class: 'FUNCTION' }
export const isColumn = (node: AstNode | undefined): node is ColumnNode => node !== undefined && node['class'] === 'COLUMN_REF'
export const isCall = (node: AstNode | undefined): node is CallNode => node !== undefined && node['class'] === 'FUNCTION'

/** the last part of a column reference, as written */
export function columnName(node: AstNode): string {
  const names = listOf(node, 'column_names')
  const last = names[names.length - 1]
  return typeof last === 'string' ? last : ''
}

/** what a text constant says; null when the node is none */
export function constantText(node: AstNode | undefined): string | null {
  if (node?.['class'] !== 'CONSTANT') return null
  const value = childOf(node, 'value')
  return typeof value?.['value'] === 'string' ? value['value'] : null
}

/** the number of a numeric constant (rounded to a double); null when the node is none */
export function constantNumber(node: AstNode | undefined): number | null {
  if (node === undefined) return null
  if (isCall(node) && node['function_name'] === '-' && argumentsOf(node).length === 1) {
    const n = constantNumber(argumentsOf(node)[0])
    return n === null ? null : -n
  }
  // parse.ts keeps 1e6 as CAST('1e6' AS DOUBLE)
  if (node['class'] === 'CAST' && textOf(childOf(node, 'cast_type') ?? {}, 'id') === 'DOUBLE') {
    const written = constantText(childOf(node, 'child') ?? undefined)
    return written === null || !/^-?\d/.test(written) ? null : Number(written)
  }
  if (node['class'] !== 'CONSTANT') return null
  const value = childOf(node, 'value')
  const type = value === null ? null : childOf(value, 'type')
  if (value === null || type === null) return null
  const raw = value['value']
  if (isNode(raw)) return 2 ** 64 * plainNumber(raw['upper']) + plainNumber(raw['lower'])
  if (typeof raw !== 'number' && !isRaw(raw)) return null
  const info = childOf(type, 'type_info')
  const scale = type['id'] === 'DECIMAL' && info !== null ? plainNumber(info['scale']) : 0
  return plainNumber(raw) / 10 ** scale
}

function plainNumber(value: AstValue | undefined): number {
  if (typeof value === 'number') return value
  return isRaw(value) ? Number(value.rawJSON) : NaN
}

export const isNullConstant = (node: AstNode): boolean => node['class'] === 'CONSTANT' && childOf(node, 'value')?.['is_null'] === true

const expression = (kind: string, type: string, rest: AstNode): AstNode =>
  ({ class: kind, type, alias: '', query_location: NOWHERE as unknown as AstValue, ...rest })

export const column = (...names: string[]): AstNode => expression('COLUMN_REF', 'COLUMN_REF', { column_names: names })

const constant = (id: string, value: AstValue): AstNode =>
  expression('CONSTANT', 'VALUE_CONSTANT', { value: { type: { id, type_info: null }, is_null: false, value } })

export const text = (value: string): AstNode => constant('VARCHAR', value)
/** as the parser types a literal: the smallest of INTEGER and BIGINT */
export const integer = (value: number): AstNode => constant(Math.abs(value) < 2 ** 31 ? 'INTEGER' : 'BIGINT', value)
export const boolean = (value: boolean): AstNode => cast(text(value ? 't' : 'f'), 'BOOLEAN')

export const cast = (child: AstNode, id: string, tryCast = false): AstNode =>
  expression('CAST', 'OPERATOR_CAST', { child, cast_type: { id, type_info: null }, try_cast: tryCast })

export function call(name: string, children: readonly AstNode[], isOperator = false): AstNode {
  return expression('FUNCTION', 'FUNCTION', {
    function_name: name, schema: '', children: [...children], filter: null,
    order_bys: { type: 'ORDER_MODIFIER', orders: [] }, distinct: false, is_operator: isOperator, export_state: false, catalog: '',
  })
}

export const operator = (name: string, left: AstNode, right: AstNode): AstNode => call(name, [left, right], true)

export const compare = (type: string, left: AstNode, right: AstNode): AstNode => expression('COMPARISON', type, { left, right })

/** the parser makes one node of a AND (b AND c): what is written so must be the same */
export const flattened = (conjunction: AstNode): AstNode => ({
  ...conjunction,
  children: argumentsOf(conjunction).flatMap(child => (child['type'] === conjunction['type'] ? [...argumentsOf(flattened(child))] : [child])),
})

function conjunction(type: string, children: readonly AstNode[]): AstNode {
  return children.length === 1 ? children[0]! : flattened(expression('CONJUNCTION', type, { children: [...children] }))
}
export const all = (children: readonly AstNode[]): AstNode => conjunction('CONJUNCTION_AND', children)
export const any = (children: readonly AstNode[]): AstNode => conjunction('CONJUNCTION_OR', children)

export const not = (child: AstNode): AstNode => expression('OPERATOR', 'OPERATOR_NOT', { children: [child] })
export const isNotNull = (child: AstNode): AstNode => expression('OPERATOR', 'OPERATOR_IS_NOT_NULL', { children: [child] })
export const coalesce = (...children: AstNode[]): AstNode => expression('OPERATOR', 'OPERATOR_COALESCE', { children })

export const when = (condition: AstNode, then: AstNode, otherwise: AstNode): AstNode =>
  expression('CASE', 'CASE_EXPR', { case_checks: [{ when_expr: condition, then_expr: then }], else_expr: otherwise })

export const nothing = (): AstNode =>
  expression('CONSTANT', 'VALUE_CONSTANT', { value: { type: { id: 'NULL', type_info: null }, is_null: true } })
