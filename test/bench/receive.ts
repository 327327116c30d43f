// CPU time of receiving a request (coding off, check, envelope, queue in memory), per megabyte (10^6)
// of uncompressed body, in the steady state: `node test/bench/receive.ts [records per request]`.
import { gzipSync } from 'node:zlib'
import { inflate } from '../../lib/engine/ingest/inflate.ts'
import type { Coding } from '../../lib/engine/ingest/inflate.ts'
import { receive } from '../../lib/engine/ingest/receive.ts'
import type { BodyFormat } from '../../lib/engine/ingest/decode/contract.ts'
import { DEFAULT_SETTINGS } from '../../lib/engine/settings.ts'
import type { OrgId } from '../../lib/model/stream.ts'
import { ingestAppOver } from '../support/ingest-app.ts'
import { memoryPorts } from '../support/memory-ports.ts'
import { LogsLoad } from '../support/otlp-load.ts'
import { encodeJson, encodeProtobuf } from '../support/otlp.ts'

const RECORDS = Number(process.argv[2] ?? 970)
const ROUND_BYTES = 12e6
const WARM_ROUNDS = 12
const ROUNDS = 9

const ports = memoryPorts()
const load = new LogsLoad(7, BigInt(ports.clock.now()) * 1000n)
const protobuf: Buffer[] = []
const json: Buffer[] = []
for (let bytes = 0; bytes < ROUND_BYTES; bytes += protobuf.at(-1)!.length) {
  const request = load.request(RECORDS)
  protobuf.push(encodeProtobuf(request))
  json.push(encodeJson(request))
}

async function measure(name: string, raw: readonly Buffer[], coding: Coding, run: (body: Uint8Array) => unknown): Promise<void> {
  const bodies = raw.map((b) => (coding === 'gzip' ? gzipSync(b) : b))
  const megabytes = raw.reduce((n, b) => n + b.length, 0) / 1e6
  const costs: number[] = []
  for (let round = 0; round < WARM_ROUNDS + ROUNDS; round++) {
    ports.queue.messages.length = 0
    ports.telemetry.observations.length = 0
    const before = process.cpuUsage()
    for (const body of bodies) await run(body)
    const { user, system } = process.cpuUsage(before)
    if (round >= WARM_ROUNDS) costs.push((user + system) / 1000 / megabytes)
  }
  costs.sort((a, b) => a - b)
  console.log(`${name.padEnd(36)} best ${costs[0]!.toFixed(2)}  median ${costs[ROUNDS >> 1]!.toFixed(2)}  CPU-ms/MB`)
}

const received = (format: BodyFormat, coding: Coding) => (body: Uint8Array): Promise<unknown> => receive(ports, DEFAULT_SETTINGS, {
  org: 'o1' as OrgId, route: 'otlp-logs', format, stream: null, contentEncoding: coding, idempotencyKey: null, body,
  contentType: format === 'json' ? 'application/json' : 'application/x-protobuf',
})
const app = ingestAppOver(ports)
const posted = async (body: Uint8Array): Promise<void> => {
  const headers = { 'Content-Type': 'application/x-protobuf', 'Content-Encoding': 'gzip', 'Content-Length': String(body.length) }
  const reply = await app.request('/v1/logs', { method: 'POST', body: body as Uint8Array<ArrayBuffer>, headers })
  if (reply.status !== 200) throw new Error(`answered ${reply.status}`)
}

console.log(`${protobuf.length} requests of ${RECORDS} records, ${Math.round(protobuf[0]!.length / 1000)} kB of protobuf; node ${process.version}`)
await measure('gunzip alone, protobuf', protobuf, 'gzip', (b) => inflate(b, 'gzip', DEFAULT_SETTINGS.inflatedBytesMax))
await measure('receive, protobuf gzip', protobuf, 'gzip', received('protobuf', 'gzip'))
await measure('over the app, protobuf gzip', protobuf, 'gzip', posted)
await measure('receive, protobuf plain', protobuf, 'identity', received('protobuf', 'identity'))
await measure('receive, JSON gzip', json, 'gzip', received('json', 'gzip'))
