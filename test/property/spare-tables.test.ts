// Columns that are used again must behave as new ones: whatever the flush before left in them.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Tables } from '../../lib/engine/store/columns.ts'
import { encodeParquet, timeOrder } from '../../lib/engine/store/parquet-write.ts'
import { settle } from '../../lib/engine/store/settle.ts'
import { TEST_PARQUET, runs, setCell, type Cell, type PlainRow } from '../support/tables.ts'

const cell: fc.Arbitrary<Cell> = fc.oneof(
  { weight: 3, arbitrary: fc.string({ maxLength: 12 }) }, fc.constantFrom('a', 'b', 'x'.repeat(300)),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.double(), fc.boolean(), fc.constant(null))
const name = fc.constantFrom('a', 'b', 'c', 'd')
const row: fc.Arbitrary<PlainRow> = fc.record({ time: fc.integer({ min: 0, max: 1_000 }), cells: fc.dictionary(name, cell, { maxKeys: 4 }) })
/** a flush: rows by stream, a few or so many that columns grow */
const flush = fc.dictionary(fc.constantFrom('logs/one', 'logs/two'), fc.tuple(fc.array(row, { minLength: 1, maxLength: 30 }), fc.constantFrom(1, 1, 1, 100)), { maxKeys: 2 })
type Flush = Record<string, [PlainRow[], number]>

function fill(tables: Tables, rows: Flush): Tables {
  for (const [stream, [some, times]] of Object.entries(rows)) {
    const table = tables.of(stream)
    for (let i = 0; i < times; i++) {
      for (const { time, cells } of some) {
        for (const [field, value] of Object.entries(cells)) setCell(table.field(field), table.rows, value)
        table.endRow(time, 0)
      }
    }
  }
  return tables
}

const filesOf = (tables: Tables): string[] => [...tables.byStream.values()].map((table) => {
  const columns = settle(table)
  return Buffer.from(encodeParquet({ ...TEST_PARQUET, columns, times: table.times, order: timeOrder(table.times, table.rows) })).toString('base64')
})

test('tables with spare columns make the files that new ones make, flush after flush', () => {
  fc.assert(fc.property(fc.array(flush, { minLength: 2, maxLength: 5 }), (flushes) => {
    let spare: Tables | null = null
    for (const rows of flushes) {
      const used: Tables = fill(new Tables(spare), rows)
      expect(filesOf(used)).toEqual(filesOf(fill(new Tables(), rows)))
      spare = used
    }
  }), { numRuns: runs(100) })
})

test('what a huge flush took is given back by small ones', () => {
  const many = (rows: number): Flush => ({ 'logs/one': [[{ time: 1, cells: { a: 'text', n: 1n, d: 0.5, b: true } }], rows] })
  const huge = fill(new Tables(), many(300_000))
  expect(huge.bytes).toBeGreaterThan(5e6)
  // What the last flush needed is kept once more.
  const small = fill(new Tables(fill(new Tables(huge), many(10))), many(10))
  expect(small.bytes).toBeLessThan(3e5)
})

function collect(): void {
  setFlagsFromString('--expose-gc')
  ;(runInNewContext('gc') as () => void)()
}

test('tables hold on to the flush before them and to none before that', async () => {
  let tables = new Tables()
  const first = new WeakRef(fill(tables, { 'logs/one': [[{ time: 1, cells: { first: 'x' } }], 1] }))
  for (let i = 0; i < 3; i++) tables = fill(new Tables(tables), { 'logs/two': [[{ time: 1, cells: { a: 'x' } }], 1] })
  // A weak reference holds until the end of the job that made it.
  await new Promise((resolve) => { setImmediate(resolve) })
  collect()
  expect(first.deref()).toBeUndefined()
  expect(tables.byStream.size).toBe(1)
})
