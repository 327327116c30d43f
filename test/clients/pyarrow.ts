// The bytes at rest read by another house's Parquet reader: slices are cut out of their packs as
// docs/format.md says, and Arrow for Python must find every line in them.
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { readFolder } from '../support/independent-reader.ts'
import type { LineTime } from './logs.ts'
import type { Stored } from './read-back.ts'
import { equal } from './report.ts'

const run = promisify(execFile)
const FOLDER = import.meta.dirname
const INSTALL_MS_MAX = 60_000
const READ_MS_MAX = 30_000
const OUTPUT_BYTES_MAX = 64 << 20

/** the path of a Python that has Arrow, in an environment of its own; else why there is none */
export async function installArrow(folder: string): Promise<{ readonly python: string } | { readonly why: string }> {
  const until = performance.now() + INSTALL_MS_MAX
  const within = async (command: string, words: readonly string[]): Promise<void> => {
    await run(command, words, { timeout: Math.max(1, Math.floor(until - performance.now())), killSignal: 'SIGKILL' })
  }
  const environment = join(folder, 'python')
  const python = process.platform === 'win32' ? join(environment, 'Scripts', 'python.exe') : join(environment, 'bin', 'python')
  try {
    await within('python3', ['-m', 'venv', environment])
    await within(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--only-binary', ':all:', '--no-deps', '-r', join(FOLDER, 'requirements.txt')])
    return { python }
  } catch (error) {
    if (performance.now() >= until) return { why: `pyarrow was not installed within ${INSTALL_MS_MAX / 1_000} s` }
    const { message, code } = error as NodeJS.ErrnoException
    return { why: code === 'ENOENT' ? 'there is no python3' : `pyarrow cannot be installed: ${message.trim().split('\n').at(-1)!.slice(0, 200)}` }
  }
}

type Row = readonly [line: number, text: string, micros: number]

/** the rows of the streams' slices are the lines that were sent; how many slices they stand in */
export async function readByArrow(python: string, dataDir: string, streams: readonly Stored[], timeOf: LineTime): Promise<number> {
  const readings = []
  try {
    for (const { stream } of streams) readings.push(await readFolder(dataDir, stream))
    const tables = await readTables(python, readings.flatMap((reading, i) => reading.files.map((path) => `${streams[i]!.field}\t${path}`)))
    for (const [i, { file, stream }] of streams.entries()) {
      const { files, listedRows } = readings[i]!
      const rows = tables.splice(0, files.length).flat()
      equal([listedRows, rows.length], [file.texts.length, file.texts.length], `the rows of ${stream} by the list and by Arrow`)
      for (const [line, row] of rows.sort(([a], [b]) => a - b).entries()) equal(row, [line, file.texts[line], timeOf(line)], `row ${line} of ${stream} by Arrow`)
    }
    return readings.reduce((sum, reading) => sum + reading.slices, 0)
  } finally {
    for (const reading of readings) reading.close()
  }
}

/** one process for all files: starting Arrow takes longer than reading */
async function readTables(python: string, requests: readonly string[]): Promise<Row[][]> {
  const answered = run(python, [join(FOLDER, 'read_slices.py')], { timeout: READ_MS_MAX, maxBuffer: OUTPUT_BYTES_MAX })
  answered.child.stdin?.end(requests.join('\n'))
  return (await answered).stdout.trimEnd().split('\n').map((table) => JSON.parse(table) as Row[])
}
