// CPU time of checking and decoding OTLP logs, per megabyte (10^6) of uncompressed body, in the steady
// state: `node test/bench/decode-otlp.ts [records per request]`. Baselines of the same run stand below.
import { checkOtlpLogsJson, decodeOtlpLogsJson } from '../../lib/engine/ingest/decode/otlp-logs-json.ts'
import { checkOtlpLogs, decodeOtlpLogs } from '../../lib/engine/ingest/decode/otlp-logs.ts'
import type { BodyFormat, DecodeContext } from '../../lib/engine/ingest/decode/contract.ts'
import { DEFAULT_SETTINGS } from '../../lib/engine/settings.ts'
import { Tables } from '../../lib/engine/store/columns.ts'
import { LogsLoad } from '../support/otlp-load.ts'
import { encodeJson, encodeProtobuf } from '../support/otlp.ts'

const RECORDS = Number(process.argv[2] ?? 800)
/** bytes of protobuf in a round: enough for many keys and few enough for a quick run */
const ROUND_BYTES = 12e6
/** messages that share tables, as in a writer's flush */
const MESSAGES_A_FLUSH = 15
const WARM_ROUNDS = 4
const ROUNDS = 9

const acceptedAt = 1_763_000_000_000_000
const contextOf = (format: BodyFormat): DecodeContext => ({
  ...DEFAULT_SETTINGS, route: 'otlp-logs', format, stream: null,
  acceptedAt, oldest: acceptedAt - DEFAULT_SETTINGS.pastMicrosMax, newest: acceptedAt + DEFAULT_SETTINGS.futureMicrosMax,
})

const load = new LogsLoad(7, BigInt(acceptedAt) * 1000n)
const protobuf: Buffer[] = []
const json: Buffer[] = []
for (let bytes = 0; bytes < ROUND_BYTES; bytes += protobuf.at(-1)!.length) {
  const request = load.request(RECORDS)
  protobuf.push(encodeProtobuf(request))
  json.push(encodeJson(request))
}

/** CPU-ms a megabyte: the best and the middle of the rounds */
function measure(name: string, bodies: readonly Buffer[], run: (bodies: readonly Buffer[]) => void): void {
  const megabytes = bodies.reduce((n, b) => n + b.length, 0) / 1e6
  const costs: number[] = []
  for (let round = 0; round < WARM_ROUNDS + ROUNDS; round++) {
    // Decoders may change a body in place: each round gets fresh copies, made before the clock starts.
    const copies = bodies.map((b) => Buffer.from(b))
    const before = process.cpuUsage()
    run(copies)
    const { user, system } = process.cpuUsage(before)
    if (round >= WARM_ROUNDS) costs.push((user + system) / 1000 / megabytes)
  }
  costs.sort((a, b) => a - b)
  console.log(`${name.padEnd(28)} best ${costs[0]!.toFixed(2)}  median ${costs[ROUNDS >> 1]!.toFixed(2)}  CPU-ms/MB`)
}

function decodeAll(bodies: readonly Buffer[], decode: typeof decodeOtlpLogs, context: DecodeContext): void {
  let tables = new Tables()
  bodies.forEach((body, i) => {
    if (i % MESSAGES_A_FLUSH === 0) tables = new Tables()
    decode(body, context, [], i % MESSAGES_A_FLUSH, tables)
  })
}

const mean = (bodies: readonly Buffer[]): string => `${Math.round(bodies.reduce((n, b) => n + b.length, 0) / bodies.length / 1000)} kB`
console.log(`${protobuf.length} requests of ${RECORDS} records: protobuf ${mean(protobuf)}, JSON ${mean(json)} each; node ${process.version}`)
measure('protobuf check', protobuf, (bodies) => bodies.forEach((b) => checkOtlpLogs(b, contextOf('protobuf'))))
measure('protobuf decode', protobuf, (bodies) => decodeAll(bodies, decodeOtlpLogs, contextOf('protobuf')))
measure('JSON check', json, (bodies) => bodies.forEach((b) => checkOtlpLogsJson(b, contextOf('json'))))
measure('JSON decode', json, (bodies) => decodeAll(bodies, decodeOtlpLogsJson, contextOf('json')))
measure('baseline: JSON.parse', json, (bodies) => bodies.forEach((b) => JSON.parse(b.toString())))
