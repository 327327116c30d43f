// A slice back to rows, on hyparquet: for tests, the simulator and small compactions, not for queries.
// Every value is exact: 64-bit integers are bigints, times microseconds, text keeps a leading BOM.
import { zstdDecompressSync } from 'node:zlib'
import { parquetReadObjects } from 'hyparquet'

export type RowValue = string | number | bigint | boolean | null
/** column -> value; INT64 as bigint, `_timestamp` and `_b` as numbers, absent values null */
export type Row = Record<string, RowValue>

/** the default decoder would swallow U+FEFF at a text's start */
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

/**
 * The rows of one complete Parquet file, in the file's order.
 * @throws Error of hyparquet when the bytes are not Parquet
 */
export async function readRows(bytes: Uint8Array, columns?: readonly string[]): Promise<Row[]> {
  const file = {
    byteLength: bytes.length,
    slice: (from: number, to = bytes.length): ArrayBuffer => new Uint8Array(bytes.subarray(from, to)).buffer,
  }
  return await parquetReadObjects({
    file,
    ...(columns === undefined ? {} : { columns: [...columns] }),
    compressors: { ZSTD: (input: Uint8Array) => zstdDecompressSync(input) },
    parsers: {
      timestampFromMicroseconds: (micros: bigint) => Number(micros),
      stringFromBytes: (text: Uint8Array) => text && utf8.decode(text),
    },
  })
}
