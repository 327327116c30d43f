// OTLP's attributes and values (AnyValue, KeyValue) in protobuf: flattened into fields by name, or
// made JSON text below the last level of names and for arrays.
//
// Depth is that of the same value in OTLP JSON, so both encodings get the same verdict: an AnyValue
// at depth d holds its array or map at d + 1 and that one's `values` at d + 2; elements of the list
// (values or KeyValues) stand at d + 3, values in a KeyValue at d + 4. The list counts even when it
// is empty, because protobuf cannot tell an empty list from an absent one.
import { EngineError } from '../../../model/errors.ts'
import type { OtlpRows } from './otlp-rows.ts'
import type { Slot } from './otlp-slots.ts'
import { intText } from './otlp-text.ts'
import type { TextBuilder } from './otlp-text.ts'
import type { WireReader } from './protobuf.ts'

/** depth of an AnyValue in OTLP JSON: root, resourceLogs, ResourceLogs, resource, attributes, KeyValue, value */
export const RESOURCE_VALUE_DEPTH = 7
/** root, resourceLogs, ResourceLogs, scopeLogs, ScopeLogs, logRecords, LogRecord, body */
export const BODY_DEPTH = 8
/** ... LogRecord, attributes, KeyValue, value */
export const RECORD_VALUE_DEPTH = 10
/** from an AnyValue that is an array or map to its `values` list, to an element of that, to a KeyValue's value */
export const LIST_STEP = 2
export const ELEMENT_STEP = 3
export const MEMBER_STEP = 4

/** below, a length is one byte */
const ONE_BYTE = 128

/** tags of AnyValue's fields: number * 8 + wire type */
const STRING = 10
const BOOL = 16
const INT = 24
const DOUBLE = 33
const ARRAY = 42
const MAP = 50
const BYTES = 58
/** KeyValue's, and field 1 of ArrayValue and KeyValueList */
const KEY = 10
const VALUE = 18
const VALUES = 10

export function failDeep(depthMax: number): never {
  throw new EngineError('too_deep', `a value is nested deeper than ${depthMax} levels of OTLP JSON: flatten it`)
}

export class ValueReader {
  private readonly r: WireReader
  private readonly rows: OtlpRows
  private readonly levelsMax: number
  private readonly depthMax: number
  /** the AnyValue last read by `oneof`: its tag (0 = none), and a range, halves or a double */
  private kind = 0
  private a = 0
  private b = 0
  /** the KeyValue last read by `pair`; valueFrom -1: it has no value */
  private keyFrom = 0
  private keyTo = 0
  private valueFrom = 0
  private valueTo = 0

  constructor(reader: WireReader, rows: OtlpRows) {
    this.r = reader
    this.rows = rows
    this.levelsMax = rows.context.flattenLevels
    this.depthMax = rows.context.depthMax
  }

  /** A KeyValue that ends at `end`: one field, or several below it. `level`: parts of its name; `depth`: its value's. */
  attribute(end: number, parent: Slot, level: number, depth: number): void {
    const { bytes, pos } = this.r
    // As nearly every encoder writes it: key, then value, both shorter than 128 bytes, and the end.
    if (bytes[pos] === KEY) {
      const keyFrom = pos + 2
      const keyTo = keyFrom + bytes[pos + 1]!
      if (keyTo - keyFrom < ONE_BYTE && keyTo + 2 <= end && bytes[keyTo] === VALUE) {
        const length = bytes[keyTo + 1]!
        if (length < ONE_BYTE && keyTo + 2 + length === end) {
          const slot = this.rows.slot(parent, keyFrom, keyTo)
          this.value(keyTo + 2, end, slot, level, depth)
          return
        }
      }
    }
    this.pair(end)
    const { valueFrom, valueTo } = this
    const slot = this.rows.slot(parent, this.keyFrom, this.keyTo)
    if (valueFrom >= 0) this.value(valueFrom, valueTo, slot, level, depth)
  }

  /** An AnyValue [from, to) as the field or fields of `slot`; leaves the reader anywhere. */
  value(from: number, to: number, slot: Slot, level: number, depth: number): void {
    const { rows } = this
    const { bytes } = this.r
    this.checkDepth(depth)
    // As above: a short text and nothing else.
    const length = to - from - 2
    if (length < ONE_BYTE && bytes[from] === STRING && bytes[from + 1] === length) {
      rows.text(slot, rows.source, from + 2, to)
      return
    }
    this.oneof(from, to)
    this.field(slot, level, depth)
  }

  /** the AnyValue just read */
  private field(slot: Slot, level: number, depth: number): void {
    const { rows, a, b } = this
    switch (this.kind) {
      case STRING:
        rows.text(slot, rows.source, a, b)
        return
      case BOOL:
        rows.bool(slot, (a | b) !== 0)
        return
      case INT:
        rows.int(slot, a, b)
        return
      case DOUBLE:
        rows.double(slot, a)
        return
      case BYTES:
        rows.built.clear()
        if (rows.decoding) rows.built.base64(rows.source, a, b)
        rows.builtText(slot)
        return
      case MAP:
        if (level < this.levelsMax) this.flattened(a, b, slot, level, depth)
        else this.asJson(slot, depth)
        return
      case ARRAY:
        this.asJson(slot, depth)
        return
      default: // null: no field
    }
  }

  private flattened(from: number, to: number, slot: Slot, level: number, depth: number): void {
    const { r } = this
    this.checkDepth(depth + LIST_STEP)
    r.pos = from
    while (r.pos < to) {
      const tag = r.tag(to)
      if (tag !== VALUES) {
        r.skip(tag, to)
        continue
      }
      const end = r.payloadEnd(to)
      this.checkDepth(depth + ELEMENT_STEP)
      this.attribute(end, slot, level + 1, depth + MEMBER_STEP)
      r.pos = end
    }
  }

  /** the array or map just read, as text; an empty map vanishes */
  private asJson(slot: Slot, depth: number): void {
    const { rows } = this
    const out = rows.decoding ? rows.built : null
    out?.clear()
    const isMap = this.kind === MAP
    const values = isMap ? this.jsonMap(this.a, this.b, depth, out) : this.jsonArray(this.a, this.b, depth, out)
    if (!isMap || values > 0) rows.builtText(slot)
  }

  private jsonValue(from: number, to: number, depth: number, out: TextBuilder | null): void {
    const { source } = this.rows
    this.checkDepth(depth)
    this.oneof(from, to)
    const { a, b } = this
    switch (this.kind) {
      case STRING:
        out?.quoted(source, a, b)
        return
      case BOOL:
        out?.ascii((a | b) !== 0 ? 'true' : 'false')
        return
      case INT:
        out?.ascii(intText(a, b))
        return
      case DOUBLE:
        out?.jsonDouble(a)
        return
      case BYTES:
        out?.byte(34)
        out?.base64(source, a, b)
        out?.byte(34)
        return
      case MAP:
        this.jsonMap(a, b, depth, out)
        return
      case ARRAY:
        this.jsonArray(a, b, depth, out)
        return
      default:
        out?.ascii('null')
    }
  }

  private jsonArray(from: number, to: number, depth: number, out: TextBuilder | null): number {
    const { r } = this
    this.checkDepth(depth + LIST_STEP)
    out?.byte(91)
    r.pos = from
    let values = 0
    while (r.pos < to) {
      const tag = r.tag(to)
      if (tag !== VALUES) {
        r.skip(tag, to)
        continue
      }
      const end = r.payloadEnd(to)
      if (values++ > 0) out?.byte(44)
      this.jsonValue(r.pos, end, depth + ELEMENT_STEP, out)
      r.pos = end
    }
    out?.byte(93)
    return values
  }

  private jsonMap(from: number, to: number, depth: number, out: TextBuilder | null): number {
    const { r } = this
    this.checkDepth(depth + LIST_STEP)
    out?.byte(123)
    r.pos = from
    let values = 0
    while (r.pos < to) {
      const tag = r.tag(to)
      if (tag !== VALUES) {
        r.skip(tag, to)
        continue
      }
      const end = r.payloadEnd(to)
      this.checkDepth(depth + ELEMENT_STEP)
      this.pair(end)
      const { valueFrom, valueTo } = this
      if (values++ > 0) out?.byte(44)
      out?.quoted(this.rows.source, this.keyFrom, this.keyTo)
      out?.byte(58)
      if (valueFrom >= 0) this.jsonValue(valueFrom, valueTo, depth + MEMBER_STEP, out)
      else out?.ascii('null')
      r.pos = end
    }
    out?.byte(125)
    return values
  }

  /** Key and value may come in any order; of a repeated one the last counts. */
  private pair(end: number): void {
    const { r } = this
    this.keyFrom = this.keyTo = 0
    this.valueFrom = -1
    while (r.pos < end) {
      const tag = r.tag(end)
      if (tag === KEY) {
        const to = r.payloadEnd(end)
        this.keyFrom = r.pos
        this.keyTo = r.pos = to
      } else if (tag === VALUE) {
        const to = r.payloadEnd(end)
        this.valueFrom = r.pos
        this.valueTo = r.pos = to
      } else r.skip(tag, end)
    }
  }

  /** AnyValue is one of seven; of several the last counts */
  private oneof(from: number, to: number): void {
    const { r } = this
    this.kind = 0
    r.pos = from
    while (r.pos < to) {
      const tag = r.tag(to)
      switch (tag) {
        case STRING:
        case ARRAY:
        case MAP:
        case BYTES: {
          const end = r.payloadEnd(to)
          this.a = r.pos
          this.b = r.pos = end
          break
        }
        case BOOL:
        case INT:
          r.varint64(to)
          this.a = r.lo
          this.b = r.hi
          break
        case DOUBLE:
          this.a = r.double(to)
          break
        default:
          r.skip(tag, to)
          continue
      }
      this.kind = tag
    }
  }

  private checkDepth(depth: number): void {
    if (depth > this.depthMax) failDeep(this.depthMax)
  }
}
