// The two thrift structures a file holds, page headers and the footer, in the compact protocol
// (thrift-compact-protocol.md, parquet.thrift), field by field. A pack has one footer a slice and a
// header a page: written by hyparquet-writer's generic serializer they took a tenth of encoding.
import type { ColumnChunk, Encoding, KeyValue, ParquetType, RowGroup, SchemaElement, Statistics } from 'hyparquet'
import { CompressionCodecs, ConvertedTypes, Encodings, FieldRepetitionTypes, ParquetTypes } from 'hyparquet/src/constants.js'
import { EngineError } from '../../model/errors.ts'
import type { RawPage } from './chunk-pages.ts'
import type { ByteSink } from './encodings.ts'

/** types of the compact protocol; a boolean field's type is its value */
const TRUE = 1
const FALSE = 2
const I32 = 5
const I64 = 6
const BINARY = 8
const LIST = 9
const STRUCT = 12

/** page types of parquet.thrift */
const DICTIONARY_PAGE = 2
const DATA_PAGE_V2 = 3

/** more than any structure below takes beside its texts: fields of at most 11 bytes each */
const STRUCT_BYTES_MAX = 256

/** a field's header: its number as the distance from the last one, at most 15 here */
const field = (sink: ByteSink, distance: number, type: number): void => sink.byte((distance << 4) | type)

/** an i32 field that is never negative */
function i32(sink: ByteSink, distance: number, value: number): void {
  field(sink, distance, I32)
  sink.varint(value * 2)
}

/** an i64 field from 0 to 2^52 */
function i64(sink: ByteSink, distance: number, value: bigint | number): void {
  field(sink, distance, I64)
  sink.varint(Number(value) * 2)
}

function listHeader(sink: ByteSink, distance: number, size: number, type: number): void {
  field(sink, distance, LIST)
  if (size < 15) sink.byte((size << 4) | type)
  else {
    sink.byte(0xf0 | type)
    sink.varint(size)
  }
}

function bytes(sink: ByteSink, value: Uint8Array): void {
  sink.reserve(value.length + STRUCT_BYTES_MAX)
  sink.varint(value.length)
  sink.bytes.set(value, sink.at)
  sink.at += value.length
}

function text(sink: ByteSink, value: string): void {
  const length = Buffer.byteLength(value)
  sink.reserve(length + STRUCT_BYTES_MAX)
  sink.varint(length)
  sink.at += sink.bytes.write(value, sink.at, 'utf8')
}

const end = (sink: ByteSink): void => sink.byte(0)

/** `bytesInFile`: of the page's levels and body as they stand; `isCompressed` tells of the body of a data page */
export function pageHeader(sink: ByteSink, page: RawPage, bytesInFile: number, isCompressed: boolean): void {
  const { kind, values, nulls, encoding, from, body, to } = page
  sink.reserve(STRUCT_BYTES_MAX)
  i32(sink, 1, kind === 'dictionary' ? DICTIONARY_PAGE : DATA_PAGE_V2)
  i32(sink, 1, to - from)
  i32(sink, 1, bytesInFile)
  if (kind === 'dictionary') {
    field(sink, 4, STRUCT)
    i32(sink, 1, values)
    i32(sink, 1, Encodings.indexOf(encoding))
  } else {
    field(sink, 5, STRUCT)
    i32(sink, 1, values)
    i32(sink, 1, nulls)
    i32(sink, 1, values)
    i32(sink, 1, Encodings.indexOf(encoding))
    i32(sink, 1, body - from)
    i32(sink, 1, 0)
    // Absent it is true.
    if (!isCompressed) field(sink, 1, FALSE)
  }
  end(sink)
  end(sink)
}

export interface Footer {
  readonly createdBy: string
  /** the leaves; the root is added here */
  readonly elements: readonly SchemaElement[]
  readonly groups: readonly RowGroup[]
  readonly rows: number
  readonly metadata: readonly KeyValue[]
}

/** FileMetaData, without its length */
export function footer(sink: ByteSink, { createdBy, elements, groups, rows, metadata }: Footer): void {
  sink.reserve(STRUCT_BYTES_MAX)
  i32(sink, 1, 2)
  listHeader(sink, 1, elements.length + 1, STRUCT)
  element(sink, { name: 'root', num_children: elements.length })
  for (const leaf of elements) element(sink, leaf)
  i64(sink, 1, rows)
  listHeader(sink, 1, groups.length, STRUCT)
  for (const group of groups) rowGroup(sink, group, elements)
  if (metadata.length > 0) {
    listHeader(sink, 1, metadata.length, STRUCT)
    for (const { key, value } of metadata) keyValue(sink, key, value ?? '')
  }
  field(sink, metadata.length > 0 ? 1 : 2, BINARY)
  text(sink, createdBy)
  // How bounds compare: each leaf in the order its type defines.
  sink.reserve(STRUCT_BYTES_MAX + 3 * elements.length)
  listHeader(sink, 1, elements.length, STRUCT)
  for (let i = 0; i < elements.length; i++) {
    field(sink, 1, STRUCT)
    end(sink)
    end(sink)
  }
  end(sink)
}

function element(sink: ByteSink, e: SchemaElement): void {
  sink.reserve(STRUCT_BYTES_MAX)
  let last = 0
  const next = (number: number): number => {
    const distance = number - last
    last = number
    return distance
  }
  if (e.type !== undefined) i32(sink, next(1), ParquetTypes.indexOf(e.type))
  if (e.repetition_type !== undefined) i32(sink, next(3), FieldRepetitionTypes.indexOf(e.repetition_type))
  field(sink, next(4), BINARY)
  text(sink, e.name)
  if (e.num_children !== undefined) i32(sink, next(5), e.num_children)
  if (e.converted_type !== undefined) i32(sink, next(6), ConvertedTypes.indexOf(e.converted_type))
  if (e.logical_type !== undefined) {
    field(sink, next(10), STRUCT)
    logicalType(sink, e.logical_type.type)
    end(sink)
  }
  end(sink)
}

/** the two that our columns have: STRING, and TIMESTAMP of UTC microseconds */
function logicalType(sink: ByteSink, type: string): void {
  if (type === 'STRING') {
    field(sink, 1, STRUCT)
    end(sink)
    return
  }
  if (type !== 'TIMESTAMP') throw new EngineError('internal', `no column has the logical type ${type}`)
  field(sink, 8, STRUCT)
  field(sink, 1, TRUE)
  field(sink, 1, STRUCT)
  field(sink, 2, STRUCT)
  end(sink)
  end(sink)
  end(sink)
}

function rowGroup(sink: ByteSink, group: RowGroup, elements: readonly SchemaElement[]): void {
  sink.reserve(STRUCT_BYTES_MAX)
  listHeader(sink, 1, group.columns.length, STRUCT)
  group.columns.forEach((chunk, i) => columnChunk(sink, chunk, elements[i]!.type!))
  sink.reserve(STRUCT_BYTES_MAX)
  i64(sink, 1, group.total_byte_size)
  i64(sink, 1, group.num_rows)
  i64(sink, 2, group.file_offset!)
  i64(sink, 1, group.total_compressed_size!)
  end(sink)
}

function columnChunk(sink: ByteSink, chunk: ColumnChunk, type: ParquetType): void {
  const meta = chunk.meta_data!
  const name = meta.path_in_schema[0]!
  sink.reserve(STRUCT_BYTES_MAX)
  i64(sink, 2, chunk.file_offset)
  field(sink, 1, STRUCT)
  i32(sink, 1, ParquetTypes.indexOf(type))
  encodings(sink, meta.encodings)
  listHeader(sink, 1, 1, BINARY)
  text(sink, name)
  i32(sink, 1, CompressionCodecs.indexOf(meta.codec))
  i64(sink, 1, meta.num_values)
  i64(sink, 1, meta.total_uncompressed_size)
  i64(sink, 1, meta.total_compressed_size)
  i64(sink, 2, meta.data_page_offset)
  const dictionary = meta.dictionary_page_offset
  if (dictionary !== undefined) i64(sink, 2, dictionary)
  field(sink, dictionary === undefined ? 3 : 1, STRUCT)
  statistics(sink, meta.statistics ?? {}, type)
  end(sink)
  end(sink)
}

function encodings(sink: ByteSink, list: readonly Encoding[]): void {
  listHeader(sink, 1, list.length, I32)
  for (const encoding of list) sink.varint(Encodings.indexOf(encoding) * 2)
}

function statistics(sink: ByteSink, s: Statistics, type: ParquetType): void {
  let last = 0
  const next = (number: number): number => {
    const distance = number - last
    last = number
    return distance
  }
  if (s.null_count !== undefined) i64(sink, next(3), s.null_count)
  for (const [number, bound] of [[5, s.max_value], [6, s.min_value]] as const) {
    if (bound === undefined) continue
    field(sink, next(number), BINARY)
    bytes(sink, boundBytes(bound, type))
  }
  for (const [number, exact] of [[7, s.is_max_value_exact], [8, s.is_min_value_exact]] as const) {
    if (exact !== undefined) field(sink, next(number), exact ? TRUE : FALSE)
  }
  end(sink)
}

/** a bound as the type's PLAIN encoding, without a length */
function boundBytes(bound: NonNullable<Statistics['min_value']>, type: ParquetType): Uint8Array {
  if (bound instanceof Uint8Array) return bound
  if (typeof bound === 'boolean') return Uint8Array.of(bound ? 1 : 0)
  const out = Buffer.alloc(type === 'INT32' ? 4 : 8)
  if (typeof bound === 'bigint') out.writeBigInt64LE(bound)
  else if (type === 'INT32') out.writeInt32LE(bound as number)
  else if (type === 'DOUBLE') out.writeDoubleLE(bound as number)
  else throw new EngineError('internal', `a bound of type ${type} is given as a ${typeof bound}`)
  return out
}

function keyValue(sink: ByteSink, key: string, value: string): void {
  sink.reserve(STRUCT_BYTES_MAX)
  field(sink, 1, BINARY)
  text(sink, key)
  field(sink, 1, BINARY)
  text(sink, value)
  end(sink)
}
