// DuckDB's refusals as clients of OpenObserve read them.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EngineError } from '../../lib/model/errors.ts'
import { sqlError } from '../../lib/engine/query/sql/errors.ts'
import { positionOfByte, positionOfCharacter, positionOfIndex } from '../../lib/engine/query/sql/position.ts'
import { findName } from '../../lib/engine/query/sql/scan-text.ts'
import { openTestSession } from '../support/sql.ts'
import type { TestSession } from '../support/sql.ts'
import { failure, fillStreams } from '../support/sql-front.ts'

let session: TestSession
beforeAll(async () => {
  session = await openTestSession()
  await fillStreams(session)
})
afterAll(() => session.close())

describe('a refusal', () => {
  it('has its code, slug, place and names', async () => {
    const table: readonly (readonly [sql: string, slug: string, code: number, place: string | undefined, message: RegExp])[] = [
      ["SELECT 'mesage', mesage FROM \"default\"", 'unknown_column', 20004, 'line 1, column 18', /the column "mesage" does not exist; did you mean message/],
      ['SELECT d.nope_ FROM "default" d', 'unknown_column', 20004, 'line 1, column 10', /"nope_"/],
      ['SELECT v.nope FROM (VALUES (1)) v(a)', 'unknown_column', 20004, 'line 1, column 10', /"nope"/],
      ['SELECT x.level FROM "default" d', 'unknown_column', 20004, 'line 1, column 8', /the table "x" is not one of this SELECT's/],
      ['SELECT level.foo FROM "default"', 'unknown_column', 20004, 'line 1, column 14', /"foo"/],
      ['SELECT * EXCLUDE (foo) FROM "default"', 'unknown_column', 20004, 'line 1, column 19', /"foo"/],
      ["SELECT count(*) FROM \"default\" WHERE histogram(tim, '1 hour') > 'x'", 'unknown_column', 20004, 'line 1, column 48', /"tim"/],
      ['SELECT /* sum */ sum(level) FROM "default"', 'invalid_query', 20007, 'line 1, column 18', /^sum does not take \(VARCHAR\)$/],
      ['SELECT level + 1 FROM "default"', 'invalid_query', 20007, undefined, /^\+ does not take \(VARCHAR, INTEGER\)$/],
      ["SELECT ok > timestamp '2020-01-01' FROM \"default\"", 'invalid_query', 20007, undefined, /cannot compare values of type BOOLEAN and type TIMESTAMP/],
      ["SELECT 1 WHERE 'abc'", 'invalid_query', 20008, 'line 1, column 16', /the text "abc" is not a value of type BOOLEAN; TRY_CAST/],
      ['SELECT level::INTEGER FROM "default"', 'invalid_query', 20008, undefined, /the text "(?:ERROR|INFO)" is not a value of type INTEGER/],
      ['SELECT 9223372036854775807 + n FROM "default"', 'invalid_query', 20008, undefined, /overflow in addition/],
      ['SELECT n FROM "default" ORDER BY 9', 'invalid_query', 20001, undefined, /ORDER BY position should be between 1 and 1/],
      ['SELECT level, count(*) FROM "default"', 'invalid_query', 20001, 'line 1, column 8', /the column "level" must stand in GROUP BY/],
      ['SELECT level FROM "default" a JOIN other b ON a.n = b.n', 'invalid_query', 20001, 'line 1, column 8', /more than one table/],
      ['SELECT sum(count(*)) FROM "default"', 'invalid_query', 20001, undefined, /aggregate function calls cannot be nested/],
      ['SELECT (SELECT n FROM "default")', 'invalid_query', 20008, undefined, /more than one row/],
      ["SELECT json_extract(level, '$.a') FROM \"default\"", 'invalid_query', 20008, undefined, /not JSON/],
      ["SELECT timezone('Foo/Bar', now())", 'invalid_query', 20001, 'line 1, column 17', /time zone "Foo\/Bar" is not known/],
      ["SELECT re_match(level, '(') FROM \"default\"", 'regex', 20001, undefined, /the regular expression is not valid: missing \): \(/],
      ['SELECT n FROM other UNION SELECT n, level FROM other', 'invalid_query', 20001, undefined, /same number of result columns/],
      ["SELECT date_part('foo', now())", 'invalid_query', 20008, undefined, /"foo" not recognized/],
      ['SELECT level COLLATE foo FROM other', 'invalid_query', 20001, undefined, /the collation foo does not exist/],
    ]
    for (const [sql, slug, code, place, message] of table) {
      const error = await failure(session, sql)
      expect(error, `${sql} -> ${error.message}`).toMatchObject({ slug, detail: { code } })
      expect(error.detail.detail, sql).toBe(place)
      expect(error.message, sql).toMatch(message)
      expect(error.message).not.toMatch(/LINE|\n|Candidate|nilometer_|make_timestamp/)
    }
  })

  it('suggests names of the schema that are near', async () => {
    expect((await failure(session, 'SELECT levl, tok FROM "default"')).detail.suggestions).toEqual(['level'])
    expect((await failure(session, 'SELECT timestamp FROM "default"')).detail.suggestions).toContain('_timestamp')
  })

  it('that is not about the statement passes unchanged', () => {
    const asked = { sql: 'SELECT 1', tables: [] }
    for (const error of [new EngineError('query_memory', 'x'), new EngineError('invalid_query', 'x', { code: 20003, detail: 'Binder Error: y' }), new EngineError('invalid_query', 'x')]) {
      expect(sqlError(error, asked)).toBe(error)
    }
  })

  it('tells no path and no file', () => {
    const asked = { sql: 'SELECT 1', tables: [] }
    const said = (detail: string): EngineError => sqlError(new EngineError('invalid_query', 'x', { detail }), asked)
    expect(said('IO Error: Cannot open file "/var/lib/nilometer/a.parquet"')).toMatchObject({ slug: 'file_unreadable', message: 'a data file cannot be read' })
    for (const text of ['Invalid Input Error: bad "/var/data/o1/x.parquet" here', 'Binder Error: cannot read C:\\data\\x\\y.parquet', 'Catalog Error: in read_parquet(\'/a/b/c.parquet\')', 'Permission Error: /etc/passwd is out of bounds']) {
      expect(said(text).message, text).not.toMatch(/parquet|\/|\\|passwd/)
    }
    expect(said('something new')).toMatchObject({ slug: 'invalid_query', message: 'the query cannot run', detail: { code: 20008 } })
  })
})

describe('positions', () => {
  it('count characters and lines whatever the encoding', () => {
    const sql = "é💥\nab💥c"
    expect(positionOfByte(sql, Buffer.byteLength("é💥\nab💥"))).toEqual({ line: 2, column: 4 })
    expect(positionOfIndex(sql, sql.indexOf('c'))).toEqual({ line: 2, column: 4 })
    expect(positionOfCharacter(sql, 2)).toEqual({ line: 1, column: 3 })
    expect(positionOfCharacter(sql, 999)).toEqual({ line: 2, column: 5 })
  })
})

describe('findName', () => {
  it('finds a bare or quoted name outside strings and comments', () => {
    expect(findName("SELECT 'foo', /* foo */ foo", 'FOO')).toBe(24)
    expect(findName('SELECT a."f""o" -- f"o', 'f"o')).toBe(9)
    expect(findName('SELECT foobar, foo_ FROM $$foo$$', 'foo')).toBe(-1)
    expect(findName("SELECT E'\\'foo', é.foo", 'foo')).toBe(19)
  })
})
