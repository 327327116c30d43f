// Thrift's compact protocol as byte spans: reading notes where each field of a struct stands, writing
// copies spans and changes only what it is told. So a footer can be rewritten without understanding
// all of it: statistics, logical types and fields of later versions survive bit for bit.
// Format: thrift/doc/specs/thrift-compact-protocol.md.
import { EngineError } from '../../model/errors.ts'

export const BOOLEAN_TRUE = 1
export const I32 = 5
export const I64 = 6
export const STRUCT = 12

/** footers nest eight deep; more is not one */
const DEPTH_MAX = 32

/** a field's value: its wire type and bytes [from, to); booleans have no bytes, their type is the value */
export interface Span {
  readonly type: number
  readonly from: number
  readonly to: number
}

/** the fields of one struct by id */
export type Struct = ReadonlyMap<number, Span>

/** A position in thrift bytes. Every read checks the end, so damaged bytes throw and never loop. */
export class Cursor {
  readonly bytes: Uint8Array
  at: number
  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes
    this.at = at
  }

  byte(): number {
    const value = this.bytes[this.at++]
    if (value === undefined) throw damaged()
    return value
  }

  /** exact below 2^53 */
  varint(): number {
    let value = 0
    for (let scale = 1, byte = 128; byte > 127; scale *= 128) {
      byte = this.byte()
      value += (byte & 127) * scale
    }
    return value
  }

  zigzag(): number {
    const value = this.varint()
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }

  take(n: number): Uint8Array {
    const from = this.at
    this.at += n
    if (this.at > this.bytes.length) throw damaged()
    return this.bytes.subarray(from, this.at)
  }

  /** type and length of a list; a length that lies meets the end, since every item takes a byte or more */
  listHead(): { readonly type: number; readonly length: number } {
    const head = this.byte()
    return { type: head & 15, length: head >> 4 === 15 ? this.varint() : head >> 4 }
  }

  /** reads a struct and notes its fields */
  struct(depth = 0): Map<number, Span> {
    const fields = new Map<number, Span>()
    let id = 0
    for (let head = this.byte(); head !== 0; head = this.byte()) {
      id = head >> 4 === 0 ? this.zigzag() : id + (head >> 4)
      const from = this.at
      this.skip(head & 15, depth + 1)
      fields.set(id, { type: head & 15, from, to: this.at })
    }
    return fields
  }

  private skip(type: number, depth: number): void {
    if (depth > DEPTH_MAX) throw damaged()
    if (type === 1 || type === 2) return
    if (type === 3) this.take(1)
    else if (type >= 4 && type <= 6) this.varint()
    else if (type === 7) this.take(8)
    else if (type === 8) this.take(this.varint())
    else if (type === 9 || type === 10) {
      const list = this.listHead()
      // Booleans in lists take a byte each, in structs none.
      for (let i = 0; i < list.length; i++) {
        if (list.type <= 2) this.take(1)
        else this.skip(list.type, depth + 1)
      }
    } else if (type === STRUCT) this.struct(depth)
    else throw damaged()
  }
}

function damaged(): EngineError {
  return new EngineError('file_unreadable', 'the footer of a file is damaged: its thrift structure ends or nests wrongly')
}

/** the items of a list field; none when the field is absent */
export function listItems<T>(bytes: Uint8Array, span: Span | undefined, read: (cursor: Cursor) => T): T[] {
  if (span === undefined) return []
  const cursor = new Cursor(bytes, span.from)
  const { length } = cursor.listHead()
  const items: T[] = []
  for (let i = 0; i < length; i++) items.push(read(cursor))
  return items
}

/** i16, i32 or i64 below 2^53; null when absent */
export function integerOf(bytes: Uint8Array, span: Span | undefined): number | null {
  return span === undefined ? null : new Cursor(bytes, span.from).zigzag()
}

export function binaryOf(bytes: Uint8Array, span: Span | undefined): Uint8Array | null {
  if (span === undefined) return null
  const cursor = new Cursor(bytes, span.from)
  return cursor.take(cursor.varint())
}

export function textOf(bytes: Uint8Array, span: Span | undefined): string | null {
  const binary = binaryOf(bytes, span)
  return binary === null ? null : Buffer.from(binary.buffer, binary.byteOffset, binary.byteLength).toString('utf8')
}

/** what becomes of a field: dropped (null), another integer, or what a function writes as its value */
export type Edit = null | number | ((writer: ThriftWriter) => void)

/** Writes thrift into a growing buffer: copied spans and new values. */
export class ThriftWriter {
  private bytes: Uint8Array<ArrayBuffer>
  private at = 0
  constructor(size: number) {
    this.bytes = new Uint8Array(Math.max(size, 64))
  }

  private reserve(n: number): void {
    if (this.at + n <= this.bytes.length) return
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.at + n))
    grown.set(this.bytes)
    this.bytes = grown
  }

  byte(value: number): void {
    this.reserve(1)
    this.bytes[this.at++] = value
  }

  varint(value: number): void {
    this.reserve(10)
    let v = value
    for (; v > 127; v = Math.floor(v / 128)) this.bytes[this.at++] = (v % 128) | 128
    this.bytes[this.at++] = v
  }

  zigzag(value: number): void {
    this.varint(value < 0 ? -2 * value - 1 : 2 * value)
  }

  raw(source: Uint8Array, from: number, to: number): void {
    this.reserve(to - from)
    this.bytes.set(source.subarray(from, to), this.at)
    this.at += to - from
  }

  listHead(type: number, length: number): void {
    if (length < 15) return this.byte((length << 4) | type)
    this.byte(0xf0 | type)
    this.varint(length)
  }

  /** copies a struct of `source` with edits by field id; `types` gives the wire type of fields it lacks */
  struct(source: Uint8Array, fields: Struct, edits: ReadonlyMap<number, Edit>, types: ReadonlyMap<number, number> = new Map()): void {
    const ids = [...new Set([...fields.keys(), ...edits.keys()])].sort((a, b) => a - b)
    let last = 0
    for (const id of ids) {
      const span = fields.get(id)
      const edit = edits.get(id)
      const type = span?.type ?? types.get(id)
      if (edit === null || type === undefined) continue
      const step = id - last
      if (step < 16) this.byte((step << 4) | type)
      else {
        this.byte(type)
        this.zigzag(id)
      }
      last = id
      if (typeof edit === 'number') this.zigzag(edit)
      else if (edit !== undefined) edit(this)
      else if (span !== undefined) this.raw(source, span.from, span.to)
    }
    this.byte(0)
  }

  finish(): Uint8Array<ArrayBuffer> {
    return this.bytes.subarray(0, this.at)
  }
}
