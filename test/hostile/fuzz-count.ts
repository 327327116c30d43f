// How many rows a reply promises, by stream, worked out without the server's code: `_json`, `_multi`
// and `_bulk` replies say it themselves; OTLP's says only what was rejected, so the records of the
// body that was sent are counted here by a minimal reader of each encoding.
import { brotliDecompressSync, gunzipSync, inflateRawSync, inflateSync, zstdDecompressSync } from 'node:zlib'
import type { FuzzedRequest } from './fuzz-mutate.ts'

export type Counts = ReadonlyMap<string, number>

/** rows a 200 says were stored. @throws Error when the reply cannot be read or cannot be true */
export function acceptedBy(request: FuzzedRequest, contentType: string | null, reply: Buffer): Counts {
  switch (request.protocol) {
    case 'json': case 'multi': return acceptedJson(reply)
    case 'bulk': return acceptedBulk(reply)
    case 'otlp': case 'otlp-json': {
      const protobuf = (contentType ?? '').includes('protobuf')
      const plain = inflated(request.body, request.headers['Content-Encoding'] ?? 'identity')
      const total = protobuf ? protobufRecords(plain) : jsonRecords(plain)
      const rejected = protobuf ? rejectedProtobuf(reply) : rejectedJson(reply)
      if (rejected > total) throw new Error(`the reply rejects ${rejected} of ${total} records`)
      return new Map([[request.stream, total - rejected]])
    }
  }
}

function acceptedJson(reply: Buffer): Counts {
  const { code, status } = JSON.parse(reply.toString()) as { code: number; status: { name: string; successful: number }[] }
  if (code !== 200) throw new Error(`a reply of status 200 has the code ${code}`)
  return new Map(status.map(({ name, successful }) => [name, successful]))
}

/** Stream names as docs/api.md says: lower case, what is no letter, digit, `_` or `:` becomes `_`. */
const streamOf = (index: string): string => index.toLowerCase().replace(/[^\p{L}\p{N}_:]+/gu, '_')

function acceptedBulk(reply: Buffer): Counts {
  const { items } = JSON.parse(reply.toString()) as { items: Record<string, { _index: string; status: number }>[] }
  const out = new Map<string, number>()
  for (const item of items) {
    const { _index, status } = Object.values(item)[0]!
    if (status === 200) out.set(streamOf(_index), (out.get(streamOf(_index)) ?? 0) + 1)
  }
  return out
}

function inflated(body: Buffer, coding: string): Buffer {
  if (body.length === 0) return body
  switch (coding.toLowerCase()) {
    case 'identity': return body
    case 'gzip': case 'x-gzip': return gunzipSync(body)
    case 'br': return brotliDecompressSync(body)
    case 'deflate': return (body[0]! & 0x0f) === 8 ? inflateSync(body) : inflateRawSync(body)
    case 'zstd': return zstdFrames(body)
    default: throw new Error(`the coding ${coding} was accepted`)
  }
}

/** Node's call reads one frame and says where it ended */
function zstdFrames(body: Buffer): Buffer {
  const parts: Buffer[] = []
  for (let at = 0; at < body.length;) {
    const frame = zstdDecompressSync(body.subarray(at), { info: true }) as unknown as { buffer: Buffer; engine: { bytesWritten: number } }
    parts.push(frame.buffer)
    at += frame.engine.bytesWritten
  }
  return Buffer.concat(parts)
}

// --- protobuf: fields of number and wire type, nothing else

interface Field {
  readonly number: number
  readonly wireType: number
  /** of wire type 2 */
  readonly bytes: Buffer
  /** of wire type 0 */
  readonly value: bigint
}

function* fieldsOf(message: Buffer): Generator<Field> {
  let at = 0
  const varint = (): bigint => {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = message[at++]
      if (byte === undefined || shift > 63n) throw new Error('a broken varint was accepted')
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return BigInt.asUintN(64, value)
    }
  }
  while (at < message.length) {
    const tag = varint()
    const wireType = Number(tag & 7n)
    let bytes: Buffer = Buffer.alloc(0)
    let value = 0n
    if (wireType === 0) value = varint()
    else if (wireType === 1) at += 8
    else if (wireType === 5) at += 4
    else if (wireType === 2) {
      const length = Number(varint())
      bytes = message.subarray(at, at + length)
      at += length
    } else throw new Error(`wire type ${wireType} was accepted`)
    if (at > message.length) throw new Error('a message cut short was accepted')
    yield { number: Number(tag >> 3n), wireType, bytes, value }
  }
}

const parts = (message: Buffer, number: number): Buffer[] =>
  [...fieldsOf(message)].filter((f) => f.number === number && f.wireType === 2).map((f) => f.bytes)

/** ExportLogsServiceRequest: resource_logs = 1, their scope_logs = 2, their log_records = 2 */
const protobufRecords = (body: Buffer): number =>
  parts(body, 1).flatMap((resource) => parts(resource, 2)).flatMap((scope) => parts(scope, 2)).length

/** ExportLogsServiceResponse: partial_success = 1, its rejected_log_records = 1 */
const rejectedProtobuf = (reply: Buffer): number =>
  parts(reply, 1).flatMap((partial) => [...fieldsOf(partial)]).reduce((sum, f) => (f.number === 1 ? sum + Number(f.value) : sum), 0)

function rejectedJson(reply: Buffer): number {
  const { partialSuccess } = JSON.parse(reply.toString()) as { partialSuccess?: { rejectedLogRecords: string } }
  return Number(partialSuccess?.rejectedLogRecords ?? 0)
}

// --- JSON with repeated members, which JSON.parse would drop

type Json = readonly Json[] | Members | string
interface Members { readonly members: readonly (readonly [string, Json])[] }

/** numbers and literals stay text */
function parseJson(text: string): Json {
  const token = /\s*("(?:[^"\\]|\\[^])*"|[[\]{}:,]|[^\s"[\]{}:,]+)/y
  let ahead: string | null = null
  const next = (): string => {
    const taken = ahead ?? token.exec(text)?.[1]
    ahead = null
    if (taken === undefined) throw new Error('JSON that ends early was accepted')
    return taken
  }
  const peek = (): string => (ahead ??= next())
  const value = (): Json => {
    const first = next()
    if (first === '[') {
      const items: Json[] = []
      while (peek() !== ']') {
        items.push(value())
        if (peek() === ',') next()
      }
      next()
      return items
    }
    if (first !== '{') return first
    const members: [string, Json][] = []
    while (peek() !== '}') {
      const key = JSON.parse(next()) as string
      next()
      members.push([key, value()])
      if (peek() === ',') next()
    }
    next()
    return { members }
  }
  return value()
}

const elements = (of: Json, ...names: readonly string[]): Json[] =>
  typeof of === 'string' || !('members' in of) ? [] : of.members.filter(([key]) => names.includes(key)).flatMap(([, list]) => (Array.isArray(list) ? list as Json[] : []))

function jsonRecords(body: Buffer): number {
  const text = body.toString('utf8').replace(/^\ufeff/, '')
  if (text.trim() === '') return 0
  return elements(parseJson(text), 'resourceLogs', 'resource_logs')
    .flatMap((resource) => elements(resource, 'scopeLogs', 'scope_logs'))
    .flatMap((scope) => elements(scope, 'logRecords', 'log_records')).length
}
