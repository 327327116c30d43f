// JSON read from bytes, token by token, with no string made: a string is a range of the body, a number
// is two int32 halves, a double, or its digits. Strict RFC 8259; the only stack is a byte per open
// container, so depth is bounded and nothing recurses. Assumes valid UTF-8: whoever owns the body
// checks that first.
import type { Source } from '../../store/columns.ts'
import { Cursor, withoutStack } from './cursor.ts'

export const QUOTE = 0x22
export const COMMA = 0x2c
export const COLON = 0x3a
export const OPEN_ARRAY = 0x5b
export const CLOSE_ARRAY = 0x5d
export const OPEN_OBJECT = 0x7b
export const CLOSE_OBJECT = 0x7d
/** first bytes of `true`, `false` and `null` */
export const TRUE = 0x74
export const FALSE = 0x66
export const NULL = 0x6e
/** what `peek` gives behind the last byte */
export const END = -1

const MINUS = 0x2d
const ZERO = 0x30

/** kinds of number: fits int64 (`lo`, `hi`); has a point or an exponent (`double`); neither holds it (`from`, `to`) */
export const INT = 0
export const DOUBLE = 1
export const DIGITS = 2
export type NumberKind = typeof INT | typeof DOUBLE | typeof DIGITS

/** exact as doubles; with at most 15 digits a quotient by one of them is correctly rounded */
const POWERS_OF_TEN = Array.from({ length: 23 }, (_, i) => 10 ** i)

const INT64_MAX_DIGITS = '9223372036854775807'
const INT64_MIN_DIGITS = '9223372036854775808'

export class Scanner extends Cursor {
  /** open containers */
  depth = 0
  /** the last integer: hi * 2^32 + (lo >>> 0) */
  lo = 0
  hi = 0
  /** the last double; NaN and not 0, so that the field is a double from the start */
  double = NaN
  /** set when white space was passed; `skipValue` clears it first */
  spaced = false
  private readonly depthMax: number
  /** the closing byte of each open container, by depth */
  private readonly closers: Uint8Array

  constructor(source: Source, depthMax: number, subject = 'the body') {
    super(source, subject)
    this.depthMax = depthMax
    this.closers = new Uint8Array(depthMax + 2)
  }

  /** starts over on [from, to): offsets in messages count from `from` */
  reset(from: number, to: number): void {
    this.at = this.origin = from
    this.end = to
    this.depth = 0
  }

  /** skips white space and gives the next byte without taking it, END at the end */
  peek(): number {
    const { bytes, end } = this
    let p = this.at
    while (p < end) {
      const c = bytes[p]!
      if (c > 32 || (c !== 32 && c !== 10 && c !== 13 && c !== 9)) {
        if (p !== this.at) this.passSpace(p)
        return c
      }
      p++
    }
    this.at = p
    return END
  }

  private passSpace(p: number): void {
    this.at = p
    this.spaced = true
  }

  /** takes `{` or `[`. @throws malformed, too_deep */
  open(opener: typeof OPEN_OBJECT | typeof OPEN_ARRAY): void {
    if (this.peek() !== opener) this.fail(opener === OPEN_OBJECT ? '{' : '[')
    if (this.depth >= this.depthMax) this.failDeep()
    this.at++
    // Both closers stand two after their openers in ASCII.
    this.closers[++this.depth] = opener + 2
  }

  /**
   * Within a container: true when a member or element follows (now next), false when its end was
   * taken. `first`: nothing has been read of it yet.
   */
  more(first: boolean): boolean {
    const closer = this.closers[this.depth]!
    const c = this.peek()
    if (c === closer) {
      this.at++
      this.depth--
      return false
    }
    if (first) return true
    if (c !== COMMA) this.fail(closer === CLOSE_OBJECT ? ', or }' : ', or ]')
    this.at++
    // A closer right behind a comma is refused by whoever reads the member or element.
    return true
  }

  /** reads a member's name and its colon; the name is [from, to) */
  key(): void {
    if (this.peek() !== QUOTE) this.fail('a name in quotes')
    this.string()
    this.colon()
  }

  /** takes a colon */
  colon(): void {
    if (this.peek() !== COLON) this.fail(':')
    this.at++
  }

  /** reads the number that begins `at`; its source text is [from, to) */
  number(): NumberKind {
    const { bytes, end } = this
    let p = (this.from = this.at)
    const negative = bytes[p] === MINUS
    if (negative) p++
    const first = p
    let mantissa = 0
    let d = 0
    while (p < end && (d = bytes[p]! - ZERO) >= 0 && d < 10) {
      mantissa = mantissa * 10 + d
      p++
    }
    const digits = p - first
    if (digits === 0 || (digits > 1 && bytes[first] === ZERO)) {
      this.at = first
      this.fail(digits === 0 ? 'a value' : 'a number without leading zeros')
    }
    const c = p < end ? bytes[p]! : 0
    if (c !== 0x2e && (c | 0x20) !== 0x65) {
      this.to = this.at = p
      return this.integer(negative, first, digits, mantissa)
    }
    return this.fraction(negative, mantissa, digits, p)
  }

  private integer(negative: boolean, first: number, digits: number, mantissa: number): NumberKind {
    if (negative && mantissa === 0) {
      // An integer has no minus zero.
      this.double = -0
      return DOUBLE
    }
    if (digits <= 15) {
      const value = negative ? -mantissa : mantissa
      this.lo = value | 0
      this.hi = Math.floor(value / 4294967296)
      return INT
    }
    return this.int64(first, this.to, negative) ? INT : DIGITS
  }

  private fraction(negative: boolean, mantissa: number, digits: number, p: number): NumberKind {
    const { bytes, end } = this
    let d = 0
    let decimals = 0
    if (bytes[p] === 0x2e) {
      const first = ++p
      while (p < end && (d = bytes[p]! - ZERO) >= 0 && d < 10) {
        mantissa = mantissa * 10 + d
        p++
      }
      decimals = p - first
      if (decimals === 0) this.failAt(p, 'a digit behind the point')
    }
    let exponent = false
    if (p < end && (bytes[p]! | 0x20) === 0x65) {
      exponent = true
      p++
      if (p < end && (bytes[p] === 0x2b || bytes[p] === MINUS)) p++
      const first = p
      while (p < end && (d = bytes[p]! - ZERO) >= 0 && d < 10) p++
      if (p === first) this.failAt(p, 'a digit of the exponent')
    }
    this.to = this.at = p
    if (!exponent && digits + decimals <= 15) {
      const value = mantissa / POWERS_OF_TEN[decimals]!
      this.double = negative ? -value : value
      return DOUBLE
    }
    this.double = Number(bytes.toString('latin1', this.from, p))
    return Number.isFinite(this.double) ? DOUBLE : DIGITS
  }

  /**
   * Reads the decimal digits [from, to) into `lo` and `hi`. False, and nothing set, when there is
   * no digit, a byte is none, or the value lies outside int64. Leading zeros are the caller's affair.
   */
  int64(from: number, to: number, negative: boolean): boolean {
    const { bytes } = this
    while (to - from > 19 && bytes[from] === ZERO) from++
    const digits = to - from
    if (digits === 0 || digits > 19) return false
    for (let p = from; p < to; p++) if (bytes[p]! < ZERO || bytes[p]! > 0x39) return false
    if (digits === 19) {
      const text = bytes.toString('latin1', from, to)
      if (text > (negative ? INT64_MIN_DIGITS : INT64_MAX_DIGITS)) return false
    }
    // value = high * 10^9 + low, with both below 2^53; then in 16-bit steps so that no product rounds.
    let high = 0
    let low = 0
    let p = from
    for (const split = to - 9; p < split; p++) high = high * 10 + bytes[p]! - ZERO
    for (; p < to; p++) low = low * 10 + bytes[p]! - ZERO
    const t0 = (high % 65536) * 1e9 + low
    const t1 = Math.floor(high / 65536) * 1e9
    const bottom = (t1 % 65536) * 65536 + (t0 % 4294967296)
    let hi = (Math.floor(t1 / 65536) + Math.floor(t0 / 4294967296) + Math.floor(bottom / 4294967296)) | 0
    let lo = bottom | 0
    if (negative) {
      lo = -lo | 0
      hi = (~hi + (lo === 0 ? 1 : 0)) | 0
    }
    this.lo = lo
    this.hi = hi
    return true
  }

  /** takes `true`, `false` or `null`, whose first byte is `at` */
  literal(): void {
    const { bytes } = this
    const p = this.at
    const left = this.end - p
    switch (bytes[p]) {
      case TRUE:
        if (left >= 4 && bytes[p + 1] === 0x72 && bytes[p + 2] === 0x75 && bytes[p + 3] === 0x65) return void (this.at = p + 4)
        break
      case FALSE:
        if (left >= 5 && bytes[p + 1] === 0x61 && bytes[p + 2] === 0x6c && bytes[p + 3] === 0x73 && bytes[p + 4] === 0x65) {
          return void (this.at = p + 5)
        }
        break
      case NULL:
        if (left >= 4 && bytes[p + 1] === 0x75 && bytes[p + 2] === 0x6c && bytes[p + 3] === 0x6c) return void (this.at = p + 4)
        break
      default:
    }
    this.fail('a value')
  }

  /** reads a string, number or literal that begins with `c` at `at`, and keeps nothing of it */
  skipScalar(c: number): void {
    if (c === QUOTE) this.skipString()
    else if (c === TRUE || c === FALSE || c === NULL) this.literal()
    else this.skipNumber()
  }

  /** the grammar of `number` without its value */
  private skipNumber(): void {
    const { bytes, end } = this
    let p = (this.from = this.at)
    if (p < end && bytes[p] === MINUS) p++
    const first = p
    while (p < end && bytes[p]! >= ZERO && bytes[p]! <= 0x39) p++
    const c = p < end ? bytes[p]! : 0
    if (p === first || (p - first > 1 && bytes[first] === ZERO) || c === 0x2e || (c | 0x20) === 0x65) this.number()
    else this.to = this.at = p
  }

  /**
   * Takes any value, checks all of it and changes no byte. `spaced` tells whether there was white
   * space outside strings. The value begins where `peek` stopped and ends `at`.
   */
  skipValue(): void {
    const base = this.depth
    let c = this.peek()
    this.spaced = false
    for (;;) {
      if (c === OPEN_OBJECT || c === OPEN_ARRAY) {
        this.open(c)
        if (this.more(true)) {
          if (c === OPEN_OBJECT) this.skipKey()
          c = this.peek()
          continue
        }
      } else this.skipScalar(c)
      // A value has ended: close what closes here, then go on behind a comma.
      while (this.depth > base && !this.more(false));
      if (this.depth === base) return
      if (this.closers[this.depth] === CLOSE_OBJECT) this.skipKey()
      c = this.peek()
    }
  }

  private skipKey(): void {
    if (this.peek() !== QUOTE) this.fail('a name in quotes')
    this.skipString()
    this.colon()
  }

  /** nothing but white space may follow */
  finish(): void {
    if (this.peek() !== END) this.fail('the end')
  }

  private failDeep(): never {
    throw withoutStack('too_deep', `${this.subject} is nested deeper than ${this.depthMax} levels at byte ${this.at - this.origin}: flatten it`)
  }
}
