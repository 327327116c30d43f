// Any part of a file, extracted, is that part of the file: random row groups, columns and gaps, judged
// by DuckDB's hashes over the full file and by hyparquet's rows.
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { assembleExtract, planExtract } from '../../lib/engine/store/extract.ts'
import { parseFooter } from '../../lib/engine/store/parquet-footer.ts'
import { readRows } from '../../lib/engine/store/parquet-read.ts'
import { encodeParquet } from '../../lib/engine/store/parquet-write.ts'
import { settle } from '../../lib/engine/store/settle.ts'
import { TEST_PARQUET, openDuck, runs, tableOf } from '../support/tables.ts'
import type { Duck } from '../support/tables.ts'

let duck: Duck
let file: Uint8Array
let path: string
const ROWS = 3_000
const GROUP_ROWS = 170
/** every encoding, chunks of many pages, empty groups of a column, NaN, extremes */
const rows = Array.from({ length: ROWS }, (_, i) => ({
  time: i * 1_000,
  message: i % 60,
  cells: {
    low: `v${i % 5}`, unique: `ü💥${i * 7919}`, sparse: i % 700 < 100 ? `s${i}` : null,
    big: i % 3 === 0 ? null : 2n ** 63n - 1n - BigInt(i) * (i % 7 === 0 ? 2n ** 62n : 1n), small: BigInt(i % 11),
    flag: i % 11 === 0 ? null : i % 2 === 0, noise: i % 97 === 0 ? NaN : i / 7, few: (i % 4) / 4, trace_id: `${i}`.padStart(32, 'a'),
  },
}))

beforeAll(async () => {
  duck = await openDuck()
  const table = tableOf(rows)
  file = encodeParquet({
    ...TEST_PARQUET, columns: settle(table), times: table.times, messages: table.messages, order: Int32Array.from(rows.keys()),
    rowGroupRows: GROUP_ROWS, pageBytesMax: 700, metadata: [{ key: 'k', value: 'v' }], fullText: ['unique'], hot: ['low'],
  })
  path = duck.file(file)
})
afterAll(() => duck.close())

const sums = (names: readonly string[]): string =>
  ['count(*) as n', ...names.map(name => `bit_xor(hash("${name}", _timestamp)) as "h_${name}", count("${name}") as "c_${name}", min("${name}") as "min_${name}", max("${name}") as "max_${name}"`)].join(', ')

test('an extract equals its part of the full file', async () => {
  const footer = parseFooter(file)
  const names = footer.leaves.map(leaf => leaf.name)
  const groupsOf = fc.subarray(footer.groups.map((_, g) => g), { minLength: 1 })
  const others = fc.subarray(names.filter(name => name !== '_timestamp'))
  await fc.assert(fc.asyncProperty(groupsOf, others, fc.constantFrom(0, 100, 4_096, 1 << 20), async (groups, columns, gap) => {
    const plan = planExtract(footer, [...columns, '_timestamp'], g => groups.includes(g), gap)
    const parts = plan.ranges.map(({ offset, length }) => file.slice(offset, offset + length))
    const bytes = Buffer.concat(assembleExtract(footer, plan, parts))
    const where = groups.map(g => `file_row_number between ${g * GROUP_ROWS} and ${(g + 1) * GROUP_ROWS - 1}`).join(' or ')
    const [whole] = await duck.query(`select ${sums(columns)} from read_parquet('${path}', file_row_number = true) where ${where}`)
    const [part] = await duck.query(`select ${sums(columns)} from '${duck.file(bytes)}'`)
    expect(part).toEqual(whole)
    const expected = (await readRows(file, [...columns, '_timestamp'])).filter((_, i) => groups.includes(Math.floor(i / GROUP_ROWS)))
    expect(await readRows(bytes)).toEqual(expected)
  }), { numRuns: runs(45) })
})

test('an extract of an extract is the extract of both', async () => {
  const footer = parseFooter(file)
  const plan = planExtract(footer, ['unique', 'noise', 'low'], g => g % 2 === 0, 0)
  const once = Buffer.concat(assembleExtract(footer, plan, plan.ranges.map(({ offset, length }) => file.subarray(offset, offset + length))))
  const second = parseFooter(once)
  const again = planExtract(second, ['noise'], g => g === 1, 0)
  const twice = Buffer.concat(assembleExtract(second, again, again.ranges.map(({ offset, length }) => once.subarray(offset, offset + length))))
  const direct = planExtract(footer, ['noise'], g => g === 2, 0)
  expect(twice).toEqual(Buffer.concat(assembleExtract(footer, direct, direct.ranges.map(({ offset, length }) => file.subarray(offset, offset + length)))))
})
