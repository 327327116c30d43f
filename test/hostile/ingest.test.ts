// Hostile inputs of part C (encoding, bombs, limits) against the HTTP routes of logs: the exact
// answer of each row, nothing stored unless stated, and whatever was accepted must decode.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import { getRequestListener } from '@hono/node-server'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { DEFAULT_SETTINGS } from '../../lib/engine/settings.ts'
import type { Settings } from '../../lib/engine/settings.ts'
import { ERROR_SLUGS } from '../../lib/model/errors.ts'
import { ingestAppOver, rowsQueued } from '../support/ingest-app.ts'
import { memoryPorts } from '../support/memory-ports.ts'
import type { MemoryPorts } from '../support/memory-ports.ts'

type Sent = NonNullable<RequestInit['body']>

const MiB = 2 ** 20
const JSON_PATH = '/api/o1/app/_json'
const MULTI_PATH = '/api/o1/app/_multi'
const BULK_PATH = '/api/o1/_bulk'
const OTLP_PATH = '/api/o1/v1/logs'
const PROTOBUF = { 'Content-Type': 'application/x-protobuf' }

let ports: MemoryPorts
beforeEach(() => {
  ports = memoryPorts()
})

interface Answer {
  readonly status: number
  readonly slug: string | undefined
  readonly text: string
  readonly json: Record<string, never>
}

async function post(path: string, body: Sent, headers: Record<string, string> = {}, settings: Partial<Settings> = {}): Promise<Answer> {
  const app = ingestAppOver(ports, { settings: { ...DEFAULT_SETTINGS, ...settings } })
  const reply = await app.request(path, { method: 'POST', body, headers })
  const bytes = Buffer.from(await reply.arrayBuffer())
  const text = bytes.toString()
  const isJson = reply.headers.get('content-type') === 'application/json'
  const json = (isJson ? JSON.parse(text) : {}) as Record<string, never>
  // On OTLP the slug stands inside a message of bytes.
  const slug = (json['error'] as string | undefined) ?? Object.keys(ERROR_SLUGS).find((s) => text.includes(`${s}: `))
  expect(reply.status, text.slice(0, 300)).toBeLessThan(500)
  expect(text).not.toMatch(/\bat .*\.ts:\d|node_modules|\/work\//)
  return { status: reply.status, slug, text, json }
}

const refused = async (answer: Promise<Answer>): Promise<[number, string | undefined]> => {
  const { status, slug } = await answer
  expect(ports.queue.messages).toHaveLength(0)
  expect(ports.blobs.objects.size).toBe(0)
  return [status, slug]
}

interface JsonStatus { readonly name: string; readonly successful: number; readonly failed: number; readonly error?: string }
const counted = ({ status, json }: Answer): unknown[] => {
  const [stream] = json['status'] as unknown as JsonStatus[]
  return [status, stream!.successful, stream!.failed]
}
const reasonOf = ({ json }: Answer): string => (json['status'] as unknown as JsonStatus[])[0]!.error ?? ''

describe('26-29 sizes and codings', () => {
  test.each([JSON_PATH, MULTI_PATH, BULK_PATH])('26 a body of the limit and one byte more: %s', async (path) => {
    const body = ' '.repeat(1_001)
    expect(await refused(post(path, body, {}, { bodyBytesMax: 1_000 }))).toEqual([413, 'payload_too_large'])
    const stream = new ReadableStream({ pull: (c) => c.enqueue(new Uint8Array(100)) })
    const app = ingestAppOver(ports, { settings: { ...DEFAULT_SETTINGS, bodyBytesMax: 1_000 } })
    const endless = await app.request(new Request(`http://x${path}`, { method: 'POST', body: stream, duplex: 'half' } as RequestInit))
    expect(endless.status).toBe(413)
  })

  test('26 a declared length above the limit is refused without reading a byte', async () => {
    let read = 0
    const stream = new ReadableStream({ pull: (c) => { read++; c.enqueue(new Uint8Array(1)) } }, { highWaterMark: 0 })
    const request = new Request(`http://x${JSON_PATH}`, { method: 'POST', body: stream, duplex: 'half', headers: { 'Content-Length': String(65 * MiB) } } as RequestInit)
    const reply = await ingestAppOver(ports).request(request)
    expect([reply.status, reply.headers.get('connection'), read]).toEqual([413, 'close', 0])
  })

  test('27 gzip of 200 MiB of zeros', async () => {
    const bomb = gzipSync(Buffer.alloc(200 * MiB))
    const before = process.memoryUsage.rss()
    for (const path of [JSON_PATH, MULTI_PATH, BULK_PATH]) {
      expect(await refused(post(path, bomb, { 'Content-Encoding': 'gzip' }))).toEqual([413, 'payload_too_large'])
    }
    expect(await refused(post(OTLP_PATH, bomb, { 'Content-Encoding': 'gzip', ...PROTOBUF }))).toEqual([413, 'payload_too_large'])
    expect(process.memoryUsage.rss() - before).toBeLessThan(192 * MiB)
  })

  test.each(['gzip, gzip', 'gzip,identity', 'lzma', 'snappy', 'x'.repeat(5_000), 'gzip gzip'])('28 the coding %s', async (coding) => {
    for (const path of [JSON_PATH, BULK_PATH]) {
      expect(await refused(post(path, gzipSync(gzipSync('[{"a":1}]')), { 'Content-Encoding': coding }))).toEqual([415, 'unsupported_encoding'])
    }
    expect(await refused(post(OTLP_PATH, 'x', { 'Content-Encoding': coding, ...PROTOBUF }))).toEqual([415, 'unsupported_encoding'])
  })

  test('28 a doubly compressed body under one coding is malformed, not opened twice', async () => {
    expect(await refused(post(JSON_PATH, gzipSync(gzipSync('[{"a":1}]')), { 'Content-Encoding': 'gzip' }))).toEqual([400, 'malformed'])
  })

  test('29 gzip that is plain, cut short or followed by garbage', async () => {
    const good = gzipSync('[{"a":1}]')
    for (const body of ['[{"a":1}]', good.subarray(0, -1), Buffer.concat([good, Buffer.from('x')])]) {
      expect(await refused(post(JSON_PATH, body, { 'Content-Encoding': 'gzip' }))).toEqual([400, 'malformed'])
    }
  })

  test.each(['image/png', 'audio/ogg', 'video/mp4', 'multipart/form-data; boundary=x', 'application/x-protobuf', 'application/vnd.google.protobuf'])(
    '31 the media type %s on a text route', async (type) => {
      for (const path of [JSON_PATH, MULTI_PATH, BULK_PATH]) {
        expect(await refused(post(path, '{"a":1}', { 'Content-Type': type }))).toEqual([415, 'unsupported_media'])
      }
    })
})

describe('32 protobuf that is none', () => {
  const bodies: [string, number[]][] = [
    ['length 2^63', [0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]],
    ['length beyond the body', [0x0a, 0x7f, 1, 2]],
    ['negative varint as a length', [0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]],
    ['11-byte varint', [0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01]],
    ['field number 0', [0x02, 0x00]],
    ['wire type 3', [0x0b]], ['wire type 4', [0x0c]], ['wire type 6', [0x0e]], ['wire type 7', [0x0f]],
    ['cut off in a tag', [0x8a]], ['cut off in a length', [0x0a, 0x80]],
    ['a cut-off record', [0x0a, 0x06, 0x12, 0x04, 0x12, 0x02, 0x09, 0x00]],
  ]
  test.each(bodies)('%s', async (_name, bytes) => {
    expect(await refused(post(OTLP_PATH, Uint8Array.from(bytes), PROTOBUF))).toEqual([400, 'malformed'])
  })
})

describe('33-36 JSON that is none, too deep, or odd text', () => {
  test('33 a million [ and 34 ten thousand {"a":', async () => {
    for (const body of ['['.repeat(1_000_000), '{"a":'.repeat(10_000), `[{"a":${'['.repeat(64)}${']'.repeat(64)}}]`]) {
      expect(await refused(post(JSON_PATH, body))).toEqual([400, 'too_deep'])
    }
    const deep = await post(MULTI_PATH, `${'['.repeat(1_000_000)}\n{"a":1}\n`)
    expect(counted(deep)).toEqual([200, 1, 1])
  })

  test('35 a top-level scalar, and elements that are no objects', async () => {
    for (const body of ['7', '"x"', 'null', 'true']) expect(await refused(post(JSON_PATH, body))).toEqual([400, 'not_an_object'])
    expect(counted(await post(JSON_PATH, '[1,"x",null,[{}],{"a":1}]'))).toEqual([200, 1, 4])
  })

  test('35 what no JSON parser may accept', async () => {
    for (const body of ['[{"a":1},]', '{"a":1', '{"a":01}', '{"a":.5}', '{a:1}', "{'a':1}", '[{"a":NaN}]', '{"a":1}x', '{"a":"\n"}', '{"a":"\\x"}', '{"a":"\\ud8"}', '[{"a":1}', '{"a":1}{"a":2}']) {
      expect((await refused(post(JSON_PATH, body)))[0], body).toBe(400)
    }
  })

  test('36 a byte order mark, UTF-16, and invalid UTF-8', async () => {
    expect(counted(await post(JSON_PATH, '\ufeff[{"a":1}]'))).toEqual([200, 1, 0])
    ports.queue.messages.length = 0
    expect((await refused(post(JSON_PATH, Buffer.from('[{"a":1}]', 'utf16le'))))[0]).toBe(400)
    const invalid = Buffer.concat([Buffer.from('{"a":"'), Buffer.of(0xff), Buffer.from('"}')])
    expect(await refused(post(JSON_PATH, invalid))).toEqual([400, 'malformed'])
    expect(counted(await post(MULTI_PATH, invalid))).toEqual([200, 1, 0])
    expect((await post(BULK_PATH, Buffer.concat([Buffer.from('{"index":{"_index":"a"}}\n'), invalid]))).json).toMatchObject({ errors: false })
  })
})

describe('37-43 records', () => {
  test('37 lone surrogates, NUL, U+FFFF and U+FFFE survive the queue', async () => {
    const body = '[{"a":"\\ud800","b":"\\u0000","c":"\uffff","d":"\ufffe","e":"\\udc00x"}]'
    expect(counted(await post(JSON_PATH, body))).toEqual([200, 1, 0])
    expect(await rowsQueued(ports)).toEqual({ 'logs/app': 1 })
  })

  test('38 colliding and prototype keys change nothing but their record', async () => {
    const body = '[{"a.b":1,"a":{"b":2},"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"__proto__.polluted":1}]'
    expect(counted(await post(JSON_PATH, body))).toEqual([200, 1, 0])
    expect(await rowsQueued(ports)).toEqual({ 'logs/app': 1 })
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })

  test('39 keys: empty and 257 bytes are rejected, control characters cleaned, 1,001 fields rejected', async () => {
    const wide = Object.fromEntries(Array.from({ length: 1_001 }, (_, i) => [`k${i}`, 1]))
    const records = [{ '': 1 }, { ['k'.repeat(257)]: 1 }, { 'a\u0000b\nc"d': 1 }, wide, { a: 1 }]
    expect(counted(await post(JSON_PATH, JSON.stringify(records)))).toEqual([200, 2, 3])
    expect(await rowsQueued(ports)).toEqual({ 'logs/app': 2 })
    ports.queue.messages.length = 0
    const fields = await post(MULTI_PATH, JSON.stringify(wide))
    expect([...counted(fields), reasonOf(fields)]).toEqual([200, 0, 1, expect.stringMatching(/1,?000/)])
  })

  test('40 and 41 extreme numbers and clashing types are stored', async () => {
    const body = '[{"n":1e999},{"n":-0},{"n":9007199254740993},{"n":12345678901234567890},{"n":' + '9'.repeat(400) + '},{"n":"x"},{"n":{"m":1}},{"n":true}]'
    expect(counted(await post(JSON_PATH, body))).toEqual([200, 8, 0])
    expect(await rowsQueued(ports)).toEqual({ 'logs/app': 8 })
  })

  test('42 100,001 records, and a record of 1 MiB and a byte', async () => {
    expect(await refused(post(JSON_PATH, `[${'{},'.repeat(100_000)}{}]`))).toEqual([413, 'too_many_records'])
    expect(await refused(post(MULTI_PATH, '{"a":1}\n'.repeat(100_001)))).toEqual([413, 'too_many_records'])
    const record = (bytes: number): string => `{"a":"${'x'.repeat(bytes - 8)}"}`
    expect(counted(await post(JSON_PATH, `[${record(MiB)},${record(MiB + 1)}]`))).toEqual([200, 1, 1])
    expect(await rowsQueued(ports)).toEqual({ 'logs/app': 1 })
  })

  test('43 one bad among 10,000', async () => {
    const lines = Array.from({ length: 10_000 }, (_, i) => (i === 7_777 ? '{"_timestamp":"never"}' : `{"i":${i}}`))
    expect(counted(await post(JSON_PATH, `[${lines.join(',')}]`))).toEqual([200, 9_999, 1])
    expect(counted(await post(MULTI_PATH, lines.join('\n')))).toEqual([200, 9_999, 1])
    const bulk = await post(BULK_PATH, lines.map((line) => `{"index":{"_index":"app"}}\n${line}\n`).join(''))
    const items = bulk.json['items'] as unknown as { index: { status: number } }[]
    expect([bulk.status, bulk.json['errors'], items.findIndex((i) => i.index.status !== 200), items[7_777]!.index.status]).toEqual([200, true, 7_777, 400])
    expect(await rowsQueued(ports)).toEqual({ 'logs/app': 3 * 9_999 })
  })
})

describe('44 _bulk', () => {
  test('a bad action line refuses the whole body', async () => {
    for (const body of ['{"a":1}\n', 'x\n', '{"frobnicate":{"_index":"a"}}\n{}\n', '{"index":{"_index":"a"}}\n{"a":1}\nnot an action\n{"a":1}\n', '{"index":{"_index":"a"},"create":{}}\n{}\n']) {
      expect((await refused(post(BULK_PATH, body)))[0], body).toBe(400)
    }
  })

  test('no source, delete, no index and a hostile index are items\' errors, in order', async () => {
    const body = ['{"index":{"_index":"../x"}}', '{"a":1}', '{"index":{}}', '{"a":1}', '{"delete":{"_index":"a","_id":"1"}}', '{"index":{"_index":"a"}}', '{"a":1}', '{"create":{"_index":"_mine"}}', '{"a":1}', '{"index":{"_index":"a"}}'].join('\r\n')
    const answer = await post(BULK_PATH, body)
    const items = answer.json['items'] as unknown as Record<string, { status: number; _index: string }>[]
    expect(items.map((i) => Object.values(i)[0]!.status)).toEqual([400, 400, 400, 200, 400, 400])
    expect(await rowsQueued(ports)).toEqual({ 'logs/a': 1 })
  })

  test('the last line needs no line feed, lines may end in CRLF, and may be 1 MB long', async () => {
    const line = `{"a":"${'x'.repeat(1_000_000)}"}`
    expect((await post(BULK_PATH, `{"index":{"_index":"a"}}\r\n${line}\r\n{"index":{"_index":"a"}}\n{"a":1}`)).json).toMatchObject({ errors: false })
    expect(await rowsQueued(ports)).toEqual({ 'logs/a': 2 })
  })
})

test('47 a million attributes in one resource is refused in bounded memory', async () => {
  // resource_logs { resource { attributes: KeyValue{} x 1,000,000 }, scope_logs { log_records {} } }
  const attributes = Buffer.alloc(2_000_000)
  for (let i = 0; i < attributes.length; i += 2) attributes[i] = 0x0a
  const field = (number: number, bytes: Uint8Array): Buffer => {
    const n = bytes.length
    return Buffer.concat([Uint8Array.of((number << 3) | 2, (n & 127) | 128, ((n >> 7) & 127) | 128, ((n >> 14) & 127) | 128, n >> 21), bytes])
  }
  const body = field(1, Buffer.concat([field(1, attributes), field(2, Uint8Array.of(0x12, 0x00))]))
  const before = process.memoryUsage.rss()
  const { status, text } = await post(OTLP_PATH, body, PROTOBUF)
  // Wider than any record may be: the record is rejected, or the request is.
  expect([200, 400, 413]).toContain(status)
  if (status === 200) expect(text).toMatch(/1 of 1 records were rejected/)
  expect(ports.queue.messages).toHaveLength(0)
  expect(process.memoryUsage.rss() - before).toBeLessThan(192 * MiB)
})

describe('48 what only a socket can send', () => {
  let server: ReturnType<typeof createServer>
  let port = 0
  beforeEach(async () => {
    const app = ingestAppOver(ports)
    server = createServer(getRequestListener(app.fetch))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    port = (server.address() as AddressInfo).port
  })
  afterEach(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })

  /** sends the text, ends its side, and gives what came back until the other side ended */
  const say = (text: string): Promise<string> => new Promise((resolve, reject) => {
    let heard = ''
    const socket = connect(port, '127.0.0.1', () => socket.end(text))
    socket.on('data', (d) => { heard += d.toString() })
    socket.on('close', () => resolve(heard))
    socket.on('error', reject)
  })

  test('a Content-Length larger than the body stores nothing', async () => {
    const heard = await say(`POST ${JSON_PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n[{"a":1}]`)
    expect(heard).toMatch(/^(HTTP\/1\.1 400 |$)/)
    expect(ports.queue.messages).toHaveLength(0)
    const request = new Request(`http://x${JSON_PATH}`, { method: 'POST', body: '[{"a":1}]', headers: { 'Content-Length': '100' } })
    expect((await ingestAppOver(ports).request(request)).status).toBe(400)
  })

  test('both Content-Length and Transfer-Encoding is 400', async () => {
    const heard = await say(`POST ${JSON_PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n[{"a":1}]\r\n0\r\n\r\n`)
    expect(heard).toMatch(/^HTTP\/1\.1 400 /)
    expect(ports.queue.messages).toHaveLength(0)
  })

  test('a chunked body is taken', async () => {
    const heard = await say(`POST ${JSON_PATH} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n[{"a":1}]\r\n0\r\n\r\n`)
    expect(heard).toMatch(/^HTTP\/1\.1 200 /)
    expect(await rowsQueued(ports)).toEqual({ 'logs/app': 1 })
  })

  test('a declared length above the limit is answered at once and the connection closed', async () => {
    const heard = await say(`POST ${JSON_PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n[`)
    expect(heard).toMatch(/^HTTP\/1\.1 413 [^]*connection: close/i)
  })
})

test('49 empty bodies', async () => {
  expect(counted(await post(JSON_PATH, ''))).toEqual([200, 0, 0])
  expect(counted(await post(JSON_PATH, '[]'))).toEqual([200, 0, 0])
  expect(counted(await post(MULTI_PATH, '\n\n'))).toEqual([200, 0, 0])
  expect((await post(BULK_PATH, '')).text).toMatch(/"errors":false,"items":\[\]/)
  expect(await post(OTLP_PATH, '', PROTOBUF)).toMatchObject({ status: 200, text: '' })
  expect(ports.queue.messages).toHaveLength(0)
  expect(counted(await post(JSON_PATH, '{}'))).toEqual([200, 1, 0])
})

test('50 the queue is down: 503 with a time to come back, never 200, never 500', async () => {
  const down = { ...ports, queue: { send: () => Promise.reject(new Error('ECONNREFUSED /var/lib/queue')) } } as unknown as MemoryPorts
  for (const [path, body] of [[JSON_PATH, '[{"a":1}]'], [MULTI_PATH, '{"a":1}'], [BULK_PATH, '{"index":{"_index":"a"}}\n{"a":1}\n']] as const) {
    const reply = await ingestAppOver(down).request(path, { method: 'POST', body })
    expect([reply.status, reply.headers.get('retry-after')]).toEqual([503, '5'])
    expect(await reply.text()).not.toMatch(/ECONN|\/var/)
  }
})

test('21 stream names that are hostile are refused, or cleaned so that no key holds them', async () => {
  for (const name of ['%2e%2e%2f', '%3B%3B', '_secret', '__proto__', 'x'.repeat(101), '..%2F..%2Fo2%2Fx', '%25252e', '%F0%9F%98%80']) {
    expect(await refused(post(`/api/o1/${name}/_json`, '{"a":1}')), name).toEqual([400, 'invalid_stream'])
  }
  for (const name of ['a%2Fb', 'a%00b', 'CON', 'a%27b', 'a%22b', 'a%3Bdrop', 'a%252e']) {
    const answer = await post(`/api/o1/${name}/_json`, '{"a":1}')
    const [stream] = answer.json['status'] as unknown as JsonStatus[]
    expect(stream!.name, name).toMatch(/^[\p{L}\p{N}_:]+$/u)
  }
})
