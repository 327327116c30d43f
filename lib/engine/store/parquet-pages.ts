// Raw pages to bytes of a file: compress, put the page header before, describe the chunk for the
// footer. Thrift and headers are hyparquet-writer's (its `src/` is exported; pinned exactly).
import { constants, zstdCompressSync } from 'node:zlib'
import type { ColumnChunk, Encoding, SchemaElement } from 'hyparquet'
import type { ByteWriter } from 'hyparquet-writer/src/bytewriter.js'
import { writePageHeader } from 'hyparquet-writer/src/datapage.js'
import type { RawChunk, RawPage } from './chunk-pages.ts'
import type { ByteSink } from './encodings.ts'

/** a zstd call costs some 30 us whatever the size: leaving these out makes a pack of many slices 0.1 % larger and saves a quarter of the calls */
const COMPRESS_FROM_BYTES = 512

/** a chunk's page bodies as they will stand in the file; null: as they are in the sink */
export interface PackedChunk {
  readonly raw: RawChunk
  readonly compressed: boolean
  readonly bodies: readonly (Uint8Array | null)[]
  readonly bytes: number
}

/**
 * Compresses a chunk's pages. Data pages may each stay as they are (a flag of v2 headers says so);
 * dictionary pages have no such flag and follow the chunk's codec, so a chunk of tiny pages only is
 * an uncompressed chunk.
 */
export function packChunk(sink: ByteSink, raw: RawChunk, zstdLevel: number): PackedChunk {
  const compressed = raw.pages.some(page => page.to - page.body >= COMPRESS_FROM_BYTES)
  let bytes = 0
  const bodies = raw.pages.map(page => {
    const body = compressed ? compressedBody(sink, page, zstdLevel) : null
    bytes += page.body - page.from + (body?.length ?? page.to - page.body)
    return body
  })
  return { raw, compressed, bodies, bytes }
}

function compressedBody(sink: ByteSink, page: RawPage, level: number): Uint8Array | null {
  const size = page.to - page.body
  if (page.kind === 'data' && size < COMPRESS_FROM_BYTES) return null
  // Room for the worst case at once: the default of 16 KiB chunks joined afterwards costs 5-10 % more.
  const chunkSize = size + (size >> 8) + 512
  const body = zstdCompressSync(sink.bytes.subarray(page.body, page.to), { chunkSize, params: { [constants.ZSTD_c_compressionLevel]: level } })
  return page.kind === 'data' && body.length >= size ? null : body
}

/** appends a packed chunk; the result is its entry in the footer */
export function writeChunk(writer: ByteWriter, sink: ByteSink, packed: PackedChunk, element: SchemaElement): ColumnChunk {
  const start = writer.offset
  let rawBytes = 0
  let dataStart = -1
  let dictionaryStart = -1
  packed.raw.pages.forEach((page, i) => {
    const at = writer.offset
    if (page.kind === 'dictionary') dictionaryStart = at
    else if (dataStart < 0) dataStart = at
    writeHeader(writer, page, packed.bodies[i] ?? null)
    rawBytes += writer.offset - at + page.to - page.from
    const body = packed.bodies[i] ?? null
    writer.appendBytes(sink.bytes.subarray(page.from, body === null ? page.to : page.body))
    if (body !== null) writer.appendBytes(body)
  })
  const { encoding, rows, statistics } = packed.raw
  return {
    file_offset: BigInt(start),
    meta_data: {
      type: element.type!,
      // RLE is the levels' encoding, PLAIN the dictionary page's.
      encodings: [...new Set<Encoding>([...(dictionaryStart < 0 ? [] : ['PLAIN' as const]), 'RLE', encoding])],
      path_in_schema: [element.name],
      codec: packed.compressed ? 'ZSTD' : 'UNCOMPRESSED',
      num_values: BigInt(rows),
      total_uncompressed_size: BigInt(rawBytes),
      total_compressed_size: BigInt(writer.offset - start),
      data_page_offset: BigInt(dataStart),
      ...(dictionaryStart < 0 ? {} : { dictionary_page_offset: BigInt(dictionaryStart) }),
      statistics,
    },
  }
}

function writeHeader(writer: ByteWriter, page: RawPage, body: Uint8Array | null): void {
  const levels = page.body - page.from
  const sizes = {
    uncompressed_page_size: page.to - page.from,
    compressed_page_size: levels + (body?.length ?? page.to - page.body),
  }
  const { encoding, values, nulls } = page
  if (page.kind === 'dictionary') {
    writePageHeader(writer, { type: 'DICTIONARY_PAGE', ...sizes, dictionary_page_header: { num_values: values, encoding } })
    return
  }
  writePageHeader(writer, {
    type: 'DATA_PAGE_V2',
    ...sizes,
    data_page_header_v2: {
      num_values: values,
      num_nulls: nulls,
      num_rows: values,
      encoding,
      definition_levels_byte_length: levels,
      repetition_levels_byte_length: 0,
      is_compressed: body !== null,
    },
  })
}
