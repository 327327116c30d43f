// The allow-list over a parsed statement: node kinds, types, functions and the sizes of arguments.
// DuckDB is no sandbox, so what is not known to be harmless does not run; the sandbox process is the
// second wall. The whole tree is visited, sub-queries and CTEs too, and whatever is not listed in
// grammar.ts or allow.ts is refused with its place in the text.
import { EngineError } from '../../../model/errors.ts'
import { DEFAULT_SETTINGS } from '../../settings.ts'
import { allowedNames, standingOf, TABLE_FUNCTIONS, WINDOWS } from './allow.ts'
import { childOf, isNode, isNullConstant, locationOf, listOf, nodesOf, textOf } from './ast.ts'
import { checkArguments, checkPattern, tooLarge } from './bounds.ts'
import type { Bounds } from './bounds.ts'
import { functionNamed, functionNames } from './functions.ts'
import { EMPTY_MEMBERS, EXPRESSION_TYPES, EXPRESSIONS, PLAIN_MEMBERS, STRUCTURES, TYPE_NAMES, TYPES } from './grammar.ts'
import { didYouMean, nearestNames } from './nearest.ts'
import { positionOfByte, where } from './position.ts'
import type { Ast, AstNode, AstValue } from './contract.ts'

const SQL_INVALID = 20001
const FUNCTION_UNDEFINED = 20005

/** what one look over the tree counts and knows */
interface Inspection {
  readonly sql: string
  readonly bounds: Bounds
  nodes: number
  /** the nearest node that has a place in the text */
  near: AstNode | null
}

/**
 * `sql` is the user's text: it gives errors their line and column.
 * @throws EngineError function_not_allowed, unknown_function (20005), too_complex,
 *   argument_too_large, regex, not_select or invalid_query (20001)
 */
export function checkSelect(ast: Ast, sql: string, bounds: Bounds = DEFAULT_SETTINGS): void {
  const inspection: Inspection = { sql, bounds, nodes: 0, near: null }
  inspect(ast.root, 0, inspection)
}

function inspect(value: AstValue, depth: number, look: Inspection): void {
  if (Array.isArray(value)) {
    for (const item of value) inspect(item, depth, look)
    return
  }
  if (!isNode(value)) return
  const isExpression = typeof value['class'] === 'string'
  const isStructure = !isExpression && typeof value['type'] === 'string'
  if (isExpression && ++look.nodes > look.bounds.sqlNodesMax) throw tooComplex(`the query has more than ${look.bounds.sqlNodesMax} expressions`)
  const inner = isExpression || isStructure ? depth + 1 : depth
  if (inner > look.bounds.sqlDepthMax) throw tooComplex(`the query is nested more than ${look.bounds.sqlDepthMax} deep`)
  if (locationOf(value) !== null) look.near = value
  const near = look.near
  checkMembers(value, isExpression, isStructure, look)
  atPlace(look, () => checkNode(value, look))
  for (const [key, child] of Object.entries(value)) {
    look.near = near
    if (key === 'children' && isInList(value)) inspectInList(value, inner, look)
    else if (child !== null && typeof child === 'object') inspect(child, inner, look)
  }
}

const isInList = (node: AstNode): boolean => node['type'] === 'COMPARE_IN' || node['type'] === 'COMPARE_NOT_IN'

/** plain constants of an IN list are not counted: they cost a hash look-up each, however many */
function inspectInList(node: AstNode, depth: number, look: Inspection): void {
  const items = listOf(node, 'children')
  if (items.length - 1 > look.bounds.inListMax) throw tooComplex(`an IN list has ${items.length - 1} items; the most is ${look.bounds.inListMax}`)
  for (const item of items) {
    if (isNode(item) && item['class'] === 'CONSTANT') look.nodes--
    inspect(item, depth, look)
  }
}

function tooComplex(message: string): EngineError {
  return new EngineError('too_complex', message, { code: SQL_INVALID })
}

function refused(message: string): EngineError {
  return new EngineError('invalid_query', message, { code: SQL_INVALID })
}

/** adds the place of the nearest node to an error that has none */
function atPlace(look: Inspection, check: () => void): void {
  try {
    check()
  } catch (error) {
    const at = look.near === null ? null : locationOf(look.near)
    if (!(error instanceof EngineError) || error.detail.position !== undefined || at === null) throw error
    throw new EngineError(error.slug, error.message, { ...error.detail, ...where(positionOfByte(look.sql, at)) })
  }
}

function checkMembers(node: AstNode, isExpression: boolean, isStructure: boolean, look: Inspection): void {
  const members = isExpression ? EXPRESSIONS.get(textOf(node, 'class')) : isStructure ? STRUCTURES.get(textOf(node, 'type')) : PLAIN_MEMBERS
  if (members === undefined) atPlace(look, () => { throw refusedKind(node) })
  for (const [key, value] of Object.entries(node)) {
    if (!members!.has(key)) atPlace(look, () => { throw refused(`${JSON.stringify(key)} of ${kindName(node)} is not allowed`) })
    // parameters are refused at their own node, where the message says so
    if (key === 'named_param_map') continue
    if (EMPTY_MEMBERS.has(key) && !isEmpty(value)) atPlace(look, () => { throw refused(`${key.replaceAll('_', ' ')} is not allowed here`) })
  }
  if (isExpression && !EXPRESSION_TYPES.has(textOf(node, 'type'))) atPlace(look, () => { throw refusedKind(node) })
}

const isEmpty = (value: AstValue): boolean => value === null || value === '' || value === false || (Array.isArray(value) && value.length === 0)

const kindName = (node: AstNode): string => textOf(node, 'class') || textOf(node, 'type') || 'this form'

function refusedKind(node: AstNode): EngineError {
  switch (textOf(node, 'class') || textOf(node, 'type')) {
    case 'PARAMETER': return refused('parameters such as $1 and ? are not allowed: write the value')
    case 'SHOW_REF': return new EngineError('not_select', 'DESCRIBE, SHOW and SUMMARIZE cannot run here: a query is one SELECT', { code: SQL_INVALID })
    case 'PIVOT': return refused('PIVOT and UNPIVOT are not allowed')
    default: return refused(`${kindName(node)} is not allowed`)
  }
}

function checkNode(node: AstNode, look: Inspection): void {
  if (node['class'] === 'FUNCTION' || node['class'] === 'WINDOW') checkCall(node, look)
  else if (node['class'] === 'STAR') checkStar(node, look.bounds)
  else if (node['class'] === 'COLLATE' && !/^[a-z_]+(?:\.[a-z_]+)*$/i.test(textOf(node, 'collation'))) throw refused('the collation is not valid')
  else if (node['type'] === 'TABLE_FUNCTION') checkTableFunction(node)
  else if (node['type'] === 'ARRAY_TYPE_INFO') checkArraySize(node, look.bounds)
  else if (typeof node['id'] === 'string') checkType(node)
}

function checkCall(node: AstNode, look: Inspection): void {
  const name = textOf(node, 'function_name').toLowerCase()
  const own = functionNamed(name)
  if (own === null) checkStanding(name, node)
  else if (node['class'] === 'WINDOW' && own.form.kind !== 'rename') {
    throw new EngineError('function_not_allowed', `${name} is not a window function`, { code: FUNCTION_UNDEFINED })
  }
  checkArguments(name, node, look.bounds)
}

function checkStanding(name: string, node: AstNode): void {
  const standing = standingOf(name)
  if (standing === 'allowed' && WINDOWS.has(name) && node['class'] === 'FUNCTION') {
    throw new EngineError('function_not_allowed', `${name} is a window function: it needs OVER (...)`, { code: FUNCTION_UNDEFINED })
  }
  if (standing === 'allowed') return
  if (standing === 'refused') {
    throw new EngineError('function_not_allowed', `the function ${name} is not allowed`, { code: FUNCTION_UNDEFINED })
  }
  const suggestions = nearestNames(name, [...functionNames(), ...allowedNames()])
  throw new EngineError('unknown_function', `the function ${name.slice(0, 200)} does not exist${didYouMean(suggestions)}`,
    { code: FUNCTION_UNDEFINED, ...(suggestions.length > 0 ? { suggestions } : {}) })
}

/** COLUMNS('regex') matches names while binding; a lambda or a plain star needs no bound */
function checkStar(node: AstNode, bounds: Bounds): void {
  const pattern = childOf(node, 'expr')
  if (pattern?.['class'] === 'CONSTANT' && !isNullConstant(pattern)) checkPattern('columns', pattern, bounds)
}

function checkTableFunction(node: AstNode): void {
  const call = childOf(node, 'function') ?? {}
  const name = textOf(call, 'function_name').toLowerCase()
  if (TABLE_FUNCTIONS.has(name)) return
  throw new EngineError('function_not_allowed', `the table function ${name.slice(0, 200)} is not allowed; there are ${[...TABLE_FUNCTIONS].join(', ')}`,
    { code: FUNCTION_UNDEFINED })
}

function checkType(node: AstNode): void {
  const id = textOf(node, 'id')
  const info = childOf(node, 'type_info')
  if (!TYPES.has(id)) throw refused(`the type ${id} is not allowed`)
  if (id !== 'UNBOUND') return
  const name = info === null ? '' : textOf(info, 'name')
  const modifiers = info === null ? [] : nodesOf(info, 'user_type_modifiers')
  if (!TYPE_NAMES.has(name.toLowerCase()) || modifiers.length > 0 || (info !== null && textOf(info, 'schema') !== '')) {
    throw refused(`the type ${JSON.stringify(name.slice(0, 200))} is not allowed`)
  }
}

/** a fixed array of n takes n values a row, whatever it holds; arrays of arrays multiply */
function checkArraySize(node: AstNode, bounds: Bounds): void {
  let size = 1
  for (let info: AstNode | null = node; info?.['type'] === 'ARRAY_TYPE_INFO'; info = childOf(childOf(info, 'child_type') ?? {}, 'type_info')) {
    size *= Number(info['size'])
  }
  if (!(size <= bounds.constantLengthMax)) throw tooLarge(`an array type of ${size} values is above ${bounds.constantLengthMax}`)
}
