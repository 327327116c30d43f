// SIGKILL of the real server at random moments while four clients push rows with retries, each
// request under an Idempotency-Key. In the end what was acknowledged is there once, as a reader that
// shares no code with the server finds. `npm run test:kill -- --kills 100 --rows 1000000`.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ask, readFolder } from '../support/independent-reader.ts'
import { flush, freePort, startServer, treeRssBytes, type ServerProcess } from '../support/server-process.ts'

const { values } = parseArgs({ options: { kills: { type: 'string', default: '100' }, rows: { type: 'string', default: '1000000' }, seed: { type: 'string', default: '1' }, keep: { type: 'boolean', default: false } } })
const KILLS = Number(values.kills)
const ROWS = Number(values.rows)
const CLIENTS = 4
const ROWS_A_REQUEST = 500
const RSS_LIMIT_BYTES = 900e6
const UP_MS_MAX = 1_500

/** mulberry32: the same moments for the same seed, as far as a process can be */
function randomOf(seed: number): () => number {
  let s = seed
  return () => {
    s = (s + 0x6d2b79f5) | 0
    let t = Math.imul(s ^ (s >>> 15), 1 | s)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}
const random = randomOf(Number(values.seed))
const sleep = (ms: number): Promise<void> => new Promise((resolve) => { setTimeout(resolve, ms) })

const dataDir = mkdtempSync(join(tmpdir(), 'nilometer-kill-'))
const port = await freePort()
const url = `http://127.0.0.1:${port}`
let server: ServerProcess = await startServer({ dataDir, port })
/** agents use tokens: a password would cost an argon2 after each start */
const token = /o2oi_\w+/.exec(server.output())?.[0]
if (token === undefined) throw new Error(`the server printed no token:\n${server.output()}`)
let kills = 0
let acknowledged = 0
let retries = 0
let peakRss = 0
const startMs: number[] = []

const message = (id: number): string => `order ${id} of customer ${(id * 7919) % 10_007} shipped from warehouse ${id % 17}`

function bodyOf(first: number, count: number): string {
  const lines: string[] = []
  for (let id = first; id < first + count; id++) lines.push(JSON.stringify({ id, message: message(id), level: id % 9 === 0 ? 'error' : 'info', ms: id % 1_000 / 10 }))
  return `[${lines.join(',')}]`
}

async function post(first: number, count: number): Promise<void> {
  const body = bodyOf(first, count)
  for (;;) {
    try {
      const response = await fetch(`${url}/api/default/kill/_json`, {
        method: 'POST', body, headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json', 'Idempotency-Key': `rows-${first}` },
        signal: AbortSignal.timeout(20_000),
      })
      const text = await response.text()
      if (response.status === 200) {
        const [status] = (JSON.parse(text) as { status: { successful: number }[] }).status
        if (status?.successful !== count) throw new Error(`the reply counts ${status?.successful} of ${count} rows`)
        acknowledged += count
        return
      }
      if (response.status !== 503 && response.status !== 429) throw new Error(`the server answered ${response.status}: ${text}`)
    } catch (error) {
      if (error instanceof Error && /reply counts|answered/.test(error.message)) throw error
    }
    retries++
    await sleep(20 + random() * 80)
  }
}

const total = Math.ceil(ROWS / CLIENTS / ROWS_A_REQUEST) * CLIENTS * ROWS_A_REQUEST
let nextFirst = 0
async function client(): Promise<void> {
  while (nextFirst < total) {
    const first = nextFirst
    nextFirst += ROWS_A_REQUEST
    await post(first, ROWS_A_REQUEST)
    // The kills must find rows on their way: the last ones are spread over all of them.
    while (kills < KILLS && nextFirst / total > (kills + 1) / (KILLS + 1)) await sleep(5)
  }
}

async function killer(): Promise<void> {
  while (kills < KILLS) {
    await sleep(random() * UP_MS_MAX)
    peakRss = Math.max(peakRss, treeRssBytes(server.pid))
    await server.kill()
    kills++
    const started = await startServer({ dataDir, port })
    server = started
    startMs.push(started.startedMs)
    process.stdout.write(`\r${kills} kills, ${acknowledged} rows acknowledged, ${retries} retries, peak ${(peakRss / 1e6).toFixed(0)} MB   `)
  }
}

const watch = setInterval(() => { peakRss = Math.max(peakRss, treeRssBytes(server.pid)) }, 100)
await Promise.all([killer(), ...Array.from({ length: CLIENTS }, client)])
clearInterval(watch)
for (let tries = 0; ; tries++) {
  try {
    await flush(url)
    break
  } catch (error) {
    if (tries > 120) throw error
    await sleep(1_000)
  }
}
await server.stop()

const reading = await readFolder(dataDir, 'kill')
const [rows, distinct, low, high, sum, wrong] = await ask(reading, `count(*), count(DISTINCT id), min(id), max(id), sum(id),
  count(*) FILTER (WHERE message <> format('order {} of customer {} shipped from warehouse {}', id, (id * 7919) % 10007, id % 17))`)
const checks: readonly (readonly [string, boolean])[] = [
  [`${rows} rows are there, ${total} were acknowledged`, rows === total && acknowledged === total],
  [`${distinct} ids are distinct`, distinct === total],
  ['first and last id are there', low === 0 && high === total - 1],
  ['their sum is right', sum === (total * (total - 1)) / 2],
  [`${wrong} rows have another text than was sent`, wrong === 0],
  [`the list counts ${reading.listedRows} rows`, reading.listedRows === total],
  [`${reading.queued} messages are queued, ${reading.dead} are dead`, reading.queued === 0 && reading.dead === 0],
  [`the server and its children took ${(peakRss / 1e6).toFixed(0)} MB at most`, peakRss < RSS_LIMIT_BYTES],
]
process.stdout.write(`\n${kills} kills, ${retries} retries, ${reading.entries} packs, start ${startMs.toSorted((a, b) => a - b)[startMs.length >> 1]?.toFixed(0)} ms (median)\n`)
for (const [text, ok] of checks) process.stdout.write(`${ok ? 'ok  ' : 'FAIL'} ${text}\n`)
reading.close()
if (!values.keep) rmSync(dataDir, { recursive: true, force: true })
else process.stdout.write(`kept ${dataDir}\n`)
process.exit(checks.every(([, ok]) => ok) ? 0 : 1)
