// The tables of docs/cost.md, made by the command and put between their markers.
import { PRICES } from '../../lib/model/prices.ts'
import { ASSUMPTIONS, type Assumptions } from './assumptions.ts'
import type { IdleBill } from './idle-bill.ts'
import { dollarsPerMonth, EDGES, ingestBill, type Bill, type Workload } from './ingest-bill.ts'
import { BODY_BYTES_MAX, LEVERS, pulled, queueDollars, spillBreakEven, spillDollars, type Lever } from './levers.ts'
import type { Format } from '../../test/bench/river-load.ts'

/** a cell of the standard table */
export interface Cell {
  readonly name: string
  readonly format: Format
  readonly gbPerDay: number
  readonly requestBytes: number
  /** USD per raw GB that the design promises at most */
  readonly goal: number | null
}

const VOLUMES = [[10, '10 GB/day'], [1_000, '1 TB/day']] as const
const SIZES = [[20e3, '20 KB'], [264e3, '264 KB'], [4e6, '4 MB']] as const
const GOALS: Readonly<Record<number, number>> = { 10: 0.011, 1_000: 0.0075 }
const FORMAT_NAMES: Readonly<Record<Format, string>> = { protobuf: 'OTLP protobuf', 'otlp-json': 'OTLP JSON', 'flat-json': 'flat JSON' }

/** every size as protobuf, the goals' size as OTLP JSON too */
export const CELLS: readonly Cell[] = (['protobuf', 'otlp-json'] as const).flatMap((format) => VOLUMES.flatMap(([gbPerDay, volume]) =>
  SIZES.filter(([bytes]) => format === 'protobuf' || bytes === 4e6).map(([requestBytes, size]) => ({
    name: `${volume}, ${size}, ${FORMAT_NAMES[format]}`, format, gbPerDay, requestBytes, goal: requestBytes === 4e6 ? GOALS[gbPerDay]! : null,
  }))))

export interface CellBill {
  readonly cell: Cell
  readonly bill: Bill
}

/** columns of figures to the right, of words to the left */
export function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  const words = /[;(]|^20\d\d-|^http|^aws\./
  const isFigures = (column: number): boolean => rows.some((cells) => /^(\*\*)?[\d<]/.test(cells[column]!)) && !rows.some((cells) => words.test(cells[column]!))
  return [row(head), row(head.map((_, column) => (column > 0 && isFigures(column) ? '---:' : '---'))), ...rows.map(row)].join('\n')
}

const gb = (dollars: number): string => (dollars >= 0.01 ? dollars.toFixed(4) : dollars.toFixed(5))
const month = (dollars: number): string => (dollars >= 20 ? Math.round(dollars).toLocaleString('en-US') : dollars.toFixed(2))

const atEdge = ({ bill }: CellBill, edge: Workload['edge'], assume: Assumptions): Bill => ingestBill({ ...bill.workload, edge }, bill.measured, assume)

/** the lines that make most of a bill */
function largest({ lines, dollarsPerGb }: Bill): string {
  return lines.toSorted((a, b) => b.dollars - a.dollars).slice(0, 3)
    .map(({ item, dollars }) => `${item} ${Math.round((dollars / dollarsPerGb) * 100)} %`).join('; ')
}

export function standardTable(bills: readonly CellBill[], assume: Assumptions): string {
  const head = ['USD per raw GB', 'gzip', 'messages a batch', ...EDGES, 'a month (REST)', 'most of it (REST)']
  return markdown(head, bills.map((one) => {
    const rest = atEdge(one, 'rest', assume)
    const { request, batch } = one.bill.measured
    const edges = EDGES.map((edge) => gb(atEdge(one, edge, assume).dollarsPerGb))
    return [one.cell.name, `${(request.bodyBytes / 1e3).toFixed(0)} KB`, String(batch.messages), ...edges, month(dollarsPerMonth(rest)), largest(rest)]
  }))
}

const goalsOf = (bills: readonly CellBill[]): CellBill[] => bills.filter(({ cell }) => cell.goal !== null)

/** line by line, REST API, what the goals are about */
export function goalsTable(bills: readonly CellBill[]): string {
  const cells = goalsOf(bills)
  const items = cells[0]!.bill.lines.map(({ item }) => item)
  const dollars = ({ bill }: CellBill, i: number): number => bill.lines[i]!.dollars
  return markdown(['USD per raw GB, REST API', ...cells.map(({ cell }) => cell.name), 'basis'], [
    ...items.map((item, i) => [item, ...cells.map((one) => gb(dollars(one, i))), cells[0]!.bill.lines[i]!.basis]),
    ['**total**', ...cells.map(({ bill }) => `**${gb(bill.dollarsPerGb)}**`), ''],
    ['goal', ...cells.map(({ cell }) => `<= ${cell.goal}`), ''],
    ['verdict', ...cells.map(({ cell, bill }) => (bill.dollarsPerGb <= cell.goal! ? 'holds' : `exceeded by ${gb(bill.dollarsPerGb - cell.goal!)}`)), ''],
  ])
}

/** a lever that changes what the engine does: it is measured anew */
export interface Variant {
  readonly what: string
  readonly windowSeconds?: number
  readonly pollers?: number
  readonly spillAboveBytes?: number
  /** a row more: this lever together with it */
  readonly and?: Lever
}

export const VARIANTS: readonly Variant[] = [
  { what: 'bodies above 330 KiB in blobs, not in messages', spillAboveBytes: 330 * 1_024, and: { what: 'and deleted once their rows are in', assume: { walDays: 0 } } },
  { what: 'a window of 60 s', windowSeconds: 60 },
  { what: '2 pollers', pollers: 2 },
]

export interface VariedBills {
  readonly variant: Variant
  readonly bills: readonly CellBill[]
}

export function leversTable(bills: readonly CellBill[], variants: readonly VariedBills[], assume: Assumptions): string {
  const cells = goalsOf(bills)
  const total = (bill: Bill, goal: number): string => `${gb(bill.dollarsPerGb)}${bill.dollarsPerGb <= goal ? ', holds' : ''}`
  return markdown(['total, USD per raw GB, REST API unless said', ...cells.map(({ cell }) => `${cell.name} (<= ${cell.goal})`)], [
    ['as it is', ...cells.map(({ bill, cell }) => total(bill, cell.goal!))],
    ...LEVERS.map((lever) => [lever.what, ...cells.map(({ bill, cell }) => total(pulled(bill, assume, lever), cell.goal!))]),
    ...variants.flatMap(({ variant, bills: own }) => {
      const row = [variant.what, ...own.map(({ bill, cell }) => total(bill, cell.goal!))]
      const { and } = variant
      return and === undefined ? [row] : [row, [and.what, ...own.map(({ bill, cell }) => total(pulled(bill, assume, and), cell.goal!))]]
    }),
  ])
}

/** where the window matters most: a small load in requests of medium size */
export const WINDOWS: readonly Variant[] = [10, 60, 300].flatMap((windowSeconds) =>
  [5, 2].map((pollers) => ({ what: `${windowSeconds} s, ${pollers} pollers`, windowSeconds, pollers })))
export const WINDOW_CELL: Cell = CELLS.find(({ gbPerDay, requestBytes }) => gbPerDay === 10 && requestBytes === 264e3)!

export function windowTable(bills: readonly { readonly variant: Variant; readonly bill: Bill }[]): string {
  const flushes = /^(packs|file list|compaction: requests|writer)/
  const ofFlushes = ({ lines }: Bill): number => lines.filter(({ item }) => flushes.test(item)).reduce((n, { dollars }) => n + dollars, 0)
  const batchesADay = ({ workload, measured }: Bill): number => Math.round((workload.gbPerDay * 1e9) / measured.batch.rawBytes)
  const head = [`${WINDOW_CELL.name}, REST API: window`, 'messages a batch', 'batches a day', 'of batches, USD per raw GB', 'total']
  return markdown(head, bills.map(({ variant, bill }) => [
    variant.what, String(bill.measured.batch.messages), batchesADay(bill).toLocaleString('en-US'), gb(ofFlushes(bill)), gb(bill.dollarsPerGb),
  ]))
}

/** how many days a spilled body and its expired version stay */
const KEPT = [[30, 7], [30, 1], [7, 1], [1, 1], [0, 1]] as const

export function spillTable(assume: Assumptions): string {
  const millionth = (dollars: number): string => (dollars * 1e6).toFixed(1)
  const sizes = [330 * 1_024, 480 * 1_024, BODY_BYTES_MAX]
  const head = ['USD per million bodies of', ...sizes.map((bytes) => `${Math.floor(bytes / 1_024)} KiB`), 'blob cheaper from']
  return markdown(head, [
    ['in messages', ...sizes.map((bytes) => millionth(queueDollars(bytes))), ''],
    ...KEPT.map(([walDays, walNoncurrentDays]) => {
      const kept = { ...assume, walDays, walNoncurrentDays }
      const from = spillBreakEven(kept)
      return [`in a blob, kept ${walDays} + ${walNoncurrentDays} days`, ...sizes.map((bytes) => millionth(spillDollars(bytes, kept))), from === null ? 'never' : `${from / 1_024} KiB`]
    }),
  ])
}

export function idleTable(bills: Readonly<Record<string, IdleBill>>): string {
  return markdown(['edge', 'USD a month', 'of which', 'resources that cost nothing'], Object.entries(bills).map(([edge, { lines, dollars }]) => {
    const priced = lines.filter((line) => line.dollars > 0)
    const parts = priced.map(({ resource, dollars: each, why }) => `${resource.replace(/[0-9A-F]{8}$/, '')} ${each.toFixed(3)} (${why})`)
    return [edge, dollars.toFixed(3), parts.join('; '), String(lines.length - priced.length)]
  }))
}

export const pricesTable = (): string => markdown(['unit', 'USD', 'source', 'read'],
  Object.values(PRICES).map(({ unit, dollars, source, month: read }) => [unit, String(dollars), source, read]))

const MEANINGS: Readonly<Record<keyof Assumptions, string>> = {
  cpuFactor: 'CPU-ms of a Lambda core (arm64) for one of the measuring machine',
  sdkCallCpuMs: 'CPU-ms of the SDK, a call',
  sqsSendMs: 'wait for SQS, ms',
  s3PutMs: 'wait for a PUT, ms',
  s3GetMs: 'wait for GETs, ms',
  commitMs: 'wait for a transaction, ms',
  getItemMs: 'wait for stream items, ms',
  pollers: 'receivers of the event source',
  logBytesPerInvocation: 'own log, bytes an invocation',
  walDays: 'spilled bodies stay, days (the stack\'s rule)',
  noncurrentDays: 'versions of what was deleted stay, days (the stack\'s rule)',
  packNoncurrentDays: 'the same of packs, days',
  walNoncurrentDays: 'the same of spilled bodies, days',
}

export const assumptionsTable = (): string =>
  markdown(['assumed', 'value'], Object.entries(ASSUMPTIONS).map(([name, value]) => [MEANINGS[name as keyof Assumptions], String(value)]))

/** the text with each table between its markers; a marker without a table is left as it is */
export function withTables(text: string, tables: Readonly<Record<string, string>>): string {
  return text.replaceAll(/<!-- cost: (\w+) -->\n[\s\S]*?<!-- end -->/g, (whole, name: string) =>
    tables[name] === undefined ? whole : `<!-- cost: ${name} -->\n${tables[name]}\n<!-- end -->`)
}
