// Our classes of the web do what Node's do, as far as our apps and Hono use them.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import * as light from '../../lib/node/web.ts'

const RUNS = { numRuns: 200 * Number(process.env['NILOMETER_RUNS'] ?? 1) }
const outcome = <T>(make: () => T): T | string => {
  try {
    return make()
  } catch (error) {
    return (error as Error).name
  }
}

const name = fc.oneof(fc.constantFrom('Content-Type', 'set-cookie', 'Set-Cookie', 'Cookie', 'X-A', 'x-a', 'bad name', '', 'é', 'a\nb'), fc.string({ maxLength: 5 }))
const value = fc.oneof(fc.string({ maxLength: 12 }), fc.constantFrom(' a ', '\ta\r\n', 'a\r\nb: c', 'a\0b', 'é', '水', ''))
const step = fc.tuple(fc.constantFrom('set', 'append', 'delete', 'get', 'has'), name, value)

test('headers hold, join and refuse what the standard does', () => {
  fc.assert(fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
    const [ours, theirs] = [new light.Headers(), new Headers()]
    for (const [method, n, v] of steps) {
      const act = (h: light.Headers | Headers) => outcome(() => (method === 'set' || method === 'append' ? h[method](n, v) : h[method as 'get' | 'has' | 'delete'](n)))
      expect(act(ours)).toEqual(act(theirs))
    }
    expect([...ours]).toEqual([...theirs])
    expect([...new light.Headers(ours)]).toEqual([...new Headers(theirs)])
    expect([[...ours.keys()], [...ours.values()], ours.getSetCookie()]).toEqual([[...theirs.keys()], [...theirs.values()], theirs.getSetCookie()])
    const each: [string, string][] = []
    ours.forEach((v, k) => each.push([k, v]))
    expect(each).toEqual([...theirs])
  }), RUNS)
})

const bodies = fc.oneof(fc.constant(null), fc.string({ unit: 'binary', maxLength: 20 }), fc.constantFrom('\ufeffa', '"é"', '[1]'), fc.uint8Array({ maxLength: 20 }))

describe('a response', () => {
  test('has the status, headers and bytes that the standard gives it', async () => {
    await fc.assert(fc.asyncProperty(bodies, fc.constantFrom(200, 204, 304, 404, 503, 199, 600), fc.constantFrom({}, { 'Content-Type': 'a/b' }, { 'X-A': '1' }), async (body, status, headers) => {
      const ours = outcome(() => new light.Response(body, { status, headers }))
      const theirs = outcome(() => new Response(body as string, { status, headers }))
      const facts = async (r: light.Response | Response | string) => (typeof r === 'string' ? r : [r.status, r.ok, [...r.headers], Buffer.from(await r.arrayBuffer()).toString('hex')])
      expect(await facts(ours)).toEqual(await facts(theirs))
    }), RUNS)
  })

  test('of JSON is text of that type, unless another is named', async () => {
    for (const init of [{}, { status: 503, headers: { 'Retry-After': '5' } }, { headers: { 'Content-Type': 'application/x' } }]) {
      const [ours, theirs] = [light.Response.json({ a: ['é'] }, init), Response.json({ a: ['é'] }, init)]
      expect([ours.status, [...ours.headers], await ours.text()]).toEqual([theirs.status, [...theirs.headers], await theirs.text()])
    }
  })

  test('made from another one has its status and headers', async () => {
    const first = new light.Response('a', { status: 404, headers: { 'X-A': '1' } })
    const second = new light.Response(first.body, first)
    expect([second.status, second.headers.get('x-a'), await second.text()]).toEqual([404, '1', 'a'])
  })
})

test('a request gives its body as bytes, as text without a byte order mark, and as JSON', async () => {
  await fc.assert(fc.asyncProperty(bodies, async (body) => {
    const make = { method: 'POST', ...(body === null ? {} : { body }) }
    const [ours, theirs] = [new light.Request('http://h/x?y=1', make), new Request('http://h/x?y=1', make as RequestInit)]
    expect([ours.url, ours.method]).toEqual([theirs.url, theirs.method])
    expect(Buffer.from(await ours.arrayBuffer()).toString('hex')).toBe(Buffer.from(await theirs.clone().arrayBuffer()).toString('hex'))
    expect(await ours.text()).toBe(await theirs.text())
  }), RUNS)
  expect(await new light.Request('http://h/', { method: 'POST', body: '{"a":1}' }).json()).toEqual({ a: 1 })
})
