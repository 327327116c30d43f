// A Parquet footer read and rewritten as byte spans. Reading finds what pruning and extracts need:
// columns, row groups, where chunks stand, their statistics, the metadata. Rewriting keeps some
// columns and row groups at new offsets and copies all else. Flat schemas only: ours have no others.
// Field numbers: parquet-format/parquet.thrift.
import { EngineError } from '../../model/errors.ts'
import {
  BOOLEAN_TRUE, Cursor, I32, I64, STRUCT, ThriftWriter, binaryOf, integerOf, listItems, textOf,
} from './thrift-spans.ts'
import type { Edit, Span, Struct } from './thrift-spans.ts'

/** parquet.thrift, Type */
export const PHYSICAL_TYPES = ['BOOLEAN', 'INT32', 'INT64', 'INT96', 'FLOAT', 'DOUBLE', 'BYTE_ARRAY', 'FIXED_LEN_BYTE_ARRAY'] as const
export type PhysicalType = (typeof PHYSICAL_TYPES)[number]

/** length of the footer's thrift (4 bytes) and `PAR1` */
export const TRAILER_BYTES = 8
const MAGIC = 0x31524150

export interface Leaf {
  readonly name: string
  readonly type: PhysicalType
  readonly span: Span
}

/** one column of one row group: bytes [from, to) of the file */
export interface Chunk {
  readonly name: string
  readonly from: number
  readonly to: number
  /** uncompressed bytes, headers included */
  readonly rawBytes: number
  readonly values: number
  readonly dataOffset: number
  /** null: no dictionary page */
  readonly dictionaryOffset: number | null
  readonly fields: Struct
  readonly meta: Struct
}

export interface Group {
  readonly rows: number
  readonly chunks: readonly Chunk[]
  readonly fields: Struct
}

export interface Footer {
  /** the footer's thrift, which all spans point into */
  readonly bytes: Uint8Array
  readonly fields: Struct
  readonly root: Span
  readonly leaves: readonly Leaf[]
  readonly groups: readonly Group[]
  readonly rows: number
  readonly metadata: ReadonlyMap<string, string>
}

/**
 * Bytes from the footer's beginning to the file's end, told by the last eight bytes of `tail`.
 * @throws EngineError `file_unreadable`
 */
export function footerBytes(tail: Uint8Array): number {
  const at = tail.length - TRAILER_BYTES
  if (at < 0) throw new EngineError('file_unreadable', `a file of ${tail.length} bytes is no Parquet file`)
  const view = new DataView(tail.buffer, tail.byteOffset, tail.byteLength)
  if (view.getUint32(at + 4, true) !== MAGIC) throw new EngineError('file_unreadable', 'a file does not end as Parquet files do')
  return view.getUint32(at, true) + TRAILER_BYTES
}

/**
 * The footer at the end of `tail`: a whole file, or enough of its end (`footerBytes`).
 * @throws EngineError `file_unreadable`; also for nested schemas
 */
export function parseFooter(tail: Uint8Array): Footer {
  const length = footerBytes(tail)
  if (length > tail.length) throw new EngineError('file_unreadable', `a footer of ${length} bytes is not whole in the last ${tail.length}`)
  const bytes = tail.subarray(tail.length - length, tail.length - TRAILER_BYTES)
  const fields = new Cursor(bytes).struct()
  const [root, ...leaves] = listItems(bytes, fields.get(2), cursor => readLeaf(bytes, cursor))
  if (root === undefined || leaves.some(leaf => leaf.nested)) throw new EngineError('file_unreadable', 'the schema of a file is empty or nested')
  const pairs = listItems(bytes, fields.get(5), cursor => cursor.struct())
  const groups = listItems(bytes, fields.get(4), cursor => readGroup(bytes, cursor))
  if (groups.some(group => group.chunks.length !== leaves.length)) throw new EngineError('file_unreadable', 'a row group of a file lacks columns')
  return {
    bytes,
    fields,
    root: root.span,
    leaves,
    groups,
    rows: integerOf(bytes, fields.get(3)) ?? 0,
    metadata: new Map(pairs.map(pair => [textOf(bytes, pair.get(1)) ?? '', textOf(bytes, pair.get(2)) ?? ''])),
  }
}

function readLeaf(bytes: Uint8Array, cursor: Cursor): Leaf & { readonly nested: boolean } {
  const from = cursor.at
  const fields = cursor.struct()
  return {
    name: textOf(bytes, fields.get(4)) ?? '',
    type: PHYSICAL_TYPES[integerOf(bytes, fields.get(1)) ?? 0] ?? 'BOOLEAN',
    nested: (integerOf(bytes, fields.get(5)) ?? 0) > 0,
    span: { type: STRUCT, from, to: cursor.at },
  }
}

function readGroup(bytes: Uint8Array, cursor: Cursor): Group {
  const fields = cursor.struct()
  const chunks = listItems(bytes, fields.get(1), item => readChunk(bytes, item))
  return { rows: integerOf(bytes, fields.get(3)) ?? 0, chunks, fields }
}

function readChunk(bytes: Uint8Array, cursor: Cursor): Chunk {
  const fields = cursor.struct()
  const span = fields.get(3)
  if (span === undefined) throw new EngineError('file_unreadable', 'a column chunk of a file has no description')
  const meta = new Cursor(bytes, span.from).struct()
  const data = integerOf(bytes, meta.get(9)) ?? 0
  const dictionary = integerOf(bytes, meta.get(11))
  // Some writers put 0, or the data page's own offset, where there is no dictionary.
  const dictionaryOffset = dictionary !== null && dictionary > 0 && dictionary < data ? dictionary : null
  const from = dictionaryOffset ?? data
  return {
    name: listItems(bytes, meta.get(3), item => Buffer.from(item.take(item.varint())).toString('utf8')).join('.'),
    from,
    to: from + (integerOf(bytes, meta.get(7)) ?? 0),
    rawBytes: integerOf(bytes, meta.get(6)) ?? 0,
    values: integerOf(bytes, meta.get(5)) ?? 0,
    dataOffset: data,
    dictionaryOffset,
    fields,
    meta,
  }
}

/** bounds and nulls of one chunk; what the file does not say is null */
export interface ChunkBounds {
  /** no value is below; bytes as stored: little-endian numbers, UTF-8 text */
  readonly min: Uint8Array | null
  readonly max: Uint8Array | null
  readonly nulls: number | null
  /** false: the bound was shortened; it holds but need not occur */
  readonly minExact: boolean
  readonly maxExact: boolean
}

export function chunkBounds(footer: Footer, chunk: Chunk): ChunkBounds {
  const { bytes } = footer
  const span = chunk.meta.get(12)
  if (span === undefined) return { min: null, max: null, nulls: null, minExact: false, maxExact: false }
  const fields = new Cursor(bytes, span.from).struct()
  const exact = (field: Span | undefined): boolean => field === undefined || field.type === BOOLEAN_TRUE
  return {
    min: binaryOf(bytes, fields.get(6)),
    max: binaryOf(bytes, fields.get(5)),
    nulls: integerOf(bytes, fields.get(3)),
    minExact: exact(fields.get(8)),
    maxExact: exact(fields.get(7)),
  }
}

/**
 * A bound as a value: boolean, number (INT32, FLOAT, DOUBLE), bigint (INT64), or the bytes themselves,
 * which compare as bytes. Null where there is none, or of the wrong length.
 */
export function decodeBound(type: PhysicalType, bound: Uint8Array | null): boolean | number | bigint | Uint8Array | null {
  if (bound === null) return null
  const view = new DataView(bound.buffer, bound.byteOffset, bound.byteLength)
  switch (type) {
    case 'BOOLEAN': return bound.length === 1 ? bound[0] !== 0 : null
    case 'INT32': return bound.length === 4 ? view.getInt32(0, true) : null
    case 'INT64': return bound.length === 8 ? view.getBigInt64(0, true) : null
    case 'FLOAT': return bound.length === 4 ? view.getFloat32(0, true) : null
    case 'DOUBLE': return bound.length === 8 ? view.getFloat64(0, true) : null
    case 'INT96': return null
    case 'BYTE_ARRAY':
    case 'FIXED_LEN_BYTE_ARRAY': return bound
  }
}

/** a row group to keep, and where each kept chunk (in the order of `keep`) begins in the new file */
export interface MovedGroup {
  readonly group: Group
  readonly offsets: readonly number[]
}

/**
 * The footer of a file that holds only the leaves `keep` (ascending positions, at least one) of some
 * row groups at new offsets; with length and magic. Dropped, since they point into the old file or
 * count its columns: index and bloom offsets, file paths, sorting columns, ordinals, and the
 * key-value metadata. Columns named in `plain` lose their logical type: a time reads as the number it is.
 */
export function rewriteFooter(
  footer: Footer, keep: readonly number[], groups: readonly MovedGroup[], plain: ReadonlySet<string> = NONE,
): Uint8Array<ArrayBuffer> {
  const { bytes, fields } = footer
  const writer = new ThriftWriter(bytes.length + 256)
  const rows = groups.reduce((sum, { group }) => sum + group.rows, 0)
  const edits = new Map<number, Edit>([
    [2, w => {
      w.listHead(STRUCT, keep.length + 1)
      w.struct(bytes, new Cursor(bytes, footer.root.from).struct(), new Map([[5, keep.length]]), new Map([[5, I32]]))
      for (const k of keep) copyLeaf(w, bytes, footer.leaves[k]!, plain)
    }],
    [3, rows],
    [4, w => {
      w.listHead(STRUCT, groups.length)
      for (const moved of groups) writeGroup(w, bytes, keep, moved)
    }],
    [5, null],
  ])
  if (fields.has(7)) {
    const orders = listItems(bytes, fields.get(7), cursor => {
      const from = cursor.at
      cursor.struct()
      return { type: STRUCT, from, to: cursor.at }
    })
    edits.set(7, w => {
      w.listHead(STRUCT, keep.length)
      for (const k of keep) copySpan(w, bytes, orders[k]!)
    })
  }
  writer.struct(bytes, fields, edits)
  return withTrailer(writer.finish())
}

const NONE: ReadonlySet<string> = new Set()

/** SchemaElement 6 is converted_type, 10 logicalType */
function copyLeaf(writer: ThriftWriter, bytes: Uint8Array, leaf: Leaf, plain: ReadonlySet<string>): void {
  if (!plain.has(leaf.name)) copySpan(writer, bytes, leaf.span)
  else writer.struct(bytes, new Cursor(bytes, leaf.span.from).struct(), new Map([[6, null], [10, null]]))
}

function copySpan(writer: ThriftWriter, bytes: Uint8Array, span: Span): void {
  writer.raw(bytes, span.from, span.to)
}

function writeGroup(writer: ThriftWriter, bytes: Uint8Array, keep: readonly number[], { group, offsets }: MovedGroup): void {
  let rawBytes = 0
  let size = 0
  for (const k of keep) {
    rawBytes += group.chunks[k]!.rawBytes
    size += group.chunks[k]!.to - group.chunks[k]!.from
  }
  // DuckDB checks total_compressed_size against the chunks: it must be the kept ones' sum.
  const edits = new Map<number, Edit>([
    [1, w => {
      w.listHead(STRUCT, keep.length)
      keep.forEach((k, i) => writeMovedChunk(w, bytes, group.chunks[k]!, offsets[i]!))
    }],
    [2, rawBytes],
    [4, null],
    [7, null],
  ])
  if (group.fields.has(5)) edits.set(5, Math.min(...offsets))
  if (group.fields.has(6)) edits.set(6, size)
  writer.struct(bytes, group.fields, edits)
}

function writeMovedChunk(writer: ThriftWriter, bytes: Uint8Array, chunk: Chunk, offset: number): void {
  const shift = offset - chunk.from
  const meta = new Map<number, Edit>([[9, chunk.dataOffset + shift], [10, null], [14, null], [15, null]])
  meta.set(11, chunk.dictionaryOffset === null ? null : chunk.dictionaryOffset + shift)
  const edits = new Map<number, Edit>([
    [1, null], [2, 0], [3, w => w.struct(bytes, chunk.meta, meta)], [4, null], [5, null], [6, null], [7, null],
  ])
  writer.struct(bytes, chunk.fields, edits, new Map([[2, I64]]))
}

function withTrailer(thrift: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(thrift.length + TRAILER_BYTES)
  out.set(thrift)
  const view = new DataView(out.buffer)
  view.setUint32(thrift.length, thrift.length, true)
  view.setUint32(thrift.length + 4, MAGIC, true)
  return out
}
