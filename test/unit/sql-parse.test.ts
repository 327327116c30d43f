// Text to tree and back: what passes, what is refused and where the fault is said to be.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EngineError } from '../../lib/model/errors.ts'
import { decodeBase64Sql, parseSelect, renderAst } from '../../lib/engine/query/sql/parse.ts'
import { splitExplain } from '../../lib/engine/query/sql/scan-text.ts'
import { openTestSession } from '../support/sql.ts'
import type { TestSession } from '../support/sql.ts'

let session: TestSession
beforeAll(async () => {
  session = await openTestSession()
})
afterAll(() => session.close())

async function refusal(sql: string): Promise<EngineError> {
  try {
    await parseSelect(session, sql)
  } catch (error) {
    if (error instanceof EngineError) return error
    throw error
  }
  throw new Error(`passed: ${sql}`)
}

const written = async (sql: string): Promise<string> => renderAst(session, await parseSelect(session, sql))

describe('parseSelect', () => {
  it('says line and column of a syntax error in characters', async () => {
    const error = await refusal("SELECT 'é💥',\n  'é💥' from , where")
    expect(error.slug).toBe('invalid_query')
    expect(error.detail).toMatchObject({ code: 20001, detail: 'line 2, column 13', position: { line: 2, column: 13 } })
    expect(error.message).toContain('at or near ","')
  })

  it('tells to quote a name that is a keyword', async () => {
    expect((await refusal('SELECT * FROM default')).detail.hint).toContain('double quotes')
  })

  it('refuses empty text, comments alone and a NUL', async () => {
    for (const sql of ['', '  \n', '-- nothing', '/* a */ ;']) expect((await refusal(sql)).message).toContain('empty')
    const error = await refusal("SELECT 1\0 ; DROP TABLE x")
    expect(error.message).toContain('NUL')
    expect(error.detail.position).toEqual({ line: 1, column: 9 })
  })

  it('refuses more than 64 KiB', async () => {
    expect((await refusal(`SELECT '${'x'.repeat(65_536)}'`)).message).toContain('the most is 65536')
    await parseSelect(session, `SELECT '${'x'.repeat(65_000)}'`)
  })

  it('refuses nests too deep for the parser as too complex', async () => {
    for (const sql of [`SELECT 1${'+1'.repeat(20_000)}`, `SELECT ${'NOT '.repeat(15_000)}true`, `SELECT * FROM ${'(SELECT * FROM '.repeat(2000)}t${')'.repeat(2000)}`]) {
      expect((await refusal(sql)).slug).toBe('too_complex')
    }
  })

  it('refuses a number that no double holds', async () => {
    expect((await refusal('SELECT 1e999')).message).toContain('out of range')
  })

  it('keeps every number as it is written', async () => {
    for (const n of ['9223372036854775807', '18446744073709551615', '170141183460469231731687303715884105727', '0.1', '3600.0', '123456789012345678901234567890', '1e5', '1e-320']) {
      const text = await written(`SELECT ${n} AS n, typeof(${n}) AS t`)
      const [direct, through] = [await session.ask(`SELECT ${n} AS n, typeof(${n}) AS t`), await session.ask(text)]
      expect(through.rows, n).toEqual(direct.rows)
    }
    expect((await session.ask(await written('SELECT to_timestamp(0) + INTERVAL 1 HOUR AS t'))).rows).toEqual([['1970-01-01 01:00:00+00']])
  })

  it('writes method calls as plain ones and ~ as a search', async () => {
    expect(await written("SELECT a.lower(), main.upper(b), c ~ 'x', d !~ 'y', e SIMILAR TO 'z' FROM t"))
      .toBe("SELECT lower(a), upper(b), regexp_matches(c, 'x'), (NOT regexp_matches(d, 'y')), regexp_full_match(e, 'z') FROM t")
  })

  it('takes a semicolon at the end and comments anywhere', async () => {
    expect(await written('/* a */ SELECT 1 -- b\n ; -- c')).toBe('SELECT 1')
  })
})

describe('splitExplain', () => {
  it('takes EXPLAIN off and leaves every position where it was', () => {
    expect(splitExplain('EXPLAIN SELECT 1')).toEqual({ explain: 'plan', sql: '        SELECT 1' })
    expect(splitExplain(' -- why\nexplain ANALYZE\nSELECT 1')).toEqual({ explain: 'analyze', sql: '       \n               \nSELECT 1' })
    expect(splitExplain('EXPLAIN VERBOSE WITH a AS (SELECT 1) FROM a').explain).toBe('plan')
  })

  it('leaves other statements alone', () => {
    for (const sql of ['SELECT 1', 'explainer', "SELECT 'EXPLAIN'", '']) expect(splitExplain(sql)).toEqual({ explain: null, sql })
  })
})

describe('decodeBase64Sql', () => {
  const sql = "SELECT '>>>???é' FROM t"
  it('reads both alphabets with every padding', () => {
    const standard = Buffer.from(sql).toString('base64')
    const bare = Buffer.from(sql).toString('base64url')
    for (const text of [standard, bare, bare.padEnd(Math.ceil(bare.length / 4) * 4, '='), bare.padEnd(Math.ceil(bare.length / 4) * 4, '.'), ` ${standard}\n`]) {
      expect(decodeBase64Sql(text)).toBe(sql)
    }
  })

  it('refuses what is not base64 or not UTF-8', () => {
    for (const text of ['a', 'SELECT 1', 'a===', Buffer.from([0xff, 0xfe, 0xfd]).toString('base64')]) expect(() => decodeBase64Sql(text)).toThrow(EngineError)
  })
})
