// OTLP/HTTP logs: the reply is in the request's encoding, partial success is 200, every error is a
// google.rpc.Status. Replies in protobuf are read here by a reader of its own.
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { DEFAULT_SETTINGS } from '../../lib/engine/settings.ts'
import { EngineError } from '../../lib/model/errors.ts'
import { ingestAppOver, rowsQueued } from '../support/ingest-app.ts'
import { memoryPorts } from '../support/memory-ports.ts'
import type { MemoryPorts } from '../support/memory-ports.ts'

type Sent = NonNullable<RequestInit['body']>

const PROTOBUF = 'application/x-protobuf'

/** one length-delimited field; lengths below 128 KiB */
function field(number: number, ...parts: Uint8Array[]): Uint8Array {
  const inner = Buffer.concat(parts)
  const n = inner.length
  const length = n < 128 ? [n] : n < 16_384 ? [(n & 127) | 128, n >> 7] : [(n & 127) | 128, ((n >> 7) & 127) | 128, n >> 14]
  return Buffer.concat([Uint8Array.from([(number << 3) | 2, ...length]), inner])
}
function fixed64(number: number, value: bigint): Uint8Array {
  const out = Buffer.alloc(9)
  out[0] = (number << 3) | 1
  out.writeBigUInt64LE(value, 1)
  return out
}
const text = (value: string): Uint8Array => Buffer.from(value)

const NOW_NANOS = BigInt(memoryPorts().clock.now()) * 1_000n
/** LogRecord: time_unix_nano = 1, body = 5 { string_value = 1 } */
const record = (nanos: bigint, body: string): Uint8Array => field(2, fixed64(1, nanos), field(5, field(1, text(body))))
/** ExportLogsServiceRequest: resource_logs = 1 { scope_logs = 2 { log_records = 2 } } */
const exported = (...records: Uint8Array[]): Uint8Array => field(1, field(2, ...records))

/** varints and length-delimited fields of a message, in order */
function fieldsOf(bytes: Uint8Array): [number, number | Uint8Array][] {
  const out: [number, number | Uint8Array][] = []
  let at = 0
  const varint = (): number => {
    let value = 0
    for (let scale = 1; ; scale *= 128) {
      const b = bytes[at++]!
      value += (b & 127) * scale
      if (b < 128) return value
    }
  }
  while (at < bytes.length) {
    const tag = varint()
    const n = varint()
    if ((tag & 7) === 0) out.push([tag >> 3, n])
    else out.push([tag >> 3, bytes.subarray(at, (at += n))])
  }
  return out
}

const post = (ports: MemoryPorts, body: Sent, headers: Record<string, string> = {}, path = '/api/o1/v1/logs'): Promise<Response> =>
  Promise.resolve(ingestAppOver(ports).request(path, { method: 'POST', body, headers: { 'Content-Type': PROTOBUF, ...headers } }))
const bytesOf = async (reply: Response): Promise<Uint8Array> => new Uint8Array(await reply.arrayBuffer())

test('protobuf is answered in protobuf, empty when all is stored', async () => {
  const ports = memoryPorts()
  const body = exported(record(NOW_NANOS, 'one'), record(NOW_NANOS, 'two'))
  for (const [type, path] of [[PROTOBUF, '/api/o1/v1/logs'], ['application/protobuf', '/v1/logs'], ['Application/X-Protobuf; charset=utf-8', '/v1/logs']] as const) {
    const reply = await post(ports, body, { 'Content-Type': type }, path)
    expect([reply.status, reply.headers.get('content-type')]).toEqual([200, type.split(';')[0]!.toLowerCase()])
    expect(await bytesOf(reply)).toHaveLength(0)
  }
  expect(await rowsQueued(ports)).toEqual({ 'logs/default': 6 })
})

test('JSON is answered in JSON, empty when all is stored', async () => {
  const ports = memoryPorts()
  const body = JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords: [{ timeUnixNano: String(NOW_NANOS), body: { stringValue: 'x' } }] }] }] })
  const reply = await post(ports, body, { 'Content-Type': 'application/json', 'stream-name': 'From Header' })
  expect([reply.status, reply.headers.get('content-type'), await reply.text()]).toEqual([200, 'application/json', '{}'])
  expect(await rowsQueued(ports)).toEqual({ 'logs/from_header': 1 })
})

test('partial success is 200 with the count and a reason, in both encodings', async () => {
  const ports = memoryPorts()
  const reply = await post(ports, exported(record(NOW_NANOS, 'ok'), record(1n, 'too old'), record(1n, 'too old')))
  expect(reply.status).toBe(200)
  const [[number, partial]] = fieldsOf(await bytesOf(reply)) as [[number, Uint8Array]]
  const [rejected, message] = fieldsOf(partial)
  expect([number, rejected]).toEqual([1, [1, 2]])
  expect(Buffer.from(message![1] as Uint8Array).toString()).toMatch(/^2 of 3 records were rejected; the first is record 1: /)
  expect(await rowsQueued(ports)).toEqual({ 'logs/default': 1 })

  const json = JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords: [{ timeUnixNano: '1' }, { body: { stringValue: 'x' } }] }] }] })
  expect(await (await post(memoryPorts(), json, { 'Content-Type': 'application/json' })).json())
    .toEqual({ partialSuccess: { rejectedLogRecords: '1', errorMessage: expect.stringMatching(/^1 of 2 records/) as string } })
})

test('counts beyond one byte are varints', async () => {
  const reply = await post(memoryPorts(), exported(...Array.from({ length: 300 }, () => record(1n, ''))))
  const [[, partial]] = fieldsOf(await bytesOf(reply)) as [[number, Uint8Array]]
  expect(fieldsOf(partial)[0]).toEqual([1, 300])
})

test('an empty request is stored as nothing', async () => {
  const ports = memoryPorts()
  for (const body of [new Uint8Array(0), exported()]) expect((await post(ports, body)).status).toBe(200)
  expect((await post(ports, '{}', { 'Content-Type': 'application/json' })).status).toBe(200)
  expect(ports.queue.messages).toHaveLength(0)
})

test('gzip and zstd are taken, snappy is not', async () => {
  const ports = memoryPorts()
  const body = exported(record(NOW_NANOS, 'one'))
  expect((await post(ports, gzipSync(body), { 'Content-Encoding': 'gzip' })).status).toBe(200)
  expect((await post(ports, zstdCompressSync(body), { 'Content-Encoding': 'zstd' })).status).toBe(200)
  expect((await post(ports, body, { 'Content-Encoding': 'snappy' })).status).toBe(415)
  expect(await rowsQueued(ports)).toEqual({ 'logs/default': 2 })
})

test('errors are google.rpc.Status in the request\'s encoding, with the gRPC code', async () => {
  const down = { ...memoryPorts(), queue: { send: () => Promise.reject(new Error('down')) } } as unknown as MemoryPorts
  const full = { ...memoryPorts(), queue: { send: () => Promise.reject(new EngineError('limited', 'the queue is full')) } } as unknown as MemoryPorts
  const good = exported(record(NOW_NANOS, 'x'))
  const cases: [number, number, () => Promise<Response>][] = [
    [400, 3, () => post(memoryPorts(), Uint8Array.of(0x0a, 0x7f, 1))],
    [415, 3, () => post(memoryPorts(), good, { 'Content-Encoding': 'gzip, gzip' })],
    [413, 8, () => Promise.resolve(ingestAppOver(memoryPorts(), { settings: { ...DEFAULT_SETTINGS, bodyBytesMax: 3 } }).request('/v1/logs', { method: 'POST', body: good, headers: { 'Content-Type': PROTOBUF } }))],
    [429, 8, () => post(full, good)],
    [503, 14, () => post(down, good)],
  ]
  for (const [status, grpc, call] of cases) {
    const reply = await call()
    expect([reply.status, reply.headers.get('content-type')]).toEqual([status, PROTOBUF])
    const [code, message] = fieldsOf(await bytesOf(reply))
    expect(code).toEqual([1, grpc])
    expect(Buffer.from(message![1] as Uint8Array).toString()).toMatch(/^[a-z_]+: [a-z]/)
  }
})

test('an unsupported media type is told by what it looks like, else in JSON', async () => {
  const odd = await post(memoryPorts(), '', { 'Content-Type': 'text/x-protobuf-ish' })
  expect([odd.status, odd.headers.get('content-type'), fieldsOf(await bytesOf(odd))[0]]).toEqual([415, PROTOBUF, [1, 3]])
  for (const type of ['text/plain', 'application/x-ndjson', '']) {
    const reply = await post(memoryPorts(), new Uint8Array(0), { 'Content-Type': type })
    expect([reply.status, reply.headers.get('content-type')]).toEqual([415, 'application/json'])
    expect(await reply.json()).toMatchObject({ code: 3, message: expect.stringMatching(/^unsupported_media: /) as string })
  }
})
