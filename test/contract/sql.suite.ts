// What every adapter of the port Sql does. `make` gives a port that can open two sessions at once;
// the suite closes it.
import { existsSync, readdirSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Sql, SqlSession } from '../../lib/engine/ports.ts'
import { BOUNDS, LIMITS, errorOf, parquetOf, textOf, withSession } from '../support/sql-pool.ts'

export interface SqlUnderTest extends Sql {
  close(): Promise<void>
}

interface PlanNode {
  readonly name: string
  readonly children?: readonly PlanNode[]
  readonly extra_info?: Readonly<Record<string, unknown>>
}

export function sqlSuite(name: string, make: () => Promise<SqlUnderTest>): void {
  describe(`sql: ${name}`, () => {
    let port: SqlUnderTest
    beforeAll(async () => { port = await make() })
    afterAll(() => port.close())
    const using = <T>(use: (session: SqlSession) => Promise<T>): Promise<T> => withSession(port, use)

    test('ask answers columns, types and cells as text', () => using(async (session) => {
      expect(await session.ask(`SELECT 9007199254740993 AS n, 'é' AS t, NULL AS z, true AS b, 0.5::DOUBLE AS d, [1, 2] AS l`)).toEqual({
        columns: ['n', 't', 'z', 'b', 'd', 'l'],
        types: ['BIGINT', 'VARCHAR', 'INTEGER', 'BOOLEAN', 'DOUBLE', 'INTEGER[]'],
        rows: [['9007199254740993', 'é', null, true, '0.5', '[1, 2]']],
      })
    }))

    test('ask binds parameters as text, whatever they say', () => using(async (session) => {
      const parameters = [`' OR 1=1 --`, '', '$1\n;']
      expect((await session.ask('SELECT $1, $2, $3', parameters)).rows).toEqual([parameters])
      const tree = await session.ask('SELECT json_serialize_sql($1::VARCHAR)', ['SELECT 1 AS x'])
      expect(JSON.parse(String(tree.rows[0]?.[0]))).toMatchObject({ error: false, statements: [{ node: { type: 'SELECT_NODE' } }] })
    }))

    test('rows are JSON objects joined by commas, without null columns', () => using(async (session) => {
      const rows = await session.rows(`SELECT i AS n, CASE WHEN i > 0 THEN 'x"' || i END AS t FROM range(3) r(i)`, BOUNDS)
      expect(textOf(rows)).toBe(String.raw`{"n":0},{"n":1,"t":"x\"1"},{"n":2,"t":"x\"2"}`)
      expect(rows).toMatchObject({ columns: ['n', 't'], types: ['BIGINT', 'VARCHAR'], rowCount: 3, cut: null })
    }))

    test('no rows are no bytes', () => using(async (session) => {
      expect(await session.rows('SELECT 1 AS x WHERE false', BOUNDS)).toMatchObject({ rowCount: 0, json: Buffer.alloc(0), cut: null, columns: ['x'] })
    }))

    test('many and wide rows come whole and in order', () => using(async (session) => {
      const wide = Array.from({ length: 12 }, (_, i) => `'${'y'.repeat(i)}' || i AS c${i}`).join(', ')
      const rows = await session.rows(`SELECT i, ${wide} FROM range(20000) r(i) ORDER BY i DESC`, BOUNDS)
      const parsed = JSON.parse(`[${textOf(rows)}]`) as { i: number; c3: string }[]
      expect(parsed.map((row) => row.i)).toEqual(Array.from({ length: 20_000 }, (_, i) => 19_999 - i))
      expect(parsed[7]?.c3).toBe('yyy19992')
    }))

    test.each(['i', `i, ${Array.from({ length: 9 }, (_, i) => `i AS x${i}`).join(', ')}`])('rows stop at the bounds and say so: %s', (columns) => using(async (session) => {
      const sql = `SELECT ${columns} FROM range(5000) r(i)`
      const all = await session.rows(sql, { rowsMax: 5_000, bytesMax: 2 ** 24 })
      expect(all).toMatchObject({ rowCount: 5_000, cut: null })
      expect(await session.rows(sql, { rowsMax: 3_000, bytesMax: 2 ** 24 })).toMatchObject({ rowCount: 3_000, cut: 'rows' })
      expect(await session.rows(sql, { rowsMax: 5_000, bytesMax: all.json.length })).toMatchObject({ rowCount: 5_000, cut: null })
      const less = await session.rows(sql, { rowsMax: 5_000, bytesMax: all.json.length - 1 })
      expect(less).toMatchObject({ rowCount: 4_999, cut: 'bytes' })
      expect(textOf(all).startsWith(textOf(less))).toBe(true)
      expect(await session.rows(sql, { rowsMax: 0, bytesMax: 2 ** 24 })).toMatchObject({ rowCount: 0, cut: 'rows' })
    }))

    test('a row longer than a piece of the stream comes whole', () => using(async (session) => {
      const rows = await session.rows(`SELECT repeat('é', 400000) AS x, i FROM range(3) r(i)`, BOUNDS)
      expect((JSON.parse(`[${textOf(rows)}]`) as { x: string }[]).map((row) => row.x.length)).toEqual([400_000, 400_000, 400_000])
    }))

    test('dialect: whole division, NULL for x / 0, nulls last ascending and first descending, UTC', () => using(async (session) => {
      expect((await session.ask(`SELECT 7 / 2, 1 / 0, 1.0 / 0, current_setting('TimeZone')`)).rows).toEqual([['3', null, null, 'UTC']])
      const order = async (direction: string) => (await session.ask(`SELECT x FROM (VALUES (1), (NULL), (2)) t(x) ORDER BY x ${direction}`)).rows.flat()
      expect(await order('')).toEqual(['1', '2', null])
      expect(await order('DESC')).toEqual([null, '2', '1'])
    }))

    test('files of the session are read through views', () => using(async (session) => {
      const path = await session.writeFile('a.parquet', split(await parquetOf(`SELECT i AS _timestamp, 'v' || i AS body FROM range(10) r(i)`)))
      await session.prepare([`CREATE SCHEMA logs`, `CREATE VIEW logs.s AS SELECT * FROM read_parquet(['${path}'])`])
      expect(textOf(await session.rows('SELECT * FROM logs.s WHERE _timestamp >= 8', BOUNDS))).toBe('{"_timestamp":8,"body":"v8"},{"_timestamp":9,"body":"v9"}')
    }))

    test('explain names the columns to fetch and the filters to prune by', () => using(async (session) => {
      const path = await session.writeFile('e.parquet', [await parquetOf('SELECT 1::BIGINT AS _timestamp, 2 AS a, 3 AS b, 4 AS c WHERE false')])
      await session.prepare([`CREATE VIEW s AS SELECT * FROM read_parquet('${path}')`])
      const plans = await session.explain('SELECT a FROM s WHERE _timestamp >= 40 + 2 AND b = 7')
      expect(scanOf(plans.projections)?.['Projections']).toEqual(expect.arrayContaining(['a', 'b', '_timestamp']))
      expect(JSON.stringify(scanOf(plans.projections)?.['Projections'])).not.toContain('c')
      expect(JSON.stringify(scanOf(plans.filters)?.['Filters'])).toMatch(/_timestamp>=42/)
      // With all optimizers a column that only filters is not projected: they are back for what follows.
      expect(JSON.stringify(scanOf(plans.filters)?.['Projections'])).not.toContain('"b"')
      const after = await session.ask('EXPLAIN (FORMAT json) SELECT a FROM s WHERE _timestamp >= 40 + 2 AND b = 7')
      expect(after.rows[0]?.[1]).toBe(plans.filters)
      expect((await errorOf(session.explain('SELECT nope FROM s'))).slug).toBe('invalid_query')
      expect((await session.ask(`SELECT current_setting('disabled_optimizers')`)).rows).toEqual([['']])
    }))

    test('copy writes a Parquet file that the session reads, and gives its bytes', () => using(async (session) => {
      await session.prepare([`CREATE TABLE t AS SELECT i AS n, CASE WHEN i % 2 = 0 THEN 'é' || i END AS x, i / 8.0::DOUBLE AS d FROM range(5) r(i)`])
      const bytes = await session.copy('SELECT x, n, d FROM t WHERE n > 1', 'out.parquet')
      const again = await session.writeFile('again.parquet', [bytes])
      for (const path of [again, `${session.dir}/out.parquet`]) {
        const read = await session.ask(`SELECT * FROM read_parquet('${path}')`)
        expect(read).toEqual({ columns: ['x', 'n', 'd'], types: ['VARCHAR', 'BIGINT', 'DOUBLE'], rows: [['é2', '2', '0.25'], [null, '3', '0.375'], ['é4', '4', '0.5']] })
      }
      expect((await session.ask(`SELECT count(*) FROM read_parquet('${session.dir}/out.parquet')`)).rows).toEqual([['3']])
    }))

    test('copy keeps every value, at the edges too', () => using(async (session) => {
      const values = `VALUES (9223372036854775807, '-0.0'::DOUBLE, ''), (-9223372036854775808, 0.0::DOUBLE, NULL), (0, 'nan'::DOUBLE, 'é' || chr(0)),
        (NULL, '-inf'::DOUBLE, '\u{feff}x'), (-1, 5e-324::DOUBLE, 'x'), (9223372036854775806, 'inf'::DOUBLE, 'x')`
      const exact = 'SELECT i, d::VARCHAR, s, hex(s) FROM'
      await session.copy(`SELECT * FROM (${values}) v(i, d, s)`, 'edge.parquet')
      expect((await session.ask(`${exact} read_parquet('${session.dir}/edge.parquet')`)).rows).toEqual((await session.ask(`${exact} (${values}) v(i, d, s)`)).rows)
      const many = `SELECT hash(i)::HUGEINT - 9223372036854775808 AS i, CASE WHEN i % 7 > 0 THEN hash(i) / 3 - 1e18 END AS d, 'x' || hash(i) % 1000 AS s, i % 3 = 0 AS b,
        CASE WHEN i % 2 = 0 THEN 0.0::DOUBLE ELSE '-0.0'::DOUBLE END AS z FROM range(50000) r(i)`
      const typed = `SELECT i::BIGINT AS i, d::DOUBLE AS d, s, b, z FROM (${many})`
      await session.copy(typed, 'many.parquet')
      const digest = 'SELECT count(*), md5(string_agg(concat_ws(\'|\', i, d, s, b, z), \',\')) FROM'
      expect((await session.ask(`${digest} read_parquet('${session.dir}/many.parquet')`)).rows).toEqual((await session.ask(`${digest} (${typed})`)).rows)
    }))

    test('copy is one SELECT into the session\'s directory and nothing else', () => using(async (session) => {
      for (const select of ['SELECT 1) TO \'/tmp/x\'; SELECT (1', 'DROP TABLE t', 'SELECT nope', '']) {
        expect([select, (await errorOf(session.copy(select, 'no.parquet'))).kind]).toEqual([select, 'invalid'])
      }
      expect((await errorOf(session.copy('SELECT 1', '../x.parquet'))).slug).toBe('internal')
      // Where user SQL can only be a SELECT it never writes.
      expect((await errorOf(session.rows(`COPY (SELECT 1) TO '${session.dir}/user.parquet'`, BOUNDS))).slug).toBe('not_select')
      expect(readdirSync(session.dir)).toEqual([])
    }))

    test('one statement only, and rows only of a SELECT', () => using(async (session) => {
      for (const call of [(sql: string) => session.rows(sql, BOUNDS), (sql: string) => session.ask(sql), (sql: string) => session.explain(sql)]) {
        expect((await errorOf(call('SELECT 1; SELECT 2'))).slug).toBe('multiple_statements')
      }
      await session.prepare(['CREATE TABLE t(x INTEGER)'])
      for (const sql of ['CREATE TABLE u(x INTEGER)', 'INSERT INTO t VALUES (1)', 'DROP TABLE t', 'SET threads=4', 'PREPARE p AS SELECT 1', 'BEGIN', 'EXPLAIN SELECT 1', '', '-- nothing']) {
        expect([sql, (await errorOf(session.rows(sql, BOUNDS))).slug]).toEqual([sql, 'not_select'])
      }
      expect((await session.ask('SELECT count(*) FROM t')).rows).toEqual([['0']])
    }))

    test('what DuckDB refuses is invalid_query with its words and without our paths', () => using(async (session) => {
      const path = await session.writeFile('p.parquet', [await parquetOf(`SELECT 'x' AS body`)])
      await session.prepare([`CREATE VIEW s AS SELECT * FROM read_parquet('${path}')`])
      for (const sql of ['SELEC 1', 'SELECT nope FROM s', 'SELECT body::INTEGER FROM s', `SELECT * FROM 'missing.parquet'`, `SELECT * FROM '${session.dir}/none.parquet'`, `SELECT * FROM '${session.dir}/none.txt'`, `SELECT '${session.dir}'::INTEGER`]) {
        const error = await errorOf(session.rows(sql, BOUNDS))
        expect(['invalid_query', 'file_unreadable']).toContain(error.slug)
        expect(JSON.stringify([error.message, error.detail.detail])).not.toContain(session.dir)
      }
      expect((await errorOf(session.rows('SELECT nope FROM s', BOUNDS))).detail.detail).toContain('nope')
      // The session goes on.
      expect(textOf(await session.rows('SELECT body FROM s', BOUNDS))).toBe('{"body":"x"}')
    }))

    test('a broken data file is our fault, not the query\'s', () => using(async (session) => {
      const path = await session.writeFile('broken.parquet', [Buffer.from('PAR1 this is no parquet PAR1')])
      const error = await errorOf(session.ask(`SELECT * FROM read_parquet('${path}')`))
      expect(error).toMatchObject({ slug: 'file_unreadable', kind: 'unavailable' })
      expect(error.message).not.toContain(session.dir)
    }))

    test('sessions do not see one another', async () => {
      const [a, b] = await Promise.all([port.open(LIMITS), port.open(LIMITS)])
      const path = await a.writeFile('a.parquet', [await parquetOf('SELECT 1 AS x')])
      await a.prepare(['CREATE TABLE mine AS SELECT 1 AS x'])
      expect((await errorOf(b.ask('SELECT * FROM mine'))).slug).toBe('invalid_query')
      expect((await errorOf(b.ask(`SELECT * FROM read_parquet('${path}')`))).detail.detail).toMatch(/Permission Error/)
      await Promise.all([a.close(), b.close()])
      await using(async (next) => expect((await errorOf(next.ask('SELECT * FROM mine'))).slug).toBe('invalid_query'))
    })

    test('questions asked at once are answered in turn', () => using(async (session) => {
      const answers = await Promise.all([1, 2, 3, 4].map((n) => session.ask(`SELECT ${n}`)))
      expect(answers.map((answer) => answer.rows[0]?.[0])).toEqual(['1', '2', '3', '4'])
    }))

    test('close removes the directory, is idempotent, and ends what runs', async () => {
      const session = await port.open(LIMITS)
      await session.writeFile('x.parquet', [Buffer.from('x')])
      expect(readdirSync(session.dir)).toEqual(['x.parquet'])
      const running = errorOf(session.ask('SELECT count(*) FROM range(100000000000) a'))
      await Promise.all([session.close(), session.close()])
      expect((await running).slug).not.toBe('internal')
      expect(existsSync(session.dir)).toBe(false)
      expect((await errorOf(session.ask('SELECT 1'))).kind).toBe('unavailable')
    })

    test('the deadline ends a query with 408 and code 20010, and every one after it', async () => {
      await withSession(port, async (session) => {
        const error = await errorOf(session.rows('SELECT count(*) FROM range(100000000000) a', BOUNDS))
        expect(error).toMatchObject({ slug: 'query_timeout', kind: 'timeout', detail: { code: 20010 } })
        expect((await errorOf(session.ask('SELECT 1'))).slug).toBe('query_timeout')
      }, { deadlineMs: 300 })
      await using(async (session) => expect((await session.ask('SELECT 1')).rows).toEqual([['1']]))
    })

    test('more than the memory limit is 422, and the session goes on', () => using(async (session) => {
      const error = await errorOf(session.rows('SELECT range, count(*) AS n FROM range(30000000) GROUP BY 1 ORDER BY 2 DESC LIMIT 1', BOUNDS))
      expect(error).toMatchObject({ slug: 'query_memory', kind: 'too_costly' })
      expect(error.detail.hint).toBeDefined()
      expect((await session.ask('SELECT 1')).rows).toEqual([['1']])
    }))
  })
}

/** in three parts, as extracts come */
const split = (bytes: Uint8Array): Uint8Array[] => [bytes.subarray(0, 7), bytes.subarray(7, 100), bytes.subarray(100)]

/** extra_info of the first scan */
function scanOf(plan: string): Readonly<Record<string, unknown>> | undefined {
  const find = (nodes: readonly PlanNode[]): PlanNode | undefined => {
    for (const node of nodes) {
      const found = /READ_PARQUET/.test(node.name) ? node : find(node.children ?? [])
      if (found !== undefined) return found
    }
    return undefined
  }
  return find(JSON.parse(plan) as PlanNode[])?.extra_info
}
