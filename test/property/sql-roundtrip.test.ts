// Property 13: a checked and rewritten statement is written as text that parses to the same tree,
// passes the same checks, and answers what the user's own text answers when DuckDB runs it bare.
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { checkSelect } from '../../lib/engine/query/sql/check.ts'
import { queryOf } from '../../lib/engine/query/sql/ast.ts'
import { parseSelect, renderAst } from '../../lib/engine/query/sql/parse.ts'
import { rewriteSelect } from '../../lib/engine/query/sql/rewrite.ts'
import { comparable } from '../../lib/engine/query/sql/written.ts'
import { openTestSession } from '../support/sql.ts'
import type { TestSession } from '../support/sql.ts'
import { CONTEXT, fillStreams } from '../support/sql-front.ts'
import { EngineError } from '../../lib/model/errors.ts'

const RUNS = Number(process.env['NILOMETER_RUNS'] ?? '1')

let session: TestSession
beforeAll(async () => {
  session = await openTestSession()
  await fillStreams(session)
  // so that the user's own text finds the streams too
  await session.prepare(["SET search_path = 'logs,main'"])
})
afterAll(() => session.close())

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`

const number = fc.constantFrom('n', 'd.n', '"default".n', 'took', 'start_time', '1', '-2', '0', '2.50', '1e3', '0.1', '9223372036854775807', '123456789012345678901', '1e-7', 'NULL')
  .map(s => s.replace('d.n', 'n'))
const text = fc.oneof(fc.constantFrom('level', 'message', 'arr', "''", "E'a\\nb'", '$$x$$', 'NULL'), fc.string({ maxLength: 5, unit: fc.constantFrom('a', "'", '"', '%', '_', '\\', 'é', '💥', '$', ' ', '\n', '-', ';') }).map(quoted))
const type = fc.constantFrom('INTEGER', 'BIGINT', 'DOUBLE', 'VARCHAR', 'DECIMAL(10, 3)', 'BOOLEAN', 'VARCHAR[]', 'JSON', 'TIMESTAMP', 'HUGEINT')

const { numeric, logical, any } = fc.letrec<{ numeric: string; textual: string; logical: string; any: string }>(tie => ({
  numeric: fc.oneof({ depthSize: 'small', withCrossShrink: true }, number,
    fc.tuple(tie('numeric'), fc.constantFrom('+', '-', '*', '/', '%', '//'), tie('numeric')).map(([a, o, b]) => `(${a}) ${o} ${b}`),
    fc.tuple(fc.constantFrom('abs', 'floor', 'sign', 'length'), tie('textual'), tie('numeric')).map(([f, t, x]) => (f === 'length' ? `length(${t})` : `${f}(${x})`)),
    fc.tuple(tie('logical'), tie('numeric'), tie('numeric')).map(([c, a, b]) => `CASE WHEN ${c} THEN ${a} ELSE ${b} END`),
    tie('textual').map(t => `TRY_CAST(${t} AS BIGINT)`), tie('numeric').map(x => `- (${x})`), tie('numeric').map(x => `coalesce(${x}, 0)`),
    fc.constant('(SELECT max(o.n) FROM other o)'), fc.constant('[10, 20, 30][2]'), fc.constant("{'a': 5}.a"), fc.constant("date_part('hour', TIMESTAMP '2026-01-02 03:04:05')"), fc.constant('len(list_transform([1, 2], lambda x: x + 1))')),
  textual: fc.oneof({ depthSize: 'small', withCrossShrink: true }, text,
    fc.tuple(tie('textual'), tie('textual')).map(([a, b]) => `${a} || ${b}`),
    fc.tuple(fc.constantFrom('lower', 'upper', 'trim', 'reverse', 'md5'), tie('textual')).map(([f, a]) => `${f}(${a})`),
    tie('any').map(x => `CAST(${x} AS VARCHAR)`), fc.constant('level.lower()'), fc.constant("substring(level FROM 2 FOR 3)"), fc.constant("json_extract_string(js, '$.a.b[0]')"), fc.constant("js::JSON ->> 's'")),
  logical: fc.oneof({ depthSize: 'small', withCrossShrink: true }, fc.constantFrom('ok', 'TRUE', 'FALSE', 'NULL', 'level IS NOT NULL', 'message IS NULL'),
    fc.tuple(tie('numeric'), fc.constantFrom('=', '<>', '<', '>=', 'IS DISTINCT FROM'), tie('numeric')).map(([a, o, b]) => `(${a}) ${o} (${b})`),
    fc.tuple(tie('logical'), fc.constantFrom('AND', 'OR'), tie('logical')).map(([a, o, b]) => `(${a}) ${o} ${b}`),
    tie('logical').map(a => `NOT (${a})`), tie('logical').map(a => `(${a}) IS TRUE`),
    fc.tuple(tie('textual'), fc.constantFrom('LIKE', 'NOT LIKE', 'ILIKE', '=', 'NOT ILIKE'), text).map(([a, o, b]) => `(${a}) ${o} ${b}`),
    fc.tuple(tie('numeric'), tie('numeric'), tie('numeric')).map(([a, b, c]) => `(${a}) BETWEEN (${b}) AND (${c})`),
    fc.tuple(tie('numeric'), fc.array(tie('numeric'), { minLength: 1, maxLength: 3 }), fc.constantFrom('IN', 'NOT IN')).map(([a, l, o]) => `(${a}) ${o} (${l.join(', ')})`),
    fc.constant('n IN (SELECT n FROM other)'), fc.constant('EXISTS (SELECT 1 FROM other WHERE other.n = "default".n)'), fc.constant('n > ALL (SELECT n FROM other)'), fc.constant("contains(level, 'R')"), fc.constant("regexp_matches(level, 'E.*')")),
  any: fc.oneof({ depthSize: 'small' }, tie('numeric'), tie('textual'), tie('logical'), fc.tuple(tie('textual'), type).map(([t, as]) => `TRY_CAST(${t} AS ${as})`), fc.constant('INTERVAL 1 HOUR'), fc.constant('_timestamp')),
}))

const plainSelect = fc.tuple(fc.array(any, { minLength: 1, maxLength: 3 }), logical).map(([items, where]) => `SELECT n AS key, ${items.join(', ')} FROM "default" WHERE ${where} ORDER BY key`)
const groupSelect = fc.tuple(any, numeric, logical, logical, fc.constantFrom('1', 'ALL', 'ROLLUP (1)', 'GROUPING SETS ((1), ())')).map(([key, x, filter, having, by]) =>
  `SELECT ${by.startsWith('R') || by.startsWith('G') ? 'level' : key} AS k, count(*), sum(try_cast(${x} AS DOUBLE)) FILTER (WHERE ${filter}), count(DISTINCT level), min(n) FROM "default" GROUP BY ${by.replaceAll('1', by.length > 3 ? 'level' : '1')} HAVING max(${having === 'NULL' ? 'TRUE' : 'ok'}) ORDER BY 5, 1, 2`)
const windowSelect = fc.tuple(numeric, fc.constantFrom('PARTITION BY level ORDER BY n', 'ORDER BY n ROWS BETWEEN 2 PRECEDING AND CURRENT ROW', 'ORDER BY n DESC')).map(([x, over]) =>
  `SELECT n, sum(try_cast(${x} AS DOUBLE)) OVER (${over}), row_number() OVER (${over}), lag(n, 1, 0) OVER (${over}) FROM "default" QUALIFY row_number() OVER (PARTITION BY level ORDER BY n) < 5 ORDER BY n`)
const cteSelect = fc.tuple(any, logical).map(([x, where]) => `WITH a AS (SELECT n, ${x} AS x FROM "default" WHERE ${where}), other AS (SELECT n FROM other) SELECT a.n, x FROM a LEFT JOIN other USING (n) ORDER BY 1`)
const setSelect = fc.tuple(numeric, numeric, fc.constantFrom('UNION ALL', 'UNION', 'EXCEPT', 'INTERSECT', 'UNION ALL BY NAME')).map(([a, b, o]) =>
  `(SELECT n, ${a} AS x FROM "default") ${o} (SELECT n, ${b} AS x FROM "default" ORDER BY n LIMIT 7) ORDER BY 1, 2`)
const otherSelect = fc.constantFrom(
  'VALUES (1, \'a\'), (2, NULL)', 'SELECT * FROM (VALUES (1), (2)) v(x)', 'FROM other ORDER BY n', 'SELECT DISTINCT ON (level) level, n FROM "default" ORDER BY level, n', 'SELECT unnest([1, 2, 3]) AS u', 'SELECT * EXCLUDE (message, arr, js) REPLACE (n + 1 AS n) FROM "default" ORDER BY n',
  'SELECT d.n, o.n FROM "default" d JOIN other o ON d.n = o.n ORDER BY 1', 'WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < 5) SELECT * FROM r ORDER BY i', 'SELECT COLUMNS(\'^n|^l\') FROM "default" ORDER BY n LIMIT 3', 'SELECT * FROM range(3) t(i)',
  'SELECT d.n, l.m FROM other d, LATERAL (SELECT d.n + 1 AS m) l ORDER BY 1', 'SELECT n FROM "default" ORDER BY n LIMIT 10%', 'SELECT list(n ORDER BY n DESC) FROM other', 'SELECT #1 FROM other ORDER BY #1', "SELECT x.a, x.b FROM (SELECT {'a': 1, 'b': [1, 2]} AS x)",
  'SELECT quantile_cont(n, [0.25, 0.75]), percentile_cont(0.5) WITHIN GROUP (ORDER BY n) FROM "default"', "SELECT map {'a': 1}['a'], (1, 2), ROW(1, 'x'), ARRAY[1], [x * 2 FOR x IN [1, 2] IF x > 1]", 'SELECT n // 3 AS g, any_value(level) FROM "default" GROUP BY g HAVING count(*) > 2 ORDER BY 1 NULLS FIRST',
  'SELECT * FROM other o1 SEMI JOIN other o2 USING (n) ORDER BY n', 'SELECT "default".* FROM "default" ORDER BY n LIMIT 2', 'SELECT try(1 / 0), 1 IN [1, 2], NOT 1 BETWEEN 2 AND 3, 5 ** 2, ~3, 6 & 3, 6 | 3, 1 << 3, 4!, @ -3')
const statement = fc.oneof({ weight: 5, arbitrary: plainSelect }, { weight: 3, arbitrary: groupSelect }, { weight: 2, arbitrary: windowSelect }, { weight: 2, arbitrary: cteSelect }, { weight: 2, arbitrary: setSelect }, { weight: 2, arbitrary: otherSelect })

async function answer(sql: string): Promise<string> {
  try {
    return JSON.stringify((await session.ask(sql)).rows)
  } catch (error) {
    // which of two failing rows is told first depends on nothing we promise
    return error instanceof EngineError ? 'fails' : 'throws'
  }
}

describe('a statement', () => {
  it('is written back as the same tree and answers the same', async () => {
    let answered = 0
    await fc.assert(fc.asyncProperty(statement, async sql => {
      const ast = await parseSelect(session, sql)
      checkSelect(ast, sql)
      expect(comparable(queryOf(await parseSelect(session, await renderAst(session, ast)))), 'the tree').toBe(comparable(queryOf(ast)))
      const done = await rewriteSelect(session, ast, CONTEXT, sql)
      checkSelect(await parseSelect(session, done.sql), done.sql)
      const [bare, ours] = [await answer(sql), await answer(done.sql)]
      if (bare !== 'fails') answered++
      expect(ours, done.sql).toBe(bare)
    }), { numRuns: 150 * RUNS })
    // the property would be empty if most of what it invents failed
    expect(answered).toBeGreaterThan(75)
  }, 30_000 * RUNS)

  it('of ours and with paging is written back as the same tree', async () => {
    const ours = fc.tuple(fc.constantFrom("histogram(_timestamp)", "histogram(_timestamp, '1 hour', 'Europe/Paris')", 'approx_distinct(level)', "date_format(_timestamp, '%H')", "spath(js, 'a.b')", 'approx_percentile_cont(n, 0.9)', "json_get_int(js, 'a', 'b', 1)", 'arrsort(arr)'),
      fc.constantFrom("match_all('error')", "NOT match_all('\"a b\" c* *d')", "time_range(_timestamp, '2026-01-01', '2027-01-01') AND (n > 1 AND ok)", "str_match_ignore_case(level, 'err')", "re_not_match(level, '(?<a>x)')", "match_all_raw('x') OR fuzzy_match_all('eror', 1)"),
      fc.nat(20), fc.integer({ min: -1, max: 20 }))
    await fc.assert(fc.asyncProperty(ours, async ([item, where, from, size]) => {
      const sql = `SELECT ${item} AS a FROM "default" WHERE ${where}${item.startsWith('approx') ? '' : ' ORDER BY a'}`
      const ast = await parseSelect(session, sql)
      const done = await rewriteSelect(session, ast, { ...CONTEXT, from, size }, sql)
      const again = await parseSelect(session, done.sql, Infinity)
      expect(comparable(queryOf(await parseSelect(session, await renderAst(session, again), Infinity)))).toBe(comparable(queryOf(again)))
      await session.prepare(done.setup)
      expect(await answer(done.sql), done.sql).not.toBe('fails')
      expect(await answer(done.countSql)).not.toBe('fails')
    }), { numRuns: 40 * RUNS })
  }, 30_000 * RUNS)
})
