// OTLP's attributes and values (AnyValue, KeyValue) in OTLP JSON: the twin of otlp-value.ts, with the
// same fields, the same text and the same depths. Null is absent; a member given twice is an error.
import { EngineError } from '../../../model/errors.ts'
import type { JsonScalars } from './otlp-json-scalar.ts'
import {
  ARRAY_VALUE, BOOL_VALUE, BYTES_VALUE, DOUBLE_VALUE, INT_VALUE, KEY, MAP_VALUE, START_LIST, START_PAIR, START_VALUE, STRING_VALUE, VALUE, VALUES,
} from './otlp-names.ts'
import type { Name } from './otlp-names.ts'
import type { OtlpRows } from './otlp-rows.ts'
import type { Slot } from './otlp-slots.ts'
import { intText } from './otlp-text.ts'
import type { TextBuilder } from './otlp-text.ts'
import { failDeep, LIST_STEP } from './otlp-value.ts'
import { CLOSE_OBJECT, NULL, OPEN_ARRAY, OPEN_OBJECT, QUOTE } from './scanner.ts'
import type { Scanner } from './scanner.ts'

export function failTwice(name: string): never {
  throw new EngineError('malformed', `the body has "${name}" twice in one object: give it once`)
}

export class JsonValueReader {
  private readonly s: Scanner
  private readonly rows: OtlpRows
  private readonly levelsMax: number
  private readonly depthMax: number
  private readonly scalars: JsonScalars

  constructor(scanner: Scanner, scalars: JsonScalars, rows: OtlpRows) {
    this.s = scanner
    this.scalars = scalars
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
    const { s } = this
    let slot: Slot | null = null
    let valueAt = -1
    let hasValue = false
    let name = START_PAIR
    s.open(OPEN_OBJECT)
    for (let first = true; s.more(first); first = false) {
      name = this.scalars.member(name)
      const c = s.peek()
      if (c === NULL) s.literal()
      else if (name.code === KEY) {
        if (slot !== null) failTwice('key')
        slot = this.key(parent, c)
      } else if (name.code === VALUE) {
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
    slot ??= this.rows.slot(parent, 0, 0)
    if (valueAt < 0) return
    const end = this.goBack(valueAt)
    this.value(slot, level)
    this.goOn(end)
  }

  /** the slot of the key at the scanner, which is not read when it is the expected one */
  private key(parent: Slot, c: number): Slot {
    const { s, rows } = this
    if (c === QUOTE) {
      const guess = rows.guessedSlot(parent, s.at + 1, s.end)
      if (guess !== null) {
        s.at += guess.key.length + 2
        return guess
      }
    }
    this.scalars.text(c)
    return rows.slot(parent, s.from, s.to)
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
      const code = this.kind(seen, slot)
      if (code === 0) continue
      seen = true
      switch (code) {
        case STRING_VALUE:
          this.scalars.textValue()
          rows.text(slot, rows.source, s.from, s.to)
          break
        case INT_VALUE:
          this.scalars.int64()
          rows.int(slot, s.lo, s.hi)
          break
        case DOUBLE_VALUE:
          rows.double(slot, this.scalars.double())
          break
        case BOOL_VALUE:
          rows.bool(slot, this.scalars.bool())
          break
        case BYTES_VALUE:
          rows.built.clear()
          rows.built.ascii(this.scalars.base64())
          rows.builtText(slot)
          break
        default:
          if (code === MAP_VALUE && level < this.levelsMax) this.flattened(slot, level)
          else this.asJson(slot, code)
      }
    }
  }

  /**
   * Reads a name of an AnyValue, the one that `slot` had last if possible; 0: nothing of ours, passed
   * over. The scanner then stands at the value.
   */
  private kind(seen: boolean, slot: Slot | null): number {
    const { s } = this
    let name: Name
    if (slot !== null && slot.kind !== null && this.scalars.takes(slot.kind)) name = slot.kind
    else {
      name = this.scalars.member(START_VALUE)
      if (slot !== null) slot.kind = name
    }
    if (s.peek() === NULL) {
      s.literal()
      return 0
    }
    const { code } = name
    if (code < STRING_VALUE || code > BYTES_VALUE) {
      s.skipValue()
      return 0
    }
    if (seen) throw new EngineError('malformed', 'a value has two kinds at once, such as stringValue and intValue: give one')
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
    const { s } = this
    for (; s.more(first); first = false) {
      const { code } = this.scalars.member(START_LIST)
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
    let name = START_PAIR
    s.open(OPEN_OBJECT)
    for (let first = true; s.more(first); first = false) {
      name = this.scalars.member(name)
      const { code } = name
      const c = s.peek()
      if (c === NULL) s.literal()
      else if (code === KEY) {
        if (keyFrom >= 0) failTwice('key')
        this.scalars.text(c)
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
      const code = this.kind(seen, null)
      if (code === 0) continue
      seen = true
      switch (code) {
        case STRING_VALUE:
          this.scalars.textValue()
          out?.quoted(rows.source, s.from, s.to)
          break
        case INT_VALUE:
          this.scalars.int64()
          out?.ascii(intText(s.lo, s.hi))
          break
        case DOUBLE_VALUE: {
          const value = this.scalars.double()
          out?.jsonDouble(value)
          break
        }
        case BOOL_VALUE: {
          const value = this.scalars.bool()
          out?.ascii(value ? 'true' : 'false')
          break
        }
        case BYTES_VALUE: {
          const value = this.scalars.base64()
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
}
