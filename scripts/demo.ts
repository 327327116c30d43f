// A small shop that writes logs: five services, twenty lines a second, requests that carry one trace
// id through all of them, now and then a failing payment. It sends OTLP like any client would, to the
// server of this data folder, with a token of its own that ends with it. `npm run demo -- --help`.
import { randomBytes } from 'node:crypto'
import { parseArgs } from 'node:util'
import { PLATFORM } from '../lib/engine/access/login.ts'
import { mintToken, TOKEN_ID_BYTES, TOKEN_SECRET_BYTES } from '../lib/engine/access/token.ts'
import { openCatalog } from '../lib/local/catalog.ts'
import { systemClock } from '../lib/node/clock.ts'
import { openDatabase } from '../lib/local/database.ts'
import { readServerEnvironment } from '../server/environment.ts'
import { shop, shopRequest, type ShopLine } from './shop.ts'

const HELP = `npm run demo -- [--seconds N] [--rate LINES_A_SECOND] [--url URL]
  feeds a small shop (5 services) through the OTLP endpoint of the server started with npm start
  --seconds   how long; 0 = until Ctrl-C (default 60)
  --rate      lines a second (default 20)
  --url       the server (default http://127.0.0.1:5080, or ZO_HTTP_ADDR and ZO_HTTP_PORT)`

const { values } = parseArgs({ options: {
  seconds: { type: 'string', default: '60' }, rate: { type: 'string', default: '20' }, url: { type: 'string' }, help: { type: 'boolean', default: false },
} })
if (values.help) {
  process.stdout.write(`${HELP}\n`)
  process.exit(0)
}

const environment = readServerEnvironment(process.env, 1)
const base = values.url ?? `http://${environment.host}:${environment.port}`
const rate = Math.max(1, Number(values.rate))
const endAt = Number(values.seconds) > 0 ? Date.now() + Number(values.seconds) * 1_000 : Infinity

/** the owner of the data folder needs no password to write to it */
const catalog = openCatalog(openDatabase(environment.dataDir), systemClock)
const token = mintToken(randomBytes(TOKEN_ID_BYTES + TOKEN_SECRET_BYTES), 'default', 'ingest', systemClock.now())
await catalog.putDocument(PLATFORM, 'token', token.id, token.document, 0)

async function send(lines: readonly ShopLine[]): Promise<void> {
  const response = await fetch(`${base}/api/default/v1/logs`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token.text}`, 'stream-name': 'shop' },
    body: JSON.stringify(shopRequest(lines)),
  })
  if (!response.ok) throw new Error(`the server answered ${response.status}: ${await response.text()}`)
}

async function end(sent: number): Promise<never> {
  await catalog.putDocument(PLATFORM, 'token', token.id, { ...token.document, revoked: true }, 1)
  const now = Date.now() * 1_000
  const sql = "SELECT histogram(_timestamp, '10 seconds') AS t, service_name, count(*) AS lines, count(*) FILTER (WHERE severity = 'ERROR') AS errors FROM shop GROUP BY t, service_name ORDER BY t DESC, lines DESC"
  const body = JSON.stringify({ query: { sql, start_time: now - 3_600_000_000, end_time: now + 60_000_000, size: 20 } })
  process.stdout.write(`\n\n${sent} lines are in stream shop. Try:\n\n  curl -u "${environment.rootEmail}:YOUR_PASSWORD" ${base}/api/default/_search -d '${body.replaceAll("'", `'\\''`)}'\n\n`)
  process.exit(0)
}

let sent = 0
process.on('SIGINT', () => void end(sent))

const lines = shop()
while (Date.now() < endAt) {
  const started = Date.now()
  const batch = Array.from({ length: rate }, () => lines.next().value)
  try {
    await send(batch)
  } catch (error) {
    process.stderr.write(`\n${error instanceof Error ? error.message : String(error)}\nis the server running? start it with npm start\n`)
    process.exit(1)
  }
  sent += batch.length
  const left = endAt === Infinity ? '' : `, ${Math.max(0, Math.ceil((endAt - Date.now()) / 1_000))} s to go`
  process.stdout.write(`\r${sent} lines sent${left}   `)
  await systemClock.sleep(Math.max(0, 1_000 - (Date.now() - started)))
}
await end(sent)
