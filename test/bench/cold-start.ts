// Cold starts of the bundled functions: from the start of a process to its first reply, against a
// DynamoDB, an S3 and an SQS on this machine, in turn with bare Node. Medians of wall and CPU time.
// `--record` writes them to docs/bench.md; `--rounds=n`.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { bundleFunctions } from '../../cdk/bundle.ts'
import { createCatalog } from '../../lib/aws/catalog.ts'
import { systemClock } from '../../lib/node/clock.ts'
import { ENTRIES, ENV, type EnvKey } from '../../lib/env.ts'
import { startEmulator } from '../support/aws-emulator.ts'
import { clientAt, createTables, startDynoxide } from '../support/dynoxide.ts'
import { eventOf, type PlainRequest } from '../support/lambda-events.ts'
import { TOKENS, addTokens } from '../support/lambda-memory.ts'
import { coldStartSection, withColdStart, type ColdCase, type ColdRun } from './cold-report.ts'

const ROUNDS = Number(process.argv.find((a) => a.startsWith('--rounds='))?.slice(9) ?? 15)
const BENCH_FILE = join(import.meta.dirname, '../../docs/bench.md')
const RUNNER = join(import.meta.dirname, 'cold-run.mjs')

const headers = (scope: 'ingest' | 'read'): Record<string, string> => ({ Authorization: `Bearer ${TOKENS[scope]}`, 'Content-Type': 'application/json' })
const OTLP = JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords: Array.from({ length: 20 }, (_, i) => ({ body: { stringValue: `line ${i}` } })) }] }] })
const SEARCH = JSON.stringify({ query: { sql: 'SELECT body, count(*) AS n FROM river GROUP BY body', start_time: 0, end_time: 2_082_758_400_000_000 } })
const REQUESTS: Readonly<Record<string, { readonly entry: 'ingest' | 'query'; readonly request: PlainRequest; readonly overBareMs: number }>> = {
  'ingest, first request': { entry: 'ingest', overBareMs: 90, request: { method: 'POST', path: '/v1/logs', headers: { ...headers('ingest'), 'stream-name': 'river' }, body: OTLP } },
  'query, first list of streams': { entry: 'query', overBareMs: 120, request: { method: 'GET', path: '/api/default/streams', headers: headers('read') } },
  'query, first search': { entry: 'query', overBareMs: 250, request: { method: 'POST', path: '/api/default/_search', headers: headers('read'), body: SEARCH } },
}

/** @throws Error when the function answered anything but 200 */
function runOnce(args: readonly string[], env: Readonly<Record<string, string>>): Promise<ColdRun> {
  const startedMs = performance.now()
  const child = spawn(process.execPath, [RUNNER, ...args], { env: { ...env, LD_LIBRARY_PATH: process.env['LD_LIBRARY_PATH'] ?? '' }, stdio: ['ignore', 'pipe', 'inherit'] })
  return new Promise((resolve, reject) => {
    let text = ''
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      const line = /^\{"status.*\n/m.exec(text)?.[0]
      if (line === undefined) return
      const wallMs = performance.now() - startedMs
      const { status, cpuMs, fetch, body } = JSON.parse(line) as { status: number | null; cpuMs: number; fetch: boolean; body?: string }
      const end = (): void => (status === null || status === 200 ? resolve({ wallMs, cpuMs, fetch }) : reject(new Error(`the function answered ${status}: ${body}`)))
      child.once('exit', end).kill('SIGKILL')
    })
    child.once('error', reject)
  })
}

const dir = mkdtempSync(join(tmpdir(), 'nilometer-cold-'))
const [aws, dynoxide, bundles] = await Promise.all([startEmulator(), startDynoxide(), bundleFunctions(dir, process.arch === 'arm64' ? 'arm64' : 'x86_64')])
try {
  const tables = { table: 'list', documents: 'documents' }
  const client = clientAt(dynoxide.endpoint)
  await createTables(client, tables)
  await addTokens({ catalog: createCatalog({ ...tables, client, clock: systemClock }) })
  const values: Partial<Record<EnvKey, string>> = { ...tables, bucket: await aws.createBucket(), queueUrl: await aws.createQueue(), leafFunction: 'none' }
  const base = {
    AWS_ACCESS_KEY_ID: 'AKIAEMULATOR', AWS_SECRET_ACCESS_KEY: 'emulator', AWS_REGION: aws.region, AWS_ENDPOINT_URL_S3: aws.endpoint,
    AWS_ENDPOINT_URL_SQS: aws.endpoint, AWS_ENDPOINT_URL_DYNAMODB: dynoxide.endpoint,
  }
  const envOf = (entry: 'ingest' | 'query' | 'writer'): Record<string, string> =>
    ({ ...base, ...Object.fromEntries(ENTRIES[entry].env.flatMap((key) => (values[key] === undefined ? [] : [[ENV[key].name, values[key]]]))) })
  const argsOf = (entry: 'ingest' | 'query', request: PlainRequest): string[] =>
    [join(bundles[entry].dir, `${bundles[entry].handler.split('.')[0]}.mjs`), 'handler', JSON.stringify(eventOf('rest', request))]

  await seed(envOf('writer'))
  const bare: ColdRun[] = []
  const cases: ColdCase[] = Object.entries(REQUESTS).map(([name, { overBareMs }]) => ({ name, overBareMs, runs: [] }))
  await round(true)
  for (let i = 0; i < ROUNDS; i++) await round(false)
  const section = coldStartSection({ bare, cases, rounds: ROUNDS, machine: `${cpus().length} x ${cpus()[0]?.model.trim() ?? '?'}, node ${process.version}`, load: loadavg() })
  process.stdout.write(`${section}\n`)
  if (process.argv.includes('--record')) writeFileSync(BENCH_FILE, withColdStart(readFileSync(BENCH_FILE, 'utf8'), section))

  /** each case once, bare Node before each; the first round only warms the files */
  async function round(warming: boolean): Promise<void> {
    for (const [i, { entry, request }] of Object.values(REQUESTS).entries()) {
      const [nothing, something] = [await runOnce([], {}), await runOnce(argsOf(entry, request), envOf(entry))]
      if (warming) continue
      bare.push(nothing)
      cases[i]!.runs.push(something)
    }
  }

  /** one line in the stream that the search reads */
  async function seed(env: Readonly<Record<string, string>>): Promise<void> {
    const sent = REQUESTS['ingest, first request']!
    await runOnce(argsOf('ingest', sent.request), envOf('ingest'))
    const { ReceiveMessageCommand } = await import('@aws-sdk/client-sqs')
    const { Messages = [] } = await aws.sqs.send(new ReceiveMessageCommand({ QueueUrl: values.queueUrl!, MaxNumberOfMessages: 10 }))
    const Records = Messages.map((m) => ({ messageId: m.MessageId, body: m.Body, attributes: { ApproximateReceiveCount: '1' } }))
    await runOnce([join(bundles.writer.dir, 'writer.mjs'), 'handler', JSON.stringify({ Records })], { ...env, NILOMETER_LOG_LEVEL: 'warn' })
  }
} finally {
  await aws.close()
  dynoxide.child.kill()
  rmSync(dir, { recursive: true, force: true })
}
