// The setup function's promises: CloudFormation always hears the outcome, in time; and the first
// credentials are made once, whatever broke off before.
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { setUp, type SetupEvent, type SetupWork } from '../../functions/setup/setup-event.ts'
import { createAuthenticator } from '../../lib/engine/access/login.ts'
import { ensureKeptCredentials } from '../../lib/engine/access/first-credentials.ts'
import { EngineError } from '../../lib/model/errors.ts'
import { MemoryCatalog, MemoryClock } from '../support/memory-ports.ts'

interface Told {
  readonly method: string
  readonly contentType: string | undefined
  readonly outcome: Readonly<Record<string, string>>
}
let server: Server
let told: Told[]
/** statuses of the next answers; then 200 */
let answers: number[]

beforeEach(async () => {
  told = []
  answers = []
  server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      response.statusCode = answers.shift() ?? 200
      if (response.statusCode === 200) told.push({ method: request.method!, contentType: request.headers['content-type'], outcome: JSON.parse(Buffer.concat(parts).toString()) as Record<string, string> })
      response.end()
    })
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
})
afterEach(() => server.close())

const eventOf = (RequestType: SetupEvent['RequestType'], more: Partial<SetupEvent> = {}): SetupEvent => ({
  RequestType, ResponseURL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/bucket/key?signature=s`,
  StackId: 'arn:stack', RequestId: 'r-1', LogicalResourceId: 'FirstCredentials', ResourceProperties: { onDelete: 'keep' }, ...more,
})
const context = (leftMs = 60_000) => ({ awsRequestId: 'a-1', functionName: 'setup', getRemainingTimeInMillis: () => leftMs })
const never = (): Promise<never> => Promise.reject(new Error('not to be called'))

test('what was done is told, with the names CloudFormation asked under', async () => {
  let done = 0
  await setUp(eventOf('Create'), context(), () => ({ ensure: async () => void done++, remove: never }))
  expect(done).toBe(1)
  expect(told).toEqual([{
    method: 'PUT', contentType: '',
    outcome: { Status: 'SUCCESS', Reason: 'done', PhysicalResourceId: 'nilometer-first-credentials', StackId: 'arn:stack', RequestId: 'r-1', LogicalResourceId: 'FirstCredentials' },
  }])
})

test('an update keeps its resource\'s id, for another one would have the first deleted', async () => {
  await setUp(eventOf('Update', { PhysicalResourceId: 'older' }), context(), () => ({ ensure: async () => undefined, remove: never }))
  expect(told[0]!.outcome).toMatchObject({ Status: 'SUCCESS', PhysicalResourceId: 'older' })
})

const FAILURES: readonly (readonly [what: string, start: () => SetupWork, reason: RegExp])[] = [
  ['work that fails', () => ({ ensure: () => Promise.reject(new EngineError('unavailable', 'the table does not answer')), remove: never }), /^the table does not answer; setup, request a-1$/],
  ['a cause', () => ({ ensure: () => Promise.reject(new EngineError('internal', 'ssm:PutParameter is not granted', { cause: new Error('AccessDenied') })), remove: never }), /not granted \(AccessDenied\)/],
  ['a beginning that throws', () => { throw new Error('NILOMETER_TABLE is missing') }, /^NILOMETER_TABLE is missing/],
  ['a reason longer than CloudFormation takes', () => { throw new Error('x'.repeat(10_000)) }, /^x{1000}$/],
  ['something thrown that is no error', () => ({ ensure: () => Promise.reject('gone'), remove: never }), /failed/],
]

test.each(FAILURES)('%s is told as a failure with its reason, and not thrown', async (_what, start, reason) => {
  await setUp(eventOf('Create'), context(), start)
  expect(told).toHaveLength(1)
  expect(told[0]!.outcome['Status']).toBe('FAILED')
  expect(told[0]!.outcome['Reason']).toMatch(reason)
})

test('work that hangs is told as a failure before the function is cut off', async () => {
  await setUp(eventOf('Create'), context(12_050), () => ({ ensure: () => new Promise(() => undefined), remove: never }))
  expect(told[0]!.outcome).toMatchObject({ Status: 'FAILED' })
  expect(told[0]!.outcome['Reason']).toMatch(/^the time was over before the work was done/)
})

test('an answer that fails is told again', async () => {
  answers = [500, 503]
  await setUp(eventOf('Create'), context(), () => ({ ensure: async () => undefined, remove: never }))
  expect(told).toHaveLength(1)
})

test('with the stack nothing is removed unless its data goes too', async () => {
  const removed: string[] = []
  const work = (): SetupWork => ({ ensure: never, remove: async () => void removed.push('removed') })
  await setUp(eventOf('Delete'), context(), () => { throw new Error('a stack that keeps its data needs nothing begun') })
  await setUp(eventOf('Delete', { ResourceProperties: {} }), context(), work)
  expect(removed).toEqual([])
  await setUp(eventOf('Delete', { ResourceProperties: { onDelete: 'remove' } }), context(), work)
  expect(removed).toEqual(['removed'])
  expect(told.map(({ outcome }) => outcome['Status'])).toEqual(['SUCCESS', 'SUCCESS', 'SUCCESS'])
})

const EMAIL = 'root@example.com'

/** SSM as far as setup uses it */
function createStore() {
  const kept = new Map<string, string>()
  const keep = (name: string) => async (secret: string): Promise<string> => {
    if (!kept.has(name)) kept.set(name, secret)
    return kept.get(name)!
  }
  return { kept, password: keep('password'), token: keep('token') }
}
type Store = ReturnType<typeof createStore>

const ensure = (catalog: MemoryCatalog, store: Pick<Store, 'password' | 'token'>): Promise<void> =>
  ensureKeptCredentials(catalog, new MemoryClock(), randomBytes, EMAIL, store.password, store.token)

async function logIn(catalog: MemoryCatalog, store: Store) {
  const authenticator = await createAuthenticator(catalog, new MemoryClock(), randomBytes(32))
  const basic = Buffer.from(`${EMAIL}:${store.kept.get('password')}`).toString('base64')
  return [await authenticator.authenticate(`Basic ${basic}`), await authenticator.authenticate(`Bearer ${store.kept.get('token')}`)]
}

test('what the store holds logs in: the password as root, the token to ingest into default', async () => {
  const [catalog, store] = [new MemoryCatalog(new MemoryClock()), createStore()]
  await ensure(catalog, store)
  expect(await logIn(catalog, store)).toMatchObject([{ kind: 'password', role: 'root', orgs: null }, { kind: 'token', role: 'ingest', orgs: ['default'] }])
  expect(store.kept.get('password')!.length).toBeGreaterThanOrEqual(20)
})

test('no secret stands in the catalog', async () => {
  const [catalog, store] = [new MemoryCatalog(new MemoryClock()), createStore()]
  await ensure(catalog, store)
  const documents = JSON.stringify([...await catalog.documents('_platform', 'user'), ...await catalog.documents('_platform', 'token')])
  const secret = store.kept.get('token')!.split('_')[2]!
  for (const text of [store.kept.get('password')!, secret]) expect(documents).not.toContain(text)
})

test('done again it changes nothing: neither a changed password nor a revoked token comes back', async () => {
  const [catalog, store] = [new MemoryCatalog(new MemoryClock()), createStore()]
  await ensure(catalog, store)
  const [user] = await catalog.documents('_platform', 'user')
  const [token] = await catalog.documents('_platform', 'token')
  await catalog.putDocument('_platform', 'user', user!.id, { ...user!.value as object, phc: 'changed' }, user!.version)
  await catalog.putDocument('_platform', 'token', token!.id, { ...token!.value as object, revoked: true }, token!.version)
  const before = [...store.kept]
  await ensure(catalog, store)
  expect([...store.kept]).toEqual(before)
  expect((await catalog.document('_platform', 'user', EMAIL))!.value).toMatchObject({ phc: 'changed' })
  expect((await catalog.documents('_platform', 'token')).map(({ value }) => value)).toMatchObject([{ revoked: true }])
})

test('a stack deployed again with new tables takes over the secrets that stand', async () => {
  const store = createStore()
  await ensure(new MemoryCatalog(new MemoryClock()), store)
  const before = [...store.kept]
  const catalog = new MemoryCatalog(new MemoryClock())
  await ensure(catalog, store)
  expect([...store.kept]).toEqual(before)
  await expect(logIn(catalog, store)).resolves.toHaveLength(2)
})

test('a parameter that holds no token is refused, and says how to go on', async () => {
  const store = createStore()
  store.kept.set('token', 'secret of somebody else')
  await expect(ensure(new MemoryCatalog(new MemoryClock()), store)).rejects.toThrow(/has not the shape of a token: remove it/)
})

test('broken off at any step and done again it ends with credentials that log in', async () => {
  const STEPS = 8
  await fc.assert(fc.asyncProperty(fc.array(fc.tuple(fc.nat(STEPS), fc.boolean()), { maxLength: 3 }), async (breaks) => {
    const [catalog, store] = [new MemoryCatalog(new MemoryClock()), createStore()]
    for (const [at, after] of breaks) {
      let step = 0
      // The call happens or not, and its caller dies.
      const dying = <A extends readonly unknown[], R>(call: (...args: A) => Promise<R>) => async (...args: A): Promise<R> => {
        const dies = step++ === at
        if (dies && !after) throw new Error('died before')
        const result = await call(...args)
        if (dies) throw new Error('died after')
        return result
      }
      const mortal = Object.assign(Object.create(catalog) as MemoryCatalog, { document: dying(catalog.document.bind(catalog)), putDocument: dying(catalog.putDocument.bind(catalog)) })
      await ensure(mortal, { password: dying(store.password), token: dying(store.token) }).catch(() => undefined)
    }
    await ensure(catalog, store)
    await expect(logIn(catalog, store)).resolves.toHaveLength(2)
    expect(await catalog.documents('_platform', 'token')).toHaveLength(1)
  }), { numRuns: 12 * Number(process.env['NILOMETER_RUNS'] ?? 1) })
})
