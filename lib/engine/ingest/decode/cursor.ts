// Where a JSON reader stands in a body, and its strings: each is a range of the body with its escapes
// undone in place (never longer than what they came from), so no string is ever made. The base of the
// scanner, which adds numbers and structure.
import { EngineError } from '../../../model/errors.ts'
import type { ErrorSlug } from '../../../model/errors.ts'
import type { Source } from '../../store/columns.ts'

const QUOTE = 0x22
const BACKSLASH = 0x5c

/** bytes from which a native move beats a loop */
const COPY_NATIVE_BYTES = 64

/** value of a hex digit, or -1 */
const HEX = new Int8Array(256).fill(-1)
for (let i = 0; i < 16; i++) {
  HEX['0123456789abcdef'.charCodeAt(i)] = i
  HEX['0123456789ABCDEF'.charCodeAt(i)] = i
}

/** what a one-letter escape stands for, or 0 */
const ESCAPES = new Uint8Array(256)
for (const [letter, byte] of Object.entries({ n: 10, t: 9, r: 13, b: 8, f: 12, '"': 0x22, '\\': 0x5c, '/': 0x2f })) {
  ESCAPES[letter.charCodeAt(0)] = byte
}

/**
 * An error about the client's text. It says where in that text; where in ours helps nobody, and a
 * body of 100,000 bad lines would spend most of its time collecting stacks.
 */
export function withoutStack(slug: ErrorSlug, message: string): EngineError {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  try {
    return new EngineError(slug, message)
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
}

export class Cursor {
  readonly source: Source
  /** the source's, one load nearer */
  protected readonly bytes: Buffer
  protected readonly view: DataView
  /** next byte to read */
  at = 0
  /** no byte from here on is read: the body's or the line's end */
  end: number
  /** range of the last string (escapes undone, no quotes) or number */
  from = 0
  to = 0
  /** what errors speak of: `the body`, `the line` */
  subject: string
  /** where offsets in messages count from */
  protected origin = 0

  constructor(source: Source, subject: string) {
    this.source = source
    this.bytes = source.bytes
    this.view = source.view
    this.end = source.bytes.length
    this.subject = subject
  }

  /** reads the string that begins at the quote `at`; its text is [from, to), escapes undone in place */
  string(): void {
    const p = this.plainRun(this.at + 1)
    this.from = this.at + 1
    if (this.bytes[p] === QUOTE) {
      this.to = p
      this.at = p + 1
    } else this.undoEscapes(p)
  }

  /** reads the same strings as `string` and changes nothing; [from, to) is the raw text */
  skipString(): void {
    const { bytes } = this
    this.from = this.at + 1
    let p = this.plainRun(this.from)
    while (bytes[p] !== QUOTE) p = this.plainRun(this.escapeEnd(p))
    this.to = p
    this.at = p + 1
  }

  /** the position of the first quote or backslash from `p` on */
  private plainRun(p: number): number {
    const { bytes, end, view } = this
    // Four bytes at a time: each term marks a byte that is a quote, a backslash or below 0x20
    // ("Bit Twiddling Hacks", haszero and hasless); the byte loop then finds which.
    for (const last = end - 4; p <= last; p += 4) {
      const x = view.getInt32(p, true)
      const q = x ^ 0x22222222
      const b = x ^ 0x5c5c5c5c
      if (((((q - 0x01010101) & ~q) | ((b - 0x01010101) & ~b) | ((x - 0x20202020) & ~x)) & 0x80808080) !== 0) break
    }
    for (; p < end; p++) {
      const c = bytes[p]!
      if (c === QUOTE || c === BACKSLASH) return p
      if (c < 0x20) {
        this.at = p
        this.fail('a string without control characters')
      }
    }
    this.at = end
    this.fail('the end of a string')
  }

  /** the position behind the escape at `p`, checked but not undone */
  private escapeEnd(p: number): number {
    const letter = p + 1 < this.end ? this.bytes[p + 1]! : 0
    if (ESCAPES[letter] !== 0) return p + 2
    if (letter !== 0x75) {
      this.at = p
      this.fail('an escape such as \\n or \\u0041')
    }
    this.hex4(p + 2)
    return p + 6
  }

  private hex4(p: number): number {
    const { bytes } = this
    const value = p + 4 > this.end ? -1
      : (HEX[bytes[p]!]! << 12) | (HEX[bytes[p + 1]!]! << 8) | (HEX[bytes[p + 2]!]! << 4) | HEX[bytes[p + 3]!]!
    if (value < 0) {
      this.at = Math.min(p, this.end)
      this.fail('four hex digits')
    }
    return value
  }

  /** finishes a string from its first backslash at `p`, moving text down over the escapes */
  private undoEscapes(p: number): void {
    const { bytes } = this
    let w = p
    for (;;) {
      // `plainRun` stops at a quote or a backslash only.
      if (bytes[p] === QUOTE) break
      const next = this.escapeEnd(p)
      const byte = ESCAPES[bytes[p + 1]!]!
      if (byte !== 0) {
        bytes[w++] = byte
        p = next
      } else {
        let code = this.hex4(p + 2)
        p = next
        if (code >= 0xd800 && code < 0xdc00 && p + 6 <= this.end && bytes[p] === BACKSLASH && bytes[p + 1] === 0x75) {
          const low = this.hex4(p + 2)
          if (low >= 0xdc00 && low < 0xe000) {
            code = 0x10000 + ((code - 0xd800) << 10) + low - 0xdc00
            p += 6
          }
        }
        // Half a pair has no UTF-8 form.
        if (code >= 0xd800 && code < 0xe000) code = 0xfffd
        w = this.putCodePoint(w, code)
      }
      const run = this.plainRun(p)
      if (run - p > COPY_NATIVE_BYTES) {
        bytes.copyWithin(w, p, run)
        w += run - p
        p = run
      } else while (p < run) bytes[w++] = bytes[p++]!
    }
    this.to = w
    this.at = p + 1
  }

  private putCodePoint(w: number, code: number): number {
    const { bytes } = this
    if (code < 0x80) bytes[w++] = code
    else if (code < 0x800) {
      bytes[w++] = 0xc0 | (code >> 6)
      bytes[w++] = 0x80 | (code & 63)
    } else if (code < 0x10000) {
      bytes[w++] = 0xe0 | (code >> 12)
      bytes[w++] = 0x80 | ((code >> 6) & 63)
      bytes[w++] = 0x80 | (code & 63)
    } else {
      bytes[w++] = 0xf0 | (code >> 18)
      bytes[w++] = 0x80 | ((code >> 12) & 63)
      bytes[w++] = 0x80 | ((code >> 6) & 63)
      bytes[w++] = 0x80 | (code & 63)
    }
    return w
  }

  protected failAt(at: number, expected: string): never {
    this.at = at
    this.fail(expected)
  }

  /** @throws malformed, naming the byte offset, what was expected and what stands there */
  fail(expected: string): never {
    const { bytes } = this
    const c = this.at < this.end ? bytes[this.at]! : -1
    const found = c < 0 ? 'the end' : c > 32 && c < 127 ? String.fromCharCode(c) : `byte 0x${c.toString(16).padStart(2, '0')}`
    throw withoutStack('malformed', `${this.subject} is not valid JSON at byte ${this.at - this.origin}: expected ${expected}, found ${found}`)
  }
}
