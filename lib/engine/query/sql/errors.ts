// DuckDB's refusals in the words and codes OpenObserve's clients know. DuckDB saw our rewritten
// statement, so its own positions mean nothing to the user: the name or value it complains about is
// looked up in the user's text. Nothing of views, files or macros is repeated.
import { EngineError } from '../../../model/errors.ts'
import type { ErrorDetail, ErrorSlug } from '../../../model/errors.ts'
import { didYouMean, nearestNames } from './nearest.ts'
import { positionOfIndex, where } from './position.ts'
import { findName } from './scan-text.ts'
import type { StreamTable } from './contract.ts'

const SQL_INVALID = 20001
const STREAM_MISSING = 20002
const COLUMN_MISSING = 20004
const FUNCTION_MISSING = 20005
const TYPES_DIFFER = 20007
const EXECUTION_FAILED = 20008

export interface AskedFor {
  /** the user's text */
  readonly sql: string
  readonly tables: readonly StreamTable[]
}

/** what the user's text and schema add to one kind of refusal */
interface Finding {
  readonly slug: ErrorSlug
  readonly code: number
  readonly message: string
  /** name or `'value'` to look for in the user's text */
  readonly at?: string
  readonly suggestions?: readonly string[]
}

type Rule = readonly [pattern: RegExp, finding: (parts: readonly string[], asked: AskedFor) => Finding]

const unknownColumn = (name: string, asked: AskedFor): Finding => {
  const known = new Set(['_timestamp'])
  for (const table of asked.tables) for (const field of Object.keys(table.fields)) known.add(field)
  const suggestions = nearestNames(name, known)
  return { slug: 'unknown_column', code: COLUMN_MISSING, message: `the column ${JSON.stringify(name)} does not exist${didYouMean(suggestions)}`, at: name, suggestions }
}

const invalid = (code: number, message: string, at?: string): Finding =>
  ({ slug: 'invalid_query', code, message, ...(at === undefined ? {} : { at }) })

/** how RE2 refuses a pattern */
const REGEX_REFUSED = new RegExp(`^Invalid Input Error: (${[
  'missing [)\\]].*', 'unexpected \\).*', 'invalid perl operator.*', 'invalid repetition size.*', 'no argument for repetition.*',
  'bad repetition.*', 'invalid character class.*', 'invalid escape sequence.*', 'invalid named capture.*', 'invalid UTF-8.*',
  'trailing \\\\.*', 'pattern too large.*', 'regexp too big.*', 'Unrecognized Regex option.*', 'invalid regexp.*',
].join('|')})`, 'i')

const RULES: readonly Rule[] = [
  [/^Binder Error: Referenced column "(.*)" not found/, ([name], asked) => unknownColumn(name!, asked)],
  [/^Binder Error: (?:Table|Values list) "(.*)" does not have a column named "(.*)"/, ([, name], asked) => unknownColumn(name!, asked)],
  [/^Binder Error: Column "(.*)" in \w+ list not found/, ([name], asked) => unknownColumn(name!, asked)],
  [/^Binder Error: Cannot extract field '(.*)' from expression "(.*)" because/, ([name], asked) => unknownColumn(name!, asked)],
  [/^Binder Error: Referenced table "(.*)" not found!(?:\s*Candidate tables: "(.*)")?/, ([name, near]) => ({
    slug: 'unknown_column', code: COLUMN_MISSING, at: name!, suggestions: near === undefined ? [] : [near],
    message: `the table ${JSON.stringify(name)} is not one of this SELECT's${didYouMean(near === undefined ? [] : [near])}`,
  })],
  [/^Catalog Error: Table with name (.*) does not exist/, ([name]) =>
    ({ slug: 'unknown_stream', code: STREAM_MISSING, message: `the stream ${JSON.stringify(name)} does not exist`, at: name! })],
  [/^Catalog Error: [\w ]*Function with name "?(.*?)"? does not exist/, ([name]) =>
    ({ slug: 'unknown_function', code: FUNCTION_MISSING, message: `the function ${name} does not exist`, at: name! })],
  [/^Binder Error: No function matches the given name and argument types '(.*?)\((.*)\)'/, ([name, types]) =>
    invalid(TYPES_DIFFER, `${ownName(name!)} does not take (${typeNames(types!)})`, ownName(name!))],
  [/^Binder Error: Could not choose a best candidate function for the function call "(.*?)\((.*)\)"/, ([name, types]) =>
    invalid(TYPES_DIFFER, `${ownName(name!)} does not know which type (${typeNames(types!)}) is meant: add a cast`, ownName(name!))],
  [/^Binder Error: (Cannot (?:compare|mix|combine|cast|unify|deduce).*)/, ([rest]) => invalid(TYPES_DIFFER, typeNames(plain(rest!)))],
  [/^Binder Error: .*(?:explicit(?:ly)? (?:type )?cast|cannot be cast)/, (_, asked) => invalid(TYPES_DIFFER, `types do not fit${asked.tables.length > 0 ? '' : ' here'}: add a cast`)],
  [/^Conversion Error: Could not convert string '([\s\S]*?)' to (\w+)/, ([value, type]) =>
    invalid(EXECUTION_FAILED, `the text ${JSON.stringify(value!.slice(0, 100))} is not a value of type ${typeNames(type!)}; TRY_CAST gives NULL instead`, `'${value}'`)],
  [/^(?:Conversion|Out of Range) Error: (.*)/, ([rest]) => invalid(EXECUTION_FAILED, plain(rest!))],
  [/^Not implemented Error: Unknown TimeZone '(.*)'/, ([zone]) => invalid(SQL_INVALID, `the time zone ${JSON.stringify(zone)} is not known`, `'${zone}'`)],
  [REGEX_REFUSED, ([rest]) => ({ slug: 'regex', code: SQL_INVALID, message: `the regular expression is not valid: ${plain(rest!)}` })],
  [/^Binder Error: ORDER term out of range - (.*)/, ([rest]) => invalid(SQL_INVALID, `the ORDER BY position ${plain(rest!)}`)],
  [/^Binder Error: column "?(.*?)"? must appear in the GROUP BY clause/, ([name]) =>
    invalid(SQL_INVALID, `the column ${JSON.stringify(name)} must stand in GROUP BY or inside an aggregate function`, name!)],
  [/^Binder Error: Ambiguous reference to column name "(.*?)"/, ([name]) => invalid(SQL_INVALID, `the column ${JSON.stringify(name)} is in more than one table: put the table's name before it`, name!)],
  [/^Invalid Input Error: More than one row returned by a subquery/, () => invalid(EXECUTION_FAILED, 'a sub-query used as a value returns more than one row')],
  [/^Invalid Input Error: (Malformed JSON)/, () => invalid(EXECUTION_FAILED, 'a text is not JSON; ask json_valid first')],
  [/^Catalog Error: Collation with name (.*) does not exist/, ([name]) => invalid(SQL_INVALID, `the collation ${name} does not exist`)],
  [/^(?:Binder|Parser|Catalog|Syntax) Error: (.*)/, ([rest]) => invalid(SQL_INVALID, plain(rest!))],
  [/^[\w -]+ Error: (.*)/, ([rest]) => invalid(EXECUTION_FAILED, plain(rest!))],
]

/**
 * The session's error as the caller may see it. Errors that are not about the statement (memory,
 * deadline, files) and those of ours pass unchanged.
 */
export function sqlError(error: EngineError, asked: AskedFor): EngineError {
  const said = error.detail.detail
  if (error.slug !== 'invalid_query' || error.detail.code !== undefined || said === undefined) return error
  if (/^(?:IO|HTTP) Error/.test(said)) {
    return new EngineError('file_unreadable', 'a data file cannot be read', { retryAfterSeconds: 1, cause: error })
  }
  for (const [pattern, finding] of RULES) {
    const match = pattern.exec(said)
    if (match !== null) return asEngineError(finding(match.slice(1), asked), asked, error)
  }
  return asEngineError(invalid(EXECUTION_FAILED, 'the query cannot run'), asked, error)
}

function asEngineError(found: Finding, asked: AskedFor, cause: EngineError): EngineError {
  const detail: ErrorDetail = {
    code: found.code,
    cause,
    ...where(found.at === undefined ? null : placeOf(found.at, asked.sql)),
    ...(found.suggestions === undefined || found.suggestions.length === 0 ? {} : { suggestions: found.suggestions }),
  }
  return new EngineError(found.slug, found.message, detail)
}

/** the first place of a name, or of a quoted value, in the user's text */
function placeOf(what: string, sql: string): ReturnType<typeof positionOfIndex> | null {
  const index = what.startsWith("'") ? sql.indexOf(`'${what.slice(1, -1).replaceAll("'", "''")}'`) : findName(sql, what)
  return index < 0 ? null : positionOfIndex(sql, index)
}

/** macros of ours go by their public names */
const ownName = (name: string): string => name.replace(/^nilometer_/, '')

/** the types of literals, as people know them */
const typeNames = (text: string): string =>
  text.replaceAll('INTEGER_LITERAL', 'INTEGER').replaceAll('STRING_LITERAL', 'VARCHAR').replace(/\bINT64\b/g, 'BIGINT').replace(/\bINT32\b/g, 'INTEGER').replace(/\bBOOL\b/g, 'BOOLEAN')

/** one line, lower case at the start, no full stop, no path, no function of ours */
function plain(text: string): string {
  const line = (text.split('\n')[0] ?? '').trim().replace(/[.!]+$/, '')
  const safe = line
    .replace(/["']?(?:[A-Za-z]:)?(?:[\\/][^\s"'\\/]+){2,}["']?/g, 'a file')
    .replace(/\S+\.parquet\S*/g, 'a file')
    .replace(/\bread_parquet\b/gi, 'the stream')
    .replace(/\bnilometer_/g, '')
    .slice(0, 400)
  return /^[A-Z][a-z]/.test(safe) ? safe[0]!.toLowerCase() + safe.slice(1) : safe
}
