// One settled type a field, from values of several kinds; no digit is lost.
import { describe, expect, test } from 'vitest'
import { Table, TextColumn } from '../../lib/engine/store/columns.ts'
import { settle, settleField } from '../../lib/engine/store/settle.ts'
import type { SettledColumn } from '../../lib/engine/store/types.ts'
import { setCell, tableOf } from '../support/tables.ts'
import type { Cell } from '../support/tables.ts'

/** throws on invalid UTF-8, where a lenient decoder would repair it itself */
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** the values of a settled column as plain cells */
function cellsOf(column: SettledColumn, rows: number): unknown[] {
  const { values } = column
  return Array.from({ length: rows }, (_, r) => {
    if (!values.has(r)) return null
    if (values.kind === 'text') return strict.decode(values.arena.subarray(values.offsets[values.index[r]!], values.offsets[values.index[r]! + 1]))
    if (values.kind === 'int') return (BigInt(values.halves[2 * r + 1]!) << 32n) | BigInt(values.halves[2 * r]! >>> 0)
    return values.kind === 'bool' ? values.values[r] === 1 : values.values[r]
  })
}

function settled(cells: readonly Cell[]): { type: string; cells: unknown[]; nulls: number } | null {
  const table = tableOf(cells.map(cell => ({ time: 1, cells: { f: cell } })))
  const [column] = settle(table)
  return column === undefined ? null : { type: column.type, cells: cellsOf(column, cells.length), nulls: column.nulls }
}

describe('settle', () => {
  test('one kind of value keeps its type and values', () => {
    expect(settled(['a', null, ''])).toEqual({ type: 'string', cells: ['a', null, ''], nulls: 1 })
    expect(settled([1n, null, -5n])).toEqual({ type: 'int', cells: [1n, null, -5n], nulls: 1 })
    expect(settled([1.5, -0, NaN, null])).toEqual({ type: 'double', cells: [1.5, -0, NaN, null], nulls: 1 })
    expect(settled([true, false, null])).toEqual({ type: 'bool', cells: [true, false, null], nulls: 1 })
  })

  test('integers are int up to 2^53 in magnitude and int64 beyond', () => {
    const limit = 2n ** 53n
    expect(settled([limit, -limit, 0n, -1n])?.type).toBe('int')
    expect(settled([limit + 1n])?.type).toBe('int64')
    expect(settled([-limit - 1n])?.type).toBe('int64')
    expect(settled([limit + 2n ** 32n])?.type).toBe('int64')
    expect(settled([2n ** 63n - 1n, -(2n ** 63n)])).toEqual({ type: 'int64', cells: [2n ** 63n - 1n, -(2n ** 63n)], nulls: 0 })
  })

  test('safe integers beside doubles become doubles, unsafe ones text with every digit', () => {
    expect(settled([2n ** 53n, 0.5, -7n])).toEqual({ type: 'double', cells: [2 ** 53, 0.5, -7], nulls: 0 })
    expect(settled([2n ** 53n + 1n, 0.5])).toEqual({ type: 'string', cells: ['9007199254740993', '0.5'], nulls: 0 })
  })

  test('numbers joined to text have their shortest form', () => {
    expect(settled(['x', 5n, 1.5, 1e21, 150, -0, NaN, -Infinity, 5e-324, -(2n ** 63n), null])).toEqual({
      type: 'string',
      cells: ['x', '5', '1.5', '1e+21', '150', '0', 'NaN', '-Infinity', '5e-324', '-9223372036854775808', null],
      nulls: 1,
    })
  })

  test('booleans never become numbers', () => {
    expect(settled([true, 1n, 0.5, false])).toEqual({ type: 'string', cells: ['true', '1', '0.5', 'false'], nulls: 0 })
    expect(settled([true, 'yes'])).toEqual({ type: 'string', cells: ['true', 'yes'], nulls: 0 })
  })

  test('a field without any value vanishes, also one whose values were taken back', () => {
    expect(settled([null, null])).toBeNull()
    const table = tableOf([{ time: 1, cells: { f: 'a' } }])
    table.field('f').clear(0)
    table.field('untouched')
    expect(settle(table)).toEqual([])
  })

  test('of two writes to one row of a field the last wins, whatever their kinds', () => {
    const table = new Table()
    const field = table.field('f')
    setCell(field, 0, 'text')
    setCell(field, 0, 7n)
    table.endRow(1, 0)
    const [column] = settle(table)
    expect(column?.type).toBe('int')
    expect(cellsOf(column!, 1)).toEqual([7n])
  })

  test('columns reach to the last row, however early their last value stands', () => {
    const rows = Array.from({ length: 5_000 }, (_, i) => ({ time: i, cells: i === 0 ? { s: 'a', i: 1n, d: 0.5, b: true } : {} }))
    for (const column of settle(tableOf(rows))) {
      const { values } = column
      expect(values.kind === 'text' ? values.index.length : values.present.length).toBeGreaterThanOrEqual(5_000)
      expect(column.nulls).toBe(4_999)
      expect(cellsOf(column, 5_000)[4_999]).toBeNull()
    }
  })

  test('a column keeps its dictionary when numbers join its text', () => {
    const table = tableOf(Array.from({ length: 1_000 }, (_, i) => ({ time: i, cells: { f: i % 2 === 0 ? `v${i % 10}` : BigInt(i % 10) } })))
    const values = settle(table)[0]!.values as TextColumn
    expect(values.entries).toBe(10)
    expect(values.plain).toBe(false)
  })

  test('settling twice gives the same', () => {
    const table = tableOf([{ time: 1, cells: { f: 'x' } }, { time: 2, cells: { f: 5n } }])
    const once = cellsOf(settleField(table.field('f'), 2)!, 2)
    expect(cellsOf(settleField(table.field('f'), 2)!, 2)).toEqual(once)
  })

  test('invalid UTF-8 becomes U+FFFD, also a character split over two entries', () => {
    expect(settled([Buffer.from([0x61, 0xff]), 'ok', '\uFEFFbom'])?.cells).toEqual(['a\uFFFD', 'ok', '\uFEFFbom'])
    expect(settled([Buffer.from([0xc3]), Buffer.from([0xa9])])?.cells).toEqual(['\uFFFD', '\uFFFD'])
  })
})
