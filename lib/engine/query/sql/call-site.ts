// What a function of ours sees when it is written out as DuckDB SQL: its arguments (already
// rewritten), the stream its SELECT reads, and the request.
import { EngineError } from '../../../model/errors.ts'
import type { FieldType } from '../../../model/schema.ts'
import { constantText, isNullConstant } from './ast.ts'
import type { AstNode, RewriteContext, StreamTable } from './contract.ts'

/** the one stream a SELECT reads, and the name its columns go by */
export interface Source {
  readonly table: StreamTable
  readonly alias: string
}

export interface CallSite {
  readonly context: RewriteContext
  /** null: the SELECT around the call reads no stream, or more than one table */
  readonly source: Source | null
  /** every stream the statement reads */
  readonly tables: readonly StreamTable[]
  /** a histogram that stands alone in the top level's list: a timestamp prints as its text does, eight times faster */
  readonly asTimestamp: boolean
  /** asks for a macro of macros.ts; returns the name to call */
  macro(name: string): string
  /** told how many words a search has to find; throws when the statement has too many */
  search(words: number): void
  /** told each histogram's interval, seconds */
  histogram(seconds: number): void
}

export interface Call {
  readonly name: string
  readonly args: readonly AstNode[]
  readonly site: CallSite
}

const SQL_INVALID = 20001

export function badArgument(call: string, message: string, code: number = SQL_INVALID): EngineError {
  return new EngineError('invalid_query', `${call}: ${message}`, { code })
}

/** the text of an argument that must be a constant; NULL reads as empty text */
export function textArgument(call: Call, index: number, what: string): string {
  const node = call.args[index]
  const text = constantText(node)
  if (text !== null) return text
  if (node !== undefined && isNullConstant(node)) return ''
  throw badArgument(call.name, `the ${what} must be a text constant`)
}

/** the type of a field when the name is one of the statement's streams'; null when it is not or they differ */
export function fieldType(site: CallSite, name: string): FieldType | null {
  if (name === '_timestamp') return 'int'
  const types = new Set<FieldType>()
  for (const table of site.tables) {
    const type = Object.hasOwn(table.fields, name) ? table.fields[name] : undefined
    if (type !== undefined) types.add(type)
  }
  return types.size === 1 ? [...types][0]! : null
}
