// Events of the three edges become the request that was sent, and its answer becomes what each takes.
import { gunzipSync, gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { requestOf } from '../../functions/lambda-event.ts'
import { resultOf } from '../../functions/lambda-result.ts'
import { ANSWER_BODY_BYTES_MAX, LAMBDA_ANSWER_BYTES_MAX } from '../../functions/settings.ts'
import { EDGES, eventOf, type PlainRequest } from '../support/lambda-events.ts'

const got = (edge: (typeof EDGES)[number], request: PlainRequest): Request => requestOf(eventOf(edge, request))!.request

describe.each(EDGES)('an event of the %s edge', (edge) => {
  test('gives every byte of a binary body', async () => {
    const body = Uint8Array.from({ length: 70_000 }, (_, i) => (i * 31) & 255)
    const request = got(edge, { method: 'POST', path: '/v1/logs', body })
    expect(Buffer.compare(Buffer.from(await request.arrayBuffer()), body)).toBe(0)
    expect(request.headers.get('content-length')).toBe('70000')
  })

  test('gives a text body as it was sent', async () => {
    expect(await got(edge, { method: 'POST', path: '/x', body: '{"a":"水位計"}' }).text()).toBe('{"a":"水位計"}')
  })

  test.each([
    '/api/default/app/_json', '/api/default/a%2Fb/_json', '/api/default/a%252Fb/_json', '/api/default/a%20b%2B/_json', '/api/d%C3%A9f/_bulk',
    '/prod/prod/_json', '/prod', '/', '/api/default/100%25/_json', '/api/default/%zz/_json',
  ])('keeps the path %s encoded exactly once', (path) => {
    expect(new URL(got(edge, { method: 'POST', path }).url).pathname).toBe(path)
  })

  test('keeps every value of a query string', () => {
    const { searchParams } = new URL(got(edge, { method: 'GET', path: '/x?type=logs&a=1&a=2&q=%26%3D%20%2B&empty=' }).url)
    expect([...searchParams]).toEqual([['type', 'logs'], ['a', '1'], ['a', '2'], ['q', '&= +'], ['empty', '']])
  })

  test('finds a header by any case, joins several values, and cookies by their own rule', () => {
    const { headers } = got(edge, { method: 'GET', path: '/x', headers: { 'X-Several': ['a', 'b'], AUTHORIZATION: 'Basic x', Cookie: ['k=1; l=2'] } })
    expect([headers.get('x-several')!.replace(', ', ','), headers.get('Authorization'), headers.get('cookie')]).toEqual(['a,b', 'Basic x', 'k=1; l=2'])
  })

  test('keeps a length that its body does not have, for the app to refuse', () => {
    expect(got(edge, { method: 'POST', path: '/x', headers: { 'Content-Length': '3' }, body: 'abcd' }).headers.get('content-length')).toBe('3')
  })
})

test('a REST API behind a domain of its own has no stage to take off', () => {
  const event = eventOf('rest', { method: 'GET', path: '/prod/x%2Fy' })
  const context = { ...(event['requestContext'] as object), path: '/prod/x%2Fy' }
  expect(new URL(requestOf({ ...event, requestContext: context })!.request.url).pathname).toBe('/prod/x%2Fy')
})

test('a REST event without the raw path is encoded again', () => {
  const { requestContext: _, ...event } = eventOf('rest', { method: 'GET', path: '/api/default/a%20b' })
  expect(new URL(requestOf(event)!.request.url).pathname).toBe('/api/default/a%20b')
})

test.each([
  [null], [undefined], [7], ['text'], [[]], [{}], [{ Records: [] }], [{ httpMethod: 'GET' }], [{ httpMethod: 'GET', path: 7 }], [{ httpMethod: 'GET', path: '' }],
  [{ httpMethod: 'GET', path: 'no-slash' }], [{ rawPath: '/x', requestContext: { http: {} } }], [{ httpMethod: 'GET', path: '/x', headers: { 'bad name': 'x' } }],
  [{ httpMethod: 'GET', path: '/x', headers: { a: 'x\r\ny: z' } }], [{ source: 'aws.events', detail: {} }],
])('%j is no request', (event) => {
  expect(requestOf(event)).toBeNull()
})

describe('an answer', () => {
  const headersOf = (r: { headers: Readonly<Record<string, string>> } | null): Readonly<Record<string, string>> => r!.headers

  test('is text where it is text, and base64 where it is not', async () => {
    const text = await resultOf(2, null, new Response('{"a":"é"}', { headers: { 'Content-Type': 'application/json' } }))
    expect(text).toMatchObject({ statusCode: 200, body: '{"a":"é"}', isBase64Encoded: false, headers: { 'content-type': 'application/json' } })
    const bytes = await resultOf(1, null, new Response(Uint8Array.of(0, 255, 10), { headers: { 'Content-Type': 'application/x-protobuf' } }))
    expect(bytes).toMatchObject({ body: 'AP8K', isBase64Encoded: true })
    expect(await resultOf(1, null, new Response(null))).toMatchObject({ body: '', isBase64Encoded: false })
  })

  test('is compressed only for a client that takes it, and only when it is long', async () => {
    const long = '{"a":1}'.repeat(10_000)
    const json = (body: string): Response => new Response(body, { headers: { 'Content-Type': 'application/json' } })
    const squeezed = await resultOf(1, 'deflate, gzip;q=1.0', json(long))
    expect(headersOf(squeezed)).toMatchObject({ 'content-encoding': 'gzip', vary: 'Accept-Encoding' })
    expect(gunzipSync(Buffer.from(squeezed!.body, 'base64')).toString()).toBe(long)
    for (const accept of [null, '', 'br', 'gzip;q=0', 'gzip; q=0.00', 'notgzip']) expect(headersOf(await resultOf(1, accept, json(long)))).not.toHaveProperty('content-encoding')
    expect(headersOf(await resultOf(1, 'gzip', json('{}')))).not.toHaveProperty('content-encoding')
    const already = await resultOf(1, 'gzip', new Response(gzipSync(long.repeat(9)), { headers: { 'Content-Encoding': 'gzip', 'Content-Type': 'application/json' } }))
    expect([gunzipSync(Buffer.from(already!.body, 'base64')).toString().length, already!.isBase64Encoded]).toEqual([long.length * 9, true])
  })

  test('carries several cookies as each payload version has them', async () => {
    const cookies = (): Response => new Response(null, { headers: [['Set-Cookie', 'a=1'], ['Set-Cookie', 'b=2'], ['Connection', 'close'], ['X-A', '1']] })
    expect(await resultOf(1, null, cookies())).toMatchObject({ headers: { 'x-a': '1' }, multiValueHeaders: { 'set-cookie': ['a=1', 'b=2'] } })
    const two = await resultOf(2, null, cookies())
    expect(two).toMatchObject({ headers: { 'x-a': '1' }, cookies: ['a=1', 'b=2'] })
    expect(two!.headers).not.toHaveProperty('connection')
  })

  test('of the longest body allowed fits an invocation, whatever it holds; a longer one is none', async () => {
    for (const [fill, type] of [['"', 'application/json'], ['\u0000', 'text/plain'], ['\xff', 'application/octet-stream']] as const) {
      const body = Buffer.alloc(ANSWER_BODY_BYTES_MAX, fill, 'latin1')
      const result = await resultOf(1, null, new Response(body, { headers: { 'Content-Type': type, 'X-Long': 'x'.repeat(16_000) } }))
      expect(Buffer.byteLength(JSON.stringify(result))).toBeLessThan(LAMBDA_ANSWER_BYTES_MAX)
    }
    for (const bytes of [2 ** 19, 2 ** 19 + 1]) {
      const short = new Response(Buffer.alloc(bytes), { headers: { 'Content-Type': 'text/plain' } })
      expect(JSON.stringify(await resultOf(1, null, short)).length).toBeLessThan(LAMBDA_ANSWER_BYTES_MAX)
    }
    const long = Buffer.alloc(ANSWER_BODY_BYTES_MAX + 1)
    expect(await resultOf(1, null, new Response(long))).toBeNull()
    expect(await resultOf(1, 'gzip', new Response(long))).not.toBeNull()
  })
})
