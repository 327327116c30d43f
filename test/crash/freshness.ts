// How long after the 200 a row is searchable, at the default window and without any flush: one row,
// then searches until it is found. Prints the distribution. `npm run test:freshness -- --tries 1000`.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { AUTHORIZATION, search, startServer } from '../support/server-process.ts'

const { values } = parseArgs({ options: { tries: { type: 'string', default: '1000' }, lanes: { type: 'string', default: '4' } } })
const TRIES = Number(values.tries)
const LANES = Number(values.lanes)
const P99_LIMIT_MS = 1_500
const POLL_MS = 25

const dataDir = mkdtempSync(join(tmpdir(), 'nilometer-fresh-'))
const server = await startServer({ dataDir })
const sleep = (ms: number): Promise<void> => new Promise((resolve) => { setTimeout(resolve, ms) })
const delays: number[] = []

async function tryOnce(lane: number, n: number): Promise<void> {
  const id = lane * 1_000_000 + n
  const response = await fetch(`${server.url}/api/default/fresh/_json`, { method: 'POST', body: JSON.stringify([{ id, message: `row ${id}` }]), headers: { Authorization: AUTHORIZATION } })
  if (response.status !== 200) throw new Error(`the server answered ${response.status}: ${await response.text()}`)
  await response.arrayBuffer()
  const acknowledged = performance.now()
  const now = Date.now() * 1_000
  for (;;) {
    const asked = performance.now()
    const found = await search(server.url, `SELECT id FROM fresh WHERE id = ${id}`, { start_time: now - 5_000_000, end_time: now + 5_000_000 }).catch((error: unknown) => {
      // A brand-new stream can be searched after its first flush.
      if (String(error).includes('20002')) return { hits: [] }
      throw error
    })
    // The row was visible no later than when this search was answered.
    if (found.hits.length > 0) {
      delays.push(performance.now() - acknowledged)
      return
    }
    if (asked - acknowledged > 30_000) throw new Error(`row ${id} is not visible after 30 s`)
    await sleep(POLL_MS)
  }
}

let next = 0
async function lane(number: number): Promise<void> {
  while (next < TRIES) {
    next++
    await tryOnce(number, next)
    if (next % 10 === 0) process.stdout.write(`\r${delays.length} of ${TRIES}   `)
  }
}
await Promise.all(Array.from({ length: LANES }, (_, i) => lane(i)))
await server.stop()
rmSync(dataDir, { recursive: true, force: true })

delays.sort((a, b) => a - b)
const at = (share: number): number => delays[Math.min(delays.length - 1, Math.floor(share * delays.length))]!
process.stdout.write(`\n${delays.length} rows, ms from the 200 to the answer that held it: min ${at(0).toFixed(0)}, p50 ${at(0.5).toFixed(0)}, p90 ${at(0.9).toFixed(0)}, p99 ${at(0.99).toFixed(0)}, max ${at(1).toFixed(0)}\n`)
for (let from = 0; from < 2_000; from += 250) {
  const n = delays.filter((d) => d >= from && d < from + 250).length
  process.stdout.write(`${String(from).padStart(5)} ms ${'#'.repeat(Math.ceil((n / delays.length) * 60))} ${n}\n`)
}
process.exit(at(0.99) <= P99_LIMIT_MS ? 0 : 1)
