// What every adapter of the port Catalog does. `make` gives an empty catalog, a second client of it
// and a clock to move.
import { describe, expect, test } from 'vitest'
import type { Catalog, Change, CommitOutcome } from '../../lib/engine/ports.ts'
import type { Entry } from '../../lib/model/file.ts'
import type { Fields } from '../../lib/model/schema.ts'
import type { OrgId, StreamItem } from '../../lib/model/stream.ts'
import type { Day, Micros } from '../../lib/model/time.ts'

export interface CatalogUnderTest {
  readonly port: Catalog
  readonly other: Catalog
  readonly now: () => Micros
  readonly advance: (ms: number) => void
  /** puts a swept slot where a pack's entry would stand, as the sweeper does */
  readonly sweepSlot: (org: OrgId, fid: string) => Promise<void>
}

const ACME = 'acme' as OrgId
const BETA = 'beta' as OrgId
const STREAM = '00112233aabbccdd'
const FAR = 4e15

/** a ULID that ends as the label, which is of its digits */
export const id = (label: string): string => `01KAJ2T5${label.padStart(18, '0')}`

export function packEntry(fid: string, days: readonly Day[] = ['2026-11-21']): Entry {
  return {
    list: 'fresh', fid, key: `fresh/acme/${fid}.pack`, state: 'live', bytes: 1_000, hash: 'ab'.repeat(32), replaces: [],
    slices: days.map((day, index) => ({
      index, streamId: STREAM, inc: 1, day, minTs: 1_795_219_200_000_001, maxTs: 1_795_219_200_999_999,
      rows: 10, rawBytes: 2_000, offset: index * 500, length: 500,
    })),
  }
}

export function fileEntry(fid: string, day: Day, inc = 1): Entry {
  const [slice] = packEntry(fid, [day]).slices
  if (slice === undefined) throw new Error('a pack entry has a slice')
  return {
    ...packEntry(fid, [day]), list: 'stream', key: `data/${fid}.parquet`, slices: [{ ...slice, inc }],
    replaces: [{ fid: id('E7'), indexes: [0, 3] }],
  }
}

const putEntry = (entry: Entry): Change => ({ kind: 'put-entry', entry })
const putClaim = (bid: string, fid: string): Change => ({ kind: 'put-claim', bid, fid, expiresAt: FAR })
const flush = (fid: string, bids: readonly string[]): Change[] => [putEntry(packEntry(fid)), ...bids.map((bid) => putClaim(bid, fid))]
const holdersOf = (outcome: CommitOutcome) => (outcome.kind === 'refused' ? outcome.holders : 'committed')

/** two transactions that meet may both be told `conflict`; whoever is sends the same again (commit.ts) */
async function commitAgain(port: Catalog, token: string, changes: readonly Change[]): Promise<CommitOutcome> {
  for (;;) {
    try {
      return await port.commit(ACME, token, changes)
    } catch (error) {
      if ((error as { slug?: string }).slug !== 'conflict') throw error
    }
  }
}

const fidsOf = (entries: readonly Entry[]): string[] => entries.map((entry) => entry.fid)

function streamItem(name: string, over: Partial<StreamItem> = {}): StreamItem {
  return { org: ACME, type: 'logs', name, id: STREAM, inc: 1, history: [{ inc: 1, from: 0 }], settings: {}, state: 'live', ...over }
}

export function catalogSuite(name: string, make: () => Promise<CatalogUnderTest>): void {
  describe(`catalog, commits: ${name}`, () => {
    test('a committed entry is listed as it was put, by every client', async () => {
      const { port, other } = await make()
      expect(await port.commit(ACME, 't1', flush(id('F1'), [id('B1'), id('B2')]))).toEqual({ kind: 'committed' })
      expect(await port.list(ACME, [])).toEqual([packEntry(id('F1'))])
      expect(await other.list(ACME, [])).toEqual([packEntry(id('F1'))])
    })

    test('a commit whose message another pack holds is refused whole and says who holds it', async () => {
      const { port, other } = await make()
      await port.commit(ACME, 't1', flush(id('F1'), [id('B1')]))
      const outcome = await other.commit(ACME, 't2', flush(id('F2'), [id('B0'), id('B1'), id('B2')]))
      expect(holdersOf(outcome)).toEqual([null, null, { kind: 'claim', fid: id('F1') }, null])
      expect(fidsOf(await port.list(ACME, []))).toEqual([id('F1')])
      // B0 and B2 are still free: nothing of the refused commit stayed.
      expect(await port.commit(ACME, 't3', flush(id('F3'), [id('B0'), id('B2')]))).toEqual({ kind: 'committed' })
    })

    test('a repeated commit is refused by its own entry and claims, and changes nothing', async () => {
      const { port, other } = await make()
      const changes = flush(id('F1'), [id('B1'), id('B2')])
      await port.commit(ACME, 't1', changes)
      const again = await other.commit(ACME, 't1', changes)
      // An adapter that knows tokens may answer as it did the first time.
      if (again.kind === 'refused') {
        expect(again.holders).toEqual([{ kind: 'entry' }, { kind: 'claim', fid: id('F1') }, { kind: 'claim', fid: id('F1') }])
      }
      expect(await port.list(ACME, [])).toEqual([packEntry(id('F1'))])
    })

    test('a swept slot takes no entry, and the claims of that commit stay free', async () => {
      const { port, sweepSlot } = await make()
      await sweepSlot(ACME, id('F1'))
      expect(holdersOf(await port.commit(ACME, 't1', flush(id('F1'), [id('B1')])))).toEqual([{ kind: 'swept' }, null])
      expect(await port.list(ACME, [])).toEqual([])
      expect(await port.commit(ACME, 't2', flush(id('F2'), [id('B1')]))).toEqual({ kind: 'committed' })
    })

    test('of two clients that commit the same claim at once exactly one wins', async () => {
      const { port, other } = await make()
      for (let round = 0; round < 20; round += 1) {
        const outcomes = await Promise.all([
          commitAgain(port, `a${round}`, flush(id(`FA${round}`), [id(`B${round}`)])),
          commitAgain(other, `b${round}`, flush(id(`FB${round}`), [id(`B${round}`)])),
        ])
        expect(outcomes.map((o) => o.kind).sort()).toEqual(['committed', 'refused'])
        const winner = outcomes[0].kind === 'committed' ? id(`FA${round}`) : id(`FB${round}`)
        const loser = outcomes.find((o) => o.kind === 'refused') as CommitOutcome
        expect(holdersOf(loser)).toEqual([null, { kind: 'claim', fid: winner }])
      }
      expect(await port.list(ACME, [])).toHaveLength(20)
    })

    test('a quarantined message is a claim without an entry', async () => {
      const { port } = await make()
      expect(await port.commit(ACME, 't1', [putClaim(id('B1'), 'quarantine')])).toEqual({ kind: 'committed' })
      expect(holdersOf(await port.commit(ACME, 't2', flush(id('F2'), [id('B1')])))).toEqual([null, { kind: 'claim', fid: 'quarantine' }])
    })

    test('organisations share nothing, not even the same ids', async () => {
      const { port } = await make()
      await port.commit(ACME, 't1', flush(id('F1'), [id('B1')]))
      expect(await port.commit(BETA, 't1', flush(id('F1'), [id('B1')]))).toEqual({ kind: 'committed' })
      await port.commit(ACME, 't2', [putEntry(fileEntry(id('F2'), '2026-11-21'))])
      const range = { streamId: STREAM, inc: 1, fromDay: '2026-01-01', toDay: '2026-12-31' }
      expect(fidsOf(await port.list(BETA, [range]))).toEqual([id('F1')])
    })

    test('entries keep every part: state, replaced slices, numbers up to their bounds', async () => {
      const { port } = await make()
      const wide = packEntry(id('F1'), ['1970-01-01', '2026-11-21', '9999-12-31'])
      const [first, ...rest] = wide.slices
      const entry: Entry = {
        ...wide, state: 'replaced', bytes: 2 ** 40, replaces: [{ fid: id('E1'), indexes: [0] }, { fid: id('E2'), indexes: [1, 7, 8, 511] }],
        slices: [{ ...first!, minTs: -1, maxTs: 2 ** 53 - 1, inc: 2 ** 31, rows: 2 ** 32 - 1, rawBytes: 2 ** 40 - 1, offset: 2 ** 48 - 1, length: 2 ** 32 - 1 }, ...rest],
      }
      const file: Entry = { ...fileEntry(id('F2'), '2026-11-21'), key: `data/org=acme/type=logs/stream=app/date=2026-11-21/${STREAM}.1.${id('F2')}.parquet` }
      await port.commit(ACME, 't1', [putEntry(entry), putEntry(file)])
      const range = { streamId: STREAM, inc: 1, fromDay: '2026-11-21', toDay: '2026-11-21' }
      expect(await port.list(ACME, [range])).toEqual([entry, file])
    })

    test('a commit of 60 claims and an entry fits', async () => {
      const { port } = await make()
      const bids = Array.from({ length: 60 }, (_, i) => id(`B${i}`))
      expect(await port.commit(ACME, 't1', flush(id('F1'), bids))).toEqual({ kind: 'committed' })
    })

    test('a commit of nothing, of more than 100 changes, or of one item twice is a bug', async () => {
      const { port } = await make()
      const many = Array.from({ length: 101 }, (_, i) => putClaim(id(`B${i}`), id('F1')))
      for (const changes of [[], many, [putClaim(id('B1'), id('F1')), putClaim(id('B1'), id('F2'))]]) {
        await expect(port.commit(ACME, 't', changes)).rejects.toMatchObject({ slug: 'internal' })
      }
    })

    test('an id that holds a # cannot name an item of another list', async () => {
      const { port } = await make()
      await expect(port.commit(ACME, 't', [putClaim('x#y', id('F1'))])).rejects.toMatchObject({ slug: 'internal' })
      await expect(port.streams('acme#x' as OrgId)).rejects.toMatchObject({ slug: 'internal' })
    })
  })

  describe(`catalog, lists: ${name}`, () => {
    test('a stream list gives the days asked for, both included, of that incarnation', async () => {
      const { port } = await make()
      for (const [i, day] of ['2026-11-18', '2026-11-19', '2026-11-20', '2026-11-21'].entries()) {
        await port.commit(ACME, `t${i}`, [putEntry(fileEntry(id(`F${i}`), day))])
      }
      await port.commit(ACME, 't9', [putEntry(fileEntry(id('F9'), '2026-11-20', 2))])
      const range = { streamId: STREAM, inc: 1, fromDay: '2026-11-19', toDay: '2026-11-20' }
      // Days that end before they begin hold nothing.
      expect(await port.list(ACME, [{ ...range, fromDay: '2026-11-21' }])).toEqual([])
      expect(await port.list(ACME, [range])).toEqual([fileEntry(id('F1'), '2026-11-19'), fileEntry(id('F2'), '2026-11-20')])
      expect(fidsOf(await port.list(ACME, [{ ...range, inc: 2 }]))).toEqual([id('F9')])
      expect(await port.list(ACME, [{ ...range, streamId: 'ffff000000000000' }])).toEqual([])
    })

    test('the fresh list comes whole, whatever the ranges', async () => {
      const { port } = await make()
      await port.commit(ACME, 't1', [putEntry(packEntry(id('F1'), ['2020-01-01', '2026-11-21']))])
      await port.commit(ACME, 't2', [putEntry(fileEntry(id('F2'), '2026-11-21'))])
      const range = { streamId: STREAM, inc: 1, fromDay: '2026-11-21', toDay: '2026-11-21' }
      expect(fidsOf(await port.list(ACME, [range])).sort()).toEqual([id('F1'), id('F2')])
    })

    test('ranges that overlap give each entry once', async () => {
      const { port } = await make()
      await port.commit(ACME, 't1', [putEntry(fileEntry(id('F1'), '2026-11-20'))])
      const range = { streamId: STREAM, inc: 1, fromDay: '2026-11-19', toDay: '2026-11-21' }
      expect(fidsOf(await port.list(ACME, [range, { ...range, fromDay: '2026-11-20' }, range]))).toEqual([id('F1')])
    })
  })

  describe(`catalog, streams and schemas: ${name}`, () => {
    test('the first to create a stream wins and the others get its item', async () => {
      const { port, other } = await make()
      expect(await port.stream(ACME, 'logs', 'app')).toBeNull()
      expect(await port.createStream(streamItem('app'))).toEqual(streamItem('app'))
      expect(await other.createStream(streamItem('app', { id: 'ffffffffffffffff' }))).toEqual(streamItem('app'))
      expect(await other.stream(ACME, 'logs', 'app')).toEqual(streamItem('app'))
      expect(await port.stream(ACME, 'traces', 'app')).toBeNull()
      expect(await port.stream(BETA, 'logs', 'app')).toBeNull()
    })

    test('streams of an organisation are listed, with names of any script', async () => {
      const { port } = await make()
      const items = [streamItem('app'), streamItem('日誌'), streamItem('http:requests', { type: 'metrics' })]
      for (const item of items) await port.createStream(item)
      await port.createStream(streamItem('beta', { org: BETA }))
      const listed = await port.streams(ACME)
      expect(listed).toHaveLength(3)
      for (const item of items) expect(listed).toContainEqual(item)
    })

    test('a schema is written only over the version that was read', async () => {
      const { port, other } = await make()
      expect(await port.schema(ACME, STREAM, 1)).toEqual({ version: 0, fields: {} })
      expect(await port.putSchema(ACME, STREAM, 1, { a: 'int' }, 0)).toBe(true)
      expect(await other.putSchema(ACME, STREAM, 1, { b: 'int' }, 0)).toBe(false)
      expect(await other.schema(ACME, STREAM, 1)).toEqual({ version: 1, fields: { a: 'int' } })
      expect(await other.putSchema(ACME, STREAM, 1, { a: 'int', b: 'string' }, 1)).toBe(true)
      expect(await port.schema(ACME, STREAM, 1)).toEqual({ version: 2, fields: { a: 'int', b: 'string' } })
      expect(await port.schema(ACME, STREAM, 2)).toEqual({ version: 0, fields: {} })
    })

    test('a schema of 5,000 fields is kept', async () => {
      const { port } = await make()
      const fields = Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`attributes_of_the_request_${i}`, i % 2 ? 'string' : 'double'])) as Fields
      expect(await port.putSchema(ACME, STREAM, 1, fields, 0)).toBe(true)
      expect(await port.schema(ACME, STREAM, 1)).toEqual({ version: 1, fields })
    })

    test('a field may be named __proto__ or constructor', async () => {
      const { port } = await make()
      const fields = JSON.parse('{"__proto__":"int","constructor":"bool","日":"string"}') as Fields
      await port.putSchema(ACME, STREAM, 1, fields, 0)
      const stored = (await port.schema(ACME, STREAM, 1)).fields
      expect(Object.entries(stored)).toEqual([['__proto__', 'int'], ['constructor', 'bool'], ['日', 'string']])
    })
  })

  describe(`catalog, requests and documents: ${name}`, () => {
    test('the first request under a key stands until it expires', async () => {
      const { port, other, now, advance } = await make()
      const first = { bid: id('B1'), bodyHash: 'h1', acceptedAt: now(), expiresAt: now() + 1_000_000 }
      const second = { bid: id('B2'), bodyHash: 'h2', acceptedAt: now() + 1, expiresAt: now() + 9_000_000 }
      expect(await port.remember(ACME, 'k', first)).toEqual(first)
      expect(await other.remember(ACME, 'k', second)).toEqual(first)
      expect(await other.remember(BETA, 'k', second)).toEqual(second)
      advance(1_000)
      expect(await port.remember(ACME, 'k', second)).toEqual(second)
    })

    test('a document is written only over the version that was read', async () => {
      const { port, other } = await make()
      expect(await port.document('acme', 'dashboard', 'd1')).toBeNull()
      expect(await port.putDocument('acme', 'dashboard', 'd1', { title: 'a' }, 0)).toBe(true)
      expect(await other.putDocument('acme', 'dashboard', 'd1', { title: 'b' }, 0)).toBe(false)
      expect(await other.putDocument('acme', 'dashboard', 'd1', { title: 'b' }, 1)).toBe(true)
      expect(await port.putDocument('acme', 'dashboard', 'd2', null, 1)).toBe(false)
      expect(await port.document('acme', 'dashboard', 'd1')).toEqual({ id: 'd1', version: 2, value: { title: 'b' } })
    })

    test('of ten writers of one version exactly one wins', async () => {
      const { port, other } = await make()
      const wins = await Promise.all(Array.from({ length: 10 }, (_, i) => (i % 2 ? port : other).putDocument('acme', 'counter', 'c', i, 0)))
      expect(wins.filter((won) => won)).toHaveLength(1)
      expect((await port.document('acme', 'counter', 'c'))?.value).toBe(wins.indexOf(true))
    })

    test('documents are listed by kind and organisation, with any id and any value', async () => {
      const { port } = await make()
      const values: readonly unknown[] = [null, 0, '', [], { 'ключ': '\u0000"' }, 2 ** 53 - 1]
      const ids = ['a', 'a#b', 'user@example.com', '日', '', ' ']
      for (const [i, id] of ids.entries()) await port.putDocument('acme', 'user', id, values[i], 0)
      await port.putDocument('acme', 'users', 'x', 1, 0)
      await port.putDocument('acm', 'user', 'x', 1, 0)
      const listed = await port.documents('acme', 'user')
      expect(new Map(listed.map((d) => [d.id, d.value]))).toEqual(new Map(ids.map((id, i) => [id, values[i]])))
    })
  })
}
