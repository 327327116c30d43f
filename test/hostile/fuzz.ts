// STORY: spoiled bodies against the real server. Each reply is believed and written down; in the end
// what is stored must be exactly what the replies counted, stream by stream, by SQL and by a reader
// that shares no code with the server; no reply may be a 5xx and the process may not end.
// `npm run test:fuzz -- --bodies 10000 --seed 7`; `--from` and `--bodies 1` repeat a single body.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { AUTHORIZATION, flush, search, startServer, treeRssBytes } from '../support/server-process.ts'
import { acceptedBy } from './fuzz-count.ts'
import { fuzzedRequest, type FuzzedRequest } from './fuzz-mutate.ts'
import { storedBySql, storedInFolder } from './fuzz-read.ts'

const { values } = parseArgs({ options: { bodies: { type: 'string', default: '10000' }, seed: { type: 'string', default: '1' }, from: { type: 'string', default: '0' }, keep: { type: 'boolean', default: false } } })
const SEED = Number(values.seed)
const FROM = Number(values.from)
const BODIES = Number(values.bodies)
const CONNECTIONS = 8
const REPLY_WAIT_MS = 60_000
/** the bodies are small, so what passes this is a leak; a starved collector on a busy machine stays below */
const RSS_LIMIT_BYTES = 1_500e6
/** bodies of one wrong stream that are sent again, one by one */
const NARROWED_MAX = 400

const dataDir = mkdtempSync(join(tmpdir(), 'nilometer-fuzz-'))
const server = await startServer({ dataDir })
let ended = false
void server.exited.then(() => { ended = true })

const faults: string[] = []
const told = new Map<string, number>()
/** which bodies went into a stream with at least one row */
const senders = new Map<string, number[]>()
const statuses = new Map<string, number>()
let peakRss = 0

const shown = (request: FuzzedRequest): string =>
  `body ${request.n} of seed ${SEED} (${request.protocol} ${request.stream} ${JSON.stringify(request.headers)}): ${request.body.subarray(0, 6_000).toString('base64')}`

/** sends one body; the rows its reply counts, by stream */
async function push(request: FuzzedRequest): Promise<ReadonlyMap<string, number>> {
  const response = await fetch(`${server.url}${request.path}`, {
    method: 'POST', headers: { Authorization: AUTHORIZATION, ...request.headers }, body: new Uint8Array(request.body), signal: AbortSignal.timeout(REPLY_WAIT_MS),
  })
  const reply = Buffer.from(await response.arrayBuffer())
  const { status } = response
  statuses.set(`${request.protocol} ${status}`, (statuses.get(`${request.protocol} ${status}`) ?? 0) + 1)
  if (status === 200) return acceptedBy(request, response.headers.get('content-type'), reply)
  if (![400, 413, 415].includes(status)) throw new Error(`the server answered ${status}: ${reply.toString('latin1').slice(0, 500)}`)
  return new Map()
}

let next = FROM
async function connection(): Promise<void> {
  while (next < FROM + BODIES && !ended) {
    const request = fuzzedRequest(SEED, next++)
    try {
      for (const [stream, rows] of await push(request)) {
        if (rows === 0) continue
        told.set(stream, (told.get(stream) ?? 0) + rows)
        senders.set(stream, [...(senders.get(stream) ?? []), request.n])
      }
    } catch (error) {
      faults.push(`${String(error)}\n     ${shown(request)}`)
    }
    if (request.n % 100 === 0) peakRss = Math.max(peakRss, treeRssBytes(server.pid))
    if (request.n % 1_000 === 999) process.stdout.write(`\r${request.n + 1 - FROM} bodies, ${faults.length} faults   `)
  }
}

function compare(what: string, stored: ReadonlyMap<string, number>): string[] {
  const wrong: string[] = []
  for (const stream of new Set([...told.keys(), ...stored.keys()])) {
    const [want, got] = [told.get(stream) ?? 0, stored.get(stream) ?? 0]
    if (want === got) continue
    faults.push(`${what}: ${stream} holds ${got} rows, the replies count ${want}`)
    wrong.push(stream)
  }
  return wrong
}

const countOf = async (stream: string): Promise<number> =>
  search(server.url, `SELECT count(*) AS n FROM "${stream}"`).then(({ hits }) => Number(hits[0]!['n']), () => 0)

/** sends the bodies of a wrong stream again, each alone, to find the one that is counted wrong */
async function narrow(stream: string): Promise<void> {
  for (const n of (senders.get(stream) ?? []).slice(0, NARROWED_MAX)) {
    const request = fuzzedRequest(SEED, n)
    const before = await countOf(stream)
    const rows = (await push(request)).get(stream) ?? 0
    await flush(server.url)
    const got = await countOf(stream) - before
    if (got !== rows) faults.push(`${stream} gained ${got} rows where the reply counts ${rows}\n     ${shown(request)}`)
  }
}

const began = performance.now()
await Promise.all(Array.from({ length: CONNECTIONS }, connection))
const seconds = (performance.now() - began) / 1_000
let report = ''
if (ended) faults.push(`the server ended:\n${server.output().slice(-4_000)}`)
else {
  await flush(server.url)
  const wrong = compare('SQL', await storedBySql(server.url))
  const metrics = await (await fetch(`${server.url}/metrics`, { headers: { Authorization: AUTHORIZATION } })).text()
  const restarts = /^nilometer_writer_restarts_total\S* ([1-9]\d*)/m.exec(metrics)
  if (restarts !== null) faults.push(`the writer was started again ${restarts[1]} times`)
  const stored = await storedInFolder(dataDir)
  for (const stream of compare('the folder', stored.rows)) if (!wrong.includes(stream)) wrong.push(stream)
  if (stored.queued > 0 || stored.dead > 0 || stored.parked) faults.push(`${stored.queued} messages are queued, ${stored.dead} dead, quarantine ${stored.parked ? 'used' : 'empty'}`)
  for (const stream of wrong) await narrow(stream)
  report = `${[...stored.rows.values()].reduce((a, b) => a + b, 0)} rows in ${stored.rows.size} streams, `
}
if (!ended && await server.stop() !== 0) faults.push('the server did not stop in order')
const errors = server.output().split('\n').filter((line) => /"level":"error"/.test(line))
if (errors.length > 0) faults.push(`the server logged ${errors.length} errors, the first: ${errors[0]}`)
if (peakRss > RSS_LIMIT_BYTES) faults.push(`the server and its children took ${(peakRss / 1e6).toFixed(0)} MB`)

process.stdout.write(`\nseed ${SEED}: ${next - FROM} bodies in ${seconds.toFixed(0)} s (${((next - FROM) / seconds).toFixed(0)}/s), ${report}peak ${(peakRss / 1e6).toFixed(0)} MB\n`)
process.stdout.write(`${[...statuses].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, n]) => `${name}: ${n}`).join(', ')}\n`)
for (const fault of faults.slice(0, 50)) process.stdout.write(`FAIL ${fault}\n`)
process.stdout.write(`${faults.length === 0 ? 'ok  ' : 'FAIL'} ${faults.length} faults\n`)
if (faults.length === 0 && !values.keep) rmSync(dataDir, { recursive: true, force: true })
else process.stdout.write(`kept ${dataDir}\n`)
process.exit(faults.length === 0 ? 0 : 1)
