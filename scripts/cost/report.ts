// A bill as text for a terminal.
import { PRICES } from '../../lib/model/prices.ts'
import type { Assumptions } from './assumptions.ts'
import type { IdleBill } from './idle-bill.ts'
import { dollarsPerMonth, type Bill } from './ingest-bill.ts'

/** cells of each column equally wide, the first to the left, the others to the right, the last as it is */
export function aligned(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows.map((row) => row.map((cell, column) =>
    column === 0 ? cell.padEnd(widths[0]!) : column === row.length - 1 ? cell : cell.padStart(widths[column]!)).join('  ').trimEnd()).join('\n')
}

const month = (dollars: number): string => (dollars >= 100 ? Math.round(dollars).toLocaleString('en-US') : dollars.toFixed(2))

export function billText(bill: Bill, assume: Assumptions): string {
  const { gbPerDay, windowSeconds, streams } = bill.workload
  const { request, batch } = bill.measured
  const perMonth = dollarsPerMonth(bill) / bill.dollarsPerGb
  const rows = [
    ['USD, us-east-1', 'per raw GB', 'per month', 'basis', ''],
    ...bill.lines.map(({ item, dollars, basis, detail }) => [item, dollars.toFixed(5), month(dollars * perMonth), basis, detail]),
    ['total', bill.dollarsPerGb.toFixed(5), month(dollarsPerMonth(bill)), '', ''],
  ]
  const sizes = `${(request.rawBytes / 1e6).toPrecision(3)} MB (${(request.bodyBytes / 1e3).toFixed(0)} KB gzip)`
  const [receiveMs, writeMs] = [(request.cpuMs / request.rawBytes) * 1e6, (batch.cpuMs / batch.rawBytes) * 1e6]
  return [
    `${gbPerDay} GB/day of raw requests of ${sizes} to ${streams} streams; window ${windowSeconds} s, ${assume.pollers} pollers: ${batch.messages} messages a batch`,
    aligned(rows),
    'measured: counted on the running engine; timed: its CPU here, turned into Lambda\'s; prototype: figures of the design',
    `CPU here: receive ${receiveMs.toFixed(1)}, write ${writeMs.toFixed(1)} ms a raw MB`,
    `x ${assume.cpuFactor} for Lambda's core (--cpu-factor), divided by its share of a core (memory / 1,769 MB)`,
  ].join('\n')
}

export function idleText({ lines, dollars }: IdleBill): string {
  const priced = lines.filter((line) => line.dollars > 0)
  return [
    'idle, USD per month',
    aligned([
      ...priced.map(({ resource, dollars: each, why }) => [resource, each.toFixed(4), why]),
      ['total', dollars.toFixed(4), `${lines.length - priced.length} resources cost nothing`],
    ]),
    `SQS at $${(PRICES.sqsRequest.dollars * 1e6).toFixed(2)} a million; no free tier but ten alarms, three dashboards and the Scheduler's 14 million`,
  ].join('\n')
}
