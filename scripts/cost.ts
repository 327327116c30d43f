// `npm run cost`: what one pays AWS, item by item, from the requests, bytes and CPU of the running code,
// and what an idle stack costs. `--gb-per-day 10 --request-mb 4` and the other options of `--help`
// describe a load; `--table` prints the standard tables, `--write-docs` puts them into docs/cost.md.
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { join } from 'node:path'
import { messagesPerBatch } from './cost/batches.ts'
import { idleBill, type IdleBill } from './cost/idle-bill.ts'
import { EDGES, ingestBill, SECONDS_PER_DAY, type Bill, type Workload } from './cost/ingest-bill.ts'
import { LAMBDA_SETTINGS, measure, type MeasuredRequest, type Rounds } from './cost/measure.ts'
import { HELP, readCommand, type Command } from './cost/options.ts'
import { billText, idleText } from './cost/report.ts'
import {
  assumptionsTable, CELLS, goalsTable, idleTable, leversTable, pricesTable, spillTable, standardTable, VARIANTS, WINDOW_CELL, WINDOWS, windowTable, withTables,
  type Cell, type CellBill, type Variant,
} from './cost/table.ts'
import type { Format } from '../test/bench/river-load.ts'

const DOCUMENT = join(import.meta.dirname, '..', 'docs', 'cost.md')

async function billOf(workload: Workload, requestBytes: number, format: Format, { assume, rounds, spillAboveBytes }: Command): Promise<Bill> {
  const batchOf = ({ rawBytes, recordBytes }: MeasuredRequest): number => messagesPerBatch({
    requestsPerSecond: (workload.gbPerDay * 1e9) / SECONDS_PER_DAY / rawBytes, windowSeconds: workload.windowSeconds, pollers: assume.pollers, recordBytes,
  })
  const timed: Rounds = { warm: Math.min(3, rounds), counted: rounds, rawBytesMin: rounds > 1 ? 8e6 : 0, packedBytes: 4e6 }
  return ingestBill(workload, await measure({ format, requestBytes, streams: workload.streams }, batchOf, timed, { ...LAMBDA_SETTINGS, spillAboveBytes }), assume)
}

/** synthesised here and now: CDK is loaded for nothing else */
async function idleBills(edges: readonly Workload['edge'][]): Promise<Record<string, IdleBill>> {
  const { synthTemplate } = await import('../test/support/template.ts')
  return Object.fromEntries(edges.map((edge) => [edge, idleBill(synthTemplate({ edge }).template)]))
}

const varied = (command: Command, { windowSeconds, pollers, spillAboveBytes }: Variant): Command => ({
  ...command,
  workload: { ...command.workload, windowSeconds: windowSeconds ?? command.workload.windowSeconds },
  assume: { ...command.assume, pollers: pollers ?? command.assume.pollers },
  spillAboveBytes: spillAboveBytes ?? command.spillAboveBytes,
})

async function cellBills(cells: readonly Cell[], command: Command, what = ''): Promise<CellBill[]> {
  const bills: CellBill[] = []
  for (const cell of cells) {
    process.stderr.write(`${cell.name}${what} ...\n`)
    const workload: Workload = { ...command.workload, edge: 'rest', gbPerDay: cell.gbPerDay }
    bills.push({ cell, bill: await billOf(workload, cell.requestBytes, cell.format, command) })
  }
  return bills
}

async function standardTables(command: Command): Promise<Record<string, string>> {
  const { assume, workload } = command
  const load = loadavg()[0]!.toFixed(1)
  const bills = await cellBills(CELLS, command)
  const variants: { variant: Variant; bills: CellBill[] }[] = []
  const withGoals = CELLS.filter(({ goal }) => goal !== null)
  for (const variant of VARIANTS) variants.push({ variant, bills: await cellBills(withGoals, varied(command, variant), `, ${variant.what}`) })
  const windows: { variant: Variant; bill: Bill }[] = []
  for (const variant of WINDOWS) {
    const [one] = await cellBills([WINDOW_CELL], varied(command, variant), `, ${variant.what}`)
    windows.push({ variant, bill: one!.bill })
  }
  const machine = `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}, node ${process.version}, load average ${load} before`
  const usual = `window ${workload.windowSeconds} s, ${assume.pollers} pollers, ${workload.streams} streams, ${workload.retentionDays} days kept`
  const made = `Made ${new Date().toISOString().slice(0, 10)} by \`npm run cost -- --write-docs\` on ${machine}; unless said: ${usual}.`
  return {
    made, standard: standardTable(bills, assume), window: windowTable(windows), goals: goalsTable(bills),
    levers: leversTable(bills, variants, assume), spill: spillTable(assume), idle: idleTable(await idleBills(EDGES)), prices: pricesTable(), assumptions: assumptionsTable(),
  }
}

async function run(command: Command): Promise<void> {
  if (command.help) return void process.stdout.write(HELP)
  if (command.table || command.writeDocs) {
    const tables = await standardTables(command)
    if (command.writeDocs) writeFileSync(DOCUMENT, withTables(readFileSync(DOCUMENT, 'utf8'), tables))
    else process.stdout.write(`${Object.values(tables).join('\n\n')}\n`)
    return
  }
  process.stdout.write(`${billText(await billOf(command.workload, command.requestBytes, command.format, command), command.assume)}\n`)
  if (!command.idle) return
  const { edge } = command.workload
  process.stdout.write(`\n${idleText((await idleBills([edge]))[edge]!)}\n`)
}

try {
  await run(readCommand(process.argv.slice(2)))
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`)
  process.exitCode = 1
}
