// Questions a user asks of real text, each answered twice: by the server's SQL and by a loop here
// over the lines that were sent.
import { naiveMatchAll } from '../support/naive-match-all.ts'
import { search } from '../support/server-process.ts'
import type { LineTime } from './logs.ts'
import { equal } from './report.ts'
import type { Stored } from './read-back.ts'

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`
const BUCKET_MICROS = 300_000_000
const WORDS_EACH = 4

async function number(url: string, sql: string): Promise<number> {
  const { hits } = await search(url, sql)
  return Number(Object.values(hits[0]!)[0])
}

/** words of the text itself, spread over its lines: common ones and rare ones */
function wordsOf(texts: readonly string[]): string[] {
  const words = Array.from({ length: WORDS_EACH }, (_, i) => {
    const found = texts[Math.floor(((i + 0.5) * texts.length) / WORDS_EACH)]!.match(/[A-Za-z0-9]{3,}/g) ?? ['nothing']
    return found[(i * 5 + 3) % found.length]!
  })
  return [...new Set(words)]
}

const lower = (text: string): string => text.replace(/[A-Z]/g, (c) => c.toLowerCase())

/** lines that match by the slow definition, which is asked only where each part of the term occurs at all */
function matching(texts: readonly string[], term: string): number {
  const parts = lower(term).replaceAll('*', '').split(' ')
  return texts.filter((text) => parts.every((part) => lower(text).includes(part)) && naiveMatchAll(term, [text])).length
}

/** match_all of words, of parts of words and of two words; the number of questions */
export async function askMatchAll(url: string, { file, stream }: Stored): Promise<number> {
  const words = wordsOf(file.texts)
  const terms = [...words, `${words[0]!.slice(0, -1)}*`, words[0]!.toUpperCase(), words.slice(0, 2).join(' '), 'surely-not-there']
  for (const term of terms) {
    equal(await number(url, `SELECT count(*) AS n FROM "${stream}" WHERE match_all(${quoted(term)})`), matching(file.texts, term), `match_all ${term} in ${stream}`)
  }
  return terms.length
}

/** str_match and its kin, aggregates over the text; the number of questions */
export async function askText(url: string, { file, stream, field }: Stored): Promise<number> {
  const part = file.texts[10]!.slice(3, 9)
  const where: readonly (readonly [string, (text: string) => boolean])[] = [
    [`str_match(${field}, ${quoted(part)})`, (t) => t.includes(part)],
    [`str_match(${field}, 'error')`, (t) => t.includes('error')],
    [`str_match_ignore_case(${field}, 'ERROR')`, (t) => lower(t).includes('error')],
    [`${field} LIKE '%0%1%'`, (t) => /0[^]*1/.test(t)],
    [`re_match(${field}, '[0-9]{3}')`, (t) => /[0-9]{3}/.test(t)],
  ]
  for (const [condition, holds] of where) {
    equal(await number(url, `SELECT count(*) AS n FROM "${stream}" WHERE ${condition}`), file.texts.filter(holds).length, `${condition} in ${stream}`)
  }
  const { hits } = await search(url, `SELECT count(*) AS n, count(DISTINCT ${field}) AS d, sum(length(${field})) AS c, sum(strlen(${field})) AS b FROM "${stream}"`)
  const sum = (size: (text: string) => number): number => file.texts.reduce((total, text) => total + size(text), 0)
  const expected = { n: file.texts.length, d: new Set(file.texts).size, c: sum((t) => [...t].length), b: sum((t) => Buffer.byteLength(t)) }
  const [found] = hits
  equal([found!['n'], found!['d'], Number(found!['c']), Number(found!['b'])], Object.values(expected), `rows, distinct texts, characters and bytes of ${stream}`)
  return where.length + 1
}

/** five-minute buckets over all, and over a range of time; the number of buckets */
export async function askHistogram(url: string, { file, stream }: Stored, timeOf: LineTime): Promise<number> {
  const sql = `SELECT histogram(_timestamp, '5 minutes') AS t, count(*) AS n FROM "${stream}" GROUP BY t ORDER BY t`
  const from = Math.floor(file.texts.length / 4)
  const to = Math.floor(file.texts.length / 2)
  const all = await search(url, sql)
  equal(all.hits, bucketsOf(file.texts.length, 0, timeOf), `the histogram of ${stream}`)
  // A range is closed at its start and open at its end.
  const part = await search(url, sql, { start_time: timeOf(from), end_time: timeOf(to) })
  equal(part.hits, bucketsOf(to, from, timeOf), `the histogram of a part of ${stream}`)
  return all.hits.length + part.hits.length
}

function bucketsOf(end: number, start: number, timeOf: LineTime): { t: string; n: number }[] {
  const counts = new Map<number, number>()
  for (let line = start; line < end; line++) {
    const bucket = Math.floor(timeOf(line) / BUCKET_MICROS) * BUCKET_MICROS
    counts.set(bucket, (counts.get(bucket) ?? 0) + 1)
  }
  return [...counts].sort(([a], [b]) => a - b).map(([bucket, n]) => ({ t: new Date(bucket / 1_000).toISOString().slice(0, 19), n }))
}

/** the same lines of two ways in, joined by number and text: as many pairs as lines */
export async function askJoin(url: string, a: Stored, b: Stored): Promise<void> {
  const sql = `SELECT count(*) AS n FROM "${a.stream}" a JOIN "${b.stream}" b ON a.line = b.line AND a.${a.field} = b.${b.field} AND a._timestamp = b._timestamp`
  equal(await number(url, sql), a.file.texts.length, `the pairs of ${a.stream} and ${b.stream}`)
}
