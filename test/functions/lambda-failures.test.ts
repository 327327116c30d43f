// What the functions answer when something fails or takes too long: clients of ingestion drop a batch
// on 500 and 502 and send it again on 503, so theirs is never anything else; and no reply is too long
// to be sent once rows are stored.
import fc from 'fast-check'
import { randomBytes } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { lambdaDoor } from '../../functions/lambda-door.ts'
import { resultOf } from '../../functions/lambda-result.ts'
import type { LambdaResult } from '../../functions/lambda.ts'
import { ANSWER_BODY_BYTES_MAX, LAMBDA_ANSWER_BYTES_MAX, LAMBDA_ANSWER_HEAD_BYTES, settingsOnAws } from '../../functions/settings.ts'
import { bulkReply, bulkReplyBytes, type BulkOutcome } from '../../lib/api/ingest.ts'
import { createDeadline } from '../../lib/aws/deadline.ts'
import { MESSAGE_TEXT_MAX, encodeMessage } from '../../lib/aws/message.ts'
import type { Catalog } from '../../lib/engine/ports.ts'
import { EngineError, type ErrorSlug } from '../../lib/model/errors.ts'
import { contextOf, eventOf, type PlainRequest } from '../support/lambda-events.ts'
import { TOKENS, memoryLambda } from '../support/lambda-memory.ts'
import { MemoryTelemetry } from '../support/memory-ports.ts'

const SETTINGS = settingsOnAws({ retentionDays: 30, answerSeconds: 28 })
const headers = { Authorization: `Bearer ${TOKENS.ingest}`, 'Content-Type': 'application/json' }
const send = (path: string, body: string | Uint8Array): PlainRequest => ({ method: 'POST', path, body, headers })
const INGESTS: readonly PlainRequest[] = [
  send('/api/default/app/_json', '[{"a":1}]'), send('/api/default/app/_multi', '{"a":1}'), send('/api/default/_bulk', '{"index":{"_index":"a"}}\n{"a":1}\n'),
  send('/v1/logs', '{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"x"}}]}]}]}'),
]
const slugOf = ({ body }: LambdaResult): string => /"(?:error|message)":"(\w+)/.exec(body)?.[1] ?? body
const never = (): Promise<never> => new Promise(() => undefined)

describe('a neighbour that fails', () => {
  const errors = [new EngineError('unavailable', 'down'), new EngineError('internal', 'a bug'), new EngineError('conflict', 'again'), new Error('thrown'), new TypeError('a bug')]
  test.each(errors)('(%s) makes every ingest route say 503 with Retry-After', async (error) => {
    const failing = (): Promise<never> => Promise.reject(error)
    const queueDown = await memoryLambda(SETTINGS, () => ({ queue: { send: failing } }))
    const catalogDown = await memoryLambda(SETTINGS, (made) => ({ catalog: new Proxy<Catalog>(made.catalog, { get: () => failing }) }))
    for (const { ingest } of [queueDown, catalogDown]) {
      for (const request of INGESTS) {
        const result = await ingest(eventOf('rest', request), contextOf())
        expect([request.path, result.statusCode, Number(result.headers['retry-after'])]).toEqual([request.path, 503, 5])
      }
    }
  })

  test('in the app itself is answered and logged, never thrown', async () => {
    const telemetry = new MemoryTelemetry()
    const broken = lambdaDoor({ app: { fetch: () => Promise.reject(new TypeError('a bug')) }, deadline: createDeadline({ monotonicMs: () => 0 }), telemetry })
    for (const request of [...INGESTS, send('/api/default/_search', '{}'), send('/nowhere', '')]) {
      const { statusCode, headers: got, body } = await broken(eventOf('http', request), contextOf())
      expect([statusCode, got['retry-after'], got['x-content-type-options']]).toEqual([503, '5', 'nosniff'])
      expect(body).not.toMatch(/a bug|\.ts/)
    }
    expect(telemetry.lines.filter(({ level }) => level === 'error')).toHaveLength(INGESTS.length + 2)
  })
})

test.each([null, 7, 'x', [], {}, { Records: [] }, { httpMethod: 'GET', path: 'x' }])('the event %j is answered with 400', async (event) => {
  const { ingest, query } = await memoryLambda(SETTINGS)
  for (const invoke of [ingest, query]) {
    const result = await invoke(event, contextOf())
    expect([result.statusCode, slugOf(result), result.headers['content-type']]).toEqual([400, 'malformed', 'application/json'])
  }
})

describe('an invocation whose time is short', () => {
  test('answers 503 with Retry-After on every ingest route before Lambda ends it', async () => {
    const { ingest } = await memoryLambda(SETTINGS, () => ({ queue: { send: never } }))
    for (const request of INGESTS) {
      const startedMs = performance.now()
      const result = await ingest(eventOf('url', request), contextOf(530))
      expect([result.statusCode, result.headers['retry-after']]).toEqual([503, '5'])
      expect(performance.now() - startedMs).toBeLessThan(530)
    }
  })

  test('answers 408 to a search and 503 to anything else', async () => {
    const { query } = await memoryLambda(SETTINGS, (made) => ({ sql: { open: never }, catalog: Object.assign(Object.create(made.catalog) as typeof made.catalog, { streams: never }) }))
    const read = { Authorization: `Bearer ${TOKENS.read}` }
    const search = { method: 'POST', path: '/api/default/_search', headers: read, body: '{"query":{"sql":"SELECT 1","start_time":0,"end_time":0}}' }
    const late = await query(eventOf('rest', search), contextOf(530))
    expect([late.statusCode, slugOf(late), (JSON.parse(late.body) as { code: number }).code]).toEqual([408, 'query_timeout', 20010])
    const streams = await query(eventOf('rest', { method: 'GET', path: '/api/default/streams', headers: read }), contextOf(530))
    expect([streams.statusCode, streams.headers['retry-after']]).toEqual([503, '5'])
  })

  test('with none left it still answers', async () => {
    const { ingest } = await memoryLambda(SETTINGS, () => ({ queue: { send: never } }))
    expect((await ingest(eventOf('rest', INGESTS[0]!), contextOf(0))).statusCode).toBe(503)
  })
})

describe('a reply that names every record', () => {
  const units = fc.oneof(fc.string({ unit: 'binary', maxLength: 40 }), fc.constant('\u0000'.repeat(30)), fc.constant('\ud800"\\'))
  const item: fc.Arbitrary<BulkOutcome> = fc.record({
    action: fc.constantFrom('create', 'index', 'update', 'delete'), index: units, id: fc.option(units),
    error: fc.option(fc.record({ slug: fc.constantFrom<ErrorSlug>('timestamp', 'malformed', 'invalid_stream'), message: units })),
  })

  test('is never longer than its estimate, and the estimate above the bound is exact', () => {
    fc.assert(fc.property(fc.array(item, { maxLength: 30 }), (items) => {
      const bytes = Buffer.byteLength(bulkReply(999_999, items))
      expect(bytes).toBeLessThanOrEqual(bulkReplyBytes(items, Infinity))
      expect(bytes).toBeLessThanOrEqual(bulkReplyBytes(items, 0))
      expect(bulkReplyBytes(items, 0)).toBeLessThanOrEqual(bytes + 256)
    }), { numRuns: 200 * Number(process.env['NILOMETER_RUNS'] ?? 1) })
  })

  const bulk = (n: number, action: string): Uint8Array => gzipSync(Buffer.from(`${action}\n{"a":1}\n`.repeat(n)), { level: 1 })
  test.each([
    ['stored', '{"create":{"_index":"a"}}', 20_000],
    ['of long ids that JSON makes six times as long', `{"create":{"_index":"a","_id":"${'\\u0001'.repeat(80)}"}}`, 4_000],
    ['rejected for their names', `{"create":{"_index":"${'x'.repeat(3_000)}"}}`, 500],
    ['of the largest request', '{"index":{"_index":"a"}}', 100_000],
  ])('of records %s fits an answer, or nothing is stored', async (_name, action, n) => {
    const { ingest, ports } = await memoryLambda(SETTINGS)
    const seen: number[] = []
    for (const count of [n, Math.floor(n / 4), 10]) {
      const before = ports.queue.messages.length
      const request = { ...send('/api/default/_bulk', bulk(count, action)), headers: { ...headers, 'Content-Encoding': 'gzip' } }
      const result = await ingest(eventOf('rest', request), contextOf())
      seen.push(result.statusCode)
      expect(Buffer.byteLength(JSON.stringify(result))).toBeLessThan(LAMBDA_ANSWER_BYTES_MAX)
      if (result.statusCode === 200) continue
      expect([result.statusCode, slugOf(result), ports.queue.messages.length]).toEqual([413, 'too_many_records', before])
      expect(result.body).toContain('split the request')
    }
    expect(seen.at(-1)).toBe(200)
  })

  test('of the most bytes the setting allows is sent whole', async () => {
    const result = await resultOf(1, null, new Response('"'.repeat(SETTINGS.replyBytesMax), { headers: { 'Content-Type': 'application/json' } }))
    expect(Buffer.byteLength(JSON.stringify(result))).toBeLessThan(LAMBDA_ANSWER_BYTES_MAX)
    expect(Math.ceil(ANSWER_BODY_BYTES_MAX / 3) * 4 + LAMBDA_ANSWER_HEAD_BYTES).toBeLessThan(LAMBDA_ANSWER_BYTES_MAX)
  })
})

test('an answer that is too long is told, unless the client takes it compressed', async () => {
  const fetch = (): Response => new Response('x'.repeat(ANSWER_BODY_BYTES_MAX + 1), { headers: { 'Content-Type': 'application/json' } })
  const long = lambdaDoor({ app: { fetch }, deadline: createDeadline({ monotonicMs: () => 0 }), telemetry: new MemoryTelemetry() })
  const get = { method: 'GET', path: '/api/default/streams' }
  const refused = await long(eventOf('rest', get), contextOf())
  expect([refused.statusCode, slugOf(refused)]).toEqual([422, 'too_costly'])
  const sent = await long(eventOf('rest', { ...get, headers: { 'Accept-Encoding': 'gzip' } }), contextOf())
  expect([sent.statusCode, sent.headers['content-encoding']]).toEqual([200, 'gzip'])
})

test('the largest body that is not spilled fits a message, however many records of it are rejected', async () => {
  const { ingest, ports } = await memoryLambda(SETTINGS)
  const noise = randomBytes(Math.floor(SETTINGS.spillAboveBytes * 0.975)).toString('base64')
  const body = gzipSync(`[${'7,{"a":1},'.repeat(49_999)}{"a":"${noise.slice(0, noise.length / 2)}"},{"a":"${noise.slice(noise.length / 2)}"}]`)
  const request = { ...send(`/api/default/${'s'.repeat(100)}/_json`, body), headers: { ...headers, 'Content-Encoding': 'gzip', 'Idempotency-Key': 'k'.repeat(200) } }
  const result = await ingest(eventOf('rest', request), contextOf())
  expect([result.statusCode, ports.blobs.objects.size]).toEqual([200, 0])
  expect(body.length).toBeGreaterThan(SETTINGS.spillAboveBytes * 0.95)
  const left = MESSAGE_TEXT_MAX - encodeMessage(ports.queue.messages[0]!.message).length
  // What the body lacks of the bound, in base64, is still to be had.
  expect(left).toBeGreaterThan((SETTINGS.spillAboveBytes - body.length) * 4 / 3)
})
