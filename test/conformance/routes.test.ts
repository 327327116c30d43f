// The permission table and the HTTP apps are one list: no route without a row, which would be refused
// for ever, and no row without a route, which would grant what nobody serves.
import { expect, test, vi } from 'vitest'
import { createAuthenticator } from '../../lib/engine/access/login.ts'
import { ROUTES, matchRoute } from '../../lib/engine/access/permit.ts'
import { newSearchState } from '../../lib/engine/query/search.ts'
import { DEFAULT_SETTINGS } from '../../lib/engine/settings.ts'
import type { OrgId } from '../../lib/model/stream.ts'
import { createApp } from '../../server/app.ts'
import { memoryPorts } from '../support/memory-ports.ts'

const ports = memoryPorts()
const authenticator = await createAuthenticator(ports.catalog, ports.clock, new Uint8Array(32))
/** the door lets everybody in here: what is asked is what stands behind it */
const open = { ...authenticator, authenticate: async () => ({ kind: 'password', name: 'x', role: 'root', orgs: null }) as const }
const app = createApp({
  ports, settings: DEFAULT_SETTINGS, state: newSearchState(), authenticator: open, version: '0', flush: async () => undefined, renderMetrics: () => '',
})

/** one trailing slash is the same route; GET answers HEAD */
const nameOf = (method: string, path: string): string => `${method} ${path.replace(/(?<=.)\/$/, '').replace(/\/(\*|:name)$/, '/*')}`
const served = new Set(app.routes.filter(({ method }) => method !== 'ALL').map(({ method, path }) => nameOf(method, path)))
const permitted = new Set(ROUTES.flatMap(({ methods, path }) => methods.filter((m) => m !== 'HEAD').map((m) => nameOf(m, path))))

test('every route of the apps is in the permission table, and every row of it is served', () => {
  expect([...served].filter((name) => !permitted.has(name))).toEqual([])
  expect([...permitted].filter((name) => !served.has(name))).toEqual([])
})

test('the apps hold no handler for every method of a path: only the door stands before all', () => {
  expect(app.routes.filter(({ method }) => method === 'ALL').map(({ path }) => path)).toEqual(['/*'])
})

test('what reads is asked for with GET, and HEAD goes where GET goes', () => {
  for (const { methods, path } of ROUTES) expect([path, methods.includes('HEAD')]).toEqual([path, methods.includes('GET')])
})

const concrete = (path: string): string => path.replace(':org', 'default').replace(':stream', 's').replace('*', 'x')

test.each(ROUTES.flatMap(({ methods, path }) => methods.map((method) => [method, concrete(path)] as const)))('%s %s reaches a handler, with or without a last slash', async (method, path) => {
  await ports.catalog.createStream({ org: 'default' as OrgId, type: 'logs', name: 's', id: '00', inc: 1, history: [], settings: {}, state: 'live' })
  for (const asked of [path, `${path}/`]) {
    expect(matchRoute(method, asked).row.need).toBe(matchRoute(method, path).row.need)
    const response = await app.request(asked, { method, ...(method === 'GET' || method === 'HEAD' ? {} : { body: '{}' }) })
    expect([asked, response.status === 404]).toEqual([asked, false])
  }
})

test('a path that a row permits and nobody serves is told as any other that does not exist', async () => {
  const response = await app.request('/api/default/_ilm/policy/x/y')
  expect([response.status, response.headers.get('x-content-type-options')]).toEqual([404, 'nosniff'])
  expect(await response.json()).toMatchObject({ code: 404, error: 'not_found' })
})

test('a mistyped query is told to the caller and prints no stack', async () => {
  const printed = vi.spyOn(console, 'error').mockImplementation(() => undefined)
  const response = await app.request('/api/default/_search', { method: 'POST', body: '{"query":{"sql":1}}' })
  expect([response.status, await response.json()]).toMatchObject([400, { error: 'invalid_type' }])
  expect(printed).not.toHaveBeenCalled()
  printed.mockRestore()
})
