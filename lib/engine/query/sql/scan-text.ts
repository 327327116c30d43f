// A first look at SQL text before DuckDB parses it: comments, strings and quoted names are stepped
// over, so that EXPLAIN can be taken off and a second statement be named. Decides nothing about
// safety; that is check.ts, over DuckDB's own tree.

/** index after white space and comments */
export function skipBlank(sql: string, from: number): number {
  let i = from
  for (;;) {
    while (i < sql.length && /\s/.test(sql[i]!)) i++
    if (sql.startsWith('--', i)) {
      const end = sql.indexOf('\n', i)
      i = end < 0 ? sql.length : end + 1
    } else if (sql.startsWith('/*', i)) i = afterComment(sql, i)
    else return i
  }
}

/** block comments nest in DuckDB as in PostgreSQL */
function afterComment(sql: string, from: number): number {
  let depth = 0
  let i = from
  while (i < sql.length) {
    if (sql.startsWith('/*', i)) {
      depth++
      i += 2
    } else if (sql.startsWith('*/', i)) {
      depth--
      i += 2
      if (depth === 0) return i
    } else i++
  }
  return i
}

/** index after the string, quoted name or dollar-quoted string at `from`, or `from` when there is none */
function afterQuoted(sql: string, from: number): number {
  const quote = sql[from]
  if (quote === '$') {
    const tag = /^\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/.exec(sql.slice(from, from + 256))?.[0]
    if (tag === undefined) return from
    const end = sql.indexOf(tag, from + tag.length)
    return end < 0 ? sql.length : end + tag.length
  }
  if (quote !== "'" && quote !== '"') return from
  const escapes = quote === "'" && /(?:^|[^\w$])[eE]$/.test(sql.slice(Math.max(0, from - 2), from))
  let i = from + 1
  while (i < sql.length) {
    if (escapes && sql[i] === '\\') i += 2
    else if (sql[i] !== quote) i++
    else if (sql[i + 1] === quote) i += 2
    else return i + 1
  }
  return sql.length
}

/** true when something other than blanks stands behind a semicolon */
export function hasSecondStatement(sql: string): boolean {
  let i = 0
  let ended = false
  while (i < sql.length) {
    const next = skipBlank(sql, i)
    if (next > i) {
      i = next
      continue
    }
    if (sql[i] === ';') ended = true
    else if (ended) return true
    const after = afterQuoted(sql, i)
    i = after > i ? after : i + 1
  }
  return false
}

export interface Explained {
  readonly explain: 'plan' | 'analyze' | null
  /** the statement with EXPLAIN blanked out, so positions in it stay the user's */
  readonly sql: string
}

/** takes `EXPLAIN [ANALYZE] [VERBOSE]` off: DuckDB's serializer refuses it, and the plan we show is ours */
export function splitExplain(sql: string): Explained {
  const explain = skipWord(sql, skipBlank(sql, 0), 'explain')
  if (explain === null) return { explain: null, sql }
  const analyze = skipWord(sql, skipBlank(sql, explain), 'analyze')
  const verbose = skipWord(sql, skipBlank(sql, analyze ?? explain), 'verbose')
  const end = verbose ?? analyze ?? explain
  const blank = sql.slice(0, end).replace(/[^\n]/gu, ' ')
  return { explain: analyze === null ? 'plan' : 'analyze', sql: blank + sql.slice(end) }
}

function skipWord(sql: string, at: number, word: string): number | null {
  const end = at + word.length
  return sql.slice(at, end).toLowerCase() === word && !/[\w$]/.test(sql[end] ?? ' ') ? end : null
}

/**
 * Index of the first place where a name stands as an identifier, bare or in double quotes, or -1.
 * Strings and comments are stepped over.
 */
export function findName(sql: string, name: string): number {
  const wanted = name.toLowerCase()
  let i = 0
  while (i < sql.length) {
    const next = skipBlank(sql, i)
    if (next > i) {
      i = next
      continue
    }
    const bare = /^[\p{L}_][\p{L}\p{M}\p{N}_$]*/u.exec(sql.slice(i, i + 300))?.[0]
    const after = bare === undefined ? afterQuoted(sql, i) : i + bare.length
    const written = bare ?? (sql[i] === '"' ? sql.slice(i + 1, after - 1).replaceAll('""', '"') : '')
    if (written !== '' && written.toLowerCase() === wanted) return i
    i = after > i ? after : i + 1
  }
  return -1
}
