// The same requests to embedded mode over a socket and to the functions as events of each edge, over
// ports in memory made alike: status, headers and bodies are equal, hostile rows included. Once with
// Node's classes of the web, once bundled as the functions are, with our own.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bundleOptions } from '../../cdk/bundle.ts'
import { INGEST_PATHS } from '../../functions/routes.ts'
import { settingsOnAws } from '../../functions/settings.ts'
import type { LambdaResult } from '../../functions/lambda.ts'
import { createAuthenticator } from '../../lib/engine/access/login.ts'
import { matchRoute } from '../../lib/engine/access/permit.ts'
import type { SearchState } from '../../lib/engine/query/search.ts'
import { createApp } from '../../server/app.ts'
import { listen, type HttpServer } from '../../server/http.ts'
import { readServerEnvironment } from '../../server/environment.ts'
import { EDGES, contextOf, eventOf, type Edge, type PlainRequest } from '../support/lambda-events.ts'
import { TOKENS, addTokens, memoryLambda, type MemoryLambda } from '../support/lambda-memory.ts'
import { memoryPorts } from '../support/memory-ports.ts'
import { sendPlain } from '../support/plain-http.ts'

/** a bomb needs not be large to be one */
const SETTINGS = { ...settingsOnAws({ retentionDays: 3_650, answerSeconds: 28 }), inflatedBytesMax: 5 * 2 ** 20 }
const workDir = mkdtempSync(join(tmpdir(), 'nilometer-door-'))
let bundled: (settings: typeof SETTINGS) => Promise<MemoryLambda>
beforeAll(async () => {
  const source = join(import.meta.dirname, '../support/lambda-memory.ts')
  await build({ ...bundleOptions('ingest'), entryPoints: [source], outdir: workDir, sourcemap: false })
  bundled = ((await import(join(workDir, 'lambda-memory.mjs'))) as { memoryLambda: typeof memoryLambda }).memoryLambda
})
afterAll(() => rmSync(workDir, { recursive: true, force: true }))

const auth = (scope: keyof typeof TOKENS): Record<string, string> => ({ Authorization: `Bearer ${TOKENS[scope]}` })
const json = { 'Content-Type': 'application/json' }
const protobuf = { 'Content-Type': 'application/x-protobuf' }
const post = (path: string, body: string | Uint8Array, headers: Record<string, string> = {}, scope: keyof typeof TOKENS = 'ingest'): PlainRequest =>
  ({ method: 'POST', path, body, headers: { ...auth(scope), 'Content-Length': String(Buffer.byteLength(body as string)), ...headers } })
const get = (path: string, scope: keyof typeof TOKENS = 'admin', method = 'GET'): PlainRequest => ({ method, path, headers: auth(scope) })

const OTLP = '{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"x"}},{"timeUnixNano":"1"}]}]}]}'
const BULK = '{"create":{"_index":"a"}}\n{"a":1}\n{"delete":{"_index":"a","_id":"1"}}\n'

const REQUESTS: readonly PlainRequest[] = [
  post('/api/default/app/_json', '[{"a":1},7,{"b":"水"}]', json),
  post('/api/default/app/_json', '', json),
  post('/api/default/app/_json', '[{"a":1}', json),
  post('/api/default/app/_json', gzipSync('[{"a":1}]'), { ...json, 'Content-Encoding': 'gzip' }),
  post('/api/default/app/_json', '[{"a":1}]', { ...json, 'Content-Encoding': 'gzip' }),
  post('/api/default/app/_json', '[]', { ...json, 'Content-Encoding': 'gzip, gzip' }),
  post('/api/default/app/_json', '\ufeff[{"a":1}]', json),
  post('/api/default/app/_json', Uint8Array.of(0x5b, 0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d, 0x5d), json),
  post('/api/default/app/_json', '['.repeat(100_000), json),
  post('/api/default/app/_json', gzipSync(Buffer.alloc(6 * 2 ** 20)), { ...json, 'Content-Encoding': 'gzip' }),
  post('/api/default/app/_json', Buffer.alloc(SETTINGS.bodyBytesMax + 1, 0x20), json),
  post('/api/default/app/_json', '[{"a":1}]', { ...json, 'Idempotency-Key': 'k1' }),
  post('/api/default/app/_json', '[{"a":1}]', { ...json, 'Idempotency-Key': 'k1' }),
  post('/api/default/app/_json', '[{"a":2}]', { ...json, 'Idempotency-Key': 'k1' }),
  post('/api/default/app/_multi', '{"a":1}\n{"b":2}\nno'),
  post('/api/default/_bulk', BULK),
  post('/api/default/_bulk?refresh=wait_for', BULK),
  post('/api/default/s%C3%A9/_bulk', '{"index":{}}\n{"a":1}\n'),
  { ...post('/api/default/_bulk', BULK), method: 'PUT' },
  post('/api/default/v1/logs', OTLP, json),
  post('/v1/logs', OTLP, json),
  post('/v1/logs', '{"resourceLogs":7}', json),
  post('/v1/logs', '', protobuf),
  post('/v1/logs', Uint8Array.of(0xff, 0xff, 0x80), protobuf),
  post('/v1/logs', 'x', { 'Content-Type': 'image/png' }),
  ...['', '/', '/_license', '/_xpack', '/_cluster/health', '/_nodes/http', '/_template/x', '/_ilm/policy/a%2Fb'].map((path) => get(`/api/default${path}`, 'ingest')),
  { ...get('/api/default', 'ingest'), headers: { ...auth('ingest'), 'User-Agent': 'elastic-transport-python/8.15.1' } },
  get('/api/default/_template/x', 'ingest', 'HEAD'), get('/api/default', 'ingest', 'HEAD'), get('/healthz', 'read', 'HEAD'),
  { method: 'GET', path: '/healthz' }, { method: 'GET', path: '/config' }, { method: 'GET', path: '/config/' },
  ...['/healthz', '/api/default/_search', '/v1/logs', '/api/default/app/_json', '/nowhere'].flatMap((path) => [get(path, 'admin', 'OPTIONS'), get(path, 'admin', 'DELETE')]),
  get('/metrics'), get('/metrics', 'ingest'), get('/api/default/streams'), get('/api/default/streams?type=logs&type=x&limit=a'), get('/api/default/streams', 'ingest'),
  get('/api/default/streams/none/schema', 'read'),
  post('/api/default/_search', '{', json, 'read'), post('/api/default/_search', '[]', json, 'read'), post('/api/default/_search', '{"query":{"sql":7}}', json, 'read'),
  post('/api/default/_search', '{"query":{"sql":"SELECT 1","start_time":2,"end_time":1}}', json, 'read'),
  post('/api/default/_search', '{"query":{"sql":"SELECT 1","start_time":0,"end_time":0}}', json, 'read'),
  post('/api/default/_search', `{"query":{"sql":"${'x'.repeat(2 ** 20)}"}}`, json, 'read'), post('/api/default/_search', '{}', json, 'ingest'),
  { method: 'POST', path: '/api/default/app/_json', body: '[]' }, { method: 'GET', path: '/api/default/streams' },
  ...['Basic', 'Basic !!!notbase64', `Bearer ${TOKENS.ingest.slice(0, -1)}0`, 'Basic cm9vdEB4'].map((Authorization) => ({ method: 'GET', path: '/api/default/streams', headers: { Authorization } })),
  { method: 'GET', path: `/api/default/streams?token=${TOKENS.admin}` },
  ...['..', '%2e%2e', '%252e%252e%252f', 'default/../o2', 'default%2Fo2', 'O1', 'default%20', '%EF%BD%8F1', 'o2', 'x'.repeat(300), '%zz', 'default;x=1'].flatMap((org) => [
    get(`/api/${org}/streams`), post(`/api/${org}/app/_json`, '[{"a":1}]', json),
  ]),
  ...['a%2Fb', 'a%00b', "a'b", 'a%22b', '__proto__', '%F0%9F%98%80', 'x'.repeat(200)].map((stream) => post(`/api/default/${stream}/_json`, '[{"a":1}]', json)),
  ...['//api//default//streams', '/API/default/streams', '/api/default/streams/', '/api/default/./streams', '/../../package.json', '/.git/config', '/', '/%', '/a b'.replace(' ', '%20')].map((path) => get(path)),
  post('/api/default/app/_json', '[{"a":1}]', { ...json, 'X-Forwarded-User': 'root', Cookie: 'session=1; org=o2' }),
]

/** of the connection, or of the moment */
const NOT_COMPARED = new Set(['date', 'connection', 'keep-alive', 'transfer-encoding', 'content-length', 'vary'])
const plainHeaders = (headers: Readonly<Record<string, unknown>>): unknown =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !NOT_COMPARED.has(name)).map(([name, value]) => [name, String(value)]).sort())
const bodyOf = ({ body, isBase64Encoded }: LambdaResult): string => Buffer.from(body, isBase64Encoded ? 'base64' : 'utf8').toString('latin1')
/** ids of requests differ, for each deployment counts its own */
const withoutIds = (body: string): string => body.replace(/"trace_id":"[^"]*"/g, '"trace_id":""').replace(/"took":\d+/g, '"took":0')

/** the function that an edge routes a path to */
function functionOf({ ingest, query }: MemoryLambda, { method, path }: PlainRequest): MemoryLambda['ingest'] {
  try {
    return INGEST_PATHS.includes(matchRoute(method, path.split('?')[0]!).row.path) ? ingest : query
  } catch {
    return /_json|_bulk|v1\/logs/.test(path) ? ingest : query
  }
}

interface Answers { readonly status: number; readonly headers: unknown; readonly body: string }

async function embeddedAnswers(): Promise<{ answers: Answers[]; queued: number }> {
  const ports = memoryPorts()
  await addTokens(ports)
  const authenticator = await createAuthenticator(ports.catalog, ports.clock, new Uint8Array(32))
  const app = createApp({ ports, settings: SETTINGS, state: {} as SearchState, authenticator, version: '0.0.0', flush: async () => undefined, renderMetrics: () => 'metrics\n' })
  const server: HttpServer = await listen(app, readServerEnvironment({ ZO_HTTP_PORT: '0' }, 1))
  try {
    const answers: Answers[] = []
    for (const request of REQUESTS) {
      const { status, headers, body } = await sendPlain(server.url, request)
      answers.push({ status, headers: plainHeaders(headers), body: withoutIds(body.toString('latin1')) })
    }
    return { answers, queued: ports.queue.messages.length }
  } finally {
    await server.stop()
  }
}

describe('the functions answer as embedded mode does', () => {
  let embedded: Awaited<ReturnType<typeof embeddedAnswers>>
  beforeAll(async () => {
    embedded = await embeddedAnswers()
  })

  test('and the requests are told apart', () => {
    const statuses = new Set(embedded.answers.map(({ status }) => status))
    expect([...statuses].sort()).toEqual([200, 400, 401, 403, 404, 409, 413, 415, 503])
    expect(embedded.queued).toBeGreaterThan(10)
  })

  const asked = async (lambda: MemoryLambda, edge: Edge): Promise<void> => {
    for (const [i, request] of REQUESTS.entries()) {
      const result = await functionOf(lambda, request)(eventOf(edge, request), contextOf())
      const name = `${request.method} ${request.path.slice(0, 80)} (${i})`
      expect({ name, status: result.statusCode, headers: plainHeaders(result.headers), body: withoutIds(bodyOf(result)) }).toEqual({ name, ...embedded.answers[i] })
    }
    expect(lambda.ports.queue.messages).toHaveLength(embedded.queued)
  }

  test.each(EDGES)('as events of the %s edge, with the classes of Node', async (edge) => {
    const lambda = await memoryLambda(SETTINGS)
    expect(lambda.responseClass).toBe(Response)
    await asked(lambda, edge)
  })

  test.each(EDGES)('as events of the %s edge, with the classes of the bundle', async (edge) => {
    const lambda = await bundled(SETTINGS)
    expect(lambda.responseClass).not.toBe(Response)
    await asked(lambda, edge)
  })
})
