// Extracts: planning and assembly, and that what is left reads as the same rows and types.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parquetMetadata } from 'hyparquet'
import { ByteWriter, parquetWrite } from 'hyparquet-writer'
import { assembleExtract, planExtract } from '../../lib/engine/store/extract.ts'
import { parseFooter } from '../../lib/engine/store/parquet-footer.ts'
import { readRows } from '../../lib/engine/store/parquet-read.ts'
import { encodeParquet } from '../../lib/engine/store/parquet-write.ts'
import { settle } from '../../lib/engine/store/settle.ts'
import { TEST_PARQUET, openDuck, tableOf } from '../support/tables.ts'
import type { Duck } from '../support/tables.ts'

let duck: Duck
beforeAll(async () => { duck = await openDuck() })
afterAll(() => duck.close())

const rows = Array.from({ length: 100 }, (_, i) => ({ time: i, cells: { a: `a${i}`, b: BigInt(i), c: i / 7, z: 'same' } }))
const table = tableOf(rows)
const file = encodeParquet({
  ...TEST_PARQUET, columns: settle(table), times: table.times, order: Int32Array.from(rows.keys()), rowGroupRows: 10,
})
const footer = parseFooter(file)

const fetched = (plan: ReturnType<typeof planExtract>): Uint8Array[] =>
  plan.ranges.map(({ offset, length }) => file.subarray(offset, offset + length))
const all = (): boolean => true

describe('planExtract', () => {
  test('keeps the named columns in the file\'s order and ignores names it lacks', () => {
    expect(planExtract(footer, ['z', 'a', 'nothing'], all, 0).keep).toEqual([1, 4])
    expect(planExtract(footer, null, all, 0).keep).toEqual([0, 1, 2, 3, 4])
  })

  test('without a column it keeps _timestamp, so that rows can be counted', () => {
    expect(planExtract(footer, [], all, 0).keep).toEqual([0])
    expect(planExtract(footer, ['nothing'], all, 0).keep).toEqual([0])
  })

  test('ranges cover the kept chunks, ascend and stay apart', () => {
    for (const gap of [0, 50, 1_000, 1 << 20]) {
      const plan = planExtract(footer, ['a', 'c'], g => g % 2 === 0, gap)
      expect(plan.groups).toEqual([0, 2, 4, 6, 8])
      plan.ranges.slice(1).forEach((range, i) => {
        expect(range.offset - plan.ranges[i]!.offset - plan.ranges[i]!.length).toBeGreaterThan(gap)
      })
      for (const g of plan.groups) {
        for (const k of plan.keep) {
          const { from, to } = footer.groups[g]!.chunks[k]!
          expect(plan.ranges.some(range => range.offset <= from && to <= range.offset + range.length)).toBe(true)
        }
      }
    }
  })

  test('neighbouring chunks are one request, far ones are not, unless the gap allows', () => {
    expect(planExtract(footer, ['a', 'b'], g => g === 3, 0).ranges.length).toBe(1)
    expect(planExtract(footer, ['a', 'z'], g => g === 3, 0).ranges.length).toBe(2)
    expect(planExtract(footer, ['a', 'z'], all, 1 << 20).ranges.length).toBe(1)
    expect(planExtract(footer, null, all, 0).ranges).toEqual([{ offset: 4, length: footer.groups[9]!.chunks[4]!.to - 4 }])
  })
})

describe('assembleExtract', () => {
  test('is a Parquet file of the kept rows and columns, whatever was fetched between', async () => {
    const expected = [...rows.slice(10, 20), ...rows.slice(70, 80)].map(({ cells }) => ({ a: cells.a, c: cells.c, z: cells.z }))
    for (const gap of [0, 200, 1 << 20]) {
      const plan = planExtract(footer, ['a', 'c', 'z'], g => g === 1 || g === 7, gap)
      const bytes = Buffer.concat(assembleExtract(footer, plan, fetched(plan)))
      expect(await readRows(bytes)).toEqual(expected)
      expect(await duck.query(`select * from '${duck.file(bytes)}'`)).toEqual(expected)
    }
  })

  test('its footer sums up only what it holds', () => {
    const plan = planExtract(footer, ['a', 'z'], g => g > 6, 0)
    const bytes = Buffer.concat(assembleExtract(footer, plan, fetched(plan)))
    const metadata = parquetMetadata(Uint8Array.from(bytes).buffer)
    expect(metadata.num_rows).toBe(30n)
    let at = 4n
    for (const group of metadata.row_groups) {
      const metas = group.columns.map(chunk => chunk.meta_data!)
      expect(group.file_offset).toBe(at)
      expect(group.total_compressed_size).toBe(metas.reduce((sum, meta) => sum + meta.total_compressed_size, 0n))
      expect(group.total_byte_size).toBe(metas.reduce((sum, meta) => sum + meta.total_uncompressed_size, 0n))
      at += group.total_compressed_size!
    }
  })

  test('a file of another writer loses what points into the old file: blooms, indexes, sorting', async () => {
    const writer = new ByteWriter()
    const ids = Array.from({ length: 500 }, (_, i) => `id ${i * 7919}`)
    parquetWrite({
      writer, codec: 'UNCOMPRESSED', rowGroupSize: 100, pageSize: 256,
      columnData: [
        { name: 'first', data: ids.map((_, i) => i % 5), type: 'INT32' },
        { name: 'id', data: ids, type: 'STRING', bloomFilter: true, columnIndex: true },
      ],
    })
    const foreign = new Uint8Array(writer.getBuffer())
    const parsed = parseFooter(foreign)
    const plan = planExtract(parsed, ['id'], g => g === 2, 0)
    const bytes = Buffer.concat(assembleExtract(parsed, plan, plan.ranges.map(({ offset, length }) => foreign.subarray(offset, offset + length))))
    const [chunk] = parquetMetadata(Uint8Array.from(bytes).buffer).row_groups[0]!.columns
    expect(parquetMetadata(foreign.buffer).row_groups[2]!.columns[1]!.meta_data!.bloom_filter_offset).toBeDefined()
    expect(chunk).toMatchObject({ file_offset: 0n })
    for (const gone of ['offset_index_offset', 'offset_index_length', 'column_index_offset', 'column_index_length']) expect(chunk).toHaveProperty(gone, undefined)
    for (const gone of ['bloom_filter_offset', 'bloom_filter_length']) expect(chunk!.meta_data).toHaveProperty(gone, undefined)
    const path = duck.file(bytes)
    expect(await duck.query(`select id from '${path}' where id = '${ids[250]}'`)).toEqual([{ id: ids[250] }])
    expect(await duck.query(`select id from '${path}' where id = '${ids[50]}'`)).toEqual([])
  })

  test('without row groups it is an empty file with the same types', async () => {
    const plan = planExtract(footer, null, () => false, 0)
    expect(plan.ranges).toEqual([])
    const path = duck.file(Buffer.concat(assembleExtract(footer, plan, [])))
    expect(await duck.query(`select count(*) as n from '${path}'`)).toEqual([{ n: 0n }])
    expect(await duck.query(`describe select * from '${path}'`)).toEqual(await duck.query(`describe select * from '${duck.file(file)}'`))
  })

  test('parts are handed on as views, neighbours in one piece', () => {
    const plan = planExtract(footer, null, all, 0)
    const parts = fetched(plan)
    const pieces = assembleExtract(footer, plan, parts)
    expect(pieces.length).toBe(3)
    expect(pieces[1]!.buffer).toBe(parts[0]!.buffer)
  })

  test('a part of another length is refused', () => {
    const plan = planExtract(footer, ['a'], all, 0)
    expect(() => assembleExtract(footer, plan, fetched(plan).map(part => part.subarray(1)))).toThrow(/as long as its range/)
    expect(() => assembleExtract(footer, plan, [])).toThrow(/one part/)
  })
})
