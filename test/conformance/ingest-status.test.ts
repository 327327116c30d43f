// The status table of the wire, row by row and protocol by protocol, over the real app: what each
// client hears decides whether it retries, drops or goes on.
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import type { IngestOptions } from '../../functions/ingest/app.ts'
import { INGEST_STATUS } from '../../lib/api/ingest.ts'
import type { IngestCase, IngestProtocol } from '../../lib/api/ingest.ts'
import { DEFAULT_SETTINGS } from '../../lib/engine/settings.ts'
import { EngineError } from '../../lib/model/errors.ts'
import { ingestAppOver } from '../support/ingest-app.ts'
import { memoryPorts } from '../support/memory-ports.ts'
import type { MemoryPorts } from '../support/memory-ports.ts'

type Sent = NonNullable<RequestInit['body']>

const failing = (error: Error): MemoryPorts => ({ ...memoryPorts(), queue: { send: () => Promise.reject(error) } }) as unknown as MemoryPorts

interface Spoken {
  readonly protocol: IngestProtocol
  readonly path: string
  readonly type: string
  readonly good: string
  readonly partly: string
  readonly malformed: string
}

const json = 'application/json'
const SPOKEN: readonly Spoken[] = [
  { protocol: 'json', path: '/api/o1/app/_json', type: json, good: '[{"a":1}]', partly: '[{"a":1},7]', malformed: '[{"a":1}' },
  { protocol: 'json', path: '/api/o1/app/_multi', type: json, good: '{"a":1}\n{"b":2}', partly: '{"a":1}\nno\n', malformed: '' },
  { protocol: 'bulk', path: '/api/o1/_bulk', type: 'application/x-ndjson', good: '{"index":{"_index":"a"}}\n{"a":1}\n', partly: '{"create":{"_index":"a"}}\n{"a":1}\n{"delete":{"_index":"a","_id":"1"}}\n', malformed: '{"a":1}\n{"b":1}\n' },
  {
    protocol: 'otlp', path: '/api/o1/v1/logs', type: json,
    good: '{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"x"}}]}]}]}',
    partly: '{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"x"}},{"timeUnixNano":"1"}]}]}]}',
    malformed: '{"resourceLogs":7}',
  },
]

test('the table is the wire\'s', () => {
  const row = (which: IngestCase): number[] => [INGEST_STATUS.otlp[which], INGEST_STATUS.bulk[which], INGEST_STATUS.json[which]]
  expect(row('stored')).toEqual([200, 200, 200])
  expect(row('partly')).toEqual([200, 200, 200])
  expect(row('malformed')).toEqual([400, 400, 400])
  expect(row('media')).toEqual([415, 415, 415])
  expect(row('too_large')).toEqual([413, 413, 413])
  expect(row('limited')).toEqual([429, 429, 429])
  expect(row('fault')).toEqual([503, 503, 503])
  expect(row('empty')).toEqual([200, 200, 200])
})

describe.each(SPOKEN)('$path', (spoken) => {
  const { protocol, path, type } = spoken
  const post = (ports: MemoryPorts, body: Sent, headers: Record<string, string> = {}, over: Partial<IngestOptions> = {}): Promise<Response> =>
    Promise.resolve(ingestAppOver(ports, over).request(path, { method: 'POST', body, headers: { 'Content-Type': type, ...headers } }))
  const want = (which: IngestCase): number => INGEST_STATUS[protocol][which]

  test('says stored, partly stored and empty as the table says', async () => {
    const ports = memoryPorts()
    expect((await post(ports, spoken.good)).status).toBe(want('stored'))
    expect((await post(ports, spoken.partly)).status).toBe(want('partly'))
    expect(ports.queue.messages).toHaveLength(2)
    expect((await post(ports, '')).status).toBe(want('empty'))
    expect((await post(ports, gzipSync(spoken.good), { 'Content-Encoding': 'gzip' })).status).toBe(want('stored'))
    expect(ports.queue.messages).toHaveLength(3)
  })

  test('refuses what is malformed, of a wrong type or coding, or too large, and stores none of it', async () => {
    const ports = memoryPorts()
    if (spoken.malformed !== '') expect((await post(ports, spoken.malformed)).status).toBe(want('malformed'))
    expect((await post(ports, spoken.good, { 'Content-Encoding': 'gzip' })).status).toBe(want('malformed'))
    expect((await post(ports, spoken.good, { 'Content-Encoding': 'gzip, gzip' })).status).toBe(want('media'))
    expect((await post(ports, spoken.good, { 'Content-Encoding': 'snappy' })).status).toBe(want('media'))
    expect((await post(ports, spoken.good, { 'Content-Type': 'image/png' })).status).toBe(want('media'))
    const large = await post(ports, spoken.good, {}, { settings: { ...DEFAULT_SETTINGS, bodyBytesMax: 3 } })
    expect([large.status, large.headers.get('connection')]).toEqual([want('too_large'), 'close'])
    const bomb = await post(ports, gzipSync(spoken.good), { 'Content-Encoding': 'gzip' }, { settings: { ...DEFAULT_SETTINGS, inflatedBytesMax: 3 } })
    expect(bomb.status).toBe(want('too_large'))
    expect(ports.queue.messages).toHaveLength(0)
  })

  test('asks for a retry when the fault or the overload is ours, and never answers 500', async () => {
    const cases: [Error, IngestCase, string][] = [
      [new EngineError('limited', 'the queue is full', { retryAfterSeconds: 9 }), 'limited', '9'],
      [new EngineError('unavailable', 'the queue is away'), 'fault', '5'],
      [new EngineError('internal', 'no idea'), 'fault', '5'],
      [new EngineError('query_timeout', 'slow'), 'fault', '5'],
      [new TypeError('boom'), 'fault', '5'],
    ]
    for (const [error, which, after] of cases) {
      const reply = await post(failing(error), spoken.good)
      expect([reply.status, reply.headers.get('retry-after')], error.message).toEqual([want(which), after])
      expect(await reply.text()).not.toMatch(/boom|no idea|\.ts/)
    }
  })

  test('refuses a key that stands for another request with 409', async () => {
    const ports = memoryPorts()
    const key = { 'Idempotency-Key': 'k' }
    expect((await post(ports, spoken.good, key)).status).toBe(200)
    expect((await post(ports, spoken.good, key)).status).toBe(200)
    expect((await post(ports, spoken.partly, key)).status).toBe(409)
    expect(new Set(ports.queue.messages.map((m) => m.message.bid)).size).toBe(1)
  })
})

describe('the reply of _json and _multi', () => {
  test('counts per stream, with the first error only where there is one', async () => {
    const post = async (path: string, body: string): Promise<unknown> =>
      (await ingestAppOver(memoryPorts()).request(path, { method: 'POST', body })).json()
    expect(await post('/api/o1/App%20Log/_json', '{"a":1}')).toEqual({ code: 200, status: [{ name: 'app_log', successful: 1, failed: 0 }] })
    expect(await post('/api/o1/app/_json', '[]')).toEqual({ code: 200, status: [{ name: 'app', successful: 0, failed: 0 }] })
    expect(await post('/api/o1/app/_multi', '{"a":1}\n{"a"\n{"_timestamp":"x"}\n')).toEqual({
      code: 200, status: [{ name: 'app', successful: 1, failed: 2, error: expect.any(String) as string }],
    })
  })

  test('of an error names slug, message and trace', async () => {
    const reply = await ingestAppOver(memoryPorts()).request('/api/o1/app/_json', { method: 'POST', body: '[' })
    expect(await reply.json()).toMatchObject({ code: 400, error: 'malformed', message: expect.any(String) as string, trace_id: 'trace-1' })
  })
})

describe('the reply of _bulk', () => {
  const bulk = (body: string, query = '', over: Partial<IngestOptions> = {}): Promise<Response> =>
    Promise.resolve(ingestAppOver(memoryPorts(), over).request(`/api/o1/_bulk${query}`, { method: 'POST', body }))

  test('begins with the literal that Fluent Bit looks for', async () => {
    const reply = await bulk('{"create":{"_index":"a","_id":"i\\"1"}}\n{"a":1}\n')
    const text = await reply.text()
    expect(text).toMatch(/^\{"took":\d+,"errors":false,"items":\[\{"create":\{"_index":"a","_id":"i\\"1",/)
    expect(JSON.parse(text)).toMatchObject({ items: [{ create: { status: 200, result: 'created', _version: 1 } }] })
    expect(reply.headers.get('x-elastic-product')).toBe('Elasticsearch')
    expect(reply.headers.get('content-type')).toBe('application/json')
  })

  test('keeps order, action and id, with one key an item and a numeric status', async () => {
    const reply = await bulk([
      '{"index":{"_index":"a","_id":"1"}}', '{"m":1}', '{"delete":{"_index":"a","_id":"2"}}', '{"create":{"_index":"b"}}', 'nonsense',
      '{"update":{"_index":"a","_id":"4"}}', '{"doc":{"m":2}}', '{"index":{"_index":"a"}}', '{"_timestamp":"never"}', '',
    ].join('\n'))
    const { errors, items } = await reply.json() as { errors: boolean; items: Record<string, Record<string, unknown>>[] }
    expect(errors).toBe(true)
    expect(items.map((i) => Object.entries(i).map(([action, item]) => [action, item['_id'], item['status']]))).toEqual([
      [['index', '1', 200]], [['delete', '2', 400]], [['create', '', 400]], [['update', '4', 200]], [['index', '', 400]],
    ])
    expect(items[4]!['index']!['error']).toMatchObject({ type: 'timestamp_parsing_failed', reason: expect.any(String) as string })
    expect(items[2]!['create']!['error']).toMatchObject({ type: 'mapper_parsing_exception' })
  })

  test('takes the index of the path, by PUT too, and names the product on errors', async () => {
    const app = ingestAppOver(memoryPorts())
    const reply = await app.request('/api/o1/logs/_bulk', { method: 'PUT', body: '{"index":{}}\n{"a":1}\n' })
    expect(await reply.json()).toMatchObject({ errors: false, items: [{ index: { _index: 'logs' } }] })
    const bad = await app.request('/api/o1/_bulk', { method: 'POST', body: 'x\n' })
    expect([bad.status, bad.headers.get('x-elastic-product')]).toEqual([400, 'Elasticsearch'])
  })

  test('waits for the flush when asked to refresh, and says so when it cannot', async () => {
    let flushed = 0
    const flush = async (): Promise<void> => { flushed++ }
    const body = '{"index":{"_index":"a"}}\n{"a":1}\n'
    for (const query of ['?refresh=wait_for', '?refresh=true', '?refresh']) {
      expect((await bulk(body, query, { flush })).headers.get('x-nilometer-refresh')).toBeNull()
    }
    expect(flushed).toBe(3)
    await bulk(body, '?refresh=false', { flush })
    await bulk(body, '', { flush })
    await bulk('', '?refresh=true', { flush })
    expect(flushed).toBe(3)
    expect((await bulk(body, '?refresh=true')).headers.get('x-nilometer-refresh')).toBe('ignored')
    const broken = await bulk(body, '?refresh=true', { flush: () => Promise.reject(new Error('no')) })
    expect([broken.status, broken.headers.get('x-nilometer-refresh')]).toEqual([200, 'ignored'])
  })

  test('waits for no flush before the rows are in the queue', async () => {
    const ports = memoryPorts()
    const flush = async (): Promise<void> => { expect(ports.queue.messages).toHaveLength(1) }
    await ingestAppOver(ports, { flush }).request('/api/o1/_bulk?refresh=true', { method: 'POST', body: '{"index":{"_index":"a"}}\n{"a":1}\n' })
  })
})
