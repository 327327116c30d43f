// The functions user SQL has beyond DuckDB's: OpenObserve's own and names of DataFusion that DuckDB
// spells otherwise. One table, read by check.ts (does it exist, how many arguments), rewrite.ts
// (what it becomes) and docs/sql.md (a test holds the two together).
import { call, coalesce, compare, integer, isNotNull, when } from './ast.ts'
import type { Call } from './call-site.ts'
import { fuzzyMatch, matchAll, matchAllHash, matchAllRaw, regexpCount, reMatch, strMatch, strMatchIgnoreCase } from './full-text.ts'
import { histogram } from './histogram.ts'
import { arrayFunction, jsonContains, jsonGet, jsonLength, spath, splitAtAny } from './json-path.ts'
import { castToTimestamp, dateBin, dateFormat, fromUnixTime, timeRange, toUnixTime } from './times.ts'
import type { AstNode } from './contract.ts'

export type Form =
  /** the same arguments under DuckDB's name; `distinct` adds DISTINCT */
  | { readonly kind: 'rename'; readonly to: string; readonly distinct?: true }
  /** another expression */
  | { readonly kind: 'expand'; readonly expand: (call: Call) => AstNode }

export interface SqlFunction {
  readonly name: string
  /** as the reader writes it: `match_all('term')` */
  readonly usage: string
  readonly arguments: readonly [min: number, max: number]
  readonly doc: string
  readonly form: Form
}

const expand = (usage: string, args: readonly [number, number], run: (call: Call) => AstNode, doc: string): SqlFunction =>
  ({ name: usage.slice(0, usage.indexOf('(')), usage, arguments: args, doc, form: { kind: 'expand', expand: run } })

const rename = (usage: string, args: readonly [number, number], to: string, doc: string): SqlFunction =>
  ({ name: usage.slice(0, usage.indexOf('(')), usage, arguments: args, doc, form: { kind: 'rename', to } })

const nvl2 = (c: Call): AstNode => when(isNotNull(c.args[0]!), c.args[1]!, c.args[2]!)
const isZero = (c: Call): AstNode => compare('COMPARE_EQUAL', c.args[0]!, integer(0))
const nanToOther = (c: Call): AstNode => when(call('isnan', [c.args[0]!]), c.args[1]!, c.args[0]!)

const MANY = 64

export const SQL_FUNCTIONS: readonly SqlFunction[] = [
  expand("match_all('term')", [1, 1], matchAll, 'every word of the term is found in some full text field (forms below)'),
  expand("match_all_raw('text')", [1, 1], matchAllRaw, 'some full text field contains the text, case sensitive'),
  expand("match_all_raw_ignore_case('text')", [1, 1], matchAllRaw, 'the same, ASCII case ignored'),
  expand("match_all_hash('value')", [1, 1], matchAllHash, 'some full text field contains the MD5 of the value in hex'),
  expand("fuzzy_match_all('token', distance)", [2, 2], fuzzyMatch, 'some full text field has a token within that Levenshtein distance (bytes, ASCII case ignored)'),
  expand("fuzzy_match(field, 'token', distance)", [3, 3], fuzzyMatch, 'the same in one field'),
  expand("str_match(field, 'text')", [2, 2], strMatch, 'the field contains the text, case sensitive'),
  expand("match_field(field, 'text')", [2, 2], strMatch, 'the same as str_match'),
  expand("str_match_ignore_case(field, 'text')", [2, 2], strMatchIgnoreCase, 'the field contains the text, ASCII case ignored'),
  expand("match_field_ignore_case(field, 'text')", [2, 2], strMatchIgnoreCase, 'the same as str_match_ignore_case'),
  expand("re_match(field, 'regex')", [2, 2], reMatch, 'the RE2 regular expression is found in the field'),
  expand("re_not_match(field, 'regex')", [2, 2], reMatch, 'it is not found'),
  rename("re_matches(field, 'regex')", [2, 2], 'regexp_extract_all', 'the list of all matches'),
  expand("histogram(time[, 'interval'[, 'zone']])", [1, 3], histogram, 'start of the bucket as YYYY-MM-DDTHH:MM:SS (UTC); without interval by the time range'),
  expand("date_format(time, 'format'[, 'zone'])", [2, 3], dateFormat, 'the time as text by a strftime format'),
  expand('time_range(time, start, end)', [3, 3], timeRange, 'start <= time < end; times are microseconds, timestamps or text'),
  expand('cast_to_timestamp(time)', [1, 1], castToTimestamp, 'a timestamp of microseconds or text'),
  expand("spath(json, 'a.b')", [2, 2], spath, 'text at a path of a JSON text; `a{0}` or `a[0]` is an array element'),
  expand('json_get(json, key, ...)', [2, MANY], jsonGet, 'JSON text at a path'),
  expand('json_get_json(json, key, ...)', [2, MANY], jsonGet, 'the same as json_get'),
  expand('json_get_str(json, key, ...)', [2, MANY], jsonGet, 'the string at a path, NULL for other values'),
  expand('json_get_int(json, key, ...)', [2, MANY], jsonGet, 'the integer at a path'),
  expand('json_get_float(json, key, ...)', [2, MANY], jsonGet, 'the number at a path'),
  expand('json_get_bool(json, key, ...)', [2, MANY], jsonGet, 'the boolean at a path'),
  expand('json_as_text(json, key, ...)', [2, MANY], jsonGet, 'any value at a path as text'),
  expand('json_contains(json, key, ...)', [2, MANY], jsonContains, 'the path exists'),
  expand('json_length(json[, key, ...])', [1, MANY], jsonLength, 'elements of the array, members of the object'),
  expand('arrcount(array)', [1, 1], arrayFunction, 'elements of a JSON array in text'),
  expand("arrjoin(array, 'separator')", [2, 2], arrayFunction, 'its elements joined'),
  expand('arrindex(array, first[, last])', [2, 3], arrayFunction, 'the elements from first to last, counted from 0, as a JSON array'),
  expand('arrsort(array)', [1, 1], arrayFunction, 'the array sorted, numbers by value and before texts'),
  expand('arr_descending(array)', [1, 1], arrayFunction, 'the array sorted downwards'),
  expand("arrzip(array, array, 'separator')", [3, 3], arrayFunction, 'element by element joined'),
  expand('cast_to_arr(array)', [1, 1], arrayFunction, 'the JSON array as a DuckDB list of texts'),
  expand('to_array_string(list)', [1, 1], arrayFunction, 'a DuckDB list as a JSON array in text'),
  expand("string_to_array_v2(text, 'separators')", [2, 2], splitAtAny, 'split at any of the characters'),
  { name: 'approx_distinct', usage: 'approx_distinct(x)', arguments: [1, 1], doc: 'the exact number of distinct values', form: { kind: 'rename', to: 'count', distinct: true } },
  rename('approx_percentile_cont(x, fraction)', [2, 2], 'quantile_cont', 'the exact percentile, interpolated'),
  rename('approx_median(x)', [1, 1], 'median', 'the exact median'),
  rename('stddev_population(x)', [1, 1], 'stddev_pop', 'standard deviation of the population'),
  rename('var_population(x)', [1, 1], 'var_pop', 'variance of the population'),
  rename('var_sample(x)', [1, 1], 'var_samp', 'variance of the sample'),
  rename('first_value(x ORDER BY y)', [1, 1], 'first', 'as an aggregate: the first value; with OVER it is the window function'),
  rename('last_value(x ORDER BY y)', [1, 1], 'last', 'as an aggregate: the last value; with OVER it is the window function'),
  expand('date_bin(interval, time[, origin])', [2, 3], dateBin, 'start of the bucket as a timestamp'),
  rename('to_timestamp_micros(micros)', [1, 1], 'make_timestamp', 'a timestamp of microseconds'),
  rename('to_timestamp_millis(millis)', [1, 1], 'make_timestamp_ms', 'a timestamp of milliseconds'),
  rename('to_timestamp_nanos(nanos)', [1, 1], 'make_timestamp_ns', 'a timestamp of nanoseconds'),
  expand('to_timestamp_seconds(seconds)', [1, 1], fromUnixTime, 'a timestamp of seconds'),
  expand('from_unixtime(seconds)', [1, 1], fromUnixTime, 'the same as to_timestamp_seconds'),
  expand('to_unixtime(time)', [1, 1], toUnixTime, 'whole seconds since 1970'),
  expand("to_char(time, 'format')", [2, 2], dateFormat, 'the same as date_format'),
  rename('current_timestamp()', [0, 0], 'now', 'the time now'),
  expand('regexp_like(text, regex)', [2, 2], reMatch, 'the same as re_match'),
  expand('regexp_count(text, regex)', [2, 2], regexpCount, 'number of matches'),
  expand('nvl(x, otherwise)', [2, 2], c => coalesce(...c.args), 'x, or the other when x is NULL'),
  expand('nvl2(x, then, otherwise)', [3, 3], nvl2, 'then when x is not NULL'),
  expand('nanvl(x, otherwise)', [2, 2], nanToOther, 'x, or the other when x is NaN'),
  expand('iszero(x)', [1, 1], isZero, 'x is 0'),
  rename('btrim(text[, characters])', [1, 2], 'trim', 'characters cut off at both ends'),
  rename('arrow_typeof(x)', [1, 1], 'typeof', 'the type of x, as DuckDB calls it'),
  expand('make_array(...)', [0, MANY], c => call('list_value', c.args), 'a list of the values'),
]

const BY_NAME: ReadonlyMap<string, SqlFunction> = new Map(SQL_FUNCTIONS.map(f => [f.name, f]))

/** `name` in lower case */
export const functionNamed = (name: string): SqlFunction | null => BY_NAME.get(name) ?? null

export const functionNames = (): Iterable<string> => BY_NAME.keys()
