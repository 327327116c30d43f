// What a leader does with its shares, over a real sandbox: who scans, what it costs, and what a query
// hears when files are gone, broken or too many.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Blobs, Leaves, Ports } from '../../lib/engine/ports.ts'
import { EngineError } from '../../lib/model/errors.ts'
import type { Share } from '../../lib/model/share.ts'
import { systemClock } from '../../lib/node/clock.ts'
import { createIds } from '../../lib/node/ids.ts'
import { DEFAULT_SETTINGS, type Settings } from '../../lib/engine/settings.ts'
import { askLeader, wireLeaves } from '../support/leaves.ts'
import { MemoryTelemetry } from '../support/memory-ports.ts'
import { openRiver, type River } from '../support/river.ts'
import { errorOf, testPool, type TestPool } from '../support/sql-pool.ts'

const PACKS = 6
const START = 1_763_000_000_000_000
const MINUTE = 60_000_000
const ids = createIds(systemClock)
let pool: TestPool
let river: River

beforeAll(async () => {
  pool = testPool({ size: 2 })
  river = openRiver(pool)
  for (let pack = 0; pack < PACKS; pack++) {
    await river.json('t', Array.from({ length: 10 }, (_, i) => ({ n: pack * 10 + i, s: `w${i}`, _timestamp: START + pack * MINUTE + i })))
    await river.write()
  }
})
afterAll(() => pool.close())

interface World {
  readonly ports: Ports
  readonly telemetry: MemoryTelemetry
  readonly shares: Share[]
  readonly leaves: Leaves
}

/** the river behind blobs that do what a test says; leaves are asked through the wire */
function world(get?: (key: string, read: () => Promise<Uint8Array>) => Promise<Uint8Array>): World {
  const telemetry = new MemoryTelemetry()
  const inner = river.ports.blobs
  const blobs: Blobs = {
    put: (key, bytes) => inner.put(key, bytes), list: (prefix, after) => inner.list(prefix, after), delete: (key) => inner.delete(key),
    get: (key, range) => (get === undefined ? inner.get(key, range) : get(key, () => inner.get(key, range))),
  }
  const ports = { ...river.ports, blobs, clock: systemClock, ids, telemetry }
  const wire = wireLeaves({ ports, settings: { ...DEFAULT_SETTINGS, leafFilterAboveBytes: 0 }, ids })
  const shares: Share[] = []
  return { ports, telemetry, shares, leaves: { scan: (share) => { shares.push(share); return wire.scan(share) } } }
}

const FAR: Partial<Settings> = { leaderShareBytes: 0, shareSlicesMax: 2 }
const ALL = Array.from({ length: PACKS * 10 }, (_, n) => n)

describe('who scans', () => {
  test('a small question stays with its leader', async () => {
    const { ports, leaves, shares } = world()
    const { hits, receipt } = await askLeader(ports, leaves, 'SELECT n FROM t ORDER BY n')
    expect(hits.map((hit) => hit['n'])).toEqual(ALL)
    expect(shares).toEqual([])
    expect(receipt).toMatchObject({ leaves: 1, files_listed: PACKS, files_read: PACKS, gets: PACKS, rows_scanned: 60 })
  })

  test('a large one goes to leaves, newest first, with what each must know', async () => {
    const { ports, leaves, shares, telemetry } = world()
    const { hits, receipt } = await askLeader(ports, leaves, "SELECT n FROM t x WHERE x.s = 'w3' ORDER BY n", { settings: FAR })
    expect(hits.map((hit) => hit['n'])).toEqual([3, 13, 23, 33, 43, 53])
    expect(receipt).toMatchObject({ leaves: 3, files_read: PACKS, gets: PACKS, rows_scanned: 60 })
    expect(telemetry.total('leaf_requests_total', { leaf: 'remote' })).toBe(3)
    expect(shares.map(({ slices }) => slices.length)).toEqual([2, 2, 2])
    const fids = shares.flatMap(({ slices }) => slices.map(({ fid }) => fid))
    expect(fids).toEqual(fids.toSorted().toReversed())
    expect(shares[0]).toMatchObject({ org: 'default', columns: expect.arrayContaining(['n', 's']) as string[], where: "(s = 'w3')" })
    expect(shares[0]!.scans).toEqual([expect.arrayContaining([{ column: 's', op: '=', value: 'w3', text: true }])])
    expect(shares[0]!.bytesMax).toBeGreaterThan(0)
    expect(shares[0]!.deadlineMs).toBeLessThanOrEqual(DEFAULT_SETTINGS.queryDeadlineMs)
  })

  test('streams of a join are scattered together', async () => {
    await river.json('u', [{ n: 3, tag: 'x' }, { n: 41, tag: 'y' }])
    await river.write()
    const { ports, leaves, shares } = world()
    const { hits, receipt } = await askLeader(ports, leaves, 'SELECT t.n, u.tag FROM t JOIN u ON t.n = u.n ORDER BY 1', { settings: FAR })
    expect(hits).toEqual([{ n: 3, tag: 'x' }, { n: 41, tag: 'y' }])
    expect([shares.length, receipt['leaves'], shares.every(({ where }) => where === null)]).toEqual([4, 4, true])
  })

  test('files that the time range leaves out are counted, alone and with leaves, and in a dry run', async () => {
    const { ports, leaves } = world()
    const query = { startTime: START + 4 * MINUTE, endTime: START + 6 * MINUTE }
    for (const [who, settings] of [[null, {}], [leaves, FAR]] as const) {
      const { hits, receipt } = await askLeader(ports, who, 'SELECT n FROM t', { query, settings })
      expect(hits).toHaveLength(20)
      expect(receipt).toMatchObject({ files_listed: PACKS, files_pruned_time: 4, files_read: 2, files_pruned_stats: 0 })
    }
    expect((await askLeader(ports, null, 'SELECT n FROM t', { query: { ...query, dryRun: true } })).receipt).toMatchObject({ files_listed: PACKS, files_pruned_time: 4, rows_scanned: 20 })
  })
})

/** fails the first `times` reads of one key */
function failing(times: number, error: EngineError) {
  let key: string | null = null
  let failed = 0
  return async (asked: string, read: () => Promise<Uint8Array>): Promise<Uint8Array> => {
    if (asked.startsWith('answers/')) return read()
    key ??= asked
    if (asked === key && failed++ < times) throw error
    return read()
  }
}

const away = new EngineError('unavailable', 'the store is busy')

describe.each([['alone', false], ['with leaves', true]] as const)('%s, a file that', (_name, far) => {
  const ask = ({ ports, leaves }: World, settings: Partial<Settings> = {}) =>
    askLeader(ports, far ? leaves : null, 'SELECT n FROM t ORDER BY n', { settings: { ...(far ? FAR : {}), ...settings } })

  test('fails once is read again, and nothing is missing or there twice', async () => {
    const w = world(failing(1, away))
    expect((await ask(w)).hits.map((hit) => hit['n'])).toEqual(ALL)
    expect(w.telemetry.total('leaf_retries_total')).toBe(1)
  })

  test('fails twice fails the query with 503', async () => {
    expect(await errorOf(ask(world(failing(2, away))))).toMatchObject({ slug: 'file_unreadable', kind: 'unavailable', detail: { retryAfterSeconds: 1 } })
  })

  test('is missing makes the leader list again, and if it still is the client', async () => {
    const missing = new EngineError('not_found', 'there is no blob')
    const once = world(failing(1, missing))
    expect((await ask(once)).hits.map((hit) => hit['n'])).toEqual(ALL)
    expect(once.telemetry.total('search_errors_total', { slug: 'not_found' })).toBe(1)
    expect(await errorOf(ask(world(failing(2, missing))))).toMatchObject({ slug: 'data_moved', kind: 'unavailable' })
  })

  test('is one too many is refused with the limit', async () => {
    const error = await errorOf(ask(world(), { queryScanBytesMax: 2_500 }))
    expect(error).toMatchObject({ slug: 'too_costly' })
    expect(error.message).toContain('more than 2500 bytes')
    const gathered = await errorOf(ask(world(), { gatherBytesMax: 1_500 }))
    expect([gathered.slug, gathered.message]).toEqual(['too_costly', expect.stringContaining('take more than 1500 bytes')])
  })
})

test('leaves that hang end with the deadline', async () => {
  const { ports } = world()
  const error = await errorOf(askLeader(ports, { scan: () => new Promise(() => {}) }, 'SELECT n FROM t', { settings: FAR, query: { timeoutSeconds: 1 } }))
  expect(error).toMatchObject({ slug: 'query_timeout', detail: { code: 20010 } })
})

test('a leader whose leaves are refused scans by itself', async () => {
  const { ports } = world()
  const none: Leaves = { scan: () => Promise.reject(new EngineError('limited', 'too many functions')) }
  expect((await askLeader(ports, none, 'SELECT n FROM t ORDER BY n', { settings: FAR })).hits.map((hit) => hit['n'])).toEqual(ALL)
})
