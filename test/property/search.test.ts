// Property 16: pruning never loses a row. Random rows in many overlapping slices, fields that change
// their type between flushes, random statements and ranges: the same answer as DuckDB over all rows
// in one table, and over the whole run groups were in fact skipped.
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openRiver, type River } from '../support/river.ts'
import { testPool, type TestPool } from '../support/sql-pool.ts'

const RUNS = 40 * Number(process.env['NILOMETER_RUNS'] ?? 1)
const FLUSHES = 14
const ROWS = 40
const START = 1_763_000_000_000_000
const SPAN = 3 * 86_400_000_000

let pool: TestPool
let river: River
let reference: DuckDBConnection

/** one row; the flush decides the type in which `mixed` and `any` arrive */
function rowOf(random: () => number, id: number, flush: number): Record<string, unknown> {
  const n = Math.floor(random() * 1_000)
  const any = [n % 50, (n % 50) + 0.5, n % 2 === 0, `w${n % 50}`][flush % 4]
  return {
    id, n, s: `${'abcdefgh'[n % 8]}${n % 97}`, d: Math.round(random() * 1e6) / 1e3, b: n % 3 === 0,
    mixed: flush % 2 === 0 ? n % 100 : (n % 100) + 0.25, any,
    ...(n % 5 === 0 ? { sparse: `only-${n % 7}` } : {}),
    _timestamp: START + Math.floor(((flush + random() * 3) / (FLUSHES + 3)) * SPAN),
  }
}

function randomOf(seed: number): () => number {
  let s = seed
  return () => {
    s = (Math.imul(s, 1_664_525) + 1_013_904_223) >>> 0
    return s / 4_294_967_296
  }
}

beforeAll(async () => {
  pool = testPool()
  river = openRiver(pool)
  reference = await (await DuckDBInstance.create(':memory:')).connect()
  await reference.run('CREATE TABLE t(_timestamp BIGINT, id BIGINT, n BIGINT, s VARCHAR, d DOUBLE, b BOOLEAN, mixed DOUBLE, any_ VARCHAR, sparse VARCHAR)')
  const random = randomOf(7)
  for (let flush = 0; flush < FLUSHES; flush++) {
    const rows = Array.from({ length: ROWS }, (_, i) => rowOf(random, flush * ROWS + i, flush))
    expect(await river.json('t', rows)).toBe(ROWS)
    await river.write()
    for (const r of rows) {
      await reference.run('INSERT INTO t VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)', [
        BigInt(r['_timestamp'] as number), BigInt(r['id'] as number), BigInt(r['n'] as number), r['s'] as string, r['d'] as number,
        r['b'] as boolean, r['mixed'] as number, String(r['any']), (r['sparse'] as string | undefined) ?? null,
      ])
    }
  }
}, 60_000)
afterAll(() => pool.close())

const number = fc.integer({ min: -10, max: 1_010 })
const letter = fc.constantFrom('a', 'c', 'd5', 'h96', 'zz', '')
const op = fc.constantFrom('=', '<', '<=', '>', '>=', '<>')
const condition: fc.Arbitrary<string> = fc.oneof(
  fc.tuple(op, number).map(([o, v]) => `n ${o} ${v}`),
  fc.tuple(number, number).map(([a, b]) => `n BETWEEN ${a} AND ${b}`),
  fc.array(number, { minLength: 1, maxLength: 4 }).map((v) => `n IN (${v.join(',')})`),
  fc.tuple(op, letter).map(([o, v]) => `s ${o} '${v}'`),
  letter.map((v) => `s LIKE '${v}%'`),
  fc.tuple(op, number).map(([o, v]) => `d ${o} ${v}.125`),
  fc.tuple(op, number).map(([o, v]) => `mixed ${o} ${v % 100}`),
  fc.tuple(op, fc.constantFrom('5', '10', '7.5', 'true', 'w3', '')).map(([o, v]) => `"any" ${o} '${v}'`),
  fc.constantFrom('b', 'NOT b', 'sparse IS NULL', 'sparse IS NOT NULL', "sparse = 'only-0'", "sparse > 'only-3'", "coalesce(sparse, 'x') = 'x'"),
  fc.integer({ min: 0, max: 100 }).map((p) => `_timestamp >= ${START + Math.floor((p / 100) * SPAN)}`),
)
const where = fc.array(condition, { minLength: 1, maxLength: 4 }).chain((parts) =>
  fc.array(fc.constantFrom(' AND ', ' AND ', ' OR '), { minLength: parts.length, maxLength: parts.length })
    .map((glue) => parts.map((p, i) => (i === 0 ? p : `${glue[i]}${p}`)).join('')))
const range = fc.tuple(fc.integer({ min: 0, max: 100 }), fc.integer({ min: 0, max: 100 })).map(([a, b]) => {
  const at = (p: number): number => START + Math.floor((p / 100) * SPAN)
  return { startTime: at(Math.min(a, b)), endTime: at(Math.max(a, b)) + 1 }
})

const forReference = (sql: string): string => sql.replaceAll('"any"', 'any_')

test('a search over pruned slices finds what DuckDB finds over all rows', async () => {
  let pruned = 0
  await fc.assert(fc.asyncProperty(where, range, async (text, { startTime, endTime }) => {
    const answer = await river.ask(`SELECT id FROM t WHERE ${text} ORDER BY id`, { startTime, endTime })
    const wanted = await reference.runAndReadAll(`SELECT id FROM t WHERE (${forReference(text)}) AND _timestamp >= ${startTime} AND _timestamp < ${endTime} ORDER BY id`)
    expect(answer.hits.map((h) => h['id'])).toEqual(wanted.getRows().map((r) => Number(r[0])))
    pruned += answer.receipt['row_groups_pruned']! + answer.receipt['files_pruned_stats']!
  }), { numRuns: RUNS })
  expect(pruned).toBeGreaterThan(RUNS)
}, 60_000)

const statements: readonly string[] = [
  'SELECT count(*) AS c FROM t',
  'SELECT n % 10 AS k, count(*) AS c, sum(d) AS d FROM t GROUP BY k ORDER BY k',
  'SELECT a.id, b.id AS other FROM t a JOIN t b ON a.n = b.n AND a.id < b.id WHERE a.b ORDER BY 1, 2',
  'WITH low AS (SELECT * FROM t WHERE n < 100), high AS (SELECT * FROM t WHERE n > 900) SELECT id FROM low UNION ALL SELECT id FROM high ORDER BY id',
  'SELECT id, row_number() OVER (PARTITION BY b ORDER BY d, id) AS r FROM t ORDER BY id',
  'SELECT id FROM t WHERE n = (SELECT max(n) FROM t WHERE s < \'c\') ORDER BY id',
  'SELECT id FROM t x WHERE EXISTS (SELECT 1 FROM t y WHERE y.n = x.n + 1 AND y.sparse IS NOT NULL) ORDER BY id',
  'SELECT id FROM t WHERE n > 500 EXCEPT SELECT id FROM t WHERE b ORDER BY id',
  'SELECT "any", mixed, id FROM t ORDER BY id',
]

test('joins, windows, sub-queries and set operations see every row of every slice', async () => {
  for (const sql of statements) {
    const { hits } = await river.ask(sql)
    const rows = (await reference.runAndReadAll(forReference(sql).replace('any_, mixed', 'any_ AS "any", mixed'))).getRowObjectsJson()
    const comparable = (row: Readonly<Record<string, unknown>>): string => JSON.stringify(Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, v]) => [k, typeof v === 'number' ? Number(v.toFixed(6)) : /^-?\d+$/.test(String(v)) && k !== 'any' ? Number(v) : v]))
    expect([sql, hits.map(comparable)]).toEqual([sql, rows.map(comparable)])
  }
})

test('rows come newest first, and paging walks them without a gap', async () => {
  const all = (await reference.runAndReadAll('SELECT id FROM t ORDER BY _timestamp DESC, id')).getRows().map((r) => Number(r[0]))
  const paged: unknown[] = []
  for (let from = 0; from < all.length; from += 100) paged.push(...(await river.ask('SELECT id, _timestamp FROM t', { from, size: 100 })).hits.map((h) => h['id']))
  expect(paged.toSorted()).toEqual(all.toSorted())
  const { hits } = await river.ask('SELECT _timestamp FROM t', { size: 50 })
  expect(hits.map((h) => h['_timestamp'])).toEqual(hits.map((h) => h['_timestamp']).toSorted((a, b) => Number(b) - Number(a)))
  expect((await river.ask('SELECT id FROM t LIMIT 7', { size: 3, trackTotalHits: true }))).toMatchObject({ total: FLUSHES * ROWS })
})
