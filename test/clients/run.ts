// Real clients and real logs against a real server: `npm run test:clients`. Every line goes in by
// `_json`, by Elasticsearch's client and by OpenTelemetry's two exporters, and must come back byte for
// byte by SQL. Prints one line a check; exits 1 when one fails.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { flush, ROOT, search, startServer } from '../support/server-process.ts'
import { installClients } from './install.ts'
import { sendJson } from './json.ts'
import { generatedLog, lineTimes, readLogs } from './logs.ts'
import type { LogFile } from './logs.ts'
import { installArrow, readByArrow } from './pyarrow.ts'
import { askHistogram, askJoin, askMatchAll, askText } from './questions.ts'
import { readBack, readBackByPages } from './read-back.ts'
import type { Stored } from './read-back.ts'
import { count, createReport, equal } from './report.ts'
import type { Report } from './report.ts'

const report = createReport((line) => process.stdout.write(`${line}\n`))
const logs = findLogs(report)
const timeOf = lineTimes(Date.now())
await report.check('real clients are installed', () => Promise.resolve(installClients()))

const folder = mkdtempSync(join(tmpdir(), 'nilometer-clients-'))
try {
  const arrow = installArrow(folder)
  const dataDir = join(folder, 'data')
  const server = await startServer({ dataDir })
  try {
    const token = /^ +token +(\S+)/m.exec(server.output())?.[1] ?? ''
    const routes = await sendAll(server.url, token)
    await flush(server.url)
    await readAll(server.url, routes)
    await askAll(server.url, routes)
    await readWithArrow(await arrow, dataDir, routes)
  } finally {
    await report.check('the server stops, and has met no fault', async () => {
      const code = await server.stop()
      const faults = server.output().split('\n').filter((line) => /"level":"(?:warn|error)"/.test(line))
      equal([code, faults], [0, []], 'its exit code and its warnings')
      return 'exit code 0, no warning in its log'
    })
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
process.exitCode = report.close().failed === 0 ? 0 : 1

type Routes = Readonly<Record<string, readonly Stored[]>>

/** the real files if they are there, and always the generated one */
function findLogs(to: Report): LogFile[] {
  const path = process.env['NILOMETER_LOGS'] ?? join(ROOT, '..', 'shared', 'data', 'loghub')
  const real = readLogs(path) ?? []
  // Their licence does not let them lie in the repository: without them the clients are still tested.
  if (real.length === 0) to.skip('real logs', 'no folder with *.log files beside the repository (../shared/data/loghub) or in NILOMETER_LOGS; generated lines alone are sent')
  const all = [...real, generatedLog()]
  const replaced = all.reduce((sum, file) => sum + file.replaced, 0)
  const texts = all.reduce((sum, file) => sum + file.texts.length, 0)
  const endings = all.filter((file) => file.texts.at(-1) === '').length
  process.stdout.write(`      ${all.length} files, ${real.length} of them real: ${count(texts)} texts, ${endings} of them the empty rest behind a last newline; ${replaced} not UTF-8 and sent with U+FFFD\n`)
  return all
}

/** every way in, one after the other, so that the seconds beside them are their own */
async function sendAll(url: string, token: string): Promise<Routes> {
  const { elasticClients, elasticStream, handshake, sendAndWait, sendElastic, sendWithRefused } = await import('./elastic.ts')
  const otlp = await import('./opentelemetry.ts')
  const total = count(logs.reduce((sum, file) => sum + file.texts.length, 0))

  await report.check('_json takes every line', async () => `${total} texts in ${await summed((file) => sendJson(url, file, timeOf))} requests`)

  const clients = elasticClients(url, token)
  await report.check('Elasticsearch\'s client accepts the server (info, ping)', async () => `told version ${await handshake(clients)}`)
  await report.check('_bulk takes every line by Elasticsearch\'s client', async () => {
    for (const file of logs) await sendElastic(clients, file, timeOf)
    return `${total} texts by helpers.bulk and, the last 500 of a file in gzip, client.bulk`
  })
  await report.check('refresh: wait_for answers when the rows are searchable', async () => {
    await sendAndWait(clients, 'waited_es', 100)
    equal((await search(url, 'SELECT n FROM waited_es ORDER BY n')).hits.map((h) => h['n']), Array.from({ length: 100 }, (_, n) => n), 'the rows')
    return '100 rows without a flush'
  })
  await report.check('a refused document is dropped with its reason', () => sendWithRefused(clients, 'refused_es'))
  await clients.close()

  otlp.listenToDiagnostics()
  for (const encoding of ['json', 'proto'] as const) {
    await report.check(`OTLP ${encoding} takes every line by OpenTelemetry's exporter`, async () =>
      `${total} texts in ${await summed((file) => otlp.sendOtlp(url, file, timeOf, encoding))} exports`)
    await report.check(`OTLP ${encoding}: the exporter hears of a refused record`, () => otlp.sendPartlyRefused(url, `partly_otlp_${encoding}`, encoding))
  }
  await report.check('exporters configured by two variables alone', async () => {
    await otlp.sendByEnvironment(url, token, 'environment_otlp')
    await flush(url)
    const row = { body: 'by environment', service_name: 'environment' }
    equal((await search(url, 'SELECT body, service_name FROM environment_otlp')).hits, [row, row], 'the rows')
    return 'JSON and protobuf, token as Bearer'
  })
  return {
    _json: logs.map((file) => ({ file, stream: file.name, field: 'message' })),
    _bulk: logs.map((file) => ({ file, stream: elasticStream(file), field: 'message' })),
    'OTLP json': logs.map((file) => ({ file, stream: otlp.otlpStream(file, 'json'), field: 'body' })),
    'OTLP proto': logs.map((file) => ({ file, stream: otlp.otlpStream(file, 'proto'), field: 'body' })),
  }
}

async function summed(each: (file: LogFile) => Promise<number>): Promise<number> {
  let sum = 0
  for (const file of logs) sum += await each(file)
  return sum
}

async function readAll(url: string, routes: Routes): Promise<void> {
  for (const [route, stored] of Object.entries(routes)) {
    await report.check(`${route}: every line comes back byte for byte`, async () => {
      let texts = 0
      for (const one of stored) texts += await readBack(url, one, timeOf)
      return `${count(texts)} texts of ${stored.length} streams, with their numbers and times`
    })
  }
  await report.check('the same page by page', async () => {
    let pages = 0
    for (const stored of Object.values(routes)) pages += await readBackByPages(url, stored[0]!, timeOf)
    return `${pages} pages of ${Object.keys(routes).length} streams`
  })
}

/** each question goes to one way in of each file, the ways in turn: all hold the same lines */
async function askAll(url: string, routes: Routes): Promise<void> {
  const ways = Object.values(routes)
  const inTurn = async (ask: (stored: Stored) => Promise<number>, start: number): Promise<number> => {
    let answers = 0
    for (let i = 0; i < logs.length; i++) answers += await ask(ways[(i + start) % ways.length]![i]!)
    return answers
  }
  await report.check('match_all counts as a loop over the lines does', async () => `${await inTurn((s) => askMatchAll(url, s), 0)} questions`)
  await report.check('str_match, LIKE, re_match and aggregates count as a loop does', async () => `${await inTurn((s) => askText(url, s), 1)} questions`)
  await report.check('histogram counts as a loop does', async () => `${await inTurn((s) => askHistogram(url, s, timeOf), 2)} buckets`)
  await report.check('the ways in agree line by line', async () => {
    for (const way of ways.slice(1)) for (const [i, stored] of way.entries()) await askJoin(url, ways[0]![i]!, stored)
    return `${(ways.length - 1) * logs.length} joins with _json's streams`
  })
}

async function readWithArrow(arrow: Awaited<ReturnType<typeof installArrow>>, dataDir: string, routes: Routes): Promise<void> {
  const name = 'Arrow for Python reads the slices'
  if ('why' in arrow) {
    report.skip(name, arrow.why)
    return
  }
  await report.check(name, async () => `${await readByArrow(arrow.python, dataDir, Object.values(routes).flat(), timeOf)} slices of every stream: rows, texts and times equal`)
}
