// The options of `npm run cost`, read and checked before anything is measured.
import { parseArgs } from 'node:util'
import { settingsOnAws } from '../../functions/settings.ts'
import type { Format } from '../../test/bench/river-load.ts'
import { ASSUMPTIONS, type Assumptions } from './assumptions.ts'
import { EDGES, type Workload } from './ingest-bill.ts'

export interface Command {
  readonly workload: Workload
  readonly requestBytes: number
  readonly format: Format
  readonly assume: Assumptions
  /** that are timed */
  readonly rounds: number
  readonly spillAboveBytes: number
  readonly table: boolean
  readonly writeDocs: boolean
  readonly idle: boolean
  readonly help: boolean
}

const FORMATS: Readonly<Record<string, Format>> = { otlp: 'protobuf', 'otlp-json': 'otlp-json', json: 'flat-json' }

/** name, default, meaning */
const TEXTS = [
  ['gb-per-day', '10', 'raw (uncompressed) gigabytes of requests a day'],
  ['request-mb', '4', 'raw megabytes a request'],
  ['edge', 'rest', EDGES.join(', ')],
  ['window', '10', 'seconds the event source waits for a batch'],
  ['streams', '15', 'streams that requests go to in turn'],
  ['format', 'otlp', 'otlp (protobuf), otlp-json, json'],
  ['retention-days', '30', 'days that data is kept'],
  ['queries-per-day', '0', 'searches over a few days'],
  ['architecture', 'arm64', 'arm64, x86_64'],
  ['cpu-factor', String(ASSUMPTIONS.cpuFactor), 'CPU-ms on Lambda for one of this machine'],
  ['pollers', String(ASSUMPTIONS.pollers), 'receivers of the event source'],
  ['log-bytes', String(ASSUMPTIONS.logBytesPerInvocation), 'of own logs, an invocation'],
  ['wal-days', String(ASSUMPTIONS.walDays), 'days that a spilled body stays'],
  ['spill-kb', String(settingsOnAws({ retentionDays: 30 }).spillAboveBytes / 1_024), 'KiB from which a body is spilled'],
  ['rounds', '5', 'rounds that are timed'],
] as const

type TextName = (typeof TEXTS)[number][0]

export const HELP = `npm run cost -- [options]
${TEXTS.map(([name, fallback, meaning]) => `  --${name.padEnd(16)} ${meaning} (${fallback})`).join('\n')}
  --table            prints the standard tables
  --write-docs       puts them into docs/cost.md
  --no-idle          leaves the idle bill out
`

/** @throws Error naming the option and what would be right */
export function readCommand(args: readonly string[]): Command {
  const flag = { type: 'boolean', default: false } as const
  const texts = Object.fromEntries(TEXTS.map(([name, fallback]) => [name, { type: 'string' as const, default: fallback }]))
  const options = { ...texts, table: flag, 'write-docs': flag, 'no-idle': flag, help: flag }
  const values: Readonly<Record<string, unknown>> = parseArgs({ args: [...args], options }).values
  const text = (name: TextName): string => String(values[name])
  const number = (name: TextName, min: number): number => {
    const n = Number(text(name))
    if (!Number.isFinite(n) || n < min || text(name).trim() === '') throw new Error(`--${name} is '${text(name)}': it must be a number of at least ${min}`)
    return n
  }
  const oneOf = <T extends string>(name: TextName, choices: readonly T[]): T => {
    const found = choices.find((choice) => choice === text(name))
    if (found === undefined) throw new Error(`--${name} is '${text(name)}': it must be one of ${choices.join(', ')}`)
    return found
  }
  return {
    workload: {
      gbPerDay: number('gb-per-day', 0.001), edge: oneOf('edge', EDGES), architecture: oneOf('architecture', ['arm64', 'x86_64']),
      windowSeconds: number('window', 0), streams: Math.round(number('streams', 1)), retentionDays: number('retention-days', 0), queriesPerDay: number('queries-per-day', 0),
    },
    requestBytes: number('request-mb', 0.001) * 1e6, format: FORMATS[oneOf('format', Object.keys(FORMATS))]!,
    assume: {
      ...ASSUMPTIONS, cpuFactor: number('cpu-factor', 0.1), pollers: Math.round(number('pollers', 1)),
      logBytesPerInvocation: number('log-bytes', 0), walDays: number('wal-days', 0),
    },
    rounds: Math.round(number('rounds', 1)), spillAboveBytes: number('spill-kb', 0) * 1_024,
    table: values['table'] === true, writeDocs: values['write-docs'] === true, idle: values['no-idle'] !== true, help: values['help'] === true,
  }
}
