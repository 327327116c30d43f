// Which part of a statement a leaf may run by itself.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { VOLATILE } from '../../lib/engine/query/sql/leaf-filter.ts'
import { standingOf } from '../../lib/engine/query/sql/allow.ts'
import { openTestSession, type TestSession } from '../support/sql.ts'
import { rewritten } from '../support/sql-front.ts'

let session: TestSession
beforeAll(async () => { session = await openTestSession() })
afterAll(() => session.close())

test.each([
  ["SELECT * FROM \"default\" WHERE level = 'x' AND n > 3", "((\"level\" = 'x') AND (n > 3))"],
  ["SELECT count(*) FROM \"default\" AS d WHERE d.level = 'x' OR D.n IN (1, 2)", "((\"level\" = 'x') OR (n IN (1, 2)))"],
  ["SELECT n % 3 AS k, max(took) FROM \"default\" WHERE str_match(message, 'y') GROUP BY k HAVING k > 1", "contains(CAST(message AS VARCHAR), 'y')"],
  ["WITH a AS (SELECT n FROM \"default\" WHERE level LIKE 'E%') SELECT * FROM a x JOIN a y ON x.n = y.n", "(\"level\" ~~ 'E%')"],
  ["SELECT * FROM (SELECT * FROM \"default\" WHERE ok) USING SAMPLE 3", 'ok'],
  ["SELECT x.n FROM (VALUES (1)) v(n) JOIN (SELECT n FROM \"default\" WHERE \"default\".took < 1.5) x ON v.n = x.n", '(took < 1.5)'],
  ['SELECT row_number() OVER (ORDER BY n) FROM metrics.cpu WHERE metrics.cpu.value > 1 QUALIFY true', '("value" > 1)'],
  ["SELECT n AS level FROM \"default\" WHERE level <> '%''--; FROM wanted WHERE '", "(\"level\" != '%''--; FROM wanted WHERE ')"],
  ['SELECT * FROM "default" WHERE _timestamp % 2 = 0', '((_timestamp % 2) = 0)'],
])('%s', async (sql, where) => {
  expect((await rewritten(session, sql)).where).toBe(where)
})

test.each([
  'SELECT * FROM "default"', 'SELECT 1 AS x WHERE true', 'SELECT n + 1 AS zz FROM "default" WHERE zz > 3',
  'SELECT * FROM "default" WHERE n > (SELECT 3)', 'SELECT * FROM "default" WHERE n IN (SELECT n FROM "default" WHERE ok)',
  'SELECT * FROM "default" WHERE EXISTS (SELECT 1)', 'SELECT * FROM "default" WHERE ok UNION SELECT * FROM "default" WHERE NOT ok',
  'SELECT a.n FROM "default" a JOIN "default" b ON a.n = b.n WHERE a.n > 1', 'SELECT a.n FROM "default" a, other b WHERE a.n > b.n',
  'SELECT * FROM "default" WHERE random() < 0.5', 'SELECT * FROM "default" WHERE _timestamp < epoch_us(now())', 'SELECT * FROM "default" WHERE current_date IS NOT NULL',
  'SELECT * FROM "default" WHERE age(make_timestamp(_timestamp)) > INTERVAL 1 DAY', "SELECT * FROM \"default\" WHERE uuid()::VARCHAR <> ''",
  'SELECT * FROM "default" TABLESAMPLE 10% WHERE n > 1', 'SELECT * FROM "default" WHERE n > 1 USING SAMPLE 10%', 'SELECT a FROM "default" AS t(a) WHERE a > 1',
  'SELECT * FROM "default" WHERE len(list_filter([n], lambda n: n > 1)) > 0', 'SELECT * FROM "default" WHERE COLUMNS(\'n\') > 1',
  'SELECT * FROM "default" WHERE "default" IS NOT NULL', 'SELECT * FROM "default" WHERE rowid > 3',
  'SELECT (SELECT count(*) FROM other o WHERE o.n = d.n) FROM "default" d',
  'SELECT v.n FROM (VALUES (1)) v(n), LATERAL (SELECT 1 FROM "default" d WHERE d.n = v.n)',
])('on any doubt there is none: %s', async (sql) => {
  expect((await rewritten(session, sql)).where).toBeNull()
})

test('every function that is allowed and not the same everywhere is known as volatile', async () => {
  const { rows } = await session.ask("SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type = 'scalar' AND stability IS DISTINCT FROM 'CONSISTENT'")
  const names = rows.map(([name]) => String(name)).filter((name) => standingOf(name) === 'allowed')
  expect(names).toContain('random')
  expect(names.filter((name) => !VOLATILE.has(name))).toEqual([])
  // Macros of DuckDB's own are written in terms of others.
  const macros = await session.ask("SELECT DISTINCT function_name, macro_definition FROM duckdb_functions() WHERE function_type = 'macro' AND macro_definition IS NOT NULL")
  const volatile = macros.rows.filter(([, body]) => [...VOLATILE].some((name) => new RegExp(`\\b${name}\\(`).test(String(body))))
  expect(volatile.map(([name]) => String(name)).filter((name) => standingOf(name) === 'allowed' && !VOLATILE.has(name))).toEqual([])
})
