// The receiver's promise: an answer only after the queue's, one request one message, and every
// failure before that a retry.
import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { beforeEach, describe, expect, test } from 'vitest'
import { decodeEnvelope } from '../../lib/engine/ingest/envelope.ts'
import { inflate } from '../../lib/engine/ingest/inflate.ts'
import { receive } from '../../lib/engine/ingest/receive.ts'
import type { Received } from '../../lib/engine/ingest/receive.ts'
import type { IngestRequest } from '../../lib/engine/ingest/request.ts'
import { DEFAULT_SETTINGS } from '../../lib/engine/settings.ts'
import type { Settings } from '../../lib/engine/settings.ts'
import { EngineError } from '../../lib/model/errors.ts'
import type { OrgId } from '../../lib/model/stream.ts'
import { MICROS_PER_HOUR } from '../../lib/model/time.ts'
import { memoryPorts } from '../support/memory-ports.ts'
import type { MemoryPorts } from '../support/memory-ports.ts'

let ports: MemoryPorts
beforeEach(() => {
  ports = memoryPorts()
})

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const request = (over: Partial<IngestRequest> = {}): IngestRequest => ({
  org: 'o1' as OrgId, route: 'json', format: 'json', stream: 'App.Log', contentType: 'application/json',
  contentEncoding: null, idempotencyKey: null, body: bytes('[{"a":1},{"a":"two"}]'), ...over,
})
const send = (over: Partial<IngestRequest> = {}, settings: Partial<Settings> = {}): Promise<Received> =>
  receive(ports, { ...DEFAULT_SETTINGS, ...settings }, request(over))

async function refusal(call: Promise<unknown>): Promise<EngineError> {
  try {
    await call
  } catch (error) {
    if (error instanceof EngineError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

const queued = (): ReturnType<typeof decodeEnvelope>[] => ports.queue.messages.map((m) => decodeEnvelope(m.message.bytes))

test('a request becomes one message that holds its body, its clock and its limits', async () => {
  const received = await send()
  const [envelope] = queued()
  expect(ports.queue.messages).toHaveLength(1)
  expect(ports.queue.messages[0]!.message).toMatchObject({ org: 'o1', bid: received.bid })
  const { header, body } = envelope!
  expect(header).toMatchObject({
    v: 1, bid: received.bid, org: 'o1', acceptedAt: ports.clock.now(), sentAt: ports.clock.now(),
    records: 2, rejected: [], rawBytes: 21, spill: null, replay: 0,
  })
  expect(header.context).toMatchObject({
    route: 'json', format: 'json', stream: 'app_log', acceptedAt: ports.clock.now(),
    oldest: ports.clock.now() - DEFAULT_SETTINGS.pastMicrosMax, newest: ports.clock.now() + DEFAULT_SETTINGS.futureMicrosMax,
  })
  expect(Buffer.from(inflate(body, header.coding, 1_000)).toString()).toBe('[{"a":1},{"a":"two"}]')
  expect(received.verdict.streams.get('app_log')).toEqual({ accepted: 2, rejected: 0, error: null })
})

test('a coded body is queued as it came, untouched by the check', async () => {
  const body = gzipSync('[{"a":"caf\\u00e9"},7]')
  const received = await send({ body, contentEncoding: 'GZIP' })
  const [envelope] = queued()
  expect(envelope!.header).toMatchObject({ coding: 'gzip', rejected: [1], records: 2 })
  expect(Buffer.from(envelope!.body).equals(body)).toBe(true)
  expect(received.verdict.rejections.map((r) => r.ordinal)).toEqual([1])
})

test('nothing is queued or remembered when no record is accepted', async () => {
  for (const body of ['', '[]', '[1,"x"]']) {
    const received = await send({ body: bytes(body), idempotencyKey: 'k' })
    expect(received.bid, body).toBeNull()
  }
  expect(ports.queue.messages).toHaveLength(0)
  expect(ports.catalog.remembered.size).toBe(0)
})

test('a large body goes to a blob, and the message points at it', async () => {
  const body = gzipSync(JSON.stringify(Array.from({ length: 200 }, (_, i) => ({ i, text: createHash('sha256').update(String(i)).digest('hex') }))))
  const { bid } = await send({ body, contentEncoding: 'gzip' }, { spillAboveBytes: body.length - 1 })
  const [envelope] = queued()
  const sha256 = createHash('sha256').update(body).digest('hex')
  expect(envelope!.header.spill).toEqual({ key: `wal/o1/${bid}`, bytes: body.length, sha256 })
  expect(envelope!.body).toHaveLength(0)
  expect(Buffer.from(await ports.blobs.get(`wal/o1/${bid}`)).equals(body)).toBe(true)
  await send({ body, contentEncoding: 'gzip' }, { spillAboveBytes: body.length })
  expect(queued()[1]!.header.spill).toBeNull()
})

describe('an idempotency key', () => {
  test('gives a retry the first bid and the first clock, and sends it again', async () => {
    const first = await send({ idempotencyKey: 'k' })
    ports.clock.micros += MICROS_PER_HOUR
    const second = await send({ idempotencyKey: 'k' })
    expect(second.bid).toBe(first.bid)
    expect(second.acceptedAt).toBe(first.acceptedAt)
    const [a, b] = ports.queue.messages
    expect(Buffer.from(a!.message.bytes).equals(b!.message.bytes)).toBe(true)
  })

  test('judges the retry by the first clock too', async () => {
    const seconds = Math.floor(ports.clock.now() / 1e6)
    const body = bytes(`[{"_timestamp":${seconds - 1_800},"a":1},{"a":2}]`)
    const narrow = { pastMicrosMax: MICROS_PER_HOUR }
    await send({ body, idempotencyKey: 'k' }, narrow)
    ports.clock.micros += MICROS_PER_HOUR
    const retry = await send({ body, idempotencyKey: 'k' }, narrow)
    expect(retry.verdict.rejections).toEqual([])
    expect(queued()[1]!.header).toEqual(queued()[0]!.header)
  })

  test('refuses another request: other bytes, stream, route, media type or coding', async () => {
    const body = bytes('{"a":1}')
    await send({ body, idempotencyKey: 'k' })
    const others: Partial<IngestRequest>[] = [
      { body: bytes('{"a":2}') }, { stream: 'other' }, { route: 'multi' }, { contentType: 'text/plain' },
      { body: gzipSync(body), contentEncoding: 'gzip' },
    ]
    for (const other of others) {
      const error = await refusal(send({ body, ...other, idempotencyKey: 'k' }))
      expect(error.slug, JSON.stringify(other)).toBe('idempotency_mismatch')
    }
    expect(ports.queue.messages).toHaveLength(1)
  })

  test('is its organisation\'s own, and one of a refused request may be used again', async () => {
    await refusal(send({ idempotencyKey: 'k', body: bytes('[{') }))
    await send({ idempotencyKey: 'k' })
    await send({ idempotencyKey: 'k', org: 'o2' as OrgId, body: bytes('{"b":1}') })
    expect(ports.queue.messages).toHaveLength(2)
  })

  test('is not burnt by a queue that was down', async () => {
    const down = { ...ports, queue: { send: () => Promise.reject(new Error('down')) } }
    const error = await refusal(receive(down, DEFAULT_SETTINGS, request({ idempotencyKey: 'k' })))
    expect(error.kind).toBe('unavailable')
    const again = await send({ idempotencyKey: 'k' })
    expect(again.bid).toBe([...ports.catalog.remembered.values()][0]!.bid)
  })

  test('finds the same bytes under a spilled retry', async () => {
    const body = bytes(JSON.stringify(Array.from({ length: 300 }, (_, i) => ({ i }))))
    await send({ body, idempotencyKey: 'k' }, { spillAboveBytes: 10 })
    await send({ body, idempotencyKey: 'k' }, { spillAboveBytes: 10 })
    const [a, b] = queued()
    expect(a).toEqual(b)
    expect(Buffer.from(await ports.blobs.get(a!.header.spill!.key)).equals(body)).toBe(true)
  })
})

describe('a failure before the queue has answered', () => {
  const broken = (what: string): unknown => () => Promise.reject(new TypeError(`${what} broke`))

  test.each([
    ['the queue', { queue: { send: broken('queue') } }, {}],
    ['the blob store', { blobs: { put: broken('blobs') } }, {}],
    ['the catalog', { catalog: { remember: broken('catalog') } }, { idempotencyKey: 'k' }],
  ])('of %s is unavailable, with a time to come back, and never an internal error', async (_what, over, headers) => {
    const faulty = { ...ports, ...over } as unknown as MemoryPorts
    const error = await refusal(receive(faulty, { ...DEFAULT_SETTINGS, spillAboveBytes: 1 }, request(headers)))
    expect([error.slug, error.detail.retryAfterSeconds]).toEqual(['unavailable', 5])
    expect(ports.queue.messages).toHaveLength(0)
    expect(error.message).not.toMatch(/broke/)
  })

  test('is told as it is when it is a throttle', async () => {
    const limited = { ...ports, queue: { send: () => Promise.reject(new EngineError('limited', 'the queue is full', { retryAfterSeconds: 2 })) } }
    expect((await refusal(receive(limited, DEFAULT_SETTINGS, request()))).slug).toBe('limited')
  })

  test('of a port with a client\'s error kind is still ours', async () => {
    const odd = { ...ports, queue: { send: () => Promise.reject(new EngineError('conflict', 'the table is busy')) } }
    expect((await refusal(receive(odd, DEFAULT_SETTINGS, request()))).slug).toBe('unavailable')
  })
})

test('a bug of ours is unavailable to the client and an error in the log', async () => {
  const error = await refusal(send({ stream: 5 as unknown as string }))
  expect(error.slug).toBe('unavailable')
  expect(ports.telemetry.lines.map((l) => l.level)).toEqual(['error'])
})

test('the answer waits for the queue', async () => {
  let answer = (): void => undefined
  const slow = { ...ports, queue: { send: () => new Promise<void>((resolve) => { answer = resolve }) } }
  let done = false
  const call = receive(slow, DEFAULT_SETTINGS, request()).then(() => { done = true })
  for (let i = 0; i < 20; i++) await Promise.resolve()
  expect(done).toBe(false)
  answer()
  await call
})

test('whole requests are refused by their slug', async () => {
  const cases: [string, Partial<IngestRequest>, Partial<Settings>][] = [
    ['payload_too_large', {}, { bodyBytesMax: 20 }],
    ['payload_too_large', { body: gzipSync(Buffer.alloc(5_000, ' ')), contentEncoding: 'gzip' }, { inflatedBytesMax: 4_999 }],
    ['unsupported_encoding', { contentEncoding: 'gzip, gzip' }, {}],
    ['unsupported_encoding', { contentEncoding: 'snappy' }, {}],
    ['malformed', { contentEncoding: 'gzip' }, {}],
    ['invalid_stream', { stream: '///' }, {}],
    ['too_many_records', {}, { recordsMax: 1 }],
    ['too_many_partitions', { body: bytes('[{"_timestamp":1768000000},{"_timestamp":1767000000}]') }, { requestPartitionsMax: 1 }],
  ]
  for (const [slug, over, settings] of cases) expect((await refusal(send(over, settings))).slug, slug).toBe(slug)
  expect(ports.queue.messages).toHaveLength(0)
})

test('requests, records and bytes are counted by route and outcome', async () => {
  await send({ body: bytes('[{"a":1},2]') })
  await refusal(send({ contentEncoding: 'lzma' }))
  const { telemetry } = ports
  expect(telemetry.total('ingest_requests_total', { route: 'json', outcome: 'stored' })).toBe(1)
  expect(telemetry.total('ingest_requests_total', { outcome: 'unsupported_encoding' })).toBe(1)
  expect(telemetry.total('ingest_records_total', { outcome: 'accepted' })).toBe(1)
  expect(telemetry.total('ingest_records_total', { outcome: 'rejected' })).toBe(1)
  expect(telemetry.total('ingest_bytes_total')).toBe(32)
  expect(telemetry.observations.map((o) => o.name)).toEqual(['ingest_receive_ms', 'ingest_receive_ms'])
})

test('an attempt that thaws after its age limit queues nothing and asks for a retry', async () => {
  const put = ports.blobs.put.bind(ports.blobs)
  ports.blobs.put = (key, body) => {
    ports.clock.micros += (DEFAULT_SETTINGS.attemptMsMax + 1) * 1_000
    return put(key, body)
  }
  expect(await refusal(send({}, { spillAboveBytes: 0 }))).toMatchObject({ slug: 'unavailable' })
  expect(ports.queue.messages).toEqual([])
})
