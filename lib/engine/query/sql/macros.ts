// Functions of ours that need lambdas or many steps are DuckDB macros, created before the statement
// that uses them and under names of their own, so that no function of DuckDB is hidden.
import { assert } from '../../../model/errors.ts'
import { TOKEN_REGEX } from '../../store/tokens.ts'

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`

/** text that holds a JSON array as a list; NULL for other text; elements as JSON or as text */
const LIST = (x: string, type: 'JSON' | 'VARCHAR'): string =>
  `CASE WHEN json_valid(${x}) THEN CASE WHEN json_type(${x}) = 'ARRAY' THEN from_json(${x}, '["${type}"]') END END`

/** sorts numbers by value and texts by code point, numbers first */
const SORTED = (sort: string): string =>
  `CAST(to_json(list_transform(${sort}(list_transform(${LIST('x', 'JSON')},
    lambda e: {'n': TRY_CAST(e ->> '$' AS DOUBLE), 's': e ->> '$', 'e': e})), lambda r: r.e)) AS VARCHAR)`

/** name -> `(parameters) AS body` */
const BODIES: Readonly<Record<string, string>> = {
  fuzzy: `(x, t, d) AS len(list_filter(regexp_extract_all(x, ${quoted(TOKEN_REGEX)}),
    lambda w: levenshtein(translate(w, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz'), t) <= d)) > 0`,
  json_str: `(x, p) AS CASE WHEN json_valid(x) THEN CASE WHEN json_type(x, p) = 'VARCHAR' THEN json_extract_string(x, p) END END`,
  json_length: `(x, p) AS CASE WHEN json_valid(x) THEN CASE json_type(x, p) WHEN 'ARRAY' THEN json_array_length(x, p)
    WHEN 'OBJECT' THEN len(json_keys(x, p)) END END`,
  arrcount: `(x) AS len(${LIST('x', 'JSON')})`,
  arrjoin: `(x, s) AS array_to_string(${LIST('x', 'VARCHAR')}, s)`,
  arrindex: `(x, a, b) AS CAST(to_json(list_slice(${LIST('x', 'JSON')}, a + 1, b + 1)) AS VARCHAR)`,
  arrsort: `(x) AS ${SORTED('list_sort')}`,
  arr_descending: `(x) AS ${SORTED('list_reverse_sort')}`,
  arrzip: `(x, y, s) AS CAST(to_json(list_transform(list_zip(${LIST('x', 'VARCHAR')}, ${LIST('y', 'VARCHAR')}),
    lambda p: concat(p[1], s, p[2]))) AS VARCHAR)`,
  cast_to_arr: `(x) AS ${LIST('x', 'VARCHAR')}`,
  to_array_string: `(x) AS CAST(to_json(x) AS VARCHAR)`,
}

/** the name a macro goes by in DuckDB; check.ts refuses it in user SQL because no list has it */
export const macroCall = (name: string): string => `nilometer_${name}`

/** the statement that makes it */
export function macroStatement(name: string): string {
  const body = BODIES[name]
  assert(body !== undefined, `there is no macro ${name}`)
  return `CREATE OR REPLACE MACRO ${macroCall(name)}${body}`
}

export const MACRO_NAMES: readonly string[] = Object.keys(BODIES)
