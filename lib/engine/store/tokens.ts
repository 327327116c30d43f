// Words of a text, defined once for the way in (token index) and the way out (match_all): a token
// is a maximal run of letters, marks and digits, a Han, Hiragana, Katakana or Hangul character is a
// token of its own, everything else separates. Case folding is ASCII only: Unicode folding differs
// between JS, RE2 and DuckDB, and an index that folds otherwise than the query loses rows.
import { CJK_RANGES_PACKED, WORD_RANGES_PACKED } from './token-class.ts'

export type CharacterKind = 'separator' | 'word' | 'cjk'

type Range = readonly [from: number, to: number]

function unpack(packed: string): readonly Range[] {
  let at = 0
  return packed.trim().split(' ').map(part => {
    const [gap, length] = part.split('+')
    const from = at + parseInt(gap!, 36)
    at = from + parseInt(length!, 36)
    return [from, at] as const
  })
}

const WORD_RANGES = unpack(WORD_RANGES_PACKED)
const CJK_RANGES = unpack(CJK_RANGES_PACKED)

function inRanges(ranges: readonly Range[], code: number): boolean {
  let low = 0
  let high = ranges.length - 1
  while (low <= high) {
    const middle = (low + high) >> 1
    const [from, to] = ranges[middle]!
    if (code < from) high = middle - 1
    else if (code > to) low = middle + 1
    else return true
  }
  return false
}

/** kinds of the Basic Multilingual Plane: 0 separator, 1 word, 2 CJK; 64 KB, filled once */
const BMP = new Uint8Array(0x10000)
for (const [from, to] of WORD_RANGES) if (from < 0x10000) BMP.fill(1, from, Math.min(to, 0xffff) + 1)
for (const [from, to] of CJK_RANGES) if (from < 0x10000) BMP.fill(2, from, Math.min(to, 0xffff) + 1)
const KINDS: readonly CharacterKind[] = ['separator', 'word', 'cjk']

/** what a code point is in a text */
export function kindOf(code: number): CharacterKind {
  if (code < 0x10000) return KINDS[BMP[code]!]!
  return inRanges(CJK_RANGES, code) ? 'cjk' : inRanges(WORD_RANGES, code) ? 'word' : 'separator'
}

/** A-Z to a-z, nothing else */
export const foldAscii = (text: string): string => text.replace(/[A-Z]+/g, run => run.toLowerCase())

/** the tokens of a text in order, folded, repeats kept */
export function tokensOf(text: string): string[] {
  const out: string[] = []
  let from = -1
  for (let i = 0; i < text.length;) {
    const code = text.codePointAt(i)!
    const kind = kindOf(code)
    const next = i + (code > 0xffff ? 2 : 1)
    if (kind === 'word') {
      if (from < 0) from = i
    } else {
      if (from >= 0) out.push(foldAscii(text.slice(from, i)))
      from = -1
      if (kind === 'cjk') out.push(text.slice(i, next))
    }
    i = next
  }
  if (from >= 0) out.push(foldAscii(text.slice(from)))
  return out
}

const hex = (code: number): string => `\\x{${code.toString(16)}}`
const classText = (ranges: readonly Range[]): string => ranges.map(([a, b]) => (a === b ? hex(a) : `${hex(a)}-${hex(b)}`)).join('')

/** the inside of an RE2 class: characters of multi-character tokens */
export const WORD_CLASS: string = classText(WORD_RANGES)
/** the inside of an RE2 class: characters that are tokens of their own */
export const CJK_CLASS: string = classText(CJK_RANGES)
/** RE2: one token */
export const TOKEN_REGEX = `[${WORD_CLASS}]+|[${CJK_CLASS}]`

const BORDER_BEFORE = `(?:\\A|[^${WORD_CLASS}])`
const BORDER_AFTER = `(?:\\z|[^${WORD_CLASS}])`

/** RE2 for a text with ASCII case ignored: `[aA]` for letters, code points for all that could mean something */
export function foldedRegex(text: string): string {
  let out = ''
  for (const c of text) {
    if (/[A-Za-z]/.test(c)) out += `[${c.toLowerCase()}${c.toUpperCase()}]`
    else out += /[0-9]/.test(c) ? c : hex(c.codePointAt(0)!)
  }
  return out
}

export interface Borders {
  readonly start: boolean
  readonly end: boolean
}

/** which borders a text needs: an end that is a separator or a CJK character stands at one by itself */
export function bordersOf(text: string, wanted: Borders): Borders {
  const codes = [...text]
  const needs = (c: string | undefined): boolean => c !== undefined && kindOf(c.codePointAt(0)!) === 'word'
  return { start: wanted.start && needs(codes[0]), end: wanted.end && needs(codes[codes.length - 1]) }
}

/** RE2 for a text that begins and ends at token borders, as asked; compile it only behind a cheaper test (3-6 ms) */
export function borderedRegex(text: string, borders: Borders): string {
  return `${borders.start ? BORDER_BEFORE : ''}${foldedRegex(text)}${borders.end ? BORDER_AFTER : ''}`
}
