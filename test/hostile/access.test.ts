// Hostile inputs of parts A and B: who may come in and how far, through the whole app as the server
// mounts it. Each route of the permission table is tried with every kind of credential; every answer
// carries the headers of a public door.
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { PLATFORM, createAuthenticator, type Authenticator, type UserDocument } from '../../lib/engine/access/login.ts'
import { hashPassword, PASSWORD_BYTES_MAX, type PasswordCost } from '../../lib/engine/access/password.ts'
import { ROUTES } from '../../lib/engine/access/permit.ts'
import { mintToken, type TokenDocument, type TokenScope } from '../../lib/engine/access/token.ts'
import { newSearchState } from '../../lib/engine/query/search.ts'
import { DEFAULT_SETTINGS } from '../../lib/engine/settings.ts'
import type { OrgId } from '../../lib/model/stream.ts'
import { createApp } from '../../server/app.ts'
import { memoryPorts, type MemoryPorts } from '../support/memory-ports.ts'

/** hashes are counted, not timed: the cheapest ones will do */
const CHEAP: PasswordCost = { memoryKib: 64, passes: 1, parallelism: 1 }
const NFC = 'p:ss:caf\u00e9'
const NFD = 'p:ss:cafe\u0301'

let ports: MemoryPorts
let authenticator: Authenticator
let app: ReturnType<typeof createApp>
const tokens: Record<string, string> = {}

async function addUser(email: string, password: string, role: UserDocument['role'], orgs: UserDocument['orgs']): Promise<void> {
  const phc = await hashPassword(Buffer.from(password), Buffer.alloc(16, email), CHEAP)
  await ports.catalog.putDocument(PLATFORM, 'user', email, { email, phc, role, orgs } satisfies UserDocument, 0)
}

async function addToken(name: string, org: string, scope: TokenScope, over: Partial<TokenDocument> = {}): Promise<void> {
  const token = mintToken(Buffer.alloc(40, `${name} token `), org, scope, ports.clock.now())
  await ports.catalog.putDocument(PLATFORM, 'token', token.id, { ...token.document, ...over }, 0)
  tokens[name] = token.text
}

beforeAll(async () => {
  ports = memoryPorts()
  await addUser('root@x', NFC, 'root', null)
  await addUser('viewer@x', 'viewer-password', 'viewer', ['default' as OrgId])
  await addToken('ingest', 'default', 'ingest')
  await addToken('read', 'default', 'read')
  await addToken('other', 'o2', 'admin')
  await addToken('expired', 'default', 'ingest', { expiresAt: ports.clock.now() - 1 })
  await addToken('revoked', 'default', 'ingest', { revoked: true })
  authenticator = await createAuthenticator(ports.catalog, ports.clock, Buffer.alloc(32, 7))
  app = createApp({
    ports, settings: DEFAULT_SETTINGS, state: newSearchState(), authenticator, version: '0', flush: async () => undefined, renderMetrics: () => 'metrics',
  })
})

let hashesBefore = 0
beforeEach(() => {
  hashesBefore = authenticator.hashes()
})
/** of the test so far */
const hashes = (): number => authenticator.hashes() - hashesBefore

const basic = (user: string, password: string): string => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
const bearer = (name: string): string => `Bearer ${tokens[name]}`

interface Answer {
  readonly status: number
  readonly slug: string | undefined
  readonly text: string
  readonly headers: Headers
}

async function ask(method: string, path: string, authorization: string | null = null, headers: Record<string, string> = {}, body = '{}'): Promise<Answer> {
  const sent = { ...headers, ...(authorization === null ? {} : { Authorization: authorization }) }
  const response = await app.request(path, { method, headers: sent, ...(method === 'GET' || method === 'HEAD' ? {} : { body }) })
  const text = await response.text()
  expect(securityHeaders(response.headers), `${method} ${path}`).toEqual(SECURITY_HEADERS)
  expect(text).not.toMatch(/\bat .*\.[jt]s:\d|node_modules|\/work\//)
  const slug = /"error":"(\w+)"/.exec(text)?.[1] ?? /"message":"(\w+): /.exec(text)?.[1]
  return { status: response.status, slug, text, headers: response.headers }
}

const SECURITY_HEADERS = {
  'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer', 'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'strict-transport-security': 'max-age=31536000; includeSubDomains',
}
const securityHeaders = (headers: Headers): Record<string, string | null> =>
  Object.fromEntries(Object.keys(SECURITY_HEADERS).map((name) => [name, headers.get(name)]))

const refusal = async (answer: Promise<Answer>): Promise<[number, string | undefined]> => {
  const { status, slug } = await answer
  return [status, slug]
}
/** what a refusal looks like to a method: HEAD has no body to tell its reason in */
const told = (method: string, status: number, slug: string): [number, string | undefined] => [status, method === 'HEAD' ? undefined : slug]

/** method, path in an organisation, need */
const routes = (org: string) => ROUTES.flatMap(({ methods, path, need }) =>
  methods.map((method) => ({ method, need, path: path.replace(':org', org).replace(':stream', 's').replace('*', 'x'), hasOrg: path.includes(':org') })))
const guarded = routes('default').filter(({ need }) => need !== null)

describe('A. every route and a missing or wrong credential', () => {
  test.each(guarded)('1 $method $path answers 401 and its challenge', async ({ method, path }) => {
    for (const authorization of [null, basic('root@x', 'wrong'), `Bearer o2oi_${'0'.repeat(16)}_${'0'.repeat(64)}`]) {
      const answer = await ask(method, path, authorization)
      expect([answer.status, answer.slug]).toEqual(told(method, 401, 'unauthenticated'))
      expect(answer.headers.get('www-authenticate')).toBe('Basic realm="obs"')
    }
  })

  test('what needs no credential answers without one, and a wrong one changes nothing', async () => {
    const open = routes('default').filter(({ need }) => need === null)
    expect(open.map(({ method, path }) => `${method} ${path}`)).toEqual(['GET /healthz', 'HEAD /healthz', 'GET /config', 'HEAD /config'])
    for (const { method, path } of open) expect((await ask(method, path, basic('root@x', 'wrong'))).status).toBe(200)
    expect(hashes()).toBe(0)
  })

  test('2-4 a header that is none costs a hash as a wrong password does, and is 401', async () => {
    const headers = ['Basic', 'Basic ', 'Basic !!!notbase64', `Basic ${Buffer.from('root@x').toString('base64')}`, basic('', ''), basic('root@x', '')]
    for (const [i, header] of headers.entries()) {
      expect([header, ...await refusal(ask('POST', '/api/default/_bulk', header))]).toEqual([header, 401, 'unauthenticated'])
      expect([header, hashes()]).toEqual([header, i + 1])
    }
    for (const header of ['', 'Digest x', 'Bearer', 'Bearer ', 'Negotiate', '\t', 'Basic\u00a0x', 'basic', 'BEARER x']) {
      expect([header, (await ask('POST', '/api/default/_bulk', header)).status]).toEqual([header, 401])
    }
  })

  test('5 a password is its exact bytes: colons belong to it, and é is not e with an accent', async () => {
    expect((await ask('GET', '/api/default/streams', basic('root@x', NFC))).status).toBe(200)
    expect((await ask('GET', '/api/default/streams', basic('ROOT@X', NFC))).status).toBe(200)
    const latin1 = `Basic ${Buffer.from(`root@x:${NFC}`, 'latin1').toString('base64')}`
    for (const wrong of [basic('root@x', NFD), basic('root@x', 'p'), basic('root@x', `${NFC} `), basic('root@x', `${NFC}\u0000`), latin1]) {
      expect((await ask('GET', '/api/default/streams', wrong)).status).toBe(401)
    }
  })

  test('6 a password of 1 MiB is refused before any hashing', async () => {
    expect(await refusal(ask('GET', '/api/default/streams', basic('root@x', 'x'.repeat(2 ** 20))))).toEqual([400, 'password_too_long'])
    expect(await refusal(ask('GET', '/api/default/streams', basic('root@x', 'x'.repeat(PASSWORD_BYTES_MAX + 1))))).toEqual([400, 'password_too_long'])
    expect(hashes()).toBe(0)
    expect((await ask('GET', '/api/default/streams', basic('root@x', 'x'.repeat(PASSWORD_BYTES_MAX)))).status).toBe(401)
  })

  test('7 an unknown user gets the body of a known one with a wrong password, for the same hashes', async () => {
    const withoutTrace = ({ text }: Answer): string => text.replace(/"trace_id":"\w+"/, '')
    const known = await ask('GET', '/api/default/streams', basic('root@x', 'wrong'))
    expect(hashes()).toBe(1)
    const unknown = await ask('GET', '/api/default/streams', basic('nobody@x', 'wrong'))
    expect(hashes()).toBe(2)
    expect([unknown.status, withoutTrace(unknown)]).toEqual([known.status, withoutTrace(known)])
  })

  test('8 a token changed, cut short or lengthened in any way is 401', async () => {
    const right = tokens['ingest']!
    expect((await ask('POST', '/api/default/s/_json', `Bearer ${right}`, {}, '[]')).status).toBe(200)
    expect((await ask('POST', '/api/default/s/_json', basic('agent', right), {}, '[]')).status).toBe(200)
    const last = right.at(-1) === '0' ? '1' : '0'
    const wrong = [right.slice(0, -1) + last, right.slice(0, -1), right.slice(0, 20), `${right}0`, `${right} `.repeat(2), right.toUpperCase(), right.replace('o2oi', 'nil'), '', '_', 'o2oi__']
    for (const token of wrong.filter((t) => t !== right.replace('o2oi', 'nil'))) {
      expect([token, (await ask('POST', '/api/default/s/_json', `Bearer ${token}`)).status]).toEqual([token, 401])
    }
  })

  test('9 an expired and a revoked token are 401', async () => {
    for (const name of ['expired', 'revoked']) expect([name, ...await refusal(ask('POST', '/api/default/s/_json', bearer(name)))]).toEqual([name, 401, 'unauthenticated'])
  })

  test('11 a token in the query string is no credential, and its value is in no log', async () => {
    for (const name of ['token', 'access_token', 'api_key', 'authorization']) {
      expect((await ask('POST', `/api/default/s/_json?${name}=${tokens['ingest']}`)).status).toBe(401)
    }
    expect(JSON.stringify([ports.telemetry.lines, [...ports.telemetry.counts.keys()]])).not.toContain(tokens['ingest']!.slice(-32))
  })

  test('no password or token is in any log or label, right or wrong', async () => {
    await ask('GET', '/api/default/streams', basic('root@x', NFC))
    await ask('GET', '/api/default/streams', basic('root@x', 'a-wrong-password'))
    await ask('GET', '/metrics', bearer('ingest'))
    const logged = JSON.stringify([ports.telemetry.lines, [...ports.telemetry.counts.keys()]])
    for (const secret of [NFC, 'a-wrong-password', basic('root@x', NFC), tokens['ingest']!]) expect(logged).not.toContain(secret)
  })

  test('12 what a proxy or a liar forwards names nobody', async () => {
    const headers = {
      'X-Forwarded-For': '127.0.0.1', 'X-Forwarded-User': 'root@x', 'X-Real-IP': '127.0.0.1', 'X-Remote-User': 'root@x', Forwarded: 'for=127.0.0.1',
      'X-Original-URL': '/healthz', 'X-Rewrite-URL': '/healthz', 'X-HTTP-Method-Override': 'GET', Cookie: `auth_tokens=${tokens['ingest']}`, 'Proxy-Authorization': basic('root@x', NFC),
    }
    for (const { method, path } of guarded) expect([path, (await ask(method, path, null, headers)).status]).toEqual([path, 401])
  })
})

describe('10 a token that may only write', () => {
  test.each(guarded)('$method $path', async ({ method, path, need }) => {
    const answer = await ask(method, path, bearer('ingest'), { 'Content-Type': 'application/json' })
    if (need === 'ingest') expect([401, 403, 404].includes(answer.status)).toBe(false)
    else expect([answer.status, answer.slug]).toEqual(told(method, 403, 'scope'))
  })

  test('may reach what shippers need: the ways in, the flush and the handshake', () => {
    const reached = ROUTES.filter(({ need }) => need === 'ingest').map(({ path }) => path)
    expect(reached.filter((path) => !/_bulk$|_json$|_multi$|\/v1\/logs$|^\/node\/flush$|^\/api\/:org$|_license$|_xpack$|_cluster\/health$|_nodes\/http$|(_ilm\/policy|_index_template|_template|_data_stream|_ingest\/pipeline)\/\*$/.test(path))).toEqual([])
    expect(ROUTES.filter(({ need }) => need !== 'ingest').map(({ path }) => path)).toEqual(['/healthz', '/config', '/metrics', '/api/:org/_search', '/api/:org/streams', '/api/:org/streams/:stream/schema'])
  })

  test('reaches nothing more by another spelling of the path', async () => {
    const spellings = [
      '/api/default/%73treams', '/api/default/%2573treams', '/api/default/streams/', '/api/default/streams//', '/api/default/./streams', '/api/default/s/../streams',
      '/api/default/s%2F..%2Fstreams', '/api/default//streams', '//api/default/streams', '/api/default/streams;x=1', '/api/default/streams%00', '/api/default/streams?/_json',
      '/API/default/streams', '/api/default/Streams', '/api/default/streams%2F', '/api/default\\streams', '/metrics/', '/%6detrics', '/metrics%2F', '/healthz/../metrics',
    ]
    for (const path of spellings) {
      const { status } = await ask('GET', path, bearer('ingest'))
      expect([path, [403, 404, 400].includes(status)]).toEqual([path, true])
    }
    for (const path of ['/api/default/%5Fsearch', '/api/default/_search/', '/api/default/%5fsearch/', '/api/default/x%2F_json/../_search', '/api/default/_search%2F_json']) {
      const { status } = await ask('POST', path, bearer('ingest'))
      expect([path, [403, 404].includes(status)]).toEqual([path, true])
    }
  })

  test('a token that may only read, and a viewer, write nothing', async () => {
    const before = ports.queue.messages.length
    for (const { method, path, need } of guarded.filter((r) => r.need !== 'read')) {
      expect([path, need, ...await refusal(ask(method, path, bearer('read')))]).toEqual([path, need, ...told(method, 403, 'scope')])
      expect([path, need, ...await refusal(ask(method, path, basic('viewer@x', 'viewer-password')))]).toEqual([path, need, ...told(method, 403, 'role')])
    }
    expect(ports.queue.messages).toHaveLength(before)
  })
})

describe('B. other organisations', () => {
  test.each(routes('default').filter(({ hasOrg }) => hasOrg))('15 $method $path is 403 for a credential of another', async ({ method, path }) => {
    expect(await refusal(ask(method, path, bearer('other')))).toEqual(told(method, 403, 'org'))
    // No credential of ours learns which organisations there are.
    for (const org of ['o2', 'o3']) {
      expect([org, ...await refusal(ask(method, path.replace('default', org), bearer('ingest')))]).toEqual([org, ...told(method, 403, 'org')])
      expect([org, ...await refusal(ask(method, path.replace('default', org), basic('root@x', NFC)))]).toEqual([org, ...told(method, 403, 'org')])
    }
  })

  test('16 an organisation in the body or a header moves nothing', async () => {
    const before = ports.queue.messages.length
    const headers = { 'Content-Type': 'application/json', organization: 'o2', org_id: 'o2', 'X-Scope-OrgID': 'o2', 'zo-org-id': 'o2' }
    expect((await ask('POST', '/api/default/s/_json?org_id=o2', bearer('ingest'), headers, '[{"org_id":"o2","organization":"o2","_org":"o2"}]')).status).toBe(200)
    expect(ports.queue.messages.slice(before).map(({ message }) => message.org)).toEqual(['default'])
  })

  test('20 an organisation id that is not one is 400 on every route, or no route at all', async () => {
    const ids = ['%2e%2e%2f', '%252e%252e%252f', 'o1%2Fo2', 'DEFAULT', 'default%20', '%EF%BD%8F1', 'a'.repeat(300), '-a', 'default%00', "o'1", 'o%221', '%0a', '%c3%a9', 'default%23']
    for (const id of ids) {
      for (const { method, path } of routes(id).filter(({ hasOrg }) => hasOrg)) {
        expect([path, ...await refusal(ask(method, path, basic('root@x', NFC)))]).toEqual([path, ...told(method, 400, 'invalid_org')])
      }
    }
    for (const path of ['/api//streams', '/api/../streams', '/api/%2e%2e/streams', '/api/o1/../o2/streams', '/api/%ff/streams', '/api/default/%ff/_json']) {
      expect([path, [403, 404].includes((await ask('GET', path, basic('root@x', NFC))).status)]).toEqual([path, true])
    }
  })

  test('24 one canonical path and its last slash; every other spelling is 404', async () => {
    const root = basic('root@x', NFC)
    for (const path of ['/api/default/streams', '/api/default/streams/']) expect((await ask('GET', path, root)).status).toBe(200)
    for (const path of ['//api//default//streams', '/api/default//streams', '/api/default/streams;x=1', '/API/default/streams', '/api/default/streams//', '/api', '/', '/api/default/streams/x']) {
      expect([path, (await ask('GET', path, root)).status]).toEqual([path, 404])
    }
    for (const method of ['DELETE', 'PATCH', 'OPTIONS', 'TRACE_', 'PUT', 'POST']) expect([method, (await ask(method, '/api/default/streams', root)).status]).toEqual([method, 404])
  })
})

describe('a refusal at the door is told in the protocol of the path', () => {
  test.each(['/v1/logs', '/api/default/v1/logs'])('OTLP %s answers google.rpc.Status in the encoding of the request', async (path) => {
    const json = await app.request(path, { method: 'POST', body: '{}', headers: { 'Content-Type': 'application/json' } })
    expect([json.status, await json.json()]).toMatchObject([401, { code: 16, message: expect.stringMatching(/^unauthenticated: /) as string }])
    const protobuf = await app.request(path, { method: 'POST', body: '', headers: { 'Content-Type': 'application/x-protobuf' } })
    const bytes = Buffer.from(await protobuf.arrayBuffer())
    expect([protobuf.status, protobuf.headers.get('content-type')]).toEqual([401, 'application/x-protobuf'])
    // code = 1 (varint 16), message = 2
    expect([bytes[0], bytes[1], bytes[2]]).toEqual([0x08, 16, 0x12])
    expect(bytes.toString('latin1')).toContain('unauthenticated: ')
    const forbidden = await app.request(path, { method: 'POST', body: '{}', headers: { 'Content-Type': 'application/json', Authorization: bearer('read') } })
    expect([forbidden.status, await forbidden.json()]).toMatchObject([403, { code: 7 }])
  })

  test('Elasticsearch\'s clients see their product on refusals too', async () => {
    for (const path of ['/api/default/_bulk', '/api/default/s/_bulk']) {
      const answer = await ask('POST', path)
      expect([answer.status, answer.headers.get('x-elastic-product')]).toEqual([401, 'Elasticsearch'])
    }
    for (const path of ['/api/default', '/api/default/', '/api/default/_license']) {
      expect([path, (await ask('GET', path)).headers.get('x-elastic-product')]).toEqual([path, 'Elasticsearch'])
    }
  })
})
