// OTLP's attributes and values (AnyValue, KeyValue) in OTLP JSON: the twin of otlp-value.ts, with the
// same fields, the same text and the same depths. Scalars follow the proto3 JSON mapping as OTLP
// narrows it; what it does not allow is `malformed`. Null is absent; a member given twice is an error.
import { EngineError } from '../../../model/errors.ts'
import {
  ARRAY_VALUE, BOOL_VALUE, BYTES_VALUE, DOUBLE_VALUE, INT_VALUE, KEY, MAP_VALUE, nameCode, STRING_VALUE, VALUE, VALUES,
} from './otlp-names.ts'
import type { OtlpRows } from './otlp-rows.ts'
import type { Slot } from './otlp-slots.ts'
import { intText } from './otlp-text.ts'
import type { TextBuilder } from './otlp-text.ts'
import { failDeep, LIST_STEP } from './otlp-value.ts'
import { CLOSE_OBJECT, DIGITS, FALSE, INT, NULL, OPEN_ARRAY, OPEN_OBJECT, QUOTE, TRUE } from './scanner.ts'
import type { Scanner } from './scanner.ts'

const MINUS = 0x2d
const TWO_32 = 4_294_967_296
const UINT64_MAX = (1n << 64n) - 1n
const JSON_NUMBER = /^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$/
const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/

export function failTwice(name: string): never {
  throw new EngineError('malformed', `the body has "${name}" twice in one object: give it once`)
}

export class JsonValueReader {
  private readonly s: Scanner
  private readonly rows: OtlpRows
  private readonly levelsMax: number
  private readonly depthMax: number

  constructor(scanner: Scanner, rows: OtlpRows) {
    this.s = scanner
    this.rows = rows
    this.levelsMax = rows.context.flattenLevels
    this.depthMax = rows.context.depthMax
  }

  /** the list of KeyValues at the scanner, as fields below `parent` */
  attributes(parent: Slot, level: number): void {
    const { s } = this
    s.open(OPEN_ARRAY)
    for (let first = true; s.more(first); first = false) this.attribute(parent, level)
  }

  private attribute(parent: Slot, level: number): void {
    const { s, rows } = this
    let slot: Slot | null = null
    let valueAt = -1
    let hasValue = false
    s.open(OPEN_OBJECT)
    for (let first = true; s.more(first); first = false) {
      s.key()
      const code = nameCode(rows.source.bytes, s.from, s.to)
      const c = s.peek()
      if (c === NULL) s.literal()
      else if (code === KEY) {
        if (slot !== null) failTwice('key')
        this.text(c)
        slot = rows.slot(parent, s.from, s.to)
      } else if (code === VALUE) {
        if (hasValue) failTwice('value')
        hasValue = true
        if (slot !== null) this.value(slot, level)
        else {
          // A value before its key is read when the key is known; skipping it changes no byte.
          valueAt = s.at
          s.skipValue()
        }
      } else s.skipValue()
    }
    slot ??= rows.slot(parent, 0, 0)
    if (valueAt < 0) return
    const end = this.goBack(valueAt)
    this.value(slot, level)
    this.goOn(end)
  }

  /** back into an object that was just closed; gives where it ended */
  private goBack(at: number): number {
    const { s } = this
    const end = s.at
    s.at = at
    s.depth++
    return end
  }

  private goOn(end: number): void {
    this.s.at = end
    this.s.depth--
  }

  /** the AnyValue at the scanner, as the field or fields of `slot` */
  value(slot: Slot, level: number): void {
    const { s, rows } = this
    let seen = false
    s.open(OPEN_OBJECT)
    for (let first = true; s.more(first); first = false) {
      const code = this.member(seen)
      if (code === 0) continue
      seen = true
      switch (code) {
        case STRING_VALUE:
          this.textValue()
          rows.text(slot, rows.source, s.from, s.to)
          break
        case INT_VALUE:
          this.int64(s.at)
          rows.int(slot, s.lo, s.hi)
          break
        case DOUBLE_VALUE:
          rows.double(slot, this.double())
          break
        case BOOL_VALUE:
          rows.bool(slot, this.bool())
          break
        case BYTES_VALUE:
          rows.built.clear()
          rows.built.ascii(this.base64())
          rows.builtText(slot)
          break
        default:
          if (code === MAP_VALUE && level < this.levelsMax) this.flattened(slot, level)
          else this.asJson(slot, code)
      }
    }
  }

  /** reads a name of an AnyValue; 0: nothing of ours, passed over. The scanner stands at the value. */
  private member(seen: boolean): number {
    const { s, rows } = this
    s.key()
    const code = nameCode(rows.source.bytes, s.from, s.to)
    if (s.peek() === NULL) {
      s.literal()
      return 0
    }
    if (code < STRING_VALUE) {
      s.skipValue()
      return 0
    }
    if (seen) throw new EngineError('malformed', 'a value has two kinds at once: give one of stringValue, boolValue, intValue, doubleValue, arrayValue, kvlistValue and bytesValue')
    return code
  }

  private flattened(slot: Slot, level: number): void {
    for (let first = true; this.nextOf(first); first = false) this.attribute(slot, level + 1)
  }

  private asJson(slot: Slot, code: number): void {
    const { rows } = this
    const out = rows.decoding ? rows.built : null
    out?.clear()
    const values = code === MAP_VALUE ? this.jsonMap(out) : this.jsonArray(out)
    if (code !== MAP_VALUE || values > 0) rows.builtText(slot)
  }

  /**
   * Steps through `{"values": [...]}` at the scanner: true with the scanner at an element, false
   * when the object is closed. `first`: nothing has been read of it.
   */
  private nextOf(first: boolean): boolean {
    const { s } = this
    if (first) {
      if (s.depth + LIST_STEP > this.depthMax) failDeep(this.depthMax)
      s.open(OPEN_OBJECT)
      if (!this.toList(true)) return false
      if (s.more(true)) return true
    } else if (s.more(false)) return true
    // The list is closed; a second one in the same object is an error, whatever else there is.
    if (this.toList(false)) failTwice('values')
    return false
  }

  /** passes members up to `values` and opens its list; false: the object is closed */
  private toList(first: boolean): boolean {
    const { s, rows } = this
    for (; s.more(first); first = false) {
      s.key()
      const code = nameCode(rows.source.bytes, s.from, s.to)
      if (s.peek() === NULL) s.literal()
      else if (code === VALUES) {
        s.open(OPEN_ARRAY)
        return true
      } else s.skipValue()
    }
    return false
  }

  private jsonArray(out: TextBuilder | null): number {
    let values = 0
    out?.byte(OPEN_ARRAY)
    for (let first = true; this.nextOf(first); first = false) {
      if (values++ > 0) out?.byte(0x2c)
      this.jsonValue(out)
    }
    out?.byte(0x5d)
    return values
  }

  private jsonMap(out: TextBuilder | null): number {
    let values = 0
    out?.byte(OPEN_OBJECT)
    for (let first = true; this.nextOf(first); first = false) {
      if (values++ > 0) out?.byte(0x2c)
      this.jsonPair(out)
    }
    out?.byte(CLOSE_OBJECT)
    return values
  }

  private jsonPair(out: TextBuilder | null): void {
    const { s, rows } = this
    let keyFrom = -1
    let keyTo = -1
    let valueAt = -1
    s.open(OPEN_OBJECT)
    for (let first = true; s.more(first); first = false) {
      s.key()
      const code = nameCode(rows.source.bytes, s.from, s.to)
      const c = s.peek()
      if (c === NULL) s.literal()
      else if (code === KEY) {
        if (keyFrom >= 0) failTwice('key')
        this.text(c)
        keyFrom = s.from
        keyTo = s.to
      } else if (code === VALUE) {
        if (valueAt >= 0) failTwice('value')
        valueAt = s.at
        s.skipValue()
      } else s.skipValue()
    }
    out?.quoted(rows.source, Math.max(keyFrom, 0), Math.max(keyTo, 0))
    out?.byte(0x3a)
    if (valueAt < 0) {
      out?.ascii('null')
      return
    }
    const end = this.goBack(valueAt)
    this.jsonValue(out)
    this.goOn(end)
  }

  private jsonValue(out: TextBuilder | null): void {
    const { s, rows } = this
    let seen = false
    s.open(OPEN_OBJECT)
    for (let first = true; s.more(first); first = false) {
      const code = this.member(seen)
      if (code === 0) continue
      seen = true
      switch (code) {
        case STRING_VALUE:
          this.textValue()
          out?.quoted(rows.source, s.from, s.to)
          break
        case INT_VALUE:
          this.int64(s.at)
          out?.ascii(intText(s.lo, s.hi))
          break
        case DOUBLE_VALUE: {
          const value = this.double()
          out?.jsonDouble(value)
          break
        }
        case BOOL_VALUE: {
          const value = this.bool()
          out?.ascii(value ? 'true' : 'false')
          break
        }
        case BYTES_VALUE: {
          const value = this.base64()
          out?.ascii(`"${value}"`)
          break
        }
        case MAP_VALUE:
          this.jsonMap(out)
          break
        case ARRAY_VALUE:
          this.jsonArray(out)
          break
        default:
      }
    }
    if (!seen) out?.ascii('null')
  }

  // --- scalars of the proto3 JSON mapping

  /** a string as [s.from, s.to), escapes undone */
  text(c: number): void {
    if (c !== QUOTE) this.s.fail('a string')
    this.s.string()
  }

  /** a string whose text only decoding needs: checking leaves the escapes */
  textValue(): void {
    const { s } = this
    if (s.peek() !== QUOTE) s.fail('a string')
    if (this.rows.decoding) s.string()
    else s.skipString()
  }

  /** a signed 64-bit integer, as a number or a string, into `s.lo` and `s.hi` */
  int64(start: number): void {
    const { s } = this
    const { bytes } = s.source
    if (s.peek() === QUOTE) {
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

  /** an unsigned 64-bit integer into `s.lo` and `s.hi`, whose signs mean nothing then */
  uint64(): void {
    const { s } = this
    const start = s.at
    const c = s.peek()
    if (c === QUOTE || (c >= 0x30 && c <= 0x39)) {
      if (c === QUOTE) s.string()
      else s.number()
      if (s.int64(s.from, s.to, false)) return
      const digits = s.source.bytes.toString('latin1', s.from, Math.min(s.to, s.from + 32))
      if (/^[0-9]{19,20}$/.test(digits) && BigInt(digits) <= UINT64_MAX) {
        const value = BigInt(digits)
        s.lo = Number(BigInt.asIntN(32, value))
        s.hi = Number(BigInt.asIntN(32, value >> 32n))
        return
      }
      const value = this.numberOf(s.from, s.to)
      if (Number.isSafeInteger(value) && value >= 0) {
        s.hi = Math.floor(value / TWO_32)
        s.lo = value | 0
        return
      }
    }
    this.failAt(start, 'an unsigned 64-bit integer')
  }

  private double(): number {
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

  private bool(): boolean {
    const { s } = this
    const c = s.peek()
    if (c !== TRUE && c !== FALSE) s.fail('true or false')
    s.literal()
    return c === TRUE
  }

  /** bytes in either base64 alphabet, padded or not, as padded standard base64 */
  private base64(): string {
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
