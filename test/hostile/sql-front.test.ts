// hostile.md D, the rows that the SQL front answers: exact input, exact answer, and a message that
// tells nothing of the machine.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openTestSession } from '../support/sql.ts'
import type { TestSession } from '../support/sql.ts'
import { CONTEXT, failure, fillStreams, rewritten, run } from '../support/sql-front.ts'
import type { StreamTable } from '../../lib/engine/query/sql/contract.ts'

let session: TestSession
beforeAll(async () => {
  session = await openTestSession()
  await fillStreams(session)
})
afterAll(() => session.close())

async function refused(sql: string, ...slugs: string[]): Promise<void> {
  const error = await failure(session, sql)
  expect(slugs, `${sql} -> ${error.slug}: ${error.message}`).toContain(error.slug)
  expect(error.kind).toBe('invalid')
  expect(error.detail.code).toBeGreaterThanOrEqual(20001)
  // what the user wrote may be said back; nothing else of files and functions
  const ours = error.message.split(/["' ]/).filter(word => !sql.includes(word)).join(' ')
  expect(ours, sql).not.toMatch(/\.parquet|read_parquet|node_modules|\/|nilometer_|\n/)
  expect(error.message).toMatch(/^[^A-Z]|^[A-Z]{2}/)
  expect(error.message).not.toMatch(/\.$/)
}

describe('51: several statements', () => {
  it('are refused as such, whatever the others are', async () => {
    for (const sql of ['SELECT 1; DROP TABLE x', 'SELECT 1; SELECT 2', 'SELECT 1;;SELECT 2', 'DROP TABLE x; SELECT 1', "SELECT ';'; -- a\nSELECT 2", 'SELECT $$;$$; COMMIT']) {
      await refused(sql, 'multiple_statements')
    }
    expect((await run(session, "SELECT ';' AS a, $$;$$ AS b; -- ; x")).rows).toEqual([[';', ';']])
  })
})

describe('52: statements that are no SELECT', () => {
  it('are refused each', async () => {
    for (const sql of ["COPY (SELECT 1) TO '/srv/a'", "COPY logs.other TO 'x.parquet'", "EXPORT DATABASE 'x'", "ATTACH ':memory:' AS y", 'INSTALL httpfs', 'LOAD httpfs', 'PRAGMA database_list', 'PRAGMA version',
      "SET memory_limit='9GB'", 'RESET threads', 'CREATE TABLE a AS SELECT 1', 'CREATE MACRO a() AS 1', 'CREATE VIEW v AS SELECT 1', "INSERT INTO logs.other VALUES (1, 'x', 2)", 'UPDATE logs.other SET n = 1',
      'DELETE FROM logs.other', 'DROP TABLE logs.other', 'PREPARE p AS SELECT 1', 'EXECUTE p', 'CALL pragma_version()', 'VACUUM', 'CHECKPOINT', 'BEGIN', 'COMMIT', 'USE logs', 'EXPLAIN SELECT 1', 'SET VARIABLE a = 1',
      'PIVOT logs.other ON level USING sum(n)', 'SELECT * FROM (PIVOT logs.other ON level USING sum(n))', 'DETACH x', 'ALTER TABLE logs.other RENAME TO y', 'COMMENT ON TABLE logs.other IS NULL', 'TRUNCATE logs.other',
      'DESCRIBE logs.other', 'SHOW TABLES', 'SHOW ALL TABLES', 'SUMMARIZE logs.other', 'MERGE INTO logs.other USING logs.other ON true WHEN MATCHED THEN DELETE']) {
      await refused(sql, 'not_select')
    }
  })

  it('inside a CTE are refused too', async () => {
    await refused('WITH a AS (DELETE FROM logs.other RETURNING *) SELECT * FROM a', 'not_select', 'invalid_query')
    await refused('WITH a AS (INSERT INTO logs.other VALUES (1) RETURNING *) SELECT * FROM a', 'not_select', 'invalid_query')
  })
})

describe('53, 54, 55: functions that reach outside', () => {
  it('as tables are not allowed', async () => {
    for (const f of ["read_csv('/etc/passwd')", "read_text('/proc/self/environ')", "read_blob('x')", "glob('/*')", "sniff_csv('x')", "parquet_metadata('x')", "read_parquet('s3://a/b')",
      "read_json('http://169.254.169.254/latest')", "query('select 42')", "query_table('duckdb_settings')", 'duckdb_settings()', 'duckdb_secrets()', 'duckdb_functions()', 'duckdb_logs()', 'pragma_version()',
      "parquet_schema('x')", "parquet_kv_metadata('x')", 'duckdb_temporary_files()', "json_execute_serialized_sql('{}')", "repeat('x', 10)", "json_each('{}')", 'test_all_types()', "summary('x')",
      "read_ndjson_objects('x')", 'READ_CSV(\'x\')', '"read_csv"(\'x\')', "main.read_csv('x')", "system.main.read_csv('x')", 'checkpoint()', "which_secret('x','y')", 'seq_scan(1)', 'arrow_scan(1,2,3)']) {
      await refused(`SELECT * FROM ${f}`, 'function_not_allowed')
      await refused(`SELECT * FROM logs.other WHERE n IN (SELECT 1 FROM ${f})`, 'function_not_allowed')
    }
  })

  it('as values are not allowed', async () => {
    for (const f of ["getenv('AWS_SECRET_ACCESS_KEY')", "current_setting('x')", "getvariable('x')", "nextval('s')", "currval('s')", 'pragma_version()', "write_log('x')", 'current_query()', 'version()', 'setseed(0.5)',
      'sleep_ms(10000)', 'pg_sleep(10)', "json_serialize_sql('select 1')", "json_deserialize_sql('{}')", "query('select 1')", "read_text('x')", "cast_to_type('1', 1)", 'current_schemas(true)', 'txid_current()',
      "GETENV('x')", '"getenv"(\'x\')', "'x'::VARCHAR.getenv()", "main.getenv('x')"].filter(f => !f.includes('VARCHAR.'))) {
      await refused(`SELECT ${f}`, 'function_not_allowed')
      await refused(`SELECT n FROM logs.other ORDER BY ${f}`, 'function_not_allowed')
    }
    await refused("SELECT 'HOME' AS h, h.getenv()", 'function_not_allowed')
  })
})

describe('25, 53: names that could be files or catalogs', () => {
  it('are unknown streams', async () => {
    for (const name of ["'/etc/passwd'", '"/etc/passwd"', "'x.parquet'", '"data/o2/x.parquet"', '"s3://b/k.parquet"', '"*.csv"', 'duckdb_settings', 'sqlite_master', 'pg_catalog.pg_tables', 'information_schema.columns',
      'system.main.duckdb_settings', '"o2"."default"', 'main.other', 'temp.x', 'logs.main.other', 'enrich.geo']) {
      await refused(`SELECT * FROM ${name}`, 'unknown_stream')
    }
  })

  it('are named with the nearest stream and their place', async () => {
    expect(await failure(session, 'SELECT *\nFROM othr')).toMatchObject({
      slug: 'unknown_stream', detail: { code: 20002, suggestions: ['other'], position: { line: 2, column: 6 }, detail: 'line 2, column 6' },
    })
  })
})

describe('56, 57: text that tries to be SQL', () => {
  it('as a stream name finds exactly that stream', async () => {
    const name = 'a" union select 1 --'
    const table: StreamTable = { type: 'logs', name, fields: { x: 'int' }, fullText: [] }
    await session.prepare([`CREATE TABLE logs."${name.replaceAll('"', '""')}" AS SELECT 7 AS x, 1 AS _timestamp`])
    const streams = new Map([...CONTEXT.streams, [`logs/${name}`, table]])
    const { rows } = await run(session, `SELECT x FROM "${name.replaceAll('"', '""').toUpperCase()}"`, { streams })
    expect(rows).toEqual([['7']])
    await refused(`SELECT x FROM "${name.replaceAll('"', '""')}"`, 'unknown_stream')
  })

  it('as the table of a star stays a name', async () => {
    for (const name of ["x, getenv('HOME'), y", 'a b', 'select', 'a"b', "* FROM read_text('/etc/passwd') --"]) {
      const alias = `"${name.replaceAll('"', '""')}"`
      expect((await run(session, `SELECT ${alias}.* FROM other AS ${alias} ORDER BY n`)).columns, name).toEqual(['_timestamp', 'level', 'n'])
      await refused(`SELECT ${alias}.* FROM other`, 'invalid_query', 'unknown_column')
    }
    expect((await run(session, 'SELECT "default".*, 1 AS x FROM "default" LIMIT 1')).rows).toHaveLength(1)
  })

  it('as a value stays a value, in filters and in every function of ours', async () => {
    for (const value of ["' OR 1=1 --", "\\'", "'';", '\u2019', '$$x$$', "E'\\x'", '"; DROP TABLE x', '%', '_', '*/', '/*', "') OR ('1'='1", '\u202e', '{{x}}', '(?i)', '\\Q', '[', ')']) {
      const text = `'${value.replaceAll("'", "''")}'`
      const { rows } = await run(session, `SELECT ${text} AS v, count(*) AS c, count(*) FILTER (WHERE level = ${text}) AS e, count(*) FILTER (WHERE str_match(level, ${text})) AS s,
        count(*) FILTER (WHERE match_all(${text})) AS m, count(*) FILTER (WHERE match_all_raw(${text})) AS r, count(*) FILTER (WHERE match_all_raw_ignore_case(${text})) AS i,
        count(*) FILTER (WHERE str_match_ignore_case(level, ${text})) AS t FROM "default"`)
      expect(rows, value).toEqual([[value, '100', '0', '0', '0', '0', '0', '0']])
    }
    await refused("SELECT 'a\0b'", 'invalid_query')
  })
})

describe('58, 59: arguments that take memory', () => {
  it('are refused before anything runs', async () => {
    for (const e of ["repeat('x',1000000000)", "lpad('x',1000000000,'y')", "rpad('x',1000000000,'y')", "printf('%1000000000d',1)", "format('{:>1000000000}',1)", 'range(500000000)', 'len(range(500000000))',
      'list_resize([1],500000000)', 'list_sort(range(100000000))', 'generate_series(1,1000000000)', "levenshtein(repeat('a',100000),repeat('b',100000))", "array_resize([1],500000000,1)"]) {
      await refused(`SELECT ${e}`, 'argument_too_large')
      await refused(`SELECT n FROM logs.other WHERE ${e} IS NULL`, 'argument_too_large')
    }
    await refused('SELECT * FROM range(500000000)', 'argument_too_large')
    await refused('SELECT * FROM generate_series(1, 500000000)', 'argument_too_large')
    await refused('SELECT unnest(range(500000000))', 'argument_too_large')
  })
})

describe('60: regular expressions', () => {
  it('that are dear or not RE2 are refused, and harmless ones run', async () => {
    await refused("SELECT regexp_matches(message, '((a?){500}){2}b') FROM \"default\"", 'regex')
    await refused("SELECT re_match(message, '(?=x)') FROM \"default\"", 'regex')
    await refused(`SELECT regexp_matches(message, '${'x'.repeat(2048)}') FROM "default"`, 'regex')
    await refused("SELECT regexp_matches(message, '(') FROM \"default\"", 'regex')
    await refused("SELECT regexp_matches(message, 'a{2000}') FROM \"default\"", 'regex')
    await refused("SELECT regexp_matches(message, '[z-a]') FROM \"default\"", 'regex')
    await refused("SELECT regexp_matches(message, '\\p{Nope}') FROM \"default\"", 'regex')
    expect((await run(session, "SELECT count(*) FROM \"default\" WHERE regexp_matches(message, '(a+)+$')")).rows).toEqual([['0']])
    expect((await run(session, "SELECT count(*) FROM \"default\" WHERE re_match(message, '(?<word>well) \\d+$')")).rows).toEqual([['50']])
  })
})

describe('61: limits of rows', () => {
  it('below zero are refused, huge ones mean all', async () => {
    await refused('SELECT n FROM "default" LIMIT -1', 'invalid_query')
    await refused('SELECT n FROM "default" LIMIT 1 OFFSET -1', 'invalid_query')
    expect((await run(session, 'SELECT n FROM other LIMIT 1e18')).rows).toHaveLength(3)
    expect((await run(session, 'SELECT n FROM other LIMIT 1000000000000000000')).rows).toHaveLength(3)
    expect((await run(session, 'SELECT n FROM other LIMIT 99999999999999999999999')).rows).toHaveLength(3)
    expect((await run(session, 'SELECT n FROM other OFFSET 1000000000000')).rows).toHaveLength(0)
  })
})

describe('62: names and types that do not fit', () => {
  it('are told in OpenObserve\'s codes', async () => {
    await refused('SELECT n FROM "default" ORDER BY 999', 'invalid_query')
    expect(await failure(session, 'SELECT 1,\n  lvel FROM "default"')).toMatchObject({
      slug: 'unknown_column', detail: { code: 20004, suggestions: ['level', 'n'].slice(0, 1), position: { line: 2, column: 3 }, detail: 'line 2, column 3' },
    })
    expect(await failure(session, "SELECT sum(level) FROM \"default\"")).toMatchObject({ slug: 'invalid_query', detail: { code: 20007, position: { line: 1, column: 8 } } })
    expect(await failure(session, "SELECT n > timestamp '2020-01-01' FROM \"default\"")).toMatchObject({ slug: 'invalid_query', detail: { code: 20007 } })
    expect(await failure(session, 'SELECT level::INTEGER FROM "default"')).toMatchObject({ slug: 'invalid_query', detail: { code: 20008 } })
    await refused('SELECT nope.level FROM "default"', 'unknown_column')
  })
})

describe('many ORs of match_all', () => {
  it('are a query or a refusal, never a crash', async () => {
    const many = (n: number): string => Array.from({ length: n }, (_, i) => `match_all('w${i}')`).join(' OR ')
    const done = await rewritten(session, `SELECT * FROM "default" WHERE ${many(100)}`)
    expect(done.plain).toBe(true)
    await refused(`SELECT * FROM "default" WHERE ${many(500)}`, 'too_complex')
    await refused(`SELECT * FROM "default" WHERE match_all('${'w '.repeat(200)}')`, 'argument_too_large')
    await refused(`SELECT * FROM "default" WHERE match_all('${'w'.repeat(2000)}')`, 'argument_too_large')
  })
})
