// Whatever rows come, the file holds them: read back by hyparquet and by DuckDB, with row groups and
// pages cut anywhere; and whatever the statistics say holds for every value.
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { chunkBounds, decodeBound, parseFooter } from '../../lib/engine/store/parquet-footer.ts'
import { readRows } from '../../lib/engine/store/parquet-read.ts'
import { encodeParquet, timeOrder } from '../../lib/engine/store/parquet-write.ts'
import { settle } from '../../lib/engine/store/settle.ts'
import { roundedUp } from '../../lib/engine/store/statistics.ts'
import { TEST_PARQUET, openDuck, runs, tableOf } from '../support/tables.ts'
import type { Cell, Duck, PlainRow } from '../support/tables.ts'

let duck: Duck
beforeAll(async () => { duck = await openDuck() })
afterAll(() => duck.close())

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 90 }),
  fc.constantFrom('', 'a', '\u0000', '\uFEFFx', '\u{10FFFF}'.repeat(17), `${'a'.repeat(63)}é`, 'ab', 'x'.repeat(300)),
)
const SAFE = 2n ** 53n
const integer = fc.oneof(
  fc.bigInt({ min: -100n, max: 100n }), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.constantFrom(SAFE, SAFE + 1n, -SAFE, -SAFE - 1n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 32n),
)
const double = fc.oneof(fc.double(), fc.constantFrom(0, -0, NaN, Infinity, -Infinity, 5e-324, 1.5, 150, 1e21))
const kinds = { text, integer, small: fc.bigInt({ min: -9n, max: 9n }), double, few: fc.constantFrom(0.5, -0, 7), bool: fc.boolean() }
const column = fc.constantFrom(...(Object.keys(kinds) as (keyof typeof kinds)[])).chain((kind): fc.Arbitrary<fc.Arbitrary<Cell>> => fc.oneof(
  { weight: 5, arbitrary: fc.constant<fc.Arbitrary<Cell>>(fc.option(kinds[kind] as fc.Arbitrary<Cell>, { freq: 4 })) },
  { weight: 2, arbitrary: fc.constant<fc.Arbitrary<Cell>>(kinds[kind]) },
  { weight: 1, arbitrary: fc.constant<fc.Arbitrary<Cell>>(fc.option(fc.oneof(text, integer, double, fc.boolean()))) },
))
const rows: fc.Arbitrary<PlainRow[]> = fc.tuple(column, column, column, column).chain(columns => fc.array(
  fc.record({
    time: fc.integer({ min: -5, max: 1_000_000 }).map(t => t * 1_000_003),
    message: fc.nat(59),
    cells: fc.tuple(...columns).map(cells => Object.fromEntries(cells.map((cell, i) => [`c${i}`, cell]))),
  }),
  { minLength: 1, maxLength: 120, size: 'max' },
))
const cuts = fc.record({ rowGroupRows: fc.constantFrom(1, 3, 10, 64, 1_000), pageBytesMax: fc.constantFrom(1, 30, 300, 1 << 20) })

/** the type and values a column must settle to: the naive form of model/schema.ts */
function expectedColumn(cells: readonly Cell[]): { type: string; values: unknown[] } {
  const present = cells.filter(cell => cell !== null && cell !== undefined)
  const is = (kind: string): boolean => present.every(cell => typeof cell === kind)
  if (is('string')) return { type: 'text', values: [...cells] }
  if (is('boolean')) return { type: 'bool', values: [...cells] }
  if (is('bigint')) return { type: 'int', values: [...cells] }
  const exact = present.every(cell => typeof cell === 'number' || (typeof cell === 'bigint' && cell >= -SAFE && cell <= SAFE))
  if (exact) return { type: 'double', values: cells.map(cell => cell === null ? null : Number(cell)) }
  return { type: 'text', values: cells.map(cell => cell === null ? null : String(cell)) }
}

test('every value comes back, by two readers, however groups and pages are cut', async () => {
  await fc.assert(fc.asyncProperty(rows, cuts, async (input, cut) => {
    const table = tableOf(input)
    const order = timeOrder(table.times, table.rows)
    const bytes = encodeParquet({ ...TEST_PARQUET, ...cut, columns: settle(table), times: table.times, messages: table.messages, order })
    const sorted = input.map((row, i) => ({ row, i })).sort((a, b) => a.row.time - b.row.time || a.i - b.i).map(({ row }) => row)
    const ours = await readRows(bytes)
    expect(ours.map(row => row['_timestamp'])).toEqual(sorted.map(row => row.time))
    expect(ours.map(row => row['_b'])).toEqual(sorted.map(row => row.message))
    const path = duck.file(bytes)
    for (const name of ['c0', 'c1', 'c2', 'c3']) {
      const { type, values } = expectedColumn(sorted.map(row => row.cells[name]))
      if (values.every(value => value === null)) {
        expect(name in ours[0]!).toBe(false)
        continue
      }
      expect(ours.map(row => row[name])).toEqual(values)
      const theirs = (await duck.query(`select ${type === 'text' ? `hex(encode(${name}))` : name} as v from '${path}'`)).map(row => row['v'])
      expect(theirs).toEqual(type === 'text' ? values.map(v => v === null ? null : Buffer.from(v as string).toString('hex').toUpperCase()) : values)
    }
  }), { numRuns: runs(80) })
})

test('bounds hold for every value of their row group and count its nulls', () => {
  fc.assert(fc.property(rows, cuts, (input, cut) => {
    const table = tableOf(input)
    const order = timeOrder(table.times, table.rows)
    const footer = parseFooter(encodeParquet({ ...TEST_PARQUET, ...cut, statisticsBytesMax: 8, columns: settle(table), times: table.times, order }))
    footer.groups.forEach((group, g) => {
      const inGroup = [...order.subarray(g * cut.rowGroupRows, (g + 1) * cut.rowGroupRows)]
      group.chunks.forEach((chunk, c) => {
        const { type, name } = footer.leaves[c]!
        const bounds = chunkBounds(footer, chunk)
        const all = name === '_timestamp' ? input.map(row => BigInt(row.time)) : expectedColumn(input.map(row => row.cells[name])).values
        const values = inGroup.map(row => all[row]).filter(value => value !== null)
        expect(bounds.nulls).toBe(inGroup.length - values.length)
        checkBounds(values, decodeBound(type, bounds.min), decodeBound(type, bounds.max), bounds)
      })
    })
  }), { numRuns: runs(120) })
})

type Bound = ReturnType<typeof decodeBound>
function checkBounds(values: readonly unknown[], min: Bound, max: Bound, exact: { readonly minExact: boolean; readonly maxExact: boolean }): void {
  if (values.length === 0) return expect([min, max]).toEqual([null, null])
  if (values.some(Number.isNaN)) return expect([min, max]).toEqual([null, null])
  if (typeof values[0] === 'string') {
    const sorted = values.map(value => Buffer.from(value as string)).sort(Buffer.compare)
    const [least, greatest] = [sorted[0]!, sorted.at(-1)!]
    expect((min as Uint8Array).length).toBeLessThanOrEqual(8)
    expect(Buffer.compare(min as Uint8Array, least)).toBeLessThanOrEqual(0)
    expect(exact.minExact).toBe(Buffer.compare(min as Uint8Array, least) === 0)
    if (max === null) return expect(greatest.toString().startsWith('\u{10FFFF}\u{10FFFF}')).toBe(true)
    expect((max as Uint8Array).length).toBeLessThanOrEqual(8)
    expect(Buffer.compare(max as Uint8Array, greatest)).toBeGreaterThanOrEqual(0)
    return expect(exact.maxExact).toBe(Buffer.compare(max as Uint8Array, greatest) === 0)
  }
  const sorted = (values as (number | bigint)[]).toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0))
  // The two zeros are equal here; which one a bound is, the unit tests hold.
  const same = (bound: unknown, value: unknown): boolean => bound === value || (bound === 0 && value === 0)
  expect(same(min, sorted[0]) && same(max, sorted.at(-1))).toBe(true)
}

test('a rounded-up text is above every text with its prefix, valid, short, and misses only what has no successor', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }), fc.string({ unit: 'binary' }), fc.integer({ min: 4, max: 20 }), (head, tail, bytesMax) => {
    const long = Buffer.from(head + tail.repeat(3))
    fc.pre(long.length > bytesMax)
    const up = roundedUp(long, bytesMax)
    let kept = bytesMax
    while ((long[kept]! & 0xc0) === 0x80) kept--
    const prefix = long.subarray(0, kept)
    if (up === null) {
      expect(/^\u{10FFFF}*$/u.test(prefix.toString())).toBe(true)
      return
    }
    expect(up.length).toBeLessThanOrEqual(bytesMax)
    expect(Buffer.from(up.toString()).equals(up)).toBe(true)
    expect(Buffer.compare(up, long)).toBe(1)
    expect(Buffer.compare(up, Buffer.concat([prefix, Buffer.from('\u{10FFFF}'.repeat(9))]))).toBe(1)
  }), { numRuns: runs(400) })
})

test('order by time is stable for any rows', () => {
  fc.assert(fc.property(fc.array(fc.tuple(fc.integer({ min: -3, max: 9 }), fc.constantFrom(1, 1_000, 1e14))), input => {
    const times = Float64Array.from(input, ([time, scale]) => time * scale)
    const expected = Array.from(times.keys()).sort((a, b) => times[a]! - times[b]! || a - b)
    expect([...timeOrder(times, times.length)]).toEqual(expected)
    const reversed = Int32Array.from(times.keys()).toReversed()
    expect([...timeOrder(times, reversed)]).toEqual(Array.from(times.keys()).sort((a, b) => times[a]! - times[b]! || b - a))
  }), { numRuns: runs(300) })
})
