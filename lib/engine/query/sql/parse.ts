// SQL text -> DuckDB's syntax tree (json_serialize_sql) and back. First step of the way out: exactly
// one SELECT passes; everything else is refused here by name, with the line and column at fault.
// Nothing is executed: serializing a statement only parses it.
import { DEFAULT_SETTINGS } from '../../settings.ts'
import { EngineError } from '../../../model/errors.ts'
import type { SqlSession } from '../../ports.ts'
import { argumentsOf, cast, childOf, column, isCall, isNode, locationOf, listOf, parseLossless, text, textOf } from './ast.ts'
import { indexOfByte, positionOfCharacter, positionOfIndex, where } from './position.ts'
import { hasSecondStatement } from './scan-text.ts'
import type { Ast, AstNode, AstValue } from './contract.ts'

const SQL_INVALID = 20001

/**
 * The statement's tree, with method calls (`a.lower()`) written as plain calls and `~` as a search.
 * @throws EngineError invalid_query, not_select, multiple_statements or too_complex (all 20001)
 */
export async function parseSelect(session: SqlSession, sql: string, sqlBytesMax: number = DEFAULT_SETTINGS.sqlBytesMax): Promise<Ast> {
  const bytes = Buffer.byteLength(sql)
  if (bytes > sqlBytesMax) throw invalid(`the query is ${bytes} bytes long; the most is ${sqlBytesMax}`)
  // DuckDB's lexer ends at a NUL: what follows would silently not be part of the query
  const nul = sql.indexOf('\0')
  if (nul >= 0) {
    throw invalid('the query holds a NUL character; write it as chr(0)', where(positionOfIndex(sql, nul)))
  }
  const answer = await session.ask('SELECT json_serialize_sql($1::VARCHAR)', [sql])
  return treeOf(answer.rows[0]?.[0], sql)
}

/** a serialized statement as the tree that the rooms behind read */
function treeOf(serialized: unknown, sql: string): Ast {
  const root = readTree(serialized)
  if (root['error'] === true) throw refusal(root, sql)
  const statements = listOf(root, 'statements')
  if (statements.length === 0) throw invalid('the query is empty; give a SELECT')
  if (statements.length > 1) throw multiple()
  normalise(root, sql)
  return { root }
}

/** a tree as text, and the tree of that text */
export interface Rendered {
  readonly sql: string
  readonly again: Ast
}

/** the texts of trees, as DuckDB writes them, each parsed once more; all in one question */
export async function renderAndParse(session: SqlSession, asts: readonly Ast[]): Promise<readonly Rendered[]> {
  const values = asts.map((_, i) => `(json_deserialize_sql($${i + 1}::VARCHAR))`).join(', ')
  const { rows } = await session.ask(`SELECT t, json_serialize_sql(t) FROM (VALUES ${values}) AS v(t)`, asts.map(ast => JSON.stringify(ast.root, quotedRelation)))
  return rows.map(([sql, serialized]) => {
    if (typeof sql !== 'string') throw new EngineError('internal', 'the checked query could not be written back as text')
    return { sql, again: treeOf(serialized, sql) }
  })
}

/** the text of one tree */
export async function renderAst(session: SqlSession, ast: Ast): Promise<string> {
  return (await renderAndParse(session, [ast]))[0]!.sql
}

/**
 * DuckDB 1.5 writes the table of `"a b".*` without quotes, which would let a name become SQL; so it
 * gets the name with its quotes. Whoever runs the text compares it with the tree (written.ts).
 */
function quotedRelation(key: string, value: unknown): unknown {
  return key === 'relation_name' && typeof value === 'string' && value !== '' ? `"${value.replaceAll('"', '""')}"` : value
}

function readTree(cell: unknown): AstNode {
  try {
    const tree = parseLossless(String(cell))
    if (isNode(tree)) return tree
  } catch (error) {
    // DuckDB writes a literal that is no double (1e999) as Infinity, which is no JSON
    if (error instanceof SyntaxError) throw invalid('a number of the query is out of range', { cause: error })
    // the reviver recurses: only a tree far deeper than depthMax gets here
    if (!(error instanceof RangeError)) throw error
    throw new EngineError('too_complex', 'the query is nested too deeply', { code: SQL_INVALID, cause: error })
  }
  throw new EngineError('internal', 'the parser answered no tree')
}

function refusal(root: AstNode, sql: string): EngineError {
  const message = textOf(root, 'error_message')
  if (root['error_type'] === 'not implemented') return hasSecondStatement(sql) ? multiple() : notSelect(sql)
  if (/max expression depth|memory exhausted/i.test(message)) {
    return new EngineError('too_complex', 'the query is nested too deeply', { code: SQL_INVALID })
  }
  if (/serializ/i.test(message)) return invalid('this form of SQL is not supported')
  const at = textOf(root, 'position')
  const position = at === '' ? null : positionOfCharacter(sql, Number(at))
  const hint = /at or near "(?:default|user|order|group|table|index|column|end|all|limit)"/i.test(message)
    ? { hint: 'a name that is an SQL keyword must be put in double quotes' } : {}
  return invalid(`the query is not valid SQL: ${lowerFirst(message)}`.replace(/[.!]$/, ''), { ...where(position), ...hint })
}

const lowerFirst = (message: string): string => message.slice(0, 1).toLowerCase() + message.slice(1)

function notSelect(sql: string): EngineError {
  const word = /[a-z]+/i.exec(sql)?.[0]?.toUpperCase() ?? ''
  const what = /^(?:SELECT|WITH|FROM|VALUES|TABLE)$/.test(word) ? 'this form' : word
  return new EngineError('not_select', `${what} cannot run here: a query is one SELECT`, { code: SQL_INVALID })
}

const multiple = (): EngineError =>
  new EngineError('multiple_statements', 'the query holds more than one statement; give exactly one SELECT', { code: SQL_INVALID })

const invalid = (message: string, more: object = {}): EngineError =>
  new EngineError('invalid_query', message, { code: SQL_INVALID, ...more })

/**
 * Brings calls into one shape before anything looks at them. `name.f(x)` is kept by the parser as a
 * function of a schema; DuckDB's binder makes it f(name, x), so we do, and the checks see the same
 * arguments. `a ~ 'x'` is parsed as a full match, but PostgreSQL and DataFusion search.
 */
function normalise(value: AstValue | undefined, sql: string): void {
  if (Array.isArray(value)) for (const item of value) normalise(item, sql)
  if (!isNode(value)) return
  for (const child of Object.values(value)) normalise(child, sql)
  if (value['class'] === 'FUNCTION') normaliseCall(value, sql)
  if (value['class'] === 'CONSTANT') normaliseConstant(value)
  if (value['type'] === 'OPERATOR_NOT' && startsAt(value, '!~', sql)) {
    const inner = argumentsOf(value)[0]
    if (isCall(inner) && inner['function_name'] === 'regexp_full_match') inner['function_name'] = 'regexp_matches'
  }
}

function normaliseCall(node: AstNode, sql: string): void {
  const schema = textOf(node, 'schema')
  const catalog = textOf(node, 'catalog')
  if (node['is_operator'] !== true) node['function_name'] = textOf(node, 'function_name').toLowerCase()
  if (node['function_name'] === 'regexp_full_match' && startsAt(node, '~', sql)) node['function_name'] = 'regexp_matches'
  if (schema === '') return
  node['schema'] = ''
  node['catalog'] = ''
  if (schema === 'main' && catalog === '') return
  const subject = catalog === '' ? column(schema) : column(catalog, schema)
  subject['query_location'] = node['query_location'] ?? null
  node['children'] = [subject, ...listOf(node, 'children')]
}

/**
 * Constants that DuckDB does not write back as themselves: 1e5 becomes 100000.0, which is a DECIMAL
 * when read again and divides otherwise, and a boolean becomes a cast. As casts both are stable.
 */
function normaliseConstant(node: AstNode): void {
  const value = childOf(node, 'value')
  const type = value === null ? '' : textOf(childOf(value, 'type') ?? {}, 'id')
  if (value === null || value['is_null'] === true || (type !== 'DOUBLE' && type !== 'BOOLEAN')) return
  const raw = value['value']
  const written = typeof raw === 'boolean' ? (raw ? 't' : 'f') : JSON.stringify(raw)
  const { alias, query_location } = node
  delete node['value']
  Object.assign(node, cast({ ...text(written), query_location: query_location ?? null }, type), { alias, query_location })
}

function startsAt(node: AstNode, token: string, sql: string): boolean {
  const at = locationOf(node)
  return at !== null && sql.startsWith(token, indexOfByte(sql, at))
}

/**
 * The SQL of a request with `encoding: "base64"`: standard or URL-safe alphabet, padded with `=`,
 * `.` or nothing.
 * @throws EngineError invalid_query (20001)
 */
export function decodeBase64Sql(encoded: string): string {
  const body = encoded.trim().replace(/[=.]{0,2}$/, '').replaceAll('-', '+').replaceAll('_', '/')
  if (!/^[A-Za-z0-9+/]*$/.test(body) || body.length % 4 === 1) throw invalid('the query is not base64')
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(body, 'base64'))
  } catch (error) {
    throw invalid('the query is base64 of something that is not UTF-8', { cause: error })
  }
}
