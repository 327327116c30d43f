// DataFusion's json_get family and spath over text that holds JSON. Text that is not JSON gives
// NULL: one bad row must not fail a query over millions.
import { call, cast, columnName, constantNumber, isColumn, isNotNull, nothing, text, when } from './ast.ts'
import { badArgument, textArgument } from './call-site.ts'
import type { Call } from './call-site.ts'
import type { AstNode } from './contract.ts'

/** a JSON pointer (RFC 6901), which DuckDB takes as a path; names need no quoting rules there */
const pointerOf = (segments: readonly string[]): string => segments.map(s => `/${s.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')

/** only for valid JSON; the inner call sees text */
function guarded(subject: AstNode, then: (json: AstNode) => AstNode): AstNode {
  const json = cast(subject, 'VARCHAR')
  return when(call('json_valid', [json]), then(json), nothing())
}

/** json_get(json, key, ...) */
function pathOf(c: Call): string {
  return pointerOf(c.args.slice(1).map((_, i) => {
    const index = constantNumber(c.args[i + 1])
    return index !== null && Number.isSafeInteger(index) && index >= 0 ? String(index) : textArgument(c, i + 1, 'path')
  }))
}

const extracted = (json: AstNode, path: string): AstNode =>
  path === '' ? call('json_extract', [json, text('$')]) : call('json_extract', [json, text(path)])

const extractedText = (json: AstNode, path: string): AstNode => call('json_extract_string', [json, text(path === '' ? '$' : path)])

const TYPE_OF_GETTER: Readonly<Record<string, string>> = { json_get_int: 'BIGINT', json_get_float: 'DOUBLE', json_get_bool: 'BOOLEAN' }

/** json_get and json_get_json: JSON text; json_get_str: the text of a string; json_as_text: text of anything */
export function jsonGet(c: Call): AstNode {
  const path = pathOf(c)
  const type = TYPE_OF_GETTER[c.name]
  if (c.name === 'json_as_text') return guarded(c.args[0]!, json => extractedText(json, path))
  if (type !== undefined) return guarded(c.args[0]!, json => cast(extractedText(json, path), type, true))
  if (c.name === 'json_get_str') return call(c.site.macro('json_str'), [cast(c.args[0]!, 'VARCHAR'), text(path === '' ? '$' : path)])
  return guarded(c.args[0]!, json => cast(extracted(json, path), 'VARCHAR'))
}

/** json_contains(json, key, ...): the path exists */
export const jsonContains = (c: Call): AstNode => guarded(c.args[0]!, json => isNotNull(extracted(json, pathOf(c))))

/** json_length(json, key, ...): elements of an array, members of an object */
export const jsonLength = (c: Call): AstNode => {
  const path = pathOf(c)
  return call(c.site.macro('json_length'), [cast(c.args[0]!, 'VARCHAR'), text(path === '' ? '$' : path)])
}

/** spath(json, 'a.b{0}.c') */
export function spath(c: Call): AstNode {
  const path = textArgument(c, 1, 'path')
  const segments = path.replace(/[[{](\d+)[\]}]/g, '.$1').split('.').filter(s => s !== '')
  if (segments.length === 0) throw badArgument(c.name, 'the path is empty; give one such as a.b')
  return guarded(c.args[0]!, json => extractedText(json, pointerOf(segments)))
}

/** arr functions: a field is JSON text, the result of another arr function or a list is taken as it is */
export function arrayFunction(c: Call): AstNode {
  const macro = c.site.macro(c.name)
  const asText = (node: AstNode): AstNode => (isColumn(node) && columnName(node) !== '' ? cast(node, 'VARCHAR') : node)
  const args = c.args.map((arg, i) => (i === 0 || (c.name === 'arrzip' && i === 1) ? asText(arg) : arg))
  return call(macro, c.name === 'arrindex' && args.length === 2 ? [...args, args[1]!] : args)
}

/** string_to_array_v2(text, 'separators'): split at any of the characters */
export function splitAtAny(c: Call): AstNode {
  const separators = textArgument(c, 1, 'separators')
  if (separators === '') throw badArgument(c.name, 'the separators are empty')
  const inside = [...separators].map(s => `\\x{${s.codePointAt(0)!.toString(16)}}`).join('')
  return call('regexp_split_to_array', [cast(c.args[0]!, 'VARCHAR'), text(`[${inside}]`)])
}

