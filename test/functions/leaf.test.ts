// One leaf from event to reply over real slices and a real sandbox, and the wire between it and its
// leader: what a leaf refuses, what it leaves out, and what a leader does not believe.
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { answerLeafEvent, type LeafEventWork } from '../../functions/query/leaf-event.ts'
import { answerKey, bodyOf, decodeShare, encodeReply, encodeShare, readReply, type LeafReply } from '../../lib/aws/leaf-wire.ts'
import { FooterCache } from '../../lib/engine/query/footer-cache.ts'
import { scanShare } from '../../lib/engine/query/scan.ts'
import type { Blobs } from '../../lib/engine/ports.ts'
import { DEFAULT_SETTINGS } from '../../lib/engine/settings.ts'
import { EngineError } from '../../lib/model/errors.ts'
import type { Share, ShareOutcome } from '../../lib/model/share.ts'
import { systemClock } from '../../lib/node/clock.ts'
import { createIds } from '../../lib/node/ids.ts'
import { COUNTS, shareOf } from '../support/leaves.ts'
import { MemoryTelemetry } from '../support/memory-ports.ts'
import { ORG, openRiver, type River } from '../support/river.ts'
import { errorOf, testPool, withSession, type TestPool } from '../support/sql-pool.ts'
import { runs } from '../support/tables.ts'

const PACKS = 5
const START = 1_763_000_000_000_000
const ids = createIds(systemClock)
let pool: TestPool
let river: River
let slices: Share['slices']
let telemetry: MemoryTelemetry

beforeAll(async () => {
  pool = testPool()
  river = openRiver(pool)
  for (let pack = 0; pack < PACKS; pack++) {
    await river.json('t', Array.from({ length: 20 }, (_, i) => ({
      n: pack * 20 + i, s: i % 4 === 0 ? 'x7' : `word-${i}`, v: pack % 2 === 0 ? i : i + 0.5, message: `row ${i} of ${pack}`, _timestamp: START + (pack * 20 + i) * 1_000,
    })))
    await river.write()
  }
  const entries = await river.ports.catalog.list(ORG, [])
  slices = entries.map(({ fid, key, slices: [slice] }) => ({ fid, key, index: slice!.index, offset: slice!.offset, length: slice!.length, rows: slice!.rows, rawBytes: slice!.rawBytes }))
})
afterAll(() => pool.close())

const share = (over: Partial<Share> = {}): Share => shareOf([], {
  fields: { n: 'int', s: 'string', v: 'double', message: 'string' }, columns: ['n', 's', 'v', 'message'], range: { startTime: START, endTime: START + 90_000 }, slices, ...over,
})

function workOf(over: Partial<LeafEventWork> = {}, blobs: Blobs = river.ports.blobs): LeafEventWork {
  telemetry = new MemoryTelemetry()
  return {
    ports: { blobs, sql: pool, clock: systemClock, telemetry }, settings: { ...DEFAULT_SETTINGS, leafFilterAboveBytes: 0 },
    footers: new FooterCache(2 ** 20), ids, ...over,
  }
}

/** through JSON both ways, as Lambda does it */
async function asked(want: Share, work = workOf()): Promise<ShareOutcome> {
  const reply = await answerLeafEvent(work, JSON.parse(encodeShare(want)), 30_000)
  return fetched(readReply(JSON.parse(JSON.stringify(reply)), want, work.ports.blobs))
}

/** with the pieces that lie in the bucket */
async function fetched(read: Promise<ShareOutcome>): Promise<ShareOutcome> {
  const { more, ...outcome } = await read
  return more === undefined ? outcome : { ...outcome, pieces: await more() }
}

/** the rows of all pieces, as DuckDB reads them */
const rowsOf = (outcome: ShareOutcome, columns = 'n'): Promise<unknown[]> => withSession(pool, async (session) => {
  const out: unknown[] = []
  for (const [i, { parts }] of outcome.pieces.entries()) {
    const path = await session.writeFile(`${i}.parquet`, parts)
    out.push(...(await session.ask(`SELECT ${columns} FROM read_parquet('${path}')`)).rows.map((row) => (row.length === 1 ? row[0] : row)))
  }
  return out
})

describe('a leaf', () => {
  test('sends what each slice has, or with a filter only what may matter, in range and with the catalog\'s types', async () => {
    const whole = await asked(share())
    expect(whole).toMatchObject({ failed: [], counts: { filesRead: PACKS, rowsScanned: 100 } })
    expect(whole.pieces).toHaveLength(PACKS)
    expect(whole.pieces.map(({ differing }) => [...differing])).toEqual(slices.map((_, pack) => (pack % 2 === 0 ? [['v', 'int']] : [])))
    const filtered = await asked(share({ where: "(s = 'x7')" }))
    expect(filtered.counts).toEqual(whole.counts)
    expect(filtered.pieces).toHaveLength(1)
    expect(filtered.pieces[0]!.differing.size).toBe(0)
    const rows = await rowsOf(filtered, 'n, s, v, typeof(v), typeof(_timestamp)')
    // Grouped by their types; the last row in range is the ninetieth.
    expect(rows.map((row) => Number((row as string[])[0])).sort((a, b) => a - b)).toEqual(Array.from({ length: 90 }, (_, n) => n).filter((n) => n % 20 % 4 === 0))
    expect(rows[0]).toEqual(['0', 'x7', '0.0', 'DOUBLE', 'BIGINT'])
    expect(bodyOf(filtered).length).toBeLessThan(bodyOf(whole).length)
  })

  test('filters by what the plan says of each scan when the statement has no filter of its own', async () => {
    const scans = [
      [{ column: 's', op: '=', value: "x7", text: true }, { column: 'n', op: '<', value: '20', text: false }],
      [{ column: 'v', op: '>=', value: '18.5', text: false }, { column: 'message', op: 'not-null', value: '', text: false }],
    ] as const
    const rows = (await rowsOf(await asked(share({ scans })))).map(Number).sort((a, b) => a - b)
    expect(rows).toEqual([0, 4, 8, 12, 16, 19, 38, 39, 59, 78, 79])
    expect(await rowsOf(await asked(share({ scans: [...scans, []] })))).toHaveLength(100)
    // A column that is not fetched cannot be tested.
    expect(await rowsOf(await asked(share({ scans: [scans[1]], columns: ['n', 'message'] })))).toHaveLength(90)
  })

  test('has the macros that a filter needs', async () => {
    const fuzzy = await asked(share({ where: "nilometer_fuzzy(s, 'ward', 1)" }))
    expect(telemetry.total('leaf_filter_failures_total')).toBe(0)
    expect(await rowsOf(fuzzy)).toHaveLength(67)
  })

  test.each(["(CAST(s AS BIGINT) > 3)", '(nope = 1)', '(n > 1', 'n > 1) TO \'/tmp/x.csv\'; SELECT (1', "(error('no'))"])('sends all of it where the filter fails: %s', async (where) => {
    const outcome = await asked(share({ where }))
    expect(outcome.pieces).toHaveLength(PACKS)
    expect(telemetry.total('leaf_filter_failures_total')).toBe(1)
  })

  test('sends nothing where nothing matters', async () => {
    expect((await asked(share({ where: '(n < 0)' }))).pieces).toEqual([])
  })

  test('opens no sandbox for little, nor without a filter', async () => {
    const before = pool.stats().sessions
    await asked(share({ where: '(n < 0)' }), workOf({ settings: DEFAULT_SETTINGS }))
    await asked(share())
    expect(pool.stats().sessions).toBe(before)
  })

  test('names what it could not read, and all else stands', async () => {
    const gone = slices.map((slice, i) => (i === 1 ? { ...slice, key: `fresh/${ORG}/01ARZ3NDEKTSV4RRFFQ69G5FAV.pack` } : i === 3 ? { ...slice, offset: slice.offset - 2 } : slice))
    const outcome = await asked(share({ slices: gone }))
    expect(outcome.failed.map(({ slice, error }) => [slice, error.slug])).toEqual([[1, 'not_found'], [3, 'file_unreadable']])
    expect(outcome.pieces).toHaveLength(PACKS - 2)
    expect(outcome.counts.rowsScanned).toBe(60)
  })

  test.each(['fresh/other/X.pack', 'fresh/default2/X.pack', 'data/org=other/X.parquet', 'data/org=default2/X.parquet', 'wal/default/X', 'fresh/../default/X'])(
    'refuses a share with a key of another organisation and reads nothing: %s', async (key) => {
      const gets: string[] = []
      const unasked = (): Promise<never> => Promise.reject(new Error('not to be asked'))
      const blobs: Blobs = { get: async (k) => { gets.push(k); return new Uint8Array() }, put: unasked, list: unasked, delete: unasked }
      const event = share({ slices: [slices[0]!, { ...slices[1]!, key }] })
      expect(await answerLeafEvent(workOf({}, blobs), JSON.parse(encodeShare(event)), 30_000)).toMatchObject({ error: { slug: 'internal' } })
      expect(gets).toEqual([])
    })

  test('ends when its share would read more than it may, or takes too long', async () => {
    expect((await errorOf(asked(share({ bytesMax: 3_000 })))).slug).toBe('too_costly')
    const slow = { ...systemClock, monotonicMs: ((t) => () => (t += 20))(0) }
    const work = workOf()
    expect((await errorOf(asked(share({ deadlineMs: 50 }), { ...work, ports: { ...work.ports, clock: slow } }))).slug).toBe('query_timeout')
  })

  test('answers whatever it is asked, and never throws', async () => {
    const good = JSON.parse(encodeShare(share())) as { share: Record<string, unknown> }
    const bad = [null, 5, 'x', [], {}, { version: 2, share: good.share }, ...Object.keys(good.share).map((name) => ({ ...good, share: { ...good.share, [name]: name === 'where' ? 7 : null } }))]
    for (const event of bad) expect(await answerLeafEvent(workOf(), event, 30_000)).toMatchObject({ error: { slug: expect.stringMatching(/^(internal|invalid_org)$/) as string } })
  })
})

describe('the wire', () => {
  test('a share comes back as it was', () => {
    const s = share({ scans: [[{ column: 's', op: '>=', value: "it's", text: true }], []], where: "(s ~~ 'a%')" })
    expect(decodeShare(JSON.parse(encodeShare(s)))).toEqual(s)
  })

  test('an answer too large for a reply lies in the bucket under its organisation, and reads the same', async () => {
    const spilled = workOf({ inlineBytesMax: 100 })
    const reply = await answerLeafEvent(spilled, JSON.parse(encodeShare(share())), 30_000) as LeafReply
    expect(reply.key).toMatch(/^answers\/default\/[0-9A-Z]{26}$/)
    expect(reply.body).toBeNull()
    const read = await fetched(readReply(reply, share(), river.ports.blobs))
    const inline = await asked(share())
    expect(read.pieces.map(({ parts }) => Buffer.concat([...parts]))).toEqual(inline.pieces.map(({ parts }) => Buffer.concat([...parts])))
    expect(read.counts.gets).toBe(inline.counts.gets + 1)
  })

  test('pieces are cut out of ranges at any place', async () => {
    const MB = 2 ** 20
    await fc.assert(fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 9 * MB }), { maxLength: 4 }), async (sizes) => {
      const pieces = sizes.map((size, i) => ({ parts: [Buffer.alloc(size, i + 1)], differing: new Map([['v', 'int' as const]]) }))
      const outcome: ShareOutcome = { pieces, failed: [], counts: COUNTS }
      const body = bodyOf(outcome)
      const key = answerKey(ORG, ids.ulid())
      const get: Blobs['get'] = async (_key, range) => body.subarray(range!.offset, range!.offset + range!.length)
      const read = await fetched(readReply(encodeReply(shareOf(['a']), outcome, body, key), shareOf(['a']), { get }))
      expect(read.pieces.map(({ parts }) => Buffer.concat([...parts]).equals(Buffer.alloc(0)))).toEqual(sizes.map(() => false))
      read.pieces.forEach(({ parts }, i) => expect(Buffer.concat([...parts]).equals(pieces[i]!.parts[0]!)).toBe(true))
    }), { numRuns: runs(4) })
  })

  const outcome: ShareOutcome = { pieces: [{ parts: [Buffer.from('abc')], differing: new Map() }], failed: [{ slice: 1, error: new EngineError('not_found', 'gone') }], counts: COUNTS }
  const two = shareOf(['a', 'b'])
  const good = (): Record<string, unknown> => JSON.parse(JSON.stringify(encodeReply(two, outcome, bodyOf(outcome), null))) as Record<string, unknown>
  const noBlobs: Pick<Blobs, 'get'> = { get: () => Promise.reject(new EngineError('not_found', 'there is no blob')) }

  test('errors cross it by slug and message', async () => {
    expect((await readReply(good(), two, noBlobs)).failed).toMatchObject([{ slice: 1, error: { slug: 'not_found', message: 'gone', kind: 'not_found' } }])
    expect(await errorOf(readReply({ version: 1, error: { slug: 'limited', message: 'later' } }, two, noBlobs))).toMatchObject({ slug: 'limited', message: 'later' })
  })

  const failed = (slice: number) => ({ slice, error: { slug: 'not_found', message: '' } })
  test.each<[string, Record<string, unknown> | null]>([
    ['nothing', null], ['another version', { version: 2 }], ['a slice nobody answered', { read: [] }], ['a slice answered twice', { read: [0, 1] }],
    ['a slice read twice', { read: [0, 0] }], ['a slice failed twice', { read: [], failed: [failed(1), failed(1)] }], ['a slice that was not asked', { read: [0, 2] }],
    ['one slice too many', { read: [0, 2], failed: [failed(1)] }], ['a slug of nobody', { failed: [{ slice: 1, error: { slug: 'toString', message: '' } }] }],
    ['an error without words', { failed: [{ slice: 1, error: { slug: 'not_found' } }] }], ['pieces longer than the body', { pieces: [{ bytes: 4, differing: [] }] }],
    ['a body longer than its pieces', { pieces: [] }], ['a body that is no text', { body: 5 }], ['neither body nor key', { body: null }], ['both', { key: 'answers/default/01ARZ3NDEKTSV4RRFFQ69G5FAV' }],
    ['a key of another organisation', { body: null, key: 'answers/other/01ARZ3NDEKTSV4RRFFQ69G5FAV' }], ['a key elsewhere', { body: null, key: 'fresh/default/01ARZ3NDEKTSV4RRFFQ69G5FAV' }],
    ['an answer that is gone', { body: null, key: 'answers/default/01ARZ3NDEKTSV4RRFFQ69G5FAV' }], ['counts that are none', { counts: { ...COUNTS, gets: '1' } }],
    ['a negative piece', { pieces: [{ bytes: -1, differing: [] }, { bytes: 4, differing: [] }] }],
    ['a type of nobody', { pieces: [{ bytes: 3, differing: [['v', 'float']] }] }], ['a reply that is a list', [] as unknown as Record<string, unknown>],
  ])('a leader believes no reply with %s, and may ask another leaf', async (_name, over) => {
    const reply = over === null ? null : Array.isArray(over) ? over : { ...good(), ...over }
    expect((await errorOf(fetched(readReply(reply, two, noBlobs)))).slug).toBe('unavailable')
  })
})

test('a footer that another tenant\'s slice left is not found under the same name', async () => {
  const footers = new FooterCache(2 ** 20)
  const scanning = { blobs: river.ports.blobs, coalesceBytes: 1_000, footers, check: () => {} }
  await scanShare(scanning, share())
  const other = share({ org: 'other' as typeof ORG, slices: slices.map((slice) => ({ ...slice, key: slice.key.replace('/default/', '/other/') })) })
  expect((await scanShare(scanning, other)).failed.map(({ error }) => error.slug)).toEqual(slices.map(() => 'not_found'))
})
