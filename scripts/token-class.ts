// Prints lib/engine/store/token-class.ts: the characters of tokens as explicit ranges, from the
// Unicode tables of the Node that runs this (17.0 for Node 24.21). Run it only to move to a newer
// Unicode version, which changes the meaning of stored token indexes: then `TOKEN_CLASS_VERSION`
// must be raised and old indexes ignored.
const CODE_POINTS = 0x110000

const isSurrogate = (code: number): boolean => code >= 0xd800 && code < 0xe000
const CJK = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Hangul}]/u

function classOf(code: number): 'word' | 'cjk' | 'free' | 'other' {
  if (isSurrogate(code)) return 'other'
  const c = String.fromCodePoint(code)
  if (/[\p{L}\p{M}\p{N}]/u.test(c)) return CJK.test(c) ? 'cjk' : 'word'
  return /\p{Cn}/u.test(c) ? 'free' : 'other'
}

/** ranges of one class; unassigned code points between two of its characters are taken in */
function rangesOf(wanted: 'word' | 'cjk'): [number, number][] {
  const ranges: [number, number][] = []
  let open = false
  for (let code = 0; code < CODE_POINTS; code++) {
    const kind = classOf(code)
    const last = ranges[ranges.length - 1]
    if (kind === wanted) {
      if (open && last !== undefined) last[1] = code
      else ranges.push([code, code])
      open = true
    } else if (kind !== 'free') open = false
  }
  return ranges
}

/** `gap+length` pairs in base 36: a third of the size of plain numbers */
function packed(ranges: readonly (readonly [number, number])[]): string {
  let at = 0
  const parts = ranges.map(([from, to]) => {
    const part = `${(from - at).toString(36)}+${(to - from).toString(36)}`
    at = to
    return part
  })
  const lines: string[] = []
  for (let i = 0; i < parts.length; i += 14) lines.push(`  '${parts.slice(i, i + 14).join(' ')} '`)
  return lines.join(' +\n')
}

const word = rangesOf('word')
const cjk = rangesOf('cjk')
process.stdout.write(`// Which characters make tokens, as explicit ranges: Unicode ${process.versions['unicode']} letters, marks and digits (L, M, N),
// those of the scripts Han, Hiragana, Katakana and Hangul apart. Written by scripts/token-class.ts,
// never by hand: the tokenizer and the regular expressions of match_all must read one table, because
// the Unicode versions of JS and of DuckDB's RE2 differ. Unassigned code points between two characters
// of a class belong to it: half the ranges, and letters of a later Unicode version are tokens already.

/** part of every stored token index; an index of another version must be ignored */
export const TOKEN_CLASS_VERSION = 1

/** pairs of (gap from the last range's end)+(length - 1), base 36; ${word.length} ranges */
export const WORD_RANGES_PACKED =
${packed(word)}

/** the same for characters that are tokens of their own; ${cjk.length} ranges */
export const CJK_RANGES_PACKED =
${packed(cjk)}
`)
