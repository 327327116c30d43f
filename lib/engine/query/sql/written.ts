// A tree as text again, with the proof that the text says the same: what DuckDB writes is parsed once
// more and compared. So what runs is what was checked, whatever DuckDB's writer does.
import { EngineError } from '../../../model/errors.ts'
import type { SqlSession } from '../../ports.ts'
import { childOf, isNode, nodesOf, queryOf, textOf } from './ast.ts'
import { renderAndParse } from './parse.ts'
import type { Ast, AstNode, AstValue } from './contract.ts'

/** writes query nodes as texts, each proven to say the same as its node; null for one that DuckDB writes otherwise */
export async function written(session: SqlSession, ast: Ast, queries: readonly AstNode[]): Promise<readonly (string | null)[]> {
  const statement = nodesOf(ast.root, 'statements')[0] ?? {}
  const texts = await renderAndParse(session, queries.map(node => ({ root: { ...ast.root, statements: [{ ...statement, node }] } })))
  return texts.map(({ sql, again }, i) => (comparable(queryOf(again)) === comparable(queries[i]!) ? sql : null))
}

/** @throws EngineError invalid_query (20001) where there is no text */
export function mustBeWritten(text: string | null | undefined): string {
  if (text != null) return text
  throw new EngineError('invalid_query', 'this form of SQL is not supported: it cannot be written back exactly', { code: 20001 })
}

/** a tree without the places of its nodes: equal texts, equal meaning */
export function comparable(value: AstValue): string {
  return JSON.stringify(bareValues(value), (key, v: unknown) => (key === 'query_location' ? undefined : v))
}

/** VALUES is written as a sub-query around itself, one deeper each time: those wrappings are taken off */
function bareValues(value: AstValue): AstValue {
  if (Array.isArray(value)) return value.map(bareValues)
  if (!isNode(value)) return value
  const copy: AstNode = {}
  for (const [key, child] of Object.entries(value)) copy[key] = bareValues(child)
  if (copy['type'] !== 'SUBQUERY' || textOf(copy, 'alias') !== 'valueslist') return copy
  const inner = childOf(childOf(childOf(copy, 'subquery') ?? {}, 'node') ?? {}, 'from_table')
  return inner?.['type'] === 'EXPRESSION_LIST' ? inner : copy
}
