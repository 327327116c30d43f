// Property 19, the query's half: match_all in DuckDB says of every row what its definition says.
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { VARCHAR, INTEGER } from '@duckdb/node-api'
import { checkSelect } from '../../lib/engine/query/sql/check.ts'
import { parseSelect } from '../../lib/engine/query/sql/parse.ts'
import { rewriteSelect } from '../../lib/engine/query/sql/rewrite.ts'
import type { RewriteContext, StreamTable } from '../../lib/engine/query/sql/contract.ts'
import { kindOf, tokensOf } from '../../lib/engine/store/tokens.ts'
import { openTestSession } from '../support/sql.ts'
import type { TestSession } from '../support/sql.ts'
import { naiveMatchAll } from '../support/naive-match-all.ts'

const RUNS = Number(process.env['NILOMETER_RUNS'] ?? '1')

/** letters that fold oddly, scripts, marks, separators, and all that means something to regexes or SQL */
const CHARACTERS = [
  'a', 'A', 'b', 'B', 'k', 'K', '\u212a', 's', 'S', '\u017f', 'i', 'I', '\u0130', '\u0131', 'é', 'É', 'ß', 'x\u0301', '0', '7', '\u0663',
  '日', '本', 'か', 'カ', '한', 'ﾞ', '👍', '\u{1f468}\u200d\u{1f469}', '_', '-', '.', ':', '/', ' ', '\t', '\n', '\u00a0', '。', '"', "'", '\\', '[', ']', '(', ')',
  '{', '}', '^', '$', '*', '+', '?', '|', '%', '#', '\u001f', '\u0000', '\ufeff',
]
const character = fc.constantFrom(...CHARACTERS)
const rowText = fc.array(character, { maxLength: 9 }).map(cs => cs.join(''))
const rowField = fc.oneof({ weight: 6, arbitrary: rowText }, { weight: 1, arbitrary: fc.constant(null) })
const row = fc.tuple(rowField, rowField)

/** words without NUL: a query's text cannot hold one */
const plainWord = fc.array(character.filter(c => c !== '\u0000'), { minLength: 1, maxLength: 4 }).map(cs => cs.join(''))
const word = fc.tuple(fc.constantFrom('', '', '*'), plainWord, fc.constantFrom('', '', '*')).map(parts => parts.join(''))
const phrase = plainWord.map(w => `"${w}"`)
const term = fc.array(fc.oneof({ weight: 4, arbitrary: word }, { weight: 1, arbitrary: phrase }, { weight: 1, arbitrary: fc.constantFrom('*', '**', '""', '"', '') }), { maxLength: 3 })
  .map(words => words.join(' '))

const STREAM: StreamTable = { type: 'logs', name: 's', fields: { i: 'int', message: 'string', body: 'string' }, fullText: ['message', 'body'] }
const context = (fullText: readonly string[]): RewriteContext => ({
  defaultType: 'logs', streams: new Map([['logs/s', { ...STREAM, fullText }]]),
  startTime: 0, endTime: 1, histogramIntervalSeconds: 0, from: 0, size: -1,
})

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`

let session: TestSession
beforeAll(async () => {
  session = await openTestSession()
})
afterAll(() => session.close())

async function fill(rows: readonly (readonly [string | null, string | null])[]): Promise<void> {
  await session.prepare(['CREATE OR REPLACE TABLE logs.s (i INTEGER, message VARCHAR, body VARCHAR)'])
  const appender = await session.connection.createAppender('s', 'logs')
  rows.forEach(([message, body], i) => {
    appender.appendValue(i, INTEGER)
    appender.appendValue(message, VARCHAR)
    appender.appendValue(body, VARCHAR)
    appender.endRow()
  })
  appender.closeSync()
}

/** for each term, the rows DuckDB finds */
async function found(terms: readonly string[], fullText: readonly string[], wrap: (call: string) => string = call => call): Promise<number[][]> {
  const sql = `SELECT i, ${terms.map((t, n) => `${wrap(`match_all(${quoted(t)})`)} AS m${n}`).join(', ')} FROM s ORDER BY i`
  const ast = await parseSelect(session, sql)
  checkSelect(ast, sql)
  const { sql: statement } = await rewriteSelect(session, ast, context(fullText), sql)
  const { rows } = await session.ask(statement)
  return terms.map((_, n) => rows.filter(r => r[n + 1] === true).map(r => Number(r[0])))
}

describe('match_all', () => {
  it('finds in DuckDB the rows its definition finds, for hostile rows and terms', async () => {
    let tried = 0
    let hits = 0
    await fc.assert(fc.asyncProperty(fc.array(row, { minLength: 150, maxLength: 150 }), fc.array(term, { minLength: 20, maxLength: 20 }), fc.boolean(), async (rows, terms, oneField) => {
      await fill(rows)
      // terms cut from rows match more often than invented ones
      const cut = rows.slice(0, 15).flatMap(([a, b]) => [a, b]).filter(t => t !== null).map(t => [...t.replaceAll('\u0000', '')].slice(1, 4).join(''))
      const all = [...terms, ...cut]
      const fields = oneField ? ['message'] : ['message', 'body']
      const answers = await found(all, fields)
      all.forEach((t, n) => {
        const wanted = rows.flatMap(([message, body], i) => (naiveMatchAll(t, oneField ? [message] : [message, body]) ? [i] : []))
        tried++
        hits += wanted.length
        expect(answers[n], `term ${JSON.stringify(t)}`).toEqual(wanted)
      })
    }), { numRuns: 10 * RUNS })
    expect(tried).toBeGreaterThanOrEqual(400)
    expect(hits).toBeGreaterThan(1_000)
  }, 30_000 * RUNS)

  it('is never NULL, so NOT finds exactly the other rows', async () => {
    await fill([['error here', null], [null, null], [null, 'no'], ['', 'ERROR']])
    expect(await found(['error'], ['message', 'body'])).toEqual([[0, 3]])
    expect(await found(['error'], ['message', 'body'], call => `NOT ${call}`)).toEqual([[1, 2]])
  })
})

describe('tokens', () => {
  it('of a text are found in it by match_all, and only there', async () => {
    await fc.assert(fc.asyncProperty(fc.array(rowText.map(t => t.replaceAll('\u0000', '')), { minLength: 30, maxLength: 30 }), async texts => {
      await fill(texts.map(t => [t, null]))
      const tokens = [...new Set(texts.flatMap(tokensOf))].slice(0, 20)
      if (tokens.length === 0) return
      const answers = await found(tokens, ['message'])
      tokens.forEach((token, n) => {
        expect(answers[n]).toEqual(texts.flatMap((t, i) => (tokensOf(t).includes(token) ? [i] : [])))
      })
    }), { numRuns: 3 * RUNS })
  }, 30_000 * RUNS)

  it('are made of the characters Unicode calls letters, marks and digits', () => {
    for (let code = 0; code < 0x110000; code++) {
      if (code >= 0xd800 && code < 0xe000) continue
      const c = String.fromCodePoint(code)
      if (/\p{Cn}/u.test(c)) continue
      const wanted = !/[\p{L}\p{M}\p{N}]/u.test(c) ? 'separator' : /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Hangul}]/u.test(c) ? 'cjk' : 'word'
      if (kindOf(code) !== wanted) expect.fail(`U+${code.toString(16)} is ${kindOf(code)}, not ${wanted}`)
    }
  })
})
