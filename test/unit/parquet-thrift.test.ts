// Our footer against the one of an independent writer, byte by byte. Page headers are held by every reader's tests.
import { parquetMetadata } from 'hyparquet'
import { ByteWriter } from 'hyparquet-writer/src/bytewriter.js'
import { writeMetadata } from 'hyparquet-writer/src/metadata.js'
import { expect, test } from 'vitest'
import { emptyParquet, encodeParquet, timeOrder } from '../../lib/engine/store/parquet-write.ts'
import { settle } from '../../lib/engine/store/settle.ts'
import { TEST_PARQUET, tableOf } from '../support/tables.ts'

/** the footer as it stands in a file, and as hyparquet-writer writes what hyparquet reads in it */
function footersOf(file: Uint8Array): { ours: Buffer; theirs: Buffer } {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  const length = view.getUint32(file.length - 8, true)
  const writer = new ByteWriter()
  writeMetadata(writer, parquetMetadata(file.slice().buffer), TEST_PARQUET.statisticsBytesMax)
  return { ours: Buffer.from(file.subarray(file.length - 8 - length, file.length - 4)), theirs: Buffer.from(writer.getBytes()) }
}

test('a footer is, byte by byte, the one that hyparquet-writer makes of the same metadata', () => {
  const rows = Array.from({ length: 300 }, (_, i) => ({
    // Whole milliseconds: hyparquet reads the bounds as dates.
    time: 1_795_219_200_000_000 + i * 1_000,
    cells: {
      text: `value ${i % 7}`, plain: `${i}`, größe: 'ü', n: BigInt(i) - 150n, ratio: i / 7, flag: i % 2 === 0,
      sparse: i === 17 ? 'once' : null, ...(i > 200 ? { late: -1n } : {}),
    },
  }))
  const table = tableOf(rows)
  const file = encodeParquet({
    ...TEST_PARQUET, columns: settle(table), times: table.times, order: timeOrder(table.times, table.rows), messages: new Int32Array(512),
    metadata: [{ key: 'nilometer.fid', value: 'X' }, { key: 'größe', value: 'ü'.repeat(100) }], rowGroupRows: 120,
  })
  const { ours, theirs } = footersOf(file)
  expect(ours.equals(theirs)).toBe(true)
})

test('more than 14 columns and no metadata make the same footer too', () => {
  const names = Array.from({ length: 40 }, (_, i) => `field_${i}`)
  const table = tableOf([{ time: 5_000, cells: Object.fromEntries(names.map((name) => [name, name])) }])
  const file = encodeParquet({ ...TEST_PARQUET, columns: settle(table), times: table.times, order: Int32Array.of(0) })
  const { ours, theirs } = footersOf(file)
  expect(ours.equals(theirs)).toBe(true)
})

test('a file without rows has a footer that is read', () => {
  const metadata = parquetMetadata(emptyParquet({ a: 'string', b: 'int' }).slice().buffer)
  expect(metadata.schema.map(({ name }) => name)).toEqual(['root', '_timestamp', 'a', 'b'])
  expect(metadata.row_groups).toEqual([])
})
