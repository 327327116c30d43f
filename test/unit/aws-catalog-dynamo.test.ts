// The catalog on a DynamoDB (dynoxide) behind a front that counts, reads along and loses answers: what a
// lost answer leaves, lists of several pages, what each call asks, costs and needs to be allowed.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createCatalog } from '../../lib/aws/catalog.ts'
import { encodeEntry } from '../../lib/aws/catalog-items.ts'
import { itemBytes, readUnits, writeUnits } from '../../lib/aws/item-size.ts'
import type { Catalog, Change } from '../../lib/engine/ports.ts'
import { ENTRIES } from '../../lib/env.ts'
import type { EntryName, Grant } from '../../lib/env.ts'
import type { Entry } from '../../lib/model/file.ts'
import type { OrgId } from '../../lib/model/stream.ts'
import { fileEntry, id, packEntry } from '../contract/catalog.suite.ts'
import { dynamoFront } from '../support/dynamo-front.ts'
import type { DynamoFront, SeenRequest } from '../support/dynamo-front.ts'
import { clientAt, localDynamo, missingDynoxide } from '../support/dynoxide.ts'
import { START, movableClock } from '../support/local.ts'

const ACME = 'acme' as OrgId
const STREAM = '00112233aabbccdd'
const claim = (bid: string, fid: string): Change => ({ kind: 'put-claim', bid: id(bid), fid: id(fid), expiresAt: START * 2 })
const flush = (fid: string, bids: readonly string[]): Change[] => [{ kind: 'put-entry', entry: packEntry(id(fid)) }, ...bids.map((bid) => claim(bid, fid))]
const days = (n: number): string[] => Array.from({ length: n }, (_, i) => new Date(i * 86_400_000).toISOString().slice(0, 10))

const dynamo = localDynamo()
let front: DynamoFront
let catalog: Catalog
let tables: { readonly table: string; readonly documents: string }

describe.skipIf(missingDynoxide !== null)(`the catalog on dynamodb${missingDynoxide === null ? '' : ` (${missingDynoxide})`}`, () => {
  beforeAll(async () => { front = await dynamoFront(dynamo.endpoint()) })
  afterAll(() => front.close())
  beforeEach(async () => {
    tables = await dynamo.freshTables()
    front.turn = () => null
    front.extra = {}
    front.seen.length = 0
    front.answers.length = 0
    catalog = createCatalog({ ...tables, client: clientAt(front.endpoint), clock: movableClock().clock })
  })

  const loseNext = (): void => {
    front.turn = () => {
      front.turn = () => null
      return { kind: 'lose' }
    }
  }

  test('a commit whose answer was lost is committed when it is asked again', async () => {
    loseNext()
    await expect(catalog.commit(ACME, 't1', flush('F1', ['B1']))).rejects.toMatchObject({ kind: 'unavailable' })
    expect(await catalog.commit(ACME, 't1', flush('F1', ['B1']))).toEqual({ kind: 'committed' })
    expect(await catalog.list(ACME, [])).toEqual([packEntry(id('F1'))])
  })

  test('a commit whose answer was lost, asked again after its token is forgotten, meets its own claims', async () => {
    loseNext()
    await expect(catalog.commit(ACME, 't1', flush('F1', ['B1']))).rejects.toMatchObject({ kind: 'unavailable' })
    const own = { kind: 'claim', fid: id('F1') }
    expect(await catalog.commit(ACME, 'another token', flush('F1', ['B1']))).toEqual({ kind: 'refused', holders: [{ kind: 'entry' }, own] })
  })

  test('a token with another transaction is a bug, and has no effect', async () => {
    await catalog.commit(ACME, 't1', flush('F1', ['B1']))
    await expect(catalog.commit(ACME, 't1', flush('F2', ['B2']))).rejects.toMatchObject({ slug: 'internal' })
    expect(await catalog.list(ACME, [])).toEqual([packEntry(id('F1'))])
  })

  test('puts whose answers were lost leave what a reader finds', async () => {
    loseNext()
    await expect(catalog.putSchema(ACME, STREAM, 1, { a: 'int' }, 0)).rejects.toMatchObject({ kind: 'unavailable' })
    expect(await catalog.putSchema(ACME, STREAM, 1, { a: 'int' }, 0)).toBe(false)
    expect(await catalog.schema(ACME, STREAM, 1)).toEqual({ version: 1, fields: { a: 'int' } })
    const request = { bid: id('B1'), bodyHash: 'h', acceptedAt: START, expiresAt: START * 2 }
    loseNext()
    await expect(catalog.remember(ACME, 'k', request)).rejects.toMatchObject({ kind: 'unavailable' })
    expect(await catalog.remember(ACME, 'k', { ...request, acceptedAt: START + 1 })).toEqual(request)
  })

  test('a list of more than one megabyte comes whole, page by page', async () => {
    // 512 slices are the most a pack has: 26 KB an entry. A file that replaces 400 objects: 17 KB.
    const packs = Array.from({ length: 50 }, (_, i) => packEntry(id(`F${i}`), days(512)))
    const replaces = Array.from({ length: 400 }, (_, i) => ({ fid: id(`E${i}`), indexes: [i] }))
    const files = Array.from({ length: 150 }, (_, i): Entry => ({ ...fileEntry(id(`D${i}`), days(5)[i % 5]!), replaces }))
    for (const part of chunked([...packs, ...files], 70)) await catalog.commit(ACME, part[0]!.fid, part.map((entry) => ({ kind: 'put-entry', entry })))
    front.seen.length = 0
    const range = { streamId: STREAM, inc: 1, fromDay: '1970-01-01', toDay: '1970-01-05' }
    const listed = await catalog.list(ACME, [range])
    expect(listed).toHaveLength(200)
    expect(listed.slice(0, 50).map(({ fid }) => fid)).toEqual(packs.map(({ fid }) => fid).sort())
    expect(new Set(listed.map(({ fid }) => fid)).size).toBe(200)
    expect(listed.slice(50).every((entry) => entry.replaces.length === 400)).toBe(true)
    // 1.3 MB of packs and 2.6 MB of files (400 bitmaps of up to 50 bytes); each page after the first begins where the last ended.
    const pages = front.seen.map(({ body }) => (body['ExclusiveStartKey'] === undefined ? 'first' : 'next'))
    expect(pages.sort()).toEqual(['first', 'first', 'next', 'next', 'next'])
  })

  test('a commit of 100 changes is one request, and of the largest entries too', async () => {
    const packs = Array.from({ length: 50 }, (_, i): Change => ({ kind: 'put-entry', entry: packEntry(id(`F${i}`), days(512)) }))
    const claims = Array.from({ length: 50 }, (_, i) => claim(`B${i}`, 'F0'))
    expect(await catalog.commit(ACME, 't1', [...packs, ...claims])).toEqual({ kind: 'committed' })
    expect(front.seen).toHaveLength(1)
    // Those of the commit that took place stand in the way of each of another.
    const outcome = await catalog.commit(ACME, 't2', [...packs, ...claims])
    expect(outcome.kind === 'refused' && outcome.holders.map((holder) => holder?.kind)).toEqual([...Array(50).fill('entry'), ...Array(50).fill('claim')])
  })

  test('a call asks once and takes the units that items\' sizes say', async () => {
    front.extra = { ReturnConsumedCapacity: 'TOTAL' }
    const entry = (slices: number): Entry => packEntry(id(`F${slices}`), days(slices))
    const bytesOf = (slices: number): number => itemBytes(encodeEntry(ACME, entry(slices)))
    const calls: readonly (readonly [string, () => Promise<unknown>, number])[] = [
      ['16 slices and 20 messages', () => catalog.commit(ACME, 'a', [{ kind: 'put-entry', entry: entry(16) }, ...bids(20, 'F16')]), 42],
      ['40 slices and 1 message', () => catalog.commit(ACME, 'b', [{ kind: 'put-entry', entry: entry(40) }, ...bids(1, 'F40')]), writeUnits(bytesOf(40), true) + 2],
      ['a schema of few fields', () => catalog.putSchema(ACME, STREAM, 1, { a: 'int', b: 'string' }, 0), 1],
      ['its schema', () => catalog.schema(ACME, STREAM, 1), 1],
      ['a remembered request', () => catalog.remember(ACME, 'ab'.repeat(32), { bid: id('B1'), bodyHash: 'cd'.repeat(32), acceptedAt: START, expiresAt: START * 2 }), 1],
      ['a document', () => catalog.putDocument('_platform', 'user', 'a@example.com', { role: 'admin' }, 0), 1],
      ['a stream', () => catalog.createStream({ org: ACME, type: 'logs', name: 'app', id: STREAM, inc: 1, history: [{ inc: 1, from: 0 }], settings: {}, state: 'live' }), 1],
      ['the fresh list', () => catalog.list(ACME, []), readUnits(bytesOf(16) + bytesOf(40))],
      ['no stream', () => catalog.stream(ACME, 'logs', 'nothing'), 1],
    ]
    const taken: unknown[] = []
    for (const [name, call] of calls) {
      front.answers.length = 0
      await call()
      const units = front.answers.flatMap(({ ConsumedCapacity: c }) => c as { CapacityUnits: number }[] | { CapacityUnits: number })
      expect([name, front.answers.length]).toEqual([name, 1])
      taken.push([name, units.reduce((n, { CapacityUnits }) => n + CapacityUnits, 0)])
    }
    expect(taken).toEqual(calls.map(([name, , units]) => [name, units]))
  })

  const bids = (n: number, fid: string): Change[] => Array.from({ length: n }, (_, i) => claim(`${fid.slice(1)}B${i}`, fid))

  test('each function asks only what its grants allow', async () => {
    const range = { streamId: STREAM, inc: 1, fromDay: '2026-11-20', toDay: '2026-11-21' }
    const stream = { org: ACME, type: 'logs', name: 'app', id: STREAM, inc: 1, history: [], settings: {}, state: 'live' } as const
    const journeys: Readonly<Partial<Record<EntryName, () => Promise<unknown>[]>>> = {
      ingest: () => [catalog.remember(ACME, 'k', { bid: id('B1'), bodyHash: 'h', acceptedAt: 0, expiresAt: 1 }), catalog.document('_platform', 'token', 'x')],
      writer: () => [
        catalog.stream(ACME, 'logs', 'app'), catalog.createStream(stream), catalog.schema(ACME, STREAM, 1),
        catalog.putSchema(ACME, STREAM, 1, { a: 'int' }, 0), catalog.commit(ACME, 't', flush('F1', ['B1'])),
      ],
      archiver: () => [catalog.commit(ACME, 't2', [{ kind: 'put-claim', bid: id('B2'), fid: 'quarantine', expiresAt: START }])],
      query: () => [
        catalog.list(ACME, [range]), catalog.stream(ACME, 'logs', 'app'), catalog.streams(ACME), catalog.schema(ACME, STREAM, 1),
        catalog.document('_platform', 'user', 'x'), catalog.documents('_platform', 'user'),
      ],
      setup: () => [catalog.documents('_platform', 'user'), catalog.putDocument('_platform', 'user', 'x', {}, 0)],
    }
    for (const [entry, journey] of Object.entries(journeys)) {
      front.seen.length = 0
      await Promise.all(journey())
      const needs = front.seen.flatMap(needsOf)
      expect(needs.length).toBeGreaterThan(0)
      expect([entry, needs.filter((need) => !allowed(ENTRIES[entry as EntryName].grants, need))]).toEqual([entry, []])
    }
  })
})

interface Need { readonly on: string; readonly action: string; readonly key: string }

interface Keyed {
  readonly TableName: string
  readonly Item?: { readonly pk: { readonly S: string } }
  readonly Key?: { readonly pk: { readonly S: string } }
  readonly ExpressionAttributeValues?: { readonly ':pk'?: { readonly S: string } }
}

/** the IAM action and partition key of a request; a transaction needs those of each of its changes */
function needsOf({ operation, body }: SeenRequest): Need[] {
  if (operation === 'TransactWriteItems') {
    return (body['TransactItems'] as readonly { readonly Put: Keyed }[]).map(({ Put }) => needOf('PutItem', Put))
  }
  return [needOf(operation, body as unknown as Keyed)]
}

const needOf = (operation: string, { TableName, Item, Key, ExpressionAttributeValues }: Keyed): Need => ({
  on: TableName === tables.table ? 'table' : 'documents',
  action: `dynamodb:${operation}`,
  key: (Item ?? Key)?.pk.S ?? ExpressionAttributeValues?.[':pk']?.S ?? '',
})

const allowed = (grants: readonly Grant[], need: Need): boolean => grants.some(({ on, actions, keys = [] }) =>
  on === need.on && actions.includes(need.action) && keys.some((key) => need.key.startsWith(key.slice(0, -1))))

const chunked = <T>(list: readonly T[], n: number): T[][] =>
  Array.from({ length: Math.ceil(list.length / n) }, (_, i) => list.slice(i * n, (i + 1) * n))
