// What a query becomes: views, order, paging, names of columns, and each function of ours by what
// it answers.
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SQL_FUNCTIONS } from '../../lib/engine/query/sql/functions.ts'
import { MACRO_NAMES, macroStatement } from '../../lib/engine/query/sql/macros.ts'
import type { RewriteContext } from '../../lib/engine/query/sql/contract.ts'
import { openTestSession } from '../support/sql.ts'
import type { TestSession } from '../support/sql.ts'
import { failure, fillStreams, rewritten, run } from '../support/sql-front.ts'

let session: TestSession
beforeAll(async () => {
  session = await openTestSession()
  await fillStreams(session)
})
afterAll(() => session.close())

const ns = async (sql: string, context: Partial<RewriteContext> = {}): Promise<string[]> => (await run(session, sql, context)).rows.map(r => String(r[0]))

describe('order and paging', () => {
  it('put the newest rows of a plain select first and take size as LIMIT', async () => {
    expect(await ns('SELECT n FROM "default"', { size: 3 })).toEqual(['99', '98', '97'])
    expect(await ns('SELECT n FROM "default" AS d WHERE d.n < 5', { size: 2, from: 1 })).toEqual(['3', '2'])
    expect(await ns('SELECT n FROM "default" ORDER BY n', { size: 2 })).toEqual(['0', '1'])
    expect(await ns('SELECT n FROM "default"')).toHaveLength(100)
    expect(await ns('SELECT n FROM "default"', { size: 0 })).toEqual([])
  })

  it('let an SQL LIMIT win over size, and from skip in what remains', async () => {
    expect(await ns('SELECT n FROM "default" LIMIT 5', { size: 2 })).toEqual(['99', '98', '97', '96', '95'])
    expect(await ns('SELECT n FROM "default" LIMIT 5', { size: 2, from: 3 })).toEqual(['96', '95'])
    expect(await ns('SELECT n FROM "default" LIMIT 5 OFFSET 90', { from: 2 })).toEqual(['7', '6', '5'])
    expect(await ns('SELECT n FROM "default" OFFSET 97', { size: 2, from: 1 })).toEqual(['1', '0'])
    expect(await ns('SELECT n FROM "default" LIMIT 5', { from: 9 })).toEqual([])
    expect(await ns('SELECT n FROM "default" LIMIT ALL', { size: 2 })).toHaveLength(100)
    expect(await ns('SELECT n FROM "default" ORDER BY n LIMIT (SELECT 5)', { size: 2, from: 3 })).toEqual(['3', '4'])
    expect(await ns('SELECT n FROM other ORDER BY n LIMIT 100%', { from: 2 })).toEqual(['2'])
    expect(await ns('SELECT n FROM "default" LIMIT 5', { size: 0 })).toEqual([])
  })

  it('count all rows beside the page', async () => {
    const total = async (sql: string): Promise<string> => String((await session.ask((await rewritten(session, sql, { size: 2, from: 1 })).countSql)).rows[0]![0])
    expect(await total('SELECT n FROM "default" LIMIT 5')).toBe('100')
    expect(await total('SELECT n AS a, n AS a FROM "default" WHERE n < 7 ORDER BY n')).toBe('7')
    expect(await total('SELECT DISTINCT level FROM "default"')).toBe('2')
    expect(await total('SELECT n FROM "default" UNION ALL SELECT n FROM other')).toBe('103')
  })

  it('say which columns order the answer', async () => {
    const order = async (sql: string): Promise<unknown> => (await rewritten(session, sql)).orderBy
    expect(await order('SELECT * FROM "default"')).toEqual([['_timestamp', 'desc']])
    expect(await order('SELECT level, count(*) AS c FROM "default" GROUP BY level ORDER BY 2 DESC, level')).toEqual([['c', 'desc'], ['level', 'asc']])
    expect(await order('SELECT level, count(*) AS c FROM "default" GROUP BY level ORDER BY count(*) DESC')).toEqual([['c', 'desc']])
    expect(await order('SELECT level, count(*) FROM "default" GROUP BY level')).toEqual([])
  })

  it('know a plain select', async () => {
    const plain = async (sql: string): Promise<boolean> => (await rewritten(session, sql)).plain
    for (const sql of ['SELECT * FROM "default"', 'SELECT n, upper(level) FROM "default" d WHERE match_all(\'x\') ORDER BY n LIMIT 5', 'WITH a AS (SELECT 1) SELECT * FROM "default"']) expect(await plain(sql), sql).toBe(true)
    for (const sql of ['SELECT count(*) FROM "default"', 'SELECT approx_distinct(n) FROM "default"', 'SELECT level FROM "default" GROUP BY level', 'SELECT DISTINCT level FROM "default"', 'SELECT row_number() OVER () FROM "default"',
      'SELECT * FROM "default" d JOIN other o ON d.n = o.n', 'SELECT n FROM "default" UNION ALL SELECT n FROM other', 'SELECT * FROM (SELECT * FROM "default") q', 'SELECT 1', 'SELECT * FROM "default" USING SAMPLE 5 ROWS',
      'SELECT n FROM "default" WHERE n IN (SELECT n FROM other)', 'WITH a AS (SELECT * FROM "default") SELECT * FROM a', 'SELECT unnest([n]) FROM "default"', 'SELECT * FROM range(5)', 'SELECT n FROM "default" GROUP BY ALL']) {
      expect(await plain(sql), sql).toBe(false)
    }
  })
})

describe('tables', () => {
  it('are the views of their type, and columns still bind by every name', async () => {
    expect(await ns('SELECT "default".n FROM "default" ORDER BY "default".n LIMIT 1')).toEqual(['0'])
    expect(await ns('SELECT DEFAULT_.n FROM "DEFAULT" AS default_ ORDER BY 1 LIMIT 1')).toEqual(['0'])
    expect(await ns('SELECT metrics.cpu.value FROM metrics.cpu ORDER BY metrics.cpu.value DESC LIMIT 1')).toEqual(['0.5'])
    expect(await ns('SELECT cpu.value FROM metrics.cpu JOIN "default" ON "default".n = cpu.value * 2 ORDER BY 1')).toEqual(['0', '0.5'])
    expect(await ns('SELECT cpu.value FROM cpu ORDER BY 1', { defaultType: 'metrics' })).toEqual(['0', '0.5'])
    expect(await ns('WITH other AS (SELECT n FROM other WHERE n > 1) SELECT n FROM other')).toEqual(['2'])
  })

  it('are listed once each', async () => {
    const { tables } = await rewritten(session, 'SELECT * FROM "default" a, "default" b, logs."default" c, metrics.cpu LIMIT 1')
    expect(tables.map(t => `${t.type}/${t.name}`)).toEqual(['logs/default', 'metrics/cpu'])
  })
})

describe('columns of the answer', () => {
  it('have the names the user gave or wrote', async () => {
    const { columns } = await run(session, `SELECT count(*), max(n), match_all('x') OR max(ok), histogram(max(_timestamp), '1 hour'), approx_distinct(level) AS d FROM "default" WHERE true GROUP BY message LIMIT 1`)
    expect(columns).toEqual(['count(*)', 'max(n)', 'conjunction', "histogram(max(_timestamp), '1 hour')", 'd'])
  })
})

describe('functions', () => {
  const value = async (expression: string, from = '"default" WHERE n = 2'): Promise<unknown> => (await run(session, `SELECT ${expression} FROM ${from}`)).rows[0]?.[0]

  it('search text', async () => {
    const count = async (condition: string): Promise<number> => (await ns(`SELECT n FROM "default" WHERE ${condition}`)).length
    for (const [condition, n] of [["match_all('error')", 40], ["match_all('err')", 0], ["match_all('err*')", 40], ["match_all('*ror')", 40], ["match_all('*rro*')", 40], ["match_all('USER-42 10.0.0.1')", 40], ["match_all('user-4')", 0],
      ["match_all('\"error in user\"')", 40], ["match_all('\"in error\"')", 0], ["match_all('')", 100], ["match_all('*')", 100], ["NOT match_all('error')", 60], ["match_all_raw('Error in')", 40], ["match_all_raw('error in')", 0],
      ["match_all_raw_ignore_case('eRRor IN')", 40], ["str_match(level, 'ERR')", 34], ["match_field(level, 'err')", 0], ["str_match_ignore_case(level, 'err')", 34], ["match_field_ignore_case(level, 'eRR')", 34],
      ["str_match_ignore_case(level, lower(level))", 100], ["re_match(level, '^E.*R$')", 34], ["re_not_match(level, '^E')", 66], ["regexp_like(level, 'rr', 'i')", -1], ["fuzzy_match_all('eror', 1)", 40], ["fuzzy_match(level, 'eror', 1)", 34],
      ["fuzzy_match_all('eror', 0)", 0], ["level ~ 'RRO'", 34], ["level !~ 'RRO'", 66], ["str_match(n, '9')", 19]] as const) {
      if (n >= 0) expect(await count(condition), condition).toBe(n)
    }
  })

  it('read times', async () => {
    expect(await value("date_format(_timestamp, '%Y-%m-%d %H:%M', '+02:00')")).toBe('2026-09-21 16:13')
    expect(await value("to_char(to_timestamp_micros(_timestamp), '%H')")).toBe('14')
    expect(await value("time_range(_timestamp, '2026-09-21 14:13:22', '2026-09-21 14:13:23')")).toBe(true)
    expect(await value("time_range(_timestamp, 1790000000000000, '2026-09-21 14:13:22')")).toBe(false)
    expect(await value('cast_to_timestamp(_timestamp)')).toBe('2026-09-21 14:13:22')
    expect(await value('to_unixtime(_timestamp)')).toBe('1790000002')
    expect(await value('from_unixtime(1790000002)')).toBe('2026-09-21 14:13:22')
    expect(await value("date_bin(INTERVAL '15 minutes', _timestamp)")).toBe('2026-09-21 14:00:00')
    expect(await value("date_bin('1 day', _timestamp, '2026-01-01 06:00:00')")).toBe('2026-09-21 06:00:00')
    expect(await value('to_timestamp_millis(1790000002000)')).toBe('2026-09-21 14:13:22')
    expect(await value('date_trunc(\'day\', to_timestamp_micros(_timestamp))')).toMatch(/^2026-09-21/)
  })

  it('read JSON, and text that is none gives NULL', async () => {
    for (const [expression, wanted] of [["spath(js, 'a.b{1}')", '2'], ["spath(js, 'a.b[0]')", '1'], ["spath(js, 's')", 'x'], ["spath(level, 's')", null], ["json_get(js, 'a')", '{"b":[1,2]}'], ["json_get_str(js, 's')", 'x'],
      ["json_get_str(js, 'a')", null], ["json_get_int(js, 'a', 'b', 0)", '1'], ["json_get_int(js, 's')", null], ["json_get_float(js, 'a', 'b', 1)", '2'], ["json_get_bool(js, 't')", true], ["json_as_text(js, 'a', 'b')", '[1,2]'],
      ["json_contains(js, 'a', 'b')", true], ["json_contains(js, 'a', 'c')", false], ["json_length(js)", '3'], ["json_length(js, 'a', 'b')", '2'], ['json_length(level)', null], ["json_get_json(level, 'x')", null],
      ['arrcount(arr)', '4'], ["arrjoin(arr, '-')", 'b-a-3-1'], ['arrindex(arr, 1, 2)', '["a",3]'], ['arrindex(arr, 0)', '["b"]'], ['arrsort(arr)', '[1,3,"a","b"]'], ['arr_descending(arr)', '["b","a",3,1]'],
      ["arrzip(arr, arr, ':')", '["b:b","a:a","3:3","1:1"]'], ['len(cast_to_arr(arr))', '4'], ['to_array_string(cast_to_arr(arr))', '["b","a","3","1"]'], ['arrcount(level)', null], ["string_to_array_v2('a-b_c', '-_')[3]", 'c'],
      ['arrcount(arrsort(arr))', '4']] as const) {
      expect(await value(expression), expression).toBe(wanted)
    }
  })

  it('aggregate as DataFusion names them', async () => {
    expect(await value('approx_distinct(level)', '"default"')).toBe('2')
    expect(await value('approx_distinct(level) FILTER (WHERE n < 1)', '"default"')).toBe('1')
    expect(await value('approx_percentile_cont(n, 0.5)', '"default"')).toBe('49.5')
    expect(await value('approx_median(n)', '"default"')).toBe('49.5')
    expect(await value('first_value(n ORDER BY n DESC)', '"default"')).toBe('99')
    expect(await value('first_value(n) OVER (ORDER BY n)', '"default"')).toBe('0')
    expect(await value("nvl(message, 'none')", '"default" WHERE n = 0')).toBe('none')
    expect(await value("nvl2(message, 'some', 'none')", '"default" WHERE n = 0')).toBe('none')
    expect(await value("regexp_count(message, '[0-9]+')")).toBe('6')
    expect(await value('n / 0')).toBeNull()
    expect(await value('7 / 2')).toBe('3')
    expect(await value('7 / 2e0')).toBe('3.5')
  })

  it('refuse what they cannot do, with its place', async () => {
    const cases: readonly (readonly [string, string, number])[] = [["SELECT match_all(level) FROM \"default\"", 'invalid_query', 20001], ["SELECT * FROM other WHERE match_all('x')", 'invalid_query', 20003], ["SELECT * FROM \"default\" a, other b WHERE match_all('x')", 'invalid_query', 20001],
      ["SELECT * FROM (SELECT * FROM \"default\") q WHERE match_all('x')", 'invalid_query', 20001], ["SELECT match_all('x')", 'invalid_query', 20001], ['SELECT str_match(level) FROM "default"', 'unknown_function', 20005],
      ["SELECT match_all('x') FILTER (WHERE ok) FROM \"default\"", 'invalid_query', 20001], ["SELECT match_all('x') OVER () FROM \"default\"", 'function_not_allowed', 20005], ["SELECT fuzzy_match_all('x', 99) FROM \"default\"", 'invalid_query', 20001]]
    for (const [sql, slug, code] of cases) expect(await failure(session, sql), sql).toMatchObject({ slug, detail: { code, position: { line: 1 } } })
    expect((await failure(session, "SELECT * FROM other WHERE match_all('x')")).detail.hint).toContain('full_text_search_keys')
  })

  it('of macros exist in DuckDB', async () => {
    await session.prepare(MACRO_NAMES.map(macroStatement))
  })

  it('are all in docs/sql.md', () => {
    const docs = readFileSync(new URL('../../docs/sql.md', import.meta.url), 'utf8')
    const rows = SQL_FUNCTIONS.map(f => `| \`${f.usage}\` | ${f.doc} |`)
    expect(docs.split('\n').filter(line => line.startsWith('| `') && rows.includes(line))).toEqual(rows)
  })
})
