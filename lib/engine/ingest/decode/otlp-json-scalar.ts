// The names and scalars of OTLP JSON at the scanner, in the proto3 JSON mapping as OTLP narrows it. What
// the mapping does not allow is `malformed`, told with the place it stands at.
import type { Micros } from '../../../model/time.ts'
import { findName, newGuesses } from './otlp-names.ts'
import type { Name } from './otlp-names.ts'
import { standsAt } from './otlp-words.ts'
import { DIGITS, FALSE, INT, QUOTE, TRUE } from './scanner.ts'
import type { Scanner } from './scanner.ts'

const MINUS = 0x2d
const ZERO = 0x30
/** what the time of a record must be */
const TIME = 'nanoseconds since 1970 as an unsigned 64-bit integer'
const TWO_32 = 4_294_967_296
const UINT64_MAX = (1n << 64n) - 1n
const JSON_NUMBER = /^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$/
const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/

export class JsonScalars {
  private readonly s: Scanner
  private readonly decoding: boolean
  private readonly guesses = newGuesses()

  constructor(scanner: Scanner, decoding: boolean) {
    this.s = scanner
    this.decoding = decoding
  }

  /** reads a member's name, which follows `previous`; the scanner then stands before its value */
  member(previous: Name): Name {
    const { s } = this
    const guess = this.guesses[previous.index]!
    if (this.takes(guess)) return guess
    s.key()
    return (this.guesses[previous.index] = findName(s.source.bytes, s.from, s.to))
  }

  /** takes the name and its colon when they stand at the scanner just so */
  takes(name: Name): boolean {
    const { s } = this
    const { token } = name
    if (token.length === 0 || s.at + token.length > s.end || !standsAt(token, s.source, s.at)) return false
    s.at += token.length
    return true
  }

  /** a string as [s.from, s.to), escapes undone */
  text(c: number): void {
    if (c !== QUOTE) this.s.fail('a string')
    this.s.string()
  }

  /** a string whose text only decoding needs: checking leaves the escapes */
  textValue(): void {
    const { s } = this
    if (s.peek() !== QUOTE) s.fail('a string')
    if (this.decoding) s.string()
    else s.skipString()
  }

  /** a signed 64-bit integer, as a number or a string, into `s.lo` and `s.hi` */
  int64(): void {
    const { s } = this
    const { bytes } = s.source
    const start = s.at
    if (s.peek() === QUOTE) {
      if (this.fewDigits()) return
      s.string()
      const negative = bytes[s.from] === MINUS
      if (s.int64(negative ? s.from + 1 : s.from, s.to, negative)) return
    } else {
      const kind = s.number()
      if (kind === INT) return
      if (kind === DIGITS) this.failAt(start, 'a 64-bit integer')
    }
    // Integers written with a point or an exponent are allowed: `1.0`, `"1e3"`.
    const value = this.numberOf(s.from, s.to)
    if (!Number.isSafeInteger(value)) this.failAt(start, 'a 64-bit integer')
    s.hi = Math.floor(value / TWO_32)
    s.lo = value | 0
  }

  /** reads one to nine digits in quotes at the scanner into `s.lo` and `s.hi`; false: something else stands there */
  private fewDigits(): boolean {
    const { s } = this
    const { bytes } = s.source
    const from = s.at + 1
    const to = Math.min(from + 10, s.end)
    let value = 0
    for (let p = from; p < to; p++) {
      const d = bytes[p]! - ZERO
      if (d >= 0 && d < 10) value = value * 10 + d
      else if (d === QUOTE - ZERO && p > from) {
        s.lo = value
        s.hi = 0
        s.at = p + 1
        return true
      } else return false
    }
    return false
  }

  /** Microseconds of a time in nanoseconds (unsigned 64 bits, as a number or a string); -1: zero, which is absent. */
  nanos(): Micros {
    const { s } = this
    const start = s.at
    const c = s.peek()
    if (c === QUOTE) s.string()
    else if (c >= ZERO && c <= ZERO + 9) s.number()
    else this.failAt(start, TIME)
    const { bytes } = s.source
    const digits = s.to - s.from
    if (digits < 1 || digits > 19) return this.rareNanos(start)
    // Nineteen digits always fit. Three are cut; the others make a safe integer up to the year 2255.
    let micros = 0
    let rest = 0
    const cut = s.to - 3
    for (let p = s.from; p < s.to; p++) {
      const d = bytes[p]! - ZERO
      if (d < 0 || d > 9) return this.rareNanos(start)
      if (p < cut) micros = micros * 10 + d
      else rest += d
    }
    return micros === 0 && rest === 0 ? -1 : micros
  }

  /** what is not written in 1 to 19 digits: 20 of them, or a point or exponent */
  private rareNanos(start: number): Micros {
    const { s } = this
    const text = s.source.bytes.toString('latin1', s.from, Math.min(s.to, s.from + 64))
    let nanos = /^[0-9]{20}$/.test(text) ? BigInt(text) : -1n
    if (nanos < 0n) {
      const value = this.numberOf(s.from, s.to)
      if (Number.isSafeInteger(value)) nanos = BigInt(value)
    }
    if (nanos < 0n || nanos > UINT64_MAX) this.failAt(start, TIME)
    return nanos === 0n ? -1 : Number(nanos / 1000n)
  }

  double(): number {
    const { s } = this
    const start = s.at
    const c = s.peek()
    if (c === QUOTE) {
      s.string()
      const text = s.source.bytes.toString('latin1', s.from, s.to)
      if (text === 'NaN' || text === 'Infinity' || text === '-Infinity') return Number(text)
    } else {
      const kind = s.number()
      if (kind === INT) return s.hi * TWO_32 + (s.lo >>> 0)
      if (kind !== DIGITS) return s.double
    }
    const value = this.numberOf(s.from, s.to)
    if (!Number.isFinite(value)) this.failAt(start, 'a number a double can hold')
    return value
  }

  bool(): boolean {
    const { s } = this
    const c = s.peek()
    if (c !== TRUE && c !== FALSE) s.fail('true or false')
    s.literal()
    return c === TRUE
  }

  /** bytes in either base64 alphabet, padded or not, as padded standard base64 */
  base64(): string {
    const { s } = this
    const start = s.at
    this.text(s.peek())
    const text = s.source.bytes.toString('latin1', s.from, s.to)
    const digits = text.replace(/=+$/, '').length
    if (!BASE64.test(text) || digits % 4 === 1 || (digits < text.length && text.length % 4 !== 0)) this.failAt(start, 'base64')
    return Buffer.from(text, 'base64').toString('base64')
  }

  /** NaN when it is no JSON number */
  private numberOf(from: number, to: number): number {
    const text = this.s.source.bytes.toString('latin1', from, to)
    return JSON_NUMBER.test(text) ? Number(text) : NaN
  }

  failAt(at: number, expected: string): never {
    this.s.at = at
    this.s.fail(expected)
  }
}
