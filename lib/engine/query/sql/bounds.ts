// Arguments that decide how much memory a call takes. Constant folding runs functions while DuckDB
// plans, and neither memory_limit nor interrupt stops `repeat('x', 1000000000)` (measured 2 GB), so
// such arguments must be constants and small. The sandbox's watchdog stands behind this, for what a
// look at the tree cannot see (text doubled through sub-queries).
import { EngineError } from '../../../model/errors.ts'
import type { Settings } from '../../settings.ts'
import { AGGREGATES } from './allow.ts'
import { argumentsOf, constantNumber, constantText, isNode, isNullConstant } from './ast.ts'
import { countedRepetitions, REPETITIONS_MAX } from './regex-bound.ts'
import type { AstNode } from './contract.ts'

export type Bounds = Pick<Settings, 'sqlDepthMax' | 'sqlNodesMax' | 'inListMax' | 'regexBytesMax' | 'constantLengthMax'>

/** function -> which argument is a length */
const LENGTH_ARGUMENT: ReadonlyMap<string, number> = new Map([
  ['repeat', 1], ['lpad', 1], ['rpad', 1], ['list_resize', 1], ['array_resize', 1], ['bitstring', 1], ['to_base', 2],
  ['equi_width_bins', 2], ['approx_top_k', 1], ['min_by', 2], ['max_by', 2], ['arg_min', 2], ['arg_max', 2], ['argmin', 2],
  ['argmax', 2], ['min', 1], ['max', 1], ['arg_min_nulls_last', 2], ['arg_max_nulls_last', 2], ['encode', 1],
])
/** of those, which make text or lists: one inside another multiplies */
const MAKERS: ReadonlySet<string> = new Set(['repeat', 'lpad', 'rpad', 'list_resize', 'array_resize', 'range', 'generate_series'])

/** of these the arguments' lengths multiply: each match, or each element, brings the other argument again */
const MULTIPLIERS: ReadonlyMap<string, readonly number[]> = new Map([
  ['replace', [0, 2]], ['regexp_replace', [0, 2]], ['list_transform', [0, 1]], ['array_transform', [0, 1]], ['list_apply', [0, 1]],
  ['array_apply', [0, 1]], ['apply', [0, 1]], ['array_to_string', [0, 1]], ['list_aggregate', [0, 2]],
])
/** types of these are written in a text, which must not name a fixed array */
const TYPED_BY_TEXT: ReadonlySet<string> = new Set(['from_json', 'from_json_strict', 'json_transform', 'json_transform_strict'])

/** function -> which argument is an RE2 pattern */
const PATTERN_ARGUMENT: ReadonlyMap<string, number> = new Map([
  ['regexp_matches', 1], ['regexp_full_match', 1], ['regexp_replace', 1], ['regexp_extract', 1], ['regexp_extract_all', 1],
  ['regexp_split_to_array', 1], ['str_split_regex', 1], ['string_split_regex', 1], ['~*', 1],
  ['re_match', 1], ['re_not_match', 1], ['re_matches', 1], ['regexp_like', 1], ['regexp_count', 1],
])
/** index of the argument that is an RE2 pattern, or null; `name` is lower case */
export const patternArgument = (name: string): number | null => PATTERN_ARGUMENT.get(name) ?? null

/** LIKE is recursive in its wildcards */
const LIKES: ReadonlySet<string> = new Set(['~~', '!~~', '~~*', '!~~*', '~~~', 'like_escape', 'not_like_escape', 'ilike_escape', 'not_ilike_escape'])
/** the name of an aggregate as text */
const BY_NAME: ReadonlySet<string> = new Set(['list_aggr', 'list_aggregate', 'array_aggr', 'array_aggregate', 'aggregate'])

export function tooLarge(message: string): EngineError {
  return new EngineError('argument_too_large', message, { code: 20001 })
}

const badRegex = (message: string): EngineError => new EngineError('regex', message, { code: 20001 })

/** @throws EngineError argument_too_large, regex or function_not_allowed; `name` is lower case */
export function checkArguments(name: string, node: AstNode, bounds: Bounds): void {
  const args = argumentsOf(node)
  const length = LENGTH_ARGUMENT.get(name)
  if (length !== undefined && args.length > length) checkLength(name, args[length]!, bounds)
  if (MAKERS.has(name) || MULTIPLIERS.has(name)) checkProduct(name, node, bounds)
  if (TYPED_BY_TEXT.has(name)) checkTypeText(name, args[1])
  if (name === 'range' || name === 'generate_series') checkRange(name, args, bounds)
  if (name === 'printf' || name === 'format') checkFormat(name, args[0], bounds)
  const pattern = PATTERN_ARGUMENT.get(name)
  if (pattern !== undefined && args.length > pattern) checkPattern(name, args[pattern]!, bounds)
  if (LIKES.has(name)) checkLike(args[1], bounds)
  if (BY_NAME.has(name) && args.length > 1 && !isAggregateName(args[1]!)) {
    throw new EngineError('function_not_allowed', `${name} needs the name of an aggregate function as a constant`, { code: 20005 })
  }
}

const isAggregateName = (node: AstNode): boolean => {
  // a lambda makes it the fold of a list, which needs no name
  if (node['class'] === 'LAMBDA') return true
  const name = constantText(node)
  return name !== null && AGGREGATES.has(name.toLowerCase())
}

function lengthOf(name: string, node: AstNode): number {
  const n = constantNumber(node)
  if (n !== null && !Number.isNaN(n)) return n
  if (isNullConstant(node)) return 0
  throw tooLarge(`${name} needs a constant length; this one is computed`)
}

function checkLength(name: string, node: AstNode, bounds: Bounds): void {
  // encode's second argument is a charset in some forms
  if (name === 'encode') return
  const n = lengthOf(name, node)
  if (n > bounds.constantLengthMax) throw tooLarge(`the length ${n} given to ${name} is above ${bounds.constantLengthMax}`)
}

/** how long the value of an expression may get, as far as its constants say: an upper guess, not a bound */
function lengthProduct(node: AstNode): number {
  const written = constantText(node)
  if (written !== null) return Math.max(1, written.length)
  const name = node['class'] === 'FUNCTION' ? String(node['function_name']).toLowerCase() : ''
  const args = argumentsOf(node)
  const factors = MULTIPLIERS.get(name)
  if (factors !== undefined) return factors.reduce((product, i) => product * (args[i] === undefined ? 1 : lengthProduct(args[i])), 1)
  let inner = 1
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) if (isNode(child)) inner = Math.max(inner, lengthProduct(child))
  }
  if (!MAKERS.has(name)) return inner
  const own = args.map(constantNumber).filter((n): n is number => n !== null)
  return inner * Math.max(1, ...own.map(Math.abs))
}

/** `repeat(repeat(...))` and its like: each length is allowed, their product is not */
function checkProduct(name: string, node: AstNode, bounds: Bounds): void {
  const most = bounds.constantLengthMax * 10
  const product = lengthProduct(node)
  if (product > most) throw tooLarge(`${name} would make a value ${product} long; the most is ${most}`)
}

function checkTypeText(name: string, node: AstNode | undefined): void {
  const type = constantText(node)
  if (type === null) throw tooLarge(`${name} needs a constant type`)
  if (/\[\s*\d/.test(type)) throw tooLarge(`${name} cannot make arrays of a fixed size`)
}

function checkRange(name: string, args: readonly AstNode[], bounds: Bounds): void {
  const numbers = args.map(arg => lengthOf(name, arg))
  const [start, stop, step] = numbers.length === 1 ? [0, numbers[0]!, 1] : [numbers[0] ?? 0, numbers[1] ?? 0, numbers[2] ?? 1]
  const count = step === 0 ? 0 : Math.ceil((stop! - start!) / step!)
  if (count > bounds.constantLengthMax) throw tooLarge(`${name} of ${count} values is above ${bounds.constantLengthMax}`)
}

function checkFormat(name: string, node: AstNode | undefined, bounds: Bounds): void {
  const format = constantText(node)
  if (format === null) throw tooLarge(`${name} needs a constant format`)
  const star = name === 'printf' ? /%[^a-zA-Z%]*\*/.test(format) : /\{[^{}]*\{/.test(format.replaceAll('{{', ''))
  if (star) throw tooLarge(`a width of ${name} must stand in the format itself`)
  for (const digits of format.match(/\d+/g) ?? []) {
    if (Number(digits) > bounds.constantLengthMax) throw tooLarge(`the width ${digits} given to ${name} is above ${bounds.constantLengthMax}`)
  }
}

export function checkPattern(name: string, node: AstNode, bounds: Bounds): void {
  if (isNullConstant(node)) return
  const pattern = constantText(node)
  if (pattern === null) throw badRegex(`the pattern of ${name} must be a text constant`)
  const bytes = Buffer.byteLength(pattern)
  if (bytes > bounds.regexBytesMax) throw badRegex(`the pattern of ${name} is ${bytes} bytes long; the most is ${bounds.regexBytesMax}`)
  const repetitions = countedRepetitions(pattern)
  if (repetitions > REPETITIONS_MAX) {
    throw badRegex(`the pattern of ${name} repeats ${repetitions} times by counts like {n}; the most is ${REPETITIONS_MAX}`)
  }
}

function checkLike(node: AstNode | undefined, bounds: Bounds): void {
  const pattern = constantText(node)
  if (pattern !== null && Buffer.byteLength(pattern) > bounds.regexBytesMax) {
    throw tooLarge(`the LIKE pattern is longer than ${bounds.regexBytesMax} bytes`)
  }
}
