// Raw pages to bytes of a file: compress, put the page header before, describe the chunk for the
// footer.
import { constants, zstdCompressSync } from 'node:zlib'
import type { ColumnChunk, Encoding, SchemaElement } from 'hyparquet'
import type { RawChunk, RawPage } from './chunk-pages.ts'
import type { ByteSink } from './encodings.ts'
import { pageHeader } from './parquet-thrift.ts'

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

/** appends a packed chunk to the file; the result is its entry in the footer */
export function writeChunk(file: ByteSink, sink: ByteSink, packed: PackedChunk, element: SchemaElement): ColumnChunk {
  const start = file.at
  let rawBytes = 0
  let dataStart = -1
  let dictionaryStart = -1
  packed.raw.pages.forEach((page, i) => {
    const at = file.at
    if (page.kind === 'dictionary') dictionaryStart = at
    else if (dataStart < 0) dataStart = at
    const body = packed.bodies[i] ?? null
    pageHeader(file, page, page.body - page.from + (body?.length ?? page.to - page.body), body !== null)
    rawBytes += file.at - at + page.to - page.from
    file.append(sink.bytes.subarray(page.from, body === null ? page.to : page.body))
    if (body !== null) file.append(body)
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
      total_compressed_size: BigInt(file.at - start),
      data_page_offset: BigInt(dataStart),
      ...(dictionaryStart < 0 ? {} : { dictionary_page_offset: BigInt(dictionaryStart) }),
      statistics,
    },
  }
}
