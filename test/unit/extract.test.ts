import { afterAll, beforeAll, describe, expect, test } from 'vitest'
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
  test('is a Parquet file of the kept rows and columns', async () => {
    const plan = planExtract(footer, ['a', 'c'], g => g === 1 || g === 7, 0)
    const bytes = Buffer.concat(assembleExtract(footer, plan, fetched(plan)))
    const expected = [...rows.slice(10, 20), ...rows.slice(70, 80)].map(({ cells }) => ({ a: cells.a, c: cells.c }))
    expect(await readRows(bytes)).toEqual(expected)
    expect(await duck.query(`select * from '${duck.file(bytes)}'`)).toEqual(expected)
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
