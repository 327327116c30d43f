// match_all by loops over characters, written from the table of its definition and from nothing of
// lib: the meaning that the regular expressions and the token index are held to.

const isTokenCharacter = (c: string): boolean => /[\p{L}\p{M}\p{N}]/u.test(c)
const isOwnToken = (c: string): boolean => isTokenCharacter(c) && /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Hangul}]/u.test(c)
/** part of a token that may have several characters */
const joins = (c: string | undefined): boolean => c !== undefined && isTokenCharacter(c) && !isOwnToken(c)

const fold = (text: string): string => [...text].map(c => (c >= 'A' && c <= 'Z' ? String.fromCharCode(c.charCodeAt(0) + 32) : c)).join('')

/** the text occurs, where asked with a token border at its start and end */
function occurs(row: string, wanted: string, borderBefore: boolean, borderAfter: boolean): boolean {
  const r = [...fold(row)]
  const w = [...fold(wanted)]
  for (let at = 0; at + w.length <= r.length; at++) {
    if (!w.every((c, i) => r[at + i] === c)) continue
    const end = at + w.length
    const before = !(joins(r[at - 1]) && joins(r[at]))
    const after = !(joins(r[end - 1]) && joins(r[end]))
    if ((!borderBefore || before) && (!borderAfter || after)) return true
  }
  return false
}

type Test = (row: string) => boolean

/** the tests a term asks for, one a word */
function testsOf(term: string): Test[] {
  const tests: Test[] = []
  let rest = term
  for (;;) {
    rest = rest.replace(/^\s+/u, '')
    if (rest === '') return tests
    const phrase = /^"(.*?)"(?=\s|$)/su.exec(rest)
    if (phrase !== null) {
      const inside = phrase[1]!
      if (inside !== '') tests.push(row => occurs(row, inside, true, true))
      rest = rest.slice(phrase[0].length)
      continue
    }
    const word = /^\S+/u.exec(rest)![0]
    rest = rest.slice(word.length)
    if ([...word].every(c => c === '*')) continue
    const first = word.startsWith('*')
    const last = word.endsWith('*')
    const inside = word.slice(first ? 1 : 0, last ? word.length - 1 : word.length)
    if (word.includes('"') || inside.includes('*')) tests.push(row => occurs(row, word, false, false))
    else tests.push(row => occurs(row, inside, !first, !last))
  }
}

/** does a row with these searched fields match the term? */
export function naiveMatchAll(term: string, fields: readonly (string | null)[]): boolean {
  return testsOf(term).every(test => fields.some(field => field !== null && test(field)))
}
