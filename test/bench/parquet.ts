// CPU and size of settling, ordering and encoding one flush of OTLP logs: 38 requests of 800 records,
// 16 MB of protobuf, one stream. `node test/bench/parquet.ts [requests] [records] [zstd level]`.
// Figures are CPU-ms (user + system) per MB of protobuf, the least of several runs after warm-up.
import type { DecodeContext } from '../../lib/engine/ingest/decode/contract.ts'
import { decode } from '../../lib/engine/ingest/decode/index.ts'
import { Tables } from '../../lib/engine/store/columns.ts'
import { Workspace } from '../../lib/engine/store/chunk-pages.ts'
import { assembleExtract, planExtract } from '../../lib/engine/store/extract.ts'
import { parseFooter } from '../../lib/engine/store/parquet-footer.ts'
import { encodeParquet, timeOrder } from '../../lib/engine/store/parquet-write.ts'
import { settle } from '../../lib/engine/store/settle.ts'
import { encodeProtobuf } from '../support/otlp.ts'
import { LogsLoad } from '../support/otlp-load.ts'

const [requests = 38, records = 800, zstdLevel = 3] = process.argv.slice(2).map(Number)
const RUNS = 15

const start = 1_763_000_000_000_000
const context: DecodeContext = {
  route: 'otlp-logs', format: 'protobuf', stream: 'default', acceptedAt: start, oldest: start - 1e12, newest: start + 1e12,
  flattenLevels: 3, recordsMax: 100_000, recordBytesMax: 2 ** 20, recordFieldsMax: 1_000, keyBytesMax: 256, depthMax: 64,
  requestStreamsMax: 32, requestPartitionsMax: 256,
}
const load = new LogsLoad(7, BigInt(start) * 1_000n)
const bodies = Array.from({ length: requests }, () => encodeProtobuf(load.request(records)))
const mb = bodies.reduce((sum, body) => sum + body.length, 0) / 1e6

function cpuOf<T>(run: () => T): [number, T] {
  const before = process.cpuUsage()
  const result = run()
  const spent = process.cpuUsage(before)
  return [(spent.user + spent.system) / 1_000, result]
}

function least(name: string, run: () => unknown, per = mb, unit = 'CPU-ms/MB'): void {
  const [first] = cpuOf(run)
  let best = Infinity
  for (let i = 0; i < RUNS; i++) best = Math.min(best, cpuOf(run)[0])
  console.log(`${name.padEnd(34)} ${(best / per).toFixed(3).padStart(8)} ${unit}   first ${(first / per).toFixed(2)}`)
}

function decoded(): Tables {
  const tables = new Tables()
  bodies.forEach((body, message) => decode(Buffer.from(body), context, [], message, tables))
  return tables
}
const table = decoded().byStream.get('logs/default')!
const all = settle(table)
const order = timeOrder(table.times, table.rows)
const ws = new Workspace()
const encode = (level: number, columns = all): Uint8Array => encodeParquet({
  columns, times: table.times, order, messages: table.messages, metadata: [],
  fullText: ['body'], hot: ['severity', 'service_name'], zstdLevel: level, rowGroupRows: 50_000, statisticsBytesMax: 64,
}, ws)

const file = encode(zstdLevel)
console.log(`${mb.toFixed(2)} MB protobuf, ${table.rows} rows, ${all.length} columns; Parquet ${(file.length / 1e6).toFixed(3)} MB = ${(file.length / 1e6 / mb).toFixed(4)} of it`)
least('decode', decoded)
least('settle', () => settle(table))
least('order', () => timeOrder(table.times, table.rows))
least(`encode, zstd ${zstdLevel}`, () => encode(zstdLevel))
least(`settle + order + encode, zstd ${zstdLevel}`, () => {
  const columns = settle(table)
  return encodeParquet({
    columns, times: table.times, order: timeOrder(table.times, table.rows), messages: table.messages, metadata: [],
    fullText: ['body'], hot: ['severity', 'service_name'], zstdLevel, rowGroupRows: 50_000, statisticsBytesMax: 64,
  }, ws)
})
for (const level of [1, 6, 9]) {
  console.log(`zstd ${level}: ${(encode(level).length / 1e6 / mb).toFixed(4)} of the protobuf`)
  least(`encode, zstd ${level}`, () => encode(level))
}
const footer = parseFooter(file)
const plan = planExtract(footer, ['_timestamp', 'body', 'service_name'], () => true, 256 * 1024)
least('parse footer', () => parseFooter(file), 1, 'CPU-ms')
least('plan and assemble an extract', () => {
  const parts = plan.ranges.map(({ offset, length }) => file.subarray(offset, offset + length))
  return assembleExtract(footer, planExtract(footer, ['_timestamp', 'body', 'service_name'], () => true, 256 * 1024), parts)
}, 1, 'CPU-ms')
if (process.argv.includes('--columns')) {
  const sizes = footer.groups[0]!.chunks.map(chunk => ({ name: chunk.name, bytes: chunk.to - chunk.from, dictionary: chunk.dictionaryOffset !== null }))
  for (const { name, bytes, dictionary } of sizes.sort((a, b) => b.bytes - a.bytes)) console.log(`${String(bytes).padStart(9)} ${name}${dictionary ? ' (dictionary)' : ''}`)
}
