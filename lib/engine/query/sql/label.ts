// Names of unnamed list items. DuckDB would call an item by its written-out form, which for our
// functions is a page of regular expressions; clients of OpenObserve expect what the user wrote.
import { argumentsOf, columnName, constantNumber, constantText, isCall, isColumn, textOf } from './ast.ts'
import { functionNamed } from './functions.ts'
import { someNode } from './paging.ts'
import type { AstNode } from './contract.ts'

/** the rewritten item with a name made from the original, where it needs one */
export function labelled(item: AstNode, original: AstNode): AstNode {
  if (textOf(item, 'alias') !== '' || isColumn(item)) return item
  const isOurs = (node: AstNode): boolean => isCall(node) && functionNamed(textOf(node, 'function_name')) !== null
  const isCount = (node: AstNode): boolean => isCall(node) && node['function_name'] === 'count_star'
  return isCount(item) || someNode(original, isOurs) ? { ...item, alias: labelOf(original) } : item
}

const LABEL_MAX = 100

function labelOf(node: AstNode): string {
  if (isColumn(node)) return columnName(node)
  const constant = constantText(node)
  if (constant !== null) return `'${constant}'`.slice(0, LABEL_MAX)
  const number = constantNumber(node)
  if (number !== null) return String(number)
  if (!isCall(node)) return textOf(node, 'class').toLowerCase()
  const name = textOf(node, 'function_name')
  if (name === 'count_star') return 'count(*)'
  const args = argumentsOf(node).map(labelOf)
  const label = node['is_operator'] === true && args.length === 2 ? args.join(` ${name} `) : `${name}(${args.join(', ')})`
  return label.slice(0, LABEL_MAX)
}
