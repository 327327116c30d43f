// `npm run bench`: realistic logs through the whole way in. Prints CPU per raw megabyte of receive,
// queue and write, what is stored, memory, the event loop's delay and the baselines of the same run, with
// the change against the run recorded in docs/bench.md. Options: `--short` (CI: 512 KB requests only,
// less data), `--record` (writes docs/bench.md), `--stages` or `--server` (one half only).
import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { arch, cpus, loadavg, platform, totalmem } from 'node:os'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { coldStartOf } from './cold-report.ts'
import type { CellFigures, Figures } from './river-figures.ts'
import { FORMATS, type Format } from './river-load.ts'
import { cpuTable, documentOf, recordedIn, serverTable, storeTable, verdicts } from './river-report.ts'
import { measureServer } from './river-server.ts'

const DOCUMENT = join(import.meta.dirname, '..', '..', 'docs', 'bench.md')
const SIZES: readonly number[] = [64 * 1024, 512 * 1024, 4 * 2 ** 20]

const { values: options } = parseArgs({
  options: {
    short: { type: 'boolean', default: false }, record: { type: 'boolean', default: false },
    stages: { type: 'boolean', default: false }, server: { type: 'boolean', default: false },
  },
})
const { short } = options
const both = !options.stages && !options.server
const load = (): string => loadavg().map((n) => n.toFixed(1)).join(', ')

async function measureCell(format: Format, requestBytes: number): Promise<CellFigures> {
  const [rounds, warmRounds] = short ? [4, 3] : [16, 8]
  process.stderr.write(`${format}, requests of ${Math.round(requestBytes / 1024)} KB ...\n`)
  const args = ['--expose-gc', join(import.meta.dirname, 'river-stages.ts'), format, String(requestBytes), String(rounds), String(warmRounds)]
  const { stdout } = await promisify(execFile)(process.execPath, args)
  return JSON.parse(stdout) as CellFigures
}

async function measureCells(): Promise<CellFigures[]> {
  const cells: CellFigures[] = []
  for (const format of FORMATS) for (const size of short ? SIZES.slice(1, 2) : SIZES) cells.push(await measureCell(format, size))
  return cells
}

async function measureServerHalf(): Promise<Figures['server']> {
  if (platform() !== 'linux') {
    process.stderr.write('the server is not measured: /proc tells its CPU time, and there is none here\n')
    return null
  }
  process.stderr.write('the server ...\n')
  return measureServer(short ? { rawBytes: 12e6, burstSeconds: 1, windows: 1 } : { rawBytes: 64e6, burstSeconds: 4, windows: 6 })
}

const startLoad = load()
const cells = both || options.stages ? await measureCells() : []
const server = both || options.server ? await measureServerHalf() : null
const figures: Figures = {
  date: new Date().toISOString().slice(0, 10),
  machine: `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${platform()} ${arch()}, node ${process.version}`,
  command: ['npm run bench --', ...process.argv.slice(2)].join(' '),
  load: `${startLoad}; ${load()}`,
  cells, server,
}

function readDocument(): string {
  try {
    return readFileSync(DOCUMENT, 'utf8')
  } catch {
    return ''
  }
}
const recorded = recordedIn(readDocument())
const parts = [`${figures.machine}; load average ${figures.load}`]
if (recorded !== null) parts.push(`change against ${recorded.date}, ${recorded.machine}`)
if (cells.length > 0) parts.push(`CPU-ms per raw MB, best round / median\n${cpuTable(figures, recorded)}`, storeTable(figures, recorded))
if (server !== null) parts.push(serverTable(server, recorded?.server ?? null))
parts.push(verdicts(figures).join('\n'))
process.stdout.write(`${parts.join('\n\n')}\n`)
// What another command wrote into it stays.
if (options.record) writeFileSync(DOCUMENT, documentOf(figures) + coldStartOf(readDocument()))
