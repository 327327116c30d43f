// The allow-list: what may run, what is refused by name, and the limits on size.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { AGGREGATES, standingOf, WINDOWS } from '../../lib/engine/query/sql/allow.ts'
import { checkSelect } from '../../lib/engine/query/sql/check.ts'
import { functionNamed } from '../../lib/engine/query/sql/functions.ts'
import { nearestNames } from '../../lib/engine/query/sql/nearest.ts'
import { parseSelect } from '../../lib/engine/query/sql/parse.ts'
import { countedRepetitions, namedGroupsForRe2 } from '../../lib/engine/query/sql/regex-bound.ts'
import { tablesOf } from '../../lib/engine/query/sql/tables.ts'
import { openTestSession } from '../support/sql.ts'
import type { TestSession } from '../support/sql.ts'
import { EngineError } from '../../lib/model/errors.ts'

let session: TestSession
beforeAll(async () => {
  session = await openTestSession()
})
afterAll(() => session.close())

async function check(sql: string): Promise<EngineError | null> {
  const ast = await parseSelect(session, sql)
  try {
    checkSelect(ast, sql)
    return null
  } catch (error) {
    if (error instanceof EngineError) return error
    throw error
  }
}

describe('functions', () => {
  it('of the DuckDB in use are each allowed or refused by name', async () => {
    const { rows } = await session.ask("SELECT DISTINCT lower(function_name) FROM duckdb_functions() WHERE function_type IN ('scalar', 'aggregate', 'macro')")
    const open = rows.map(r => String(r[0])).filter(name => standingOf(name) === 'unknown' && functionNamed(name) === null)
    expect(open).toEqual([])
  })

  it('that are allowed exist in DuckDB', async () => {
    const { rows } = await session.ask('SELECT DISTINCT lower(function_name) FROM duckdb_functions()')
    const known = new Set(rows.map(r => String(r[0])))
    expect([...AGGREGATES, ...WINDOWS].filter(name => !known.has(name))).toEqual([])
  })

  it('that do not exist are named with the nearest that do', async () => {
    const error = await check('SELECT histgram(_timestamp), 1')
    expect(error).toMatchObject({ slug: 'unknown_function', detail: { code: 20005, suggestions: ['histogram'], position: { line: 1, column: 8 } } })
    expect((await check('SELECT upperr(x)'))?.detail.suggestions?.[0]).toBe('upper')
  })

  it('are checked wherever they stand', async () => {
    const places = ['SELECT $', 'SELECT 1 FROM t WHERE $', 'SELECT 1 FROM t GROUP BY $', 'SELECT 1 FROM t ORDER BY $', 'SELECT 1 LIMIT $',
      'SELECT max(x) FILTER (WHERE $) FROM t', 'SELECT string_agg(x ORDER BY $) FROM t', 'SELECT sum(x) OVER (PARTITION BY $) FROM t',
      'SELECT sum(x) OVER (ORDER BY y ROWS BETWEEN $ PRECEDING AND CURRENT ROW) FROM t', 'WITH a AS (SELECT $) SELECT * FROM a',
      'SELECT (SELECT $)', 'SELECT 1 WHERE EXISTS (SELECT $)', 'SELECT * FROM t JOIN u ON $', 'SELECT * FROM (SELECT $) q', 'SELECT * FROM (VALUES ($)) v',
      'SELECT CASE WHEN a THEN $ END', 'SELECT x IN (1, $)', 'SELECT x BETWEEN 1 AND $', 'SELECT list_transform([1], lambda e: $)', 'SELECT [1, $]',
      "SELECT {'a': $}", 'SELECT * REPLACE ($ AS a) FROM t', 'SELECT * FROM unnest([$])', 'SELECT CAST($ AS INTEGER)', 'SELECT x[$]', 'SELECT 1 UNION SELECT $',
      'SELECT DISTINCT ON ($) x FROM t', 'SELECT 1 FROM t HAVING $', 'SELECT 1 FROM t QUALIFY $', 'SELECT lag(x, 1, $) OVER () FROM t',
      'SELECT x COLLATE nocase || $', 'SELECT a.pow($)', 'SELECT try($)', 'SELECT COLUMNS(lambda c: $) FROM t',
      'WITH RECURSIVE r AS (SELECT 1 UNION ALL SELECT $ FROM r) FROM r', 'SELECT $.lower()']
    for (const place of places) {
      const sql = place.replace('$', "getenv('HOME')")
      expect((await check(sql))?.slug, sql).toBe('function_not_allowed')
    }
  })

  it('of windows need OVER, and the name of an aggregate given as text is checked', async () => {
    expect((await check('SELECT row_number() FROM t'))?.slug).toBe('function_not_allowed')
    expect(await check("SELECT list_aggregate(x, 'sum') FROM t")).toBeNull()
    expect((await check("SELECT list_aggregate(x, 'histogram') FROM t"))?.slug).toBe('function_not_allowed')
    expect((await check('SELECT list_aggregate(x, y) FROM t'))?.slug).toBe('function_not_allowed')
  })
})

describe('forms', () => {
  it('that only read the streams pass', async () => {
    for (const sql of ['WITH RECURSIVE a(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM a WHERE n < 5) SELECT * FROM a', 'SELECT sum(x) OVER w FROM t WINDOW w AS (ORDER BY y)',
      'FROM t SELECT a', 'VALUES (1, 2)', 'SELECT * EXCLUDE (a) FROM t', "SELECT COLUMNS('a.*') FROM t", 'SELECT a FROM t GROUP BY ROLLUP (a)',
      'SELECT * FROM a ASOF JOIN b ON a.t >= b.t', "SELECT x::JSON -> 'a', x::DECIMAL(10, 2), x::INTEGER[], x::STRUCT(a INTEGER)", 'SELECT * FROM t USING SAMPLE 10%',
      'SELECT a.lower(), INTERVAL 1 HOUR, [e * 2 FOR e IN l IF e > 1]', 'SELECT unnest([1, 2])', 'SELECT * FROM generate_series(1, 10)', 'SELECT now(), current_date, 1e6']) {
      expect((await check(sql))?.message, sql).toBeUndefined()
    }
  })

  it('of other kinds are refused', async () => {
    const refused: readonly (readonly [string, string])[] = [['SELECT $1', 'invalid_query'], ['SELECT ?', 'invalid_query'], ['DESCRIBE t', 'not_select'],
      ['SHOW TABLES', 'not_select'], ['SUMMARIZE t', 'not_select'], ['SELECT * FROM (DESCRIBE t)', 'not_select'], ['UNPIVOT t ON a', 'invalid_query'],
      ['SELECT * FROM t AT (VERSION => 1)', 'invalid_query'], ['SELECT x::mytype', 'invalid_query'], ['SELECT x::VARIANT', 'invalid_query'], ["SELECT x::ENUM('a')", 'invalid_query'],
      ['SELECT NULL::INTEGER[20000]', 'argument_too_large'], ['SELECT NULL::INTEGER[1000][1000]', 'argument_too_large']]

    for (const [sql, slug] of refused) expect((await check(sql))?.slug, sql).toBe(slug)
  })
})

describe('limits', () => {
  it('hold depth, expressions and IN lists', async () => {
    expect((await check(`SELECT ${'1 + '.repeat(230)}1`))?.slug).toBe('too_complex')
    expect(await check(`SELECT ${'1 + '.repeat(150)}1`)).toBeNull()
    expect((await check(`${'WITH a AS ('.repeat(300)}SELECT 1${') SELECT * FROM a'.repeat(300)}`))?.slug).toBe('too_complex')
    expect((await check(`SELECT ${Array(10_001).fill('1').join(',')}`))?.slug).toBe('too_complex')
    expect(await check(`SELECT x IN (${Array(10_000).fill('1').join(',')}) FROM t`)).toBeNull()
    expect((await check(`SELECT x IN (${Array(10_001).fill('1').join(',')}) FROM t`))?.slug).toBe('too_complex')
    expect((await check(`SELECT x IN (${Array(5_001).fill('-y').join(',')}) FROM t`))?.slug).toBe('too_complex')
  })

  it('hold regular expressions', async () => {
    for (const f of ['regexp_matches', 're_match', 'regexp_extract', 'regexp_full_match', 'regexp_replace', 're_not_match']) {
      const rest = f === 'regexp_replace' ? ", 'x'" : ''
      expect((await check(`SELECT ${f}(a, '((b?){500}){2}c'${rest})`))?.slug, f).toBe('regex')
      expect((await check(`SELECT ${f}(a, '${'x'.repeat(1025)}'${rest})`))?.slug, f).toBe('regex')
      expect((await check(`SELECT ${f}(a, b${rest})`))?.slug, f).toBe('regex')
      expect(await check(`SELECT ${f}(a, '${'x'.repeat(1000)}'${rest})`), f).toBeNull()
    }
    expect((await check("SELECT a ~ '(x{50}){50}'"))?.slug).toBe('regex')
    expect((await check("SELECT COLUMNS('(x{50}){50}') FROM t"))?.slug).toBe('regex')
  })

  it('count repetitions as RE2 unrolls them', () => {
    const cases: readonly (readonly [string, number])[] = [['a+', 0], ['a{3}', 3], ['a{2,5}', 5], ['a{7,}', 7], ['(a{10}){5}', 55], ['((a?){500}){2}b', 1002],
      ['\\d{1,3}\\.\\d{1,3}\\.\\d{1,3}\\.\\d{1,3}', 12], ['[{3}]{2}', 2], ['a\\{9}', 0], ['[]{9}]', 0], ['\\Qa{9}\\E', 0], ['\\x{1234}', 0], ['\\p{Greek}{4}', 4],
      ['(a|b{2}){3}', 3 + 2 * 3], ['{3}', 3], ['a{', 0], ['(a{2}){2}{2}', 2 + 4 + 8]]
    for (const [pattern, count] of cases) expect(countedRepetitions(pattern), pattern).toBe(count)
  })

  it('hold constant lengths', async () => {
    for (const sql of ["repeat('x', 10001)", "lpad('x', 1000000000, 'y')", "rpad('x', 20000, 'y')", "printf('%1000000000d', 1)", "printf('%.20000f', 1.0)", "printf('%*d', 9, 1)",
      "format('{:>1000000000}', 1)", "format('{:{}}', 1, 9)", 'printf(f, 1)', 'range(500000000)', 'range(0, 10001)', 'generate_series(1, 1000000, 1)', 'list_resize([1], 500000000)',
      "repeat('x', n)", 'range(n)', "repeat(repeat('x', 10000), 10000)", "replace(repeat('a', 10000), 'a', repeat('b', 10000))", "bitstring('1', 100000)", "to_base(1, 2, 100000)",
      "list_transform(range(10000), lambda e: repeat('x', 1000))", "repeat('x', -(-20000))", "repeat('x', 2e4)", "main.repeat('x', 20000)", '"RePeat"(\'x\', 20000)',
      "from_json(x, '\"INTEGER[100000000]\"')"]) {
      expect((await check(`SELECT ${sql} FROM t`))?.slug, sql).toBe('argument_too_large')
    }
    for (const sql of ["repeat('x', 10000)", 'range(10000)', "lpad(x, 20, '0')", "printf('%05.2f', x)", "format('{:>10}', x)", 'generate_series(1, 10, 2)', "replace(x, 'a', 'bb')", 'range(10, 0, -1)']) {
      expect((await check(`SELECT ${sql} FROM t`))?.message, sql).toBeUndefined()
    }
  })
})

describe('tables', () => {
  const tables = async (sql: string): Promise<string[]> => tablesOf(await parseSelect(session, sql)).map(t => `${t.type ?? ''}/${t.name}`)

  it('are streams that no CTE in scope hides', async () => {
    expect(await tables('WITH a AS (SELECT * FROM a) SELECT * FROM a')).toEqual(['/a'])
    expect(await tables('WITH a AS (SELECT 1) SELECT * FROM A')).toEqual([])
    expect(await tables('WITH b AS (SELECT * FROM c), c AS (SELECT 1) SELECT * FROM b')).toEqual(['/c'])
    expect(await tables('WITH RECURSIVE a AS (SELECT 1 n UNION ALL SELECT n FROM a) SELECT * FROM a')).toEqual([])
    expect(await tables('WITH RECURSIVE a AS (SELECT * FROM a) SELECT * FROM a')).toEqual(['/a'])
    expect(await tables('SELECT * FROM (WITH a AS (SELECT 1) SELECT * FROM a) q, a')).toEqual(['/a'])
    expect(await tables('WITH a AS (SELECT 1) SELECT (SELECT max(x) FROM a), (SELECT 1 FROM logs.a)')).toEqual(['logs/a'])
    expect(await tables('SELECT * FROM "Some Stream" JOIN metrics."Cpu" ON true WHERE x IN (SELECT y FROM traces.t)')).toEqual(['/some stream', 'metrics/cpu', 'traces/t'])
  })

  it('agree with what DuckDB itself looks up', async () => {
    await session.prepare(['CREATE TABLE a AS SELECT 7 AS x'])
    for (const sql of ['WITH a AS (SELECT x + 1 AS x FROM a) SELECT * FROM a', 'WITH a AS (SELECT 1 AS x) SELECT * FROM main.a', 'SELECT * FROM (WITH a AS (SELECT 5 AS x) SELECT * FROM a) q, a',
      'WITH b AS (SELECT 1 AS x), a AS (SELECT * FROM b) SELECT * FROM a', 'WITH RECURSIVE a AS (SELECT x + 1 AS x FROM a) SELECT * FROM a']) {
      const reads = /main\.a/.test(sql) ? true : (await tables(sql)).includes('/a')
      const { rows } = await session.ask(sql)
      expect(rows[0]!.some(cell => cell === '7' || cell === '8'), sql).toBe(reads)
    }
  })

  it('of catalogs, other schemas and odd CTE names are refused', async () => {
    for (const sql of ['SELECT * FROM information_schema.tables', 'SELECT * FROM a.b.c', 'SELECT * FROM pg_catalog.pg_class', 'SELECT * FROM enrich.rich', 'SELECT * FROM main.x']) {
      await expect(tables(sql), sql).rejects.toMatchObject({ slug: 'unknown_stream', detail: { code: 20002 } })
    }
    await expect(tables('WITH "/etc/passwd" AS (SELECT 1) SELECT 1')).rejects.toMatchObject({ slug: 'invalid_query' })
  })
})

describe('nearestNames', () => {
  it('finds typing errors, swaps and beginnings, nearest first', () => {
    const known = ['kubernetes_pod_name', 'kubernetes_host', 'level', 'label', 'message', 'n']
    expect(nearestNames('lvel', known)[0]).toBe('level')
    expect(nearestNames('mesasge', known)).toEqual(['message'])
    expect(nearestNames('kubernetes', known)).toEqual(['kubernetes_host', 'kubernetes_pod_name'])
    expect(nearestNames('zzzz', known)).toEqual([])
  })
})

describe('namedGroupsForRe2', () => {
  it('turns (?<name> into (?P<name> and nothing else', () => {
    expect(namedGroupsForRe2('(?<a>x)(?<b>y)')).toBe('(?P<a>x)(?P<b>y)')
    expect(namedGroupsForRe2('\\(?<a>')).toBe('\\(?<a>')
    expect(namedGroupsForRe2('\\\\(?<a>x)')).toBe('\\\\(?P<a>x)')
    expect(namedGroupsForRe2('(?<=x)(?<!y)(?P<z>.)')).toBe('(?<=x)(?<!y)(?P<z>.)')
  })
})
