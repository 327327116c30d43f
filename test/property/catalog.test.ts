// The catalog against a model of its contract, on SQLite and on DynamoDB: any sequence of commits by two
// clients leaves what a map with put-if-absent would hold, listings are exact, and in embedded mode queue
// rows go with their claims.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createCatalog } from '../../lib/aws/catalog.ts'
import type { Catalog, Change, CommitOutcome, Holder, ListRange } from '../../lib/engine/ports.ts'
import { openCatalog } from '../../lib/local/catalog.ts'
import { messageInserter } from '../../lib/local/queue-table.ts'
import type { Entry } from '../../lib/model/file.ts'
import type { OrgId } from '../../lib/model/stream.ts'
import { fileEntry, id, packEntry } from '../contract/catalog.suite.ts'
import { localDynamo, missingDynoxide } from '../support/dynoxide.ts'
import { START, localDirectories, movableClock } from '../support/local.ts'

const TIMES = Number(process.env['NILOMETER_RUNS'] ?? 1)
const ORGS = ['acme', 'acm', 'acme_'] as OrgId[]
const DAYS = ['2025-12-31', '2026-01-01', '2026-01-02', '2026-10-09', '2026-10-10']

const BIDS = Array.from({ length: 8 }, (_, n) => id(`B${n}`))

interface Adapter {
  readonly name: string
  readonly runs: number
  /** two clients of one empty catalog */
  readonly empty: () => Promise<readonly [Catalog, Catalog]>
  /** messages that still wait, where the catalog and the queue are one database */
  readonly waiting: (() => readonly string[]) | null
}

const { freshDir, database } = localDirectories({ each: false })
const dataDir = freshDir()
const { clock } = movableClock()
const db = database(dataDir)
const catalogs = [openCatalog(db, clock), openCatalog(database(dataDir), clock)] as const
const insert = messageInserter(db)

const sqlite: Adapter = {
  name: 'sqlite',
  runs: 60 * TIMES,
  empty: async () => {
    db.exec('DELETE FROM item; DELETE FROM queue')
    // Bids are unique across organisations; here every one waits for the first organisation.
    insert(BIDS.map((bid) => ({ bid, org: ORGS[0] as string, sentAt: START, bytes: new Uint8Array(1) })))
    return catalogs
  },
  waiting: () => db.prepare('SELECT bid FROM queue ORDER BY bid').all().map((row) => String(row['bid'])),
}

const dynamo = localDynamo()
const dynamodb: Adapter = {
  name: 'dynamodb',
  runs: 12 * TIMES,
  empty: async () => {
    const tables = await dynamo.freshTables()
    return [createCatalog({ ...tables, client: dynamo.client(), clock }), createCatalog({ ...tables, client: dynamo.client(), clock })]
  },
  waiting: null,
}

const adapters = missingDynoxide === null ? [sqlite, dynamodb] : [sqlite]
if (missingDynoxide !== null) test.skip(`dynamodb (${missingDynoxide})`, () => undefined)

/** few ids, so that commits meet each other often */
const fid = fc.integer({ min: 0, max: 5 }).map((n) => id(`F${n}`))
const bid = fc.integer({ min: 0, max: 7 }).map((n) => BIDS[n] as string)
const change: fc.Arbitrary<Change> = fc.oneof(
  fid.map((f) => ({ kind: 'put-entry' as const, entry: packEntry(f) })),
  fc.tuple(fid, fc.constantFrom(...DAYS), fc.integer({ min: 1, max: 2 }))
    .map(([f, day, inc]) => ({ kind: 'put-entry' as const, entry: fileEntry(f, day, inc) })),
  fc.tuple(bid, fid).map(([b, f]) => ({ kind: 'put-claim' as const, bid: b, fid: f, expiresAt: START * 2 })),
)
const keyOf = (org: string, c: Change): string => {
  if (c.kind === 'put-claim') return `${org} claim ${c.bid}`
  const { list, fid: f, slices } = c.entry
  return list === 'fresh' ? `${org} fresh ${f}` : `${org} stream ${slices[0]?.inc} ${slices[0]?.day} ${f}`
}
const commit = fc.record({
  org: fc.constantFrom(...ORGS),
  client: fc.integer({ min: 0, max: 1 }),
  changes: fc.uniqueArray(change, { minLength: 1, maxLength: 5, selector: (c) => keyOf('', c) }),
})
const range: fc.Arbitrary<ListRange> = fc.record({
  streamId: fc.constant('00112233aabbccdd'), inc: fc.integer({ min: 1, max: 2 }),
  fromDay: fc.constantFrom(...DAYS), toDay: fc.constantFrom(...DAYS),
})

const holderIn = (model: ReadonlyMap<string, Change>, key: string): Holder | null => {
  const held = model.get(key)
  if (held === undefined) return null
  return held.kind === 'put-claim' ? { kind: 'claim', fid: held.fid } : { kind: 'entry' }
}

function expectedList(model: ReadonlyMap<string, Change>, org: string, ranges: readonly ListRange[]): Entry[] {
  const entries: Entry[] = []
  for (const [key, c] of model) {
    if (!key.startsWith(`${org} `) || c.kind !== 'put-entry') continue
    const slice = c.entry.slices[0]
    const asked = ranges.some((r) => slice?.inc === r.inc && r.fromDay <= slice.day && slice.day <= r.toDay)
    if (c.entry.list === 'fresh' || asked) entries.push(c.entry)
  }
  return entries
}

/** as lists may come in any order */
const sorted = (entries: readonly Entry[]): Entry[] => {
  const place = (entry: Entry): string => keyOf('', { kind: 'put-entry', entry })
  return [...entries].sort((a, b) => (place(a) < place(b) ? -1 : 1))
}

test.each(adapters)('any commits by two clients leave what put-if-absent leaves, and refusals name the holders: $name', async ({ runs, empty, waiting }) => {
  await fc.assert(fc.asyncProperty(
    fc.array(commit, { maxLength: 20 }), fc.array(range, { maxLength: 3 }),
    async (commits, ranges) => {
      const clients = await empty()
      const model = new Map<string, Change>()
      for (const [i, { org, client, changes }] of commits.entries()) {
        const holders = changes.map((c) => holderIn(model, keyOf(org, c)))
        const free = holders.every((holder) => holder === null)
        if (free) for (const c of changes) model.set(keyOf(org, c), c)
        const expected: CommitOutcome = free ? { kind: 'committed' } : { kind: 'refused', holders }
        expect(await (clients[client] as Catalog).commit(org, `t${i}`, changes)).toEqual(expected)
      }
      for (const org of ORGS) {
        expect(sorted(await clients[1].list(org, ranges))).toEqual(sorted(expectedList(model, org, ranges)))
      }
      if (waiting !== null) expect(waiting()).toEqual(BIDS.filter((b) => !model.has(`${ORGS[0]} claim ${b}`)))
    },
  ), { numRuns: runs })
})

test.each(adapters)('any JSON value comes back from a document as it went in: $name', async ({ runs, empty }) => {
  const [catalog, other] = await empty()
  let n = 0
  await fc.assert(fc.asyncProperty(fc.string({ unit: 'binary' }), fc.jsonValue(), async (docId, value) => {
    // A kind of its own for each run, so that ids never meet.
    const kind = `k${n += 1}`
    // JSON has no -0; everything else is exact.
    const expected: unknown = JSON.parse(JSON.stringify(value))
    expect(await catalog.putDocument('acme', kind, docId, value, 0)).toBe(true)
    expect(await other.document('acme', kind, docId)).toEqual({ id: docId, version: 1, value: expected })
    expect(await other.documents('acme', kind)).toEqual([{ id: docId, version: 1, value: expected }])
  }), { numRuns: runs })
})

test.each(adapters)('any two writers that read, change and write a document lose no change: $name', async ({ runs, empty }) => {
  const clients = await empty()
  let n = 0
  await fc.assert(fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 1 }), { minLength: 1, maxLength: 12 }), async (turns) => {
    const docId = `d${n += 1}`
    const seen = [0, 0]
    let written = 0
    for (const turn of turns) {
      const catalog = clients[turn] as Catalog
      // A writer works on what it read last; when that is stale it must read again.
      if (!await catalog.putDocument('acme', 'counter', docId, written + 1, seen[turn] as number)) {
        expect(seen[turn]).toBeLessThan(written)
        seen[turn] = (await catalog.document('acme', 'counter', docId))?.version ?? 0
        expect(await catalog.putDocument('acme', 'counter', docId, written + 1, seen[turn] as number)).toBe(true)
      }
      written += 1
      seen[turn] = written
    }
    expect(await clients[0].document('acme', 'counter', docId)).toEqual({ id: docId, version: written, value: written })
  }), { numRuns: runs })
})
