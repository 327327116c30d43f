// The plan as pure data, read off DuckDB's own: which columns each stream's files must give, and
// which simple conjuncts every row that can matter fulfils. The planner sees views over empty files
// that carry a marker column (`markerOf`), so that each scan in the plan names its stream. On any
// doubt the plan asks for more columns and prunes by less: it may change the cost, never the answer.
import type { FieldType } from '../../model/schema.ts'
import type { Conjunct, FilterOp } from '../../model/share.ts'
import type { StreamTable } from './sql/contract.ts'

/** the journey's three shapes; `whole`: leaves fetch what the plan needs, one sandbox runs the SQL */
export type PlanShape = 'whole' | 'rows' | 'aggregate'

export interface StreamPlan {
  readonly table: StreamTable
  /** columns of the stream to fetch, `_timestamp` apart (it is always fetched) */
  readonly columns: readonly string[]
  /** one list of conjuncts per scan of the stream: a row group is needed if any scan may want it */
  readonly scans: readonly (readonly Conjunct[])[]
}

export interface Plan {
  readonly shape: PlanShape
  /** one for each table of the statement, in their order; a stream no scan reads has no scans */
  readonly streams: readonly StreamPlan[]
}

/** a column of the planner's view only; its name cannot be a client's (upper case) */
export const markerOf = (stream: number): string => `__SCAN_${stream}`

interface Scan {
  /** -1: no marker */
  readonly stream: number
  readonly projections: readonly string[]
  readonly filters: readonly string[]
}

/** EXPLAIN (FORMAT json): nodes with `name`, `children`, `extra_info` */
interface ExplainNode {
  readonly name?: string
  readonly children?: readonly ExplainNode[]
  readonly extra_info?: Readonly<Record<string, unknown>>
}

/** DuckDB gives one item as text and several as a list */
const listOf = (value: unknown): string[] =>
  Array.isArray(value) ? value.map(String) : typeof value === 'string' && value !== '' ? [value] : []

/** every Parquet scan of an EXPLAIN */
function scansOf(explain: string): Scan[] {
  const scans: Scan[] = []
  const stack: ExplainNode[] = [...(JSON.parse(explain) as ExplainNode[])]
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    stack.push(...(node.children ?? []))
    if (!/READ_PARQUET|PARQUET_SCAN/.test(node.name ?? '')) continue
    const projections = listOf(node.extra_info?.['Projections'])
    const filters = listOf(node.extra_info?.['Filters'])
    const marker = /__SCAN_(\d+)/.exec([...projections, ...filters].join('\n'))
    scans.push({ stream: marker === null ? -1 : Number(marker[1]), projections, filters })
  }
  return scans
}

/**
 * @param projections EXPLAIN with filter_pushdown and statistics_propagation disabled: its
 *   projections are exactly the columns to fetch
 * @param filters EXPLAIN with the default optimizers: folded constants
 */
export function readPlan(tables: readonly StreamTable[], projections: string, filters: string): Plan {
  const wanted = scansOf(projections)
  const filtered = scansOf(filters)
  // A scan that names no stream may be any stream's: then everything is fetched.
  const unnamed = wanted.some((scan) => scan.stream < 0)
  const streams = tables.map((table, i): StreamPlan => {
    const types = new Map(Object.entries(table.fields))
    const columns = new Set<string>(unnamed ? types.keys() : [])
    for (const scan of wanted) {
      if (scan.stream !== i) continue
      for (const column of scan.projections) if (types.has(column)) columns.add(column)
    }
    const count = wanted.filter((scan) => scan.stream === i).length
    const own = filtered.filter((scan) => scan.stream === i)
    // A scan that the second plan does not show was folded away or merged, and one that names no stream
    // may be this stream's: then nothing may be pruned.
    const doubtful = unnamed || own.length < count
    const scans = doubtful ? [[]] : own.map((scan) => conjunctsOf(scan.filters, types))
    return { table, columns: [...columns], scans }
  })
  return { shape: 'whole', streams }
}

const CONJUNCT = /^\(?([\p{L}\p{N}_]+)(>=|<=|=|<|>)('(?:[^']|'')*'|-?[0-9][0-9.eE+-]*)\)?$/u
const NOT_NULL = /^\(?([\p{L}\p{N}_]+) IS NOT NULL\)?$/u

/** the simple conjuncts among DuckDB's filter texts; what cannot be read is left out */
export function conjunctsOf(filters: readonly string[], types: ReadonlyMap<string, FieldType>): Conjunct[] {
  const out: Conjunct[] = []
  for (const filter of filters) {
    for (const part of splitAnd(filter)) {
      const compared = CONJUNCT.exec(part)
      if (compared !== null) {
        const [, column, op, value] = compared as unknown as [string, string, FilterOp, string]
        const type = column === '_timestamp' ? 'int' : types.get(column)
        const quoted = value.startsWith("'")
        if (type === undefined || type === 'bool' || (type === 'string') !== quoted) continue
        out.push({ column, op, value: quoted ? value.slice(1, -1).replaceAll("''", "'") : value, text: quoted })
        continue
      }
      const present = NOT_NULL.exec(part)
      if (present !== null && types.has(present[1]!)) out.push({ column: present[1]!, op: 'not-null', value: '', text: false })
    }
  }
  return out
}

/**
 * The parts of `a AND b AND c`, quotes respected. A text with an OR outside quotes at any depth gives
 * nothing: its parts are no conjuncts.
 */
function splitAnd(text: string): string[] {
  const parts: string[] = []
  let from = 0
  let quoted = false
  for (let i = 0; i < text.length; i++) {
    if (text[i] === "'") quoted = !quoted
    if (quoted) continue
    if (text.startsWith(' OR ', i)) return []
    if (text.startsWith(' AND ', i)) {
      parts.push(text.slice(from, i))
      from = i + 5
      i += 4
    }
  }
  parts.push(text.slice(from))
  return parts
}
