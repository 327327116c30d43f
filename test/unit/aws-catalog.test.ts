// How the catalog on DynamoDB asks and what it makes of answers: signing dates, errors, lost and
// missing answers. A server of our own answers, so that each case is exact; nothing leaves the machine.
import { createHash, createHmac } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { createCatalog } from '../../lib/aws/catalog.ts'
import type { Catalog, Change } from '../../lib/engine/ports.ts'
import type { OrgId } from '../../lib/model/stream.ts'
import { id } from '../contract/catalog.suite.ts'
import { dynamoFront } from '../support/dynamo-front.ts'
import type { DynamoFront, SeenRequest } from '../support/dynamo-front.ts'
import { clientAt } from '../support/dynoxide.ts'
import { START, movableClock } from '../support/local.ts'

const ACME = 'acme' as OrgId
const CLAIMS: readonly Change[] = ['B1', 'B2', 'B3'].map((bid) => ({ kind: 'put-claim', bid: id(bid), fid: id('F1'), expiresAt: START * 2 }))

let front: DynamoFront
let catalog: Catalog
const open = (requestTimeoutMs = 5_000): Catalog =>
  createCatalog({ table: 't', documents: 'd', client: clientAt(front.endpoint, { requestTimeoutMs }), clock: movableClock().clock })

beforeAll(async () => { front = await dynamoFront() })
afterAll(() => front.close())
beforeEach(() => {
  front.seen.length = 0
  front.turn = () => ({ kind: 'say', status: 200 })
  catalog = open()
})

const amzDate = (micros: number): string => new Date(micros / 1_000).toISOString().replace(/[-:]|\.\d+/g, '')
const dateOf = (seen: SeenRequest | undefined): number =>
  Date.parse(String(seen?.headers['x-amz-date']).replace(/(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z/, '$1-$2-$3T$4:$5:$6Z'))

test('a commit is signed as of the instant its age was judged, and the signature holds for it', async () => {
  const judgedAt = 1_795_219_259_123_456
  await catalog.commit(ACME, 't1', CLAIMS, judgedAt)
  expect(front.seen[0]?.headers['x-amz-date']).toBe(amzDate(judgedAt))
  expect(front.seen[0]?.headers.authorization).toBe(expectedAuthorization(front.seen[0]!))
})

test('a commit that nobody judged, and every other call, is signed as of now', async () => {
  const before = Math.floor(Date.now() / 1_000) * 1_000
  await catalog.commit(ACME, 't1', CLAIMS)
  await catalog.stream(ACME, 'logs', 'app')
  await catalog.document('acme', 'user', 'a')
  for (const seen of front.seen) {
    // The answers' Date is in whole seconds: what is learned of the clock from it may be one short.
    expect(dateOf(seen)).toBeGreaterThanOrEqual(before - 1_000)
    expect(dateOf(seen)).toBeLessThanOrEqual(Date.now() + 1_000)
    expect(seen.headers.authorization).toBe(expectedAuthorization(seen))
  }
  expect(front.seen).toHaveLength(3)
})

/** as DynamoDB says it */
const EXPIRED = { message: 'Signature expired: 20261121T000000Z is now earlier than 20261121T000500Z (20261121T001000Z - 5 min.)' }

test('a judgement long past stays past, whatever the answers say of the time', async () => {
  const judgedAt = (Date.now() - 20 * 60_000) * 1_000
  front.turn = () => ({ kind: 'say', status: 400, type: 'InvalidSignatureException', more: EXPIRED })
  for (let tries = 0; tries < 3; tries++) {
    // Nothing happened; the caller judges the age again, and gives up.
    await expect(catalog.commit(ACME, 't1', CLAIMS, judgedAt)).rejects.toMatchObject({ kind: 'unavailable' })
  }
  expect(front.seen).toHaveLength(3)
  for (const seen of front.seen) expect(Math.abs(dateOf(seen) - judgedAt / 1_000)).toBeLessThanOrEqual(2_000)
})

test('on a host whose clock is off the date given is corrected by what answers say of the time', async () => {
  const off = 3_600_000
  front.turn = () => ({ kind: 'say', status: 400, type: 'InvalidSignatureException', date: new Date(Date.now() + off), more: EXPIRED })
  await expect(catalog.commit(ACME, 't1', CLAIMS, Date.now() * 1_000)).rejects.toMatchObject({ kind: 'unavailable' })
  front.turn = () => ({ kind: 'say', status: 200, date: new Date(Date.now() + off) })
  const judgedAt = (Date.now() - 60_000) * 1_000
  await catalog.commit(ACME, 't1', CLAIMS, judgedAt)
  expect(Math.abs(dateOf(front.seen[1]) - (judgedAt / 1_000 + off))).toBeLessThanOrEqual(2_000)
  expect(front.seen[1]?.headers.authorization).toBe(expectedAuthorization(front.seen[1]!))
})

/** Signature Version 4 (AWS, "Create a signed AWS API request"), by the date and headers of the request */
function expectedAuthorization({ headers, text }: SeenRequest): string {
  const long = String(headers['x-amz-date'])
  const names = /SignedHeaders=([^,]+)/.exec(String(headers.authorization))![1]!
  const hash = (data: string): string => createHash('sha256').update(data).digest('hex')
  const hmac = (key: string | Buffer, data: string): Buffer => createHmac('sha256', key).update(data).digest()
  const canonical = ['POST', '/', '', ...names.split(';').map((name) => `${name}:${String(headers[name]).trim()}`), '', names, hash(text)].join('\n')
  const scope = `${long.slice(0, 8)}/eu-central-1/dynamodb/aws4_request`
  const key = ['eu-central-1', 'dynamodb', 'aws4_request'].reduce(hmac, hmac('AWS4example', long.slice(0, 8)))
  const signature = hmac(key, ['AWS4-HMAC-SHA256', long, scope, hash(canonical)].join('\n')).toString('hex')
  return `AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/${scope}, SignedHeaders=${names}, Signature=${signature}`
}

const REASON = { none: { Code: 'None' }, conflict: { Code: 'TransactionConflict' }, throttled: { Code: 'ThrottlingError' } }
const held = { Code: 'ConditionalCheckFailed', Item: { pk: { S: `C#acme#${id('B2')}` }, sk: { S: '-' }, f: { S: id('F9') } } }

test('a refused commit says who holds what, in the order of its changes', async () => {
  front.turn = () => ({ kind: 'say', status: 400, type: 'TransactionCanceledException', more: { CancellationReasons: [REASON.none, held, REASON.none] } })
  expect(await catalog.commit(ACME, 't1', CLAIMS)).toEqual({ kind: 'refused', holders: [null, { kind: 'claim', fid: id('F9') }, null] })
})

test('a cancelled transaction is told by what cancelled it, a conflict before a held claim', async () => {
  const cases = [
    [[REASON.none, REASON.conflict, REASON.none], 'conflict'],
    [[held, REASON.conflict, REASON.none], 'conflict'],
    [[held, REASON.throttled, REASON.none], 'limited'],
    [[{ Code: 'ProvisionedThroughputExceeded' }, REASON.none, REASON.none], 'limited'],
    [[{ Code: 'ValidationError' }, REASON.none, REASON.none], 'internal'],
    [[{ Code: 'ItemCollectionSizeLimitExceeded' }, REASON.none, REASON.none], 'internal'],
    // What does not say who is in the way, or for which change, is no answer.
    [[REASON.none, REASON.none, REASON.none], 'unavailable'],
    [[held], 'unavailable'],
    [[{ Code: 'ConditionalCheckFailed' }, REASON.none, REASON.none], 'unavailable'],
  ] as const
  for (const [reasons, kind] of cases) {
    front.turn = () => ({ kind: 'say', status: 400, type: 'TransactionCanceledException', more: { CancellationReasons: reasons } })
    await expect(catalog.commit(ACME, 't1', CLAIMS), JSON.stringify(reasons)).rejects.toMatchObject({ kind })
  }
  front.turn = () => ({ kind: 'say', status: 400, type: 'TransactionCanceledException' })
  await expect(catalog.commit(ACME, 't1', CLAIMS)).rejects.toMatchObject({ kind: 'unavailable' })
})

const ERRORS: readonly (readonly [number, string, string])[] = [
  [400, 'TransactionInProgressException', 'unavailable'],
  [400, 'TransactionConflictException', 'conflict'],
  [400, 'IdempotentParameterMismatchException', 'internal'],
  [400, 'ProvisionedThroughputExceededException', 'limited'],
  [400, 'ThrottlingException', 'limited'],
  [400, 'RequestLimitExceeded', 'limited'],
  [400, 'ValidationException', 'internal'],
  [400, 'SerializationException', 'internal'],
  [400, 'SomethingNewException', 'internal'],
  // Faults of the deployment: nothing has happened.
  [400, 'ResourceNotFoundException', 'internal'],
  [400, 'AccessDeniedException', 'unavailable'],
  [400, 'UnrecognizedClientException', 'unavailable'],
  [400, 'InvalidSignatureException', 'unavailable'],
  [400, 'ExpiredTokenException', 'unavailable'],
  [500, 'InternalServerError', 'unavailable'],
  [503, 'ServiceUnavailable', 'unavailable'],
]

test('every refusal of DynamoDB has its kind, in a commit, a read and a put, and is sent once', async () => {
  const read = { streamId: '00112233aabbccdd', inc: 1, fromDay: '2026-11-20', toDay: '2026-11-21' }
  for (const [status, type, kind] of ERRORS) {
    front.turn = () => ({ kind: 'say', status, type })
    front.seen.length = 0
    const calls = [
      catalog.commit(ACME, 't1', CLAIMS), catalog.list(ACME, [read]), catalog.schema(ACME, '00112233aabbccdd', 1),
      catalog.putSchema(ACME, '00112233aabbccdd', 1, { a: 'int' }, 0), catalog.documents('acme', 'user'),
    ]
    for (const result of await Promise.allSettled(calls)) {
      expect([type, result]).toMatchObject([type, { status: 'rejected', reason: { name: 'EngineError', kind } }])
    }
    expect(front.seen).toHaveLength(6)
  }
})

test('no answer, half an answer and a dead server are all unavailable', async () => {
  front.turn = () => ({ kind: 'hang' })
  await expect(open(50).commit(ACME, 't1', CLAIMS)).rejects.toMatchObject({ kind: 'unavailable' })
  await expect(open(50).list(ACME, [])).rejects.toMatchObject({ kind: 'unavailable' })
  const dead = await dynamoFront()
  const orphan = createCatalog({ table: 't', documents: 'd', client: clientAt(dead.endpoint), clock: movableClock().clock })
  await dead.close()
  await expect(orphan.commit(ACME, 't1', CLAIMS)).rejects.toMatchObject({ kind: 'unavailable' })
  await expect(orphan.stream(ACME, 'logs', 'app')).rejects.toMatchObject({ kind: 'unavailable' })
})

test('the same token makes the same request, and each organisation and table has its own', async () => {
  const other = createCatalog({ table: 'u', documents: 'd', client: clientAt(front.endpoint), clock: movableClock().clock })
  for (const org of ['acme', 'acme', 'beta']) await catalog.commit(org as OrgId, 't1', CLAIMS)
  await other.commit(ACME, 't1', CLAIMS)
  await catalog.commit(ACME, 't2', CLAIMS)
  const tokens = front.seen.map(({ body }) => String(body['ClientRequestToken']))
  expect(new Set(tokens).size).toBe(4)
  expect(tokens[0]).toBe(tokens[1])
  expect(front.seen[0]?.text).toBe(front.seen[1]?.text)
  for (const token of tokens) expect(token).toMatch(/^[\w-]{1,36}$/)
})

test('every read is consistent', async () => {
  front.turn = ({ operation }) => ({ kind: 'say', status: 200, more: operation === 'Query' ? { Items: [] } : {} })
  await catalog.list(ACME, [{ streamId: '00112233aabbccdd', inc: 1, fromDay: '2026-11-20', toDay: '2026-11-21' }])
  await catalog.stream(ACME, 'logs', 'app')
  await catalog.streams(ACME)
  await catalog.schema(ACME, '00112233aabbccdd', 1)
  await catalog.document('acme', 'user', 'a')
  await catalog.documents('acme', 'user')
  expect(front.seen.map(({ operation, body }) => [operation, body['ConsistentRead']])).toEqual(
    ['Query', 'Query', 'GetItem', 'Query', 'GetItem', 'GetItem', 'Query'].map((operation) => [operation, true]))
})

test('a name or id that no item can have is asked of nobody', async () => {
  const long = 'x'.repeat(1_025)
  for (const name of ['a#b', '#', long, '\ud800']) expect([name, await catalog.stream(ACME, 'logs', name)]).toEqual([name, null])
  for (const name of [long, '\ud800']) {
    expect(await catalog.document('acme', 'user', name)).toBeNull()
    await expect(catalog.putDocument('acme', 'user', name, 1, 0)).rejects.toMatchObject({ slug: 'malformed' })
  }
  expect(front.seen).toEqual([])
})

test('what is too large for an item is refused by name before anything is sent', async () => {
  const hex = (seed: string): string => createHash('sha512').update(seed).digest('hex')
  const noise = (n: number, digits: number): string[] => Array.from({ length: n }, (_, i) => (hex(`a${i}`) + hex(`b${i}`)).slice(0, digits))
  const wide = Object.fromEntries(noise(5_000, 200).map((name) => [name, 'int' as const]))
  await expect(catalog.putSchema(ACME, '00112233aabbccdd', 1, wide, 0)).rejects.toMatchObject({ slug: 'too_many_fields' })
  await expect(catalog.putDocument('acme', 'dashboard', 'd', noise(10_000, 100), 0)).rejects.toMatchObject({ slug: 'payload_too_large' })
  expect(front.seen).toEqual([])
  const usual = Object.fromEntries(noise(5_000, 128).map((name) => [name, 'int' as const]))
  expect(await catalog.putSchema(ACME, '00112233aabbccdd', 1, usual, 0)).toBe(true)
})
