// Leaves change the cost, never the answer: random statements over random rows in many packs, asked once
// in one process and once over 1, 3 and 8 leaves that fail, break, are late and answer twice, through
// the full wire, with their own sandbox filtering: the same rows, total and columns, or the same error.
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Leaves } from '../../lib/engine/ports.ts'
import { DEFAULT_SETTINGS, type Settings } from '../../lib/engine/settings.ts'
import { EngineError } from '../../lib/model/errors.ts'
import { createIds } from '../../lib/node/ids.ts'
import { systemClock } from '../../lib/node/clock.ts'
import { askLeader, wireLeaves, type LeavesAnswer } from '../support/leaves.ts'
import { MemoryTelemetry } from '../support/memory-ports.ts'
import { openRiver, type River } from '../support/river.ts'
import { testPool, type TestPool } from '../support/sql-pool.ts'
import { runs } from '../support/tables.ts'

const PACKS = 16
const ROWS = 25
const START = 1_763_000_000_000_000
const STEP = 50_000_000
const WORDS = ['error', 'timeout', 'user-42', 'GET', '/api/v1', 'Ünïcode', '10.0.0.1', 'done', "it's", '東京', '100%']
const ids = createIds(systemClock)

let pool: TestPool
let leafPool: TestPool
let river: River
const telemetry = new MemoryTelemetry()

function randomOf(seed: number): () => number {
  let s = seed
  return () => {
    s = (Math.imul(s, 1_664_525) + 1_013_904_223) >>> 0
    return s / 4_294_967_296
  }
}

/** times are unique; sums are exact in any order: doubles are eighths */
function rowOf(random: () => number, id: number, pack: number): Record<string, unknown> {
  const pick = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)]!
  const n = Math.floor(random() * 200)
  return {
    id, n, s: `${pick([...'abcdef'])}${n % 37}`, d: Math.floor(random() * 8_000) / 8, b: random() < 0.3,
    message: Array.from({ length: 1 + Math.floor(random() * 5) }, () => pick(WORDS)).join(' '),
    any: pick([n % 20, (n % 20) + 0.5, n % 2 === 0, `w${n % 20}`].slice(pack % 4, (pack % 4) + 1)), mixed: pack % 2 === 0 ? n : n + 0.25,
    ...(random() < 0.2 ? { sparse: `only-${n % 7}` } : {}),
    _timestamp: START + id * STEP + Math.floor(random() * 1_000),
  }
}

beforeAll(async () => {
  pool = testPool()
  leafPool = testPool()
  river = openRiver(pool)
  const random = randomOf(11)
  for (let pack = 0; pack < PACKS; pack++) {
    const rows = Array.from({ length: ROWS }, (_, i) => rowOf(random, pack * ROWS + i, pack))
    expect(await river.json('t', rows)).toBe(ROWS)
    if (pack % 2 === 0) await river.json('u', rows.slice(0, 8).map(({ id, n, _timestamp }) => ({ ref: id, n, tag: `t${Number(n) % 5}`, _timestamp })))
    await river.write()
  }
  await Promise.all([pool.warm(), leafPool.warm()])
}, 60_000)
afterAll(() => Promise.all([pool.close(), leafPool.close()]))

/** the answer as it can be compared: rows in their order where the statement gives one */
async function outcomeOf(asked: Promise<LeavesAnswer>, ordered: boolean): Promise<unknown> {
  try {
    const { hits, receipt: _, took: _took, took_detail: _detail, scan_size: _size, scan_records: _records, ...head } = await asked
    const rows = hits.map((hit) => JSON.stringify(hit))
    return { head, rows: ordered ? rows : rows.sort() }
  } catch (error) {
    // DuckDB names the first bad row it met, which is any.
    if (error instanceof EngineError) return { slug: error.slug, code: error.detail.code }
    throw error
  }
}

interface Trouble {
  readonly leaves: number
  /** of 8 calls: fails a slice, breaks, is throttled; one share is late */
  readonly flaws: readonly ('none' | 'slice' | 'break' | 'throttle')[]
  readonly late: boolean
  readonly inlineBytesMax: number
  readonly filterAboveBytes: number
}

/** leaves with troubles, each no more often than a query survives: a slice fails once */
function troubled(inner: Leaves, { flaws, late, leaves }: Trouble): Leaves {
  const touched = new Set<string>()
  let calls = 0
  let lateFid: string | null = null
  let release = (): void => {}
  return {
    async scan(share) {
      const first = share.slices[0]!.fid
      const flaw = flaws[calls++ % flaws.length]!
      if (late && leaves > 2 && lateFid === null) {
        lateFid = first
        // Until it has been asked again and that has been answered; then both answer.
        const again = new Promise<void>((resolve) => { release = resolve })
        await Promise.race([again, systemClock.sleep(300)])
        return inner.scan(share)
      }
      if (first === lateFid) {
        const outcome = await inner.scan(share)
        release()
        return outcome
      }
      const fresh = share.slices.every(({ fid }) => !touched.has(fid))
      if (fresh && flaw !== 'none') for (const { fid } of share.slices) touched.add(fid)
      if (fresh && flaw === 'break') throw new EngineError('unavailable', 'the leaf broke')
      if (fresh && flaw === 'throttle') throw new EngineError('limited', 'too many leaves')
      if (!fresh || flaw !== 'slice') return inner.scan(share)
      const at = share.slices.length >> 1
      const outcome = await inner.scan({ ...share, slices: share.slices.filter((_, i) => i !== at) })
      return { ...outcome, failed: [...outcome.failed.map((f) => ({ ...f, slice: f.slice + (f.slice >= at ? 1 : 0) })), { slice: at, error: new EngineError('unavailable', 'away') }] }
    },
  }
}

const op = fc.constantFrom('=', '<', '<=', '>', '>=', '<>')
const number = fc.integer({ min: -5, max: 205 })
const condition: fc.Arbitrary<string> = fc.oneof(
  fc.tuple(op, number).map(([o, v]) => `n ${o} ${v}`),
  fc.tuple(op, number).map(([o, v]) => `d ${o} ${v}.125`),
  fc.tuple(op, number).map(([o, v]) => `mixed ${o} ${v}`),
  fc.tuple(number, number).map(([a, b]) => `n BETWEEN ${a} AND ${b}`),
  fc.tuple(op, fc.constantFrom('a', 'c3', 'e', '')).map(([o, v]) => `s ${o} '${v}'`),
  fc.tuple(op, fc.constantFrom('5', '7.5', 'true', 'w3', "it's")).map(([o, v]) => `"any" ${o} '${v.replaceAll("'", "''")}'`),
  fc.constantFrom('s::INT > 3', "CAST(message AS BIGINT) = 7 OR n > 3"),
  ...[1, 2, 3].map(() => fc.constantFrom(
    "match_all('error')", "match_all('time* user-42')", "NOT match_all('GET')", "match_all('東')", "match_all('\"10.0.0.1\"')", "match_all_raw('100%')",
    "fuzzy_match_all('eror', 1)", "re_match(message, '^(error|done)')", "message LIKE '%done%'", "s LIKE 'b%'", "str_match(message, 'it''s')",
    "str_match_ignore_case(message, 'ÜN')", 'b', 'NOT b', 'sparse IS NULL', "sparse = 'only-3'", 'sparse IS NOT NULL', "coalesce(sparse, 'x') > 'o'",
    "n IN (SELECT n FROM u WHERE tag = 't1')", '_timestamp % 2 = 0', 'random() >= 0', 'now() IS NOT NULL', 'length(message) > 12',
    "CASE WHEN n > 100 THEN s ELSE message END LIKE 'a%'", "CAST(substr(s, 2) AS INT) > 9", `_timestamp >= ${START + 200 * STEP}`,
  )),
)
const where = fc.tuple(fc.array(condition, { minLength: 1, maxLength: 3 }), fc.constantFrom(' AND ', ' OR ')).map(([parts, glue]) => parts.join(glue))

/** a sub-query takes the default order away */
const newest = (text: string): string => (text.includes('(SELECT') ? ' ORDER BY _timestamp DESC' : '')

/** statements whose answer does not hang on the order of files */
const statement: fc.Arbitrary<{ sql: string; ordered: boolean }> = fc.tuple(where, where, fc.nat(30)).chain(([w, v, k]) => fc.constantFrom(
  { sql: `SELECT * FROM t WHERE ${w}${newest(w)}`, ordered: true },
  { sql: `SELECT id, x.s, upper(message) AS m FROM t x WHERE ${w}${newest(w)} LIMIT ${k + 1}`, ordered: true },
  { sql: `SELECT id, n FROM t WHERE ${w} ORDER BY n DESC, id LIMIT ${k} OFFSET 3`, ordered: true },
  { sql: `SELECT count(*) AS c, sum(n) AS n, sum(d) AS d, min(s) AS s, max("any") AS a FROM t WHERE ${w}`, ordered: true },
  { sql: `SELECT n % 7 AS k, count(*) AS c, avg(d) AS d FROM t WHERE ${w} GROUP BY k HAVING count(*) > 1`, ordered: false },
  { sql: `SELECT histogram(_timestamp, '30 minutes') AS h, b, count(*) AS c FROM t WHERE ${w} GROUP BY h, b`, ordered: false },
  { sql: `SELECT DISTINCT s FROM t WHERE ${w}`, ordered: false },
  { sql: `SELECT t.id, u.tag FROM t JOIN u ON t.n = u.n AND t.id >= u.ref WHERE t.d > ${k * 20}`, ordered: false },
  { sql: `SELECT u.ref, x.s FROM u LEFT JOIN (SELECT * FROM t WHERE ${w}) x ON x.id = u.ref WHERE u.tag <> 't2'`, ordered: false },
  { sql: `WITH low AS (SELECT * FROM t WHERE ${w}) SELECT a.id, b.id AS other FROM low a JOIN low b ON a.id + 1 = b.id`, ordered: false },
  { sql: `SELECT id FROM t WHERE ${w} UNION ALL SELECT id FROM t WHERE ${v}`, ordered: false },
  { sql: `SELECT id FROM t WHERE ${w} EXCEPT SELECT ref FROM u`, ordered: false },
  { sql: `SELECT id, row_number() OVER (PARTITION BY b ORDER BY id) AS r, sum(d) OVER (ORDER BY id) AS total FROM t WHERE ${w}`, ordered: false },
  { sql: `SELECT (SELECT max(n) FROM t WHERE ${w}) AS top, tag FROM u WHERE ref % 3 = 0`, ordered: false },
  { sql: `SELECT n AS message, s FROM t WHERE message <> 'x' AND (${w})${newest(w)}`, ordered: true },
))

const trouble: fc.Arbitrary<Trouble> = fc.record({
  leaves: fc.constantFrom(1, 3, 8),
  flaws: fc.array(fc.constantFrom<Trouble['flaws'][number]>('none', 'none', 'slice', 'break', 'throttle'), { minLength: 8, maxLength: 8 }),
  late: fc.boolean(),
  inlineBytesMax: fc.constantFrom(0, 2_000, 2 ** 22),
  filterAboveBytes: fc.constantFrom(0, 4_000, 2 ** 20),
})
const paging = fc.record({ from: fc.constantFrom(0, 0, 4), size: fc.constantFrom(-1, -1, 7), trackTotalHits: fc.boolean() })
const range = fc.tuple(fc.nat(100), fc.nat(100)).map(([a, b]) => {
  const at = (p: number): number => START + Math.floor((p / 100) * PACKS * ROWS * STEP)
  return { startTime: at(Math.min(a, b)), endTime: at(Math.max(a, b)) + STEP }
})

const leafSettings = ({ leaves, filterAboveBytes }: Trouble): Settings =>
  ({ ...DEFAULT_SETTINGS, leaderShareBytes: 0, shareSlicesMax: Math.ceil(PACKS / leaves), leafFilterAboveBytes: filterAboveBytes, hedgeFloorMs: 1 })
const RUNS = runs(9)

test('a query over leaves answers as in one process, whatever becomes of them', async () => {
  await fc.assert(fc.asyncProperty(statement, trouble, paging, range, async ({ sql, ordered }, troubles, pages, times) => {
    const query = { ...pages, ...(pages.from === 4 ? times : {}), ...(ordered ? {} : { from: 0, size: -1 }) }
    const settings = leafSettings(troubles)
    const wire = wireLeaves({ ports: { ...river.ports, sql: leafPool, clock: systemClock, telemetry }, settings, ids, inlineBytesMax: troubles.inlineBytesMax })
    const ports = { ...river.ports, clock: systemClock, ids, telemetry }
    const alone = await outcomeOf(askLeader(ports, null, sql, { query }), ordered)
    expect(await outcomeOf(askLeader(ports, troubled(wire, troubles), sql, { query, settings }), ordered)).toEqual(alone)
  }), { numRuns: RUNS })
  // Over many runs all of it is in play; one by one it is in test/functions/leaf.test.ts.
  const names = ['leaf_filtered_bytes_total', 'leaf_filter_failures_total', 'leaf_retries_total', 'leaf_hedges_total', 'leaf_throttles_total']
  if (RUNS >= 100) expect(names.filter((name) => telemetry.total(name) === 0)).toEqual([])
}, 30_000 + RUNS * 2_000)
