// The column encoder: encodings, statistics and metadata, read back by readers we did not write.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { EngineError } from '../../lib/model/errors.ts'
import { chunkBounds, decodeBound, parseFooter } from '../../lib/engine/store/parquet-footer.ts'
import { readRows } from '../../lib/engine/store/parquet-read.ts'
import { emptyParquet, encodeParquet, timeOrder } from '../../lib/engine/store/parquet-write.ts'
import type { ParquetInput } from '../../lib/engine/store/parquet-write.ts'
import { settle } from '../../lib/engine/store/settle.ts'
import { roundedUp } from '../../lib/engine/store/statistics.ts'
import { TEST_PARQUET, openDuck, tableOf } from '../support/tables.ts'
import type { Cell, Duck, PlainRow } from '../support/tables.ts'

let duck: Duck
beforeAll(async () => { duck = await openDuck() })
afterAll(() => duck.close())

function encode(rows: readonly PlainRow[], options: Partial<ParquetInput> = {}): Uint8Array {
  const table = tableOf(rows)
  return encodeParquet({ ...TEST_PARQUET, columns: settle(table), times: table.times, order: timeOrder(table.times, table.rows), ...options })
}

const column = (cells: readonly Cell[]): PlainRow[] => cells.map((cell, i) => ({ time: i, cells: { f: cell } }))

/** column f as hyparquet and as DuckDB read it; they must agree */
async function roundTrip(cells: readonly Cell[], options: Partial<ParquetInput> = {}): Promise<unknown[]> {
  const bytes = encode(column(cells), options)
  const ours = (await readRows(bytes, ['f'])).map(row => row['f'])
  // DuckDB's JS binding swallows a BOM, so text is compared as bytes.
  const text = cells.some(cell => typeof cell === 'string')
  const theirs = await duck.query(`select ${text ? 'hex(encode(f))' : 'f'} as f from '${duck.file(bytes)}'`)
  expect(theirs.map(row => row['f'])).toEqual(text ? ours.map(f => f === null ? null : Buffer.from(String(f)).toString('hex').toUpperCase()) : ours)
  return ours
}

async function pagesOf(bytes: Uint8Array): Promise<Record<string, unknown>[]> {
  return duck.query(`select path_in_schema as name, encodings, compression, row_group_id as g from parquet_metadata('${duck.file(bytes)}')`)
}

describe('encodeParquet', () => {
  test('doubles keep every bit', async () => {
    const cells = [NaN, -0, 0, Infinity, -Infinity, 5e-324, Number.MAX_VALUE, -1.5, null, 0.1]
    const values = await roundTrip(cells)
    expect(values.map(v => Object.is(v, -0) ? '-0' : v)).toEqual(cells.map(v => Object.is(v, -0) ? '-0' : v))
    const repeated = await roundTrip(Array.from({ length: 200 }, (_, i) => cells[i % cells.length]))
    expect(repeated.map(v => Object.is(v, -0))).toEqual(Array.from({ length: 200 }, (_, i) => Object.is(cells[i % cells.length], -0)))
  })

  test('integers are exact over the whole 64-bit range', async () => {
    const safe = 2n ** 53n
    const extremes = [2n ** 63n - 1n, -(2n ** 63n), 0n, -1n, safe - 1n, safe, safe + 1n, -safe - 1n, 2n ** 32n, null, 2n ** 31n, -(2n ** 31n)]
    expect(await roundTrip(extremes)).toEqual(extremes)
    // A narrow range far from zero goes by differences, one just too wide does not.
    const high = 2n ** 63n - 1n
    const narrow = Array.from({ length: 300 }, (_, i) => high - BigInt(i * i))
    expect(await roundTrip(narrow)).toEqual(narrow)
    const wide = [0n, 2n ** 52n - 1n, 5n, 2n ** 51n, 1n]
    expect(await roundTrip(wide)).toEqual(wide)
    expect((await pagesOf(encode(column(wide))))[1]!['encodings']).toContain('DELTA_BINARY_PACKED')
    const wider = [-1n, 2n ** 52n - 1n, 5n]
    expect(await roundTrip(wider)).toEqual(wider)
    expect((await pagesOf(encode(column(wider))))[1]!['encodings']).toContain('PLAIN')
  })

  test('differences of every width from 1 to 52 bits survive', async () => {
    const cells: bigint[] = []
    for (let width = 0; width < 52; width++) for (let i = 0; i < 70; i++) cells.push(i % 3 === 0 ? 2n ** BigInt(width) : BigInt(i))
    expect(await roundTrip(cells)).toEqual(cells)
  })

  test('chunks that outgrow the scratch at every step survive', async () => {
    const noise = (i: number): number => Math.imul(i + 1, 0x9e3779b1) >>> 0
    for (const cell of [
      (i: number) => BigInt(noise(i)) * 2n ** 19n, (i: number) => noise(i) / 3, (i: number) => noise(i) % 2 === 0,
      (i: number) => (noise(i) % 9_000) / 7, (i: number) => `text ${noise(i)}`, (i: number) => `text ${noise(i) % 9_000}`,
      (i: number) => (noise(i) % 3 === 0 ? null : 1n),
    ]) {
      const cells = Array.from({ length: 30_000 }, (_, i): Cell => cell(i))
      // A fresh workspace each: one that has grown would hide a missing reservation.
      expect((await readRows(encode(column(cells)), ['f'])).map(row => row['f'])).toEqual(cells)
    }
  })

  test('text keeps NUL, BOM, four-byte characters, and empty apart from null', async () => {
    const cells = ['a\u0000b', '\u0000', '', null, '\uFEFFbom', '💥é漢', 'x'.repeat(201), '\u{10FFFF}', null, '']
    expect(await roundTrip(cells)).toEqual(cells)
    const repeated = Array.from({ length: 300 }, (_, i) => cells[i % cells.length])
    expect(await roundTrip(repeated)).toEqual(repeated)
  })

  test('strings of 1 MiB and more stand in pages of their own', async () => {
    const big = [1, 2, 3].map(n => String.fromCharCode(64 + n).repeat(2 ** 20 + n))
    const cells = ['small', ...big, null, 'tail']
    expect(await roundTrip(cells)).toEqual(cells)
  })

  test('row groups and pages cut anywhere, also into stretches of nulls only', async () => {
    const rows = Array.from({ length: 1_000 }, (_, i): PlainRow => ({
      time: 1_000 - i,
      cells: {
        s: i % 400 < 200 ? null : `text ${i % 7}`, u: i > 500 ? `unique ${i}` : undefined, i: i % 3 === 0 ? null : BigInt(i),
        d: i % 90 > 70 ? null : i / 8, b: i % 5 === 0 ? null : i % 2 === 0,
      },
    }))
    for (const [rowGroupRows, pageBytesMax] of [[1, 1], [7, 1 << 20], [200, 40], [999, 100], [5_000, 16]] as const) {
      const bytes = encode(rows, { rowGroupRows, pageBytesMax })
      expect(parseFooter(bytes).groups.length).toBe(Math.ceil(1_000 / rowGroupRows))
      const expected = rows.toReversed().map(({ time, cells }) => ({ _timestamp: time, b: null, d: null, i: null, s: null, u: null, ...cells }))
      const tidy = expected.map(row => ({ ...row, u: row.u ?? null }))
      expect(await readRows(bytes)).toEqual(tidy)
      const theirs = await duck.query(`select * replace (epoch_us(_timestamp)::integer as _timestamp) from '${duck.file(bytes)}'`)
      expect(theirs).toEqual(tidy)
    }
  })

  test('_timestamp is a required UTC timestamp in microseconds, sorted, and _b the message', async () => {
    const rows = [5, 3, 9, 3].map((time, i) => ({ time: 1_700_000_000_000_000 + time, message: i, cells: { f: BigInt(i) } }))
    const table = tableOf(rows)
    const bytes = encode(rows, { messages: table.messages })
    const path = duck.file(bytes)
    expect(await duck.query(`select epoch_us(_timestamp) - 1700000000000000 as t, _b, f from '${path}'`)).toEqual([
      { t: 3n, _b: 1, f: 1n }, { t: 3n, _b: 3, f: 3n }, { t: 5n, _b: 0, f: 0n }, { t: 9n, _b: 2, f: 2n },
    ])
    const schema = await duck.query(`select name, type, repetition_type, logical_type from parquet_schema('${path}')`)
    expect(schema[1]).toMatchObject({ name: '_timestamp', type: 'INT64', repetition_type: 'REQUIRED' })
    expect(String(schema[1]!['logical_type'])).toMatch(/isAdjustedToUTC=1.*MicroSeconds|MICROS/i)
  })

  test('columns stand in the order queries read them', () => {
    const rows = Array.from({ length: 200 }, (_, i) => ({
      time: i,
      cells: { zone: 'z', a_id: 'few', span_id: `s${i}`, user_id: `u${i}`, message: 'm', level: 'l', body: 'b', abc: 1n },
    }))
    const bytes = encode(rows, { fullText: ['log', 'body', 'message'], hot: ['level', 'missing'], messages: new Int32Array(256) })
    expect(parseFooter(bytes).leaves.map(leaf => leaf.name)).toEqual(
      ['_timestamp', '_b', 'body', 'message', 'level', 'a_id', 'abc', 'zone', 'span_id', 'user_id'])
  })

  test('a file leaves out columns without a value among its rows', () => {
    const table = tableOf([{ time: 1, cells: { a: 'x' } }, { time: 2, cells: { b: 'y' } }])
    const bytes = encode([], { columns: settle(table), times: table.times, order: Int32Array.of(1) })
    expect(parseFooter(bytes).leaves.map(leaf => leaf.name)).toEqual(['_timestamp', 'b'])
  })

  test('each kind of column has its encoding, and tiny chunks are not compressed', async () => {
    const rows = Array.from({ length: 8_000 }, (_, i) => ({
      time: i * 1_000 + (i % 7),
      cells: {
        few: `value ${(i * 7) % 40}`, many: `value ${i * 7919}`, n: BigInt(i * i), flag: i % 3 === 0, ratio: (Math.imul(i * i + 7, 0x9e3779b1) >>> 20) % 90 / 7,
        noise: Math.sin(i), same: 'constant',
      },
    }))
    const pages = new Map((await pagesOf(encode(rows))).map(page => [page['name'], `${page['encodings']} ${page['compression']}`]))
    expect(pages.get('_timestamp')).toBe('RLE, DELTA_BINARY_PACKED ZSTD')
    expect(pages.get('few')).toBe('PLAIN, RLE, RLE_DICTIONARY ZSTD')
    expect(pages.get('many')).toBe('RLE, DELTA_LENGTH_BYTE_ARRAY ZSTD')
    expect(pages.get('n')).toBe('RLE, DELTA_BINARY_PACKED ZSTD')
    expect(pages.get('flag')).toBe('RLE ZSTD')
    expect(pages.get('ratio')).toBe('PLAIN, RLE, RLE_DICTIONARY ZSTD')
    expect(pages.get('noise')).toBe('RLE, BYTE_STREAM_SPLIT ZSTD')
    expect(pages.get('same')).toBe('PLAIN, RLE, RLE_DICTIONARY UNCOMPRESSED')
  })

  test('a tiny dictionary is compressed when its data pages are', async () => {
    const cells = Array.from({ length: 4_000 }, (_, i) => ['INFO', 'WARN', 'ERROR'][(Math.imul(i, 0x9e3779b1) >>> 16) % 3]!)
    expect((await pagesOf(encode(column(cells))))[1]).toMatchObject({ encodings: 'PLAIN, RLE, RLE_DICTIONARY', compression: 'ZSTD' })
    expect(await roundTrip(cells)).toEqual(cells)
  })

  test('a big dictionary is kept where it saves three quarters', async () => {
    const texts = Array.from({ length: 300 }, (_, i) => `${i} `.repeat(2_000))
    // Repeats first: a column that begins mostly distinct is not interned.
    const cells = [...Array.from({ length: 100 }, () => texts[0]!), ...Array.from({ length: 1_500 }, (_, i) => texts[(i * 7) % 300]!)]
    const bytes = encode(column(cells))
    expect((await pagesOf(bytes))[1]!['encodings']).toContain('RLE_DICTIONARY')
    expect((await readRows(bytes)).map(row => row['f'])).toEqual(cells)
  })

  test('a column that decoding took for distinct still gets its dictionary', async () => {
    const pods = Array.from({ length: 80 }, (_, i) => `checkout-${(i * 7919).toString(16)}-pod`)
    const cells = Array.from({ length: 3_000 }, (_, i) => pods[i < 80 ? i : (i * i) % 80]!)
    const table = tableOf(column(cells))
    expect(table.field('f').text!.plain).toBe(true)
    const bytes = encode(column(cells))
    expect((await pagesOf(bytes))[1]!['encodings']).toContain('RLE_DICTIONARY')
    expect(await roundTrip(cells)).toEqual(cells)
  })

  test('values made to collide in our hash tables come back like others', async () => {
    // hashRange of 8 bytes: the second half can be chosen so that every hash is the same.
    const texts: string[] = []
    const bytes = Buffer.alloc(8)
    for (let i = 0; texts.length < 2_000; i++) {
      for (let k = 0; k < 4; k++) bytes[k] = 32 + ((i >>> (6 * k)) & 63)
      let h = Math.imul(8 ^ bytes.readInt32LE(0), 0x9e3779b1)
      h ^= h >>> 15
      bytes.writeInt32LE(h ^ 0x12345678, 4)
      if (bytes.every(byte => byte < 128)) texts.push(bytes.toString('latin1'))
    }
    expect(await roundTrip([...texts, ...texts])).toEqual([...texts, ...texts])
    const words = Int32Array.from({ length: 4_000 }, (_, i) => (i % 2 === 0 ? Math.imul((i >> 1) + 1, 0x9e3779b1) ^ 77 : (i >> 1) + 1))
    const doubles = [...new Float64Array(words.buffer)]
    expect(await roundTrip([...doubles, ...doubles, ...doubles])).toEqual([...doubles, ...doubles, ...doubles])
  })

  test('columns that differ by ASCII case only, or take a reserved name, are refused', () => {
    expect(() => encode([{ time: 1, cells: { a: 1n, A: 2n } }])).toThrow(EngineError)
    expect(() => encode([{ time: 1, cells: { _timestamp: 1n } }])).toThrow(EngineError)
  })

  test('no rows give a valid empty file', async () => {
    const bytes = encode([])
    expect(await readRows(bytes)).toEqual([])
    expect(await duck.query(`select count(*) as n from '${duck.file(bytes)}'`)).toEqual([{ n: 0n }])
  })

  test('an empty file has the types of a schema', async () => {
    const bytes = emptyParquet({ s: 'string', i: 'int', l: 'int64', d: 'double', b: 'bool' })
    const types = await duck.query(`select column_name as name, column_type as type from (describe select * from '${duck.file(bytes)}')`)
    expect(types).toEqual([
      { name: '_timestamp', type: 'TIMESTAMP WITH TIME ZONE' }, { name: 'b', type: 'BOOLEAN' }, { name: 'd', type: 'DOUBLE' },
      { name: 'i', type: 'BIGINT' }, { name: 'l', type: 'BIGINT' }, { name: 's', type: 'VARCHAR' },
    ])
    expect(await readRows(bytes)).toEqual([])
  })
})

describe('statistics', () => {
  function boundsOf(cells: readonly Cell[]): { min: unknown; max: unknown; nulls: number | null; minExact: boolean; maxExact: boolean } {
    const footer = parseFooter(encode(column(cells)))
    const bounds = chunkBounds(footer, footer.groups[0]!.chunks[1]!)
    const { type } = footer.leaves[1]!
    const text = (v: unknown): unknown => (v instanceof Uint8Array ? Buffer.from(v).toString() : v)
    return { ...bounds, min: text(decodeBound(type, bounds.min)), max: text(decodeBound(type, bounds.max)) }
  }

  test('bounds are exact for 64-bit integers, booleans and short text', () => {
    expect(boundsOf([2n ** 63n - 1n, null, -(2n ** 63n) + 1n])).toMatchObject({ min: -(2n ** 63n) + 1n, max: 2n ** 63n - 1n, nulls: 1 })
    expect(boundsOf([2n ** 53n + 1n, 2n ** 53n + 3n])).toMatchObject({ min: 2n ** 53n + 1n, max: 2n ** 53n + 3n, nulls: 0 })
    const high = 2n ** 62n
    expect(boundsOf([high + 5n, high + 2n ** 31n + 5n, -high + 2n ** 31n, -high])).toMatchObject({ min: -high, max: high + 2n ** 31n + 5n })
    expect(boundsOf([true, null])).toMatchObject({ min: true, max: true, nulls: 1 })
    expect(boundsOf(['prefix b', 'prefix a', 'prefix c', 'prefix b'])).toMatchObject({ min: 'prefix a', max: 'prefix c' })
    expect(boundsOf([true, false])).toMatchObject({ min: false, max: true })
    expect(boundsOf(['b', 'a\u0000', 'a', 'abc', 'é', ''])).toMatchObject({ min: '', max: 'é', minExact: true, maxExact: true })
  })

  test('a NaN takes the bounds away, and zero has both signs', () => {
    expect(boundsOf([1, NaN, 2])).toMatchObject({ min: null, max: null, nulls: 0 })
    const zeros = boundsOf([0, 0])
    expect([Object.is(zeros.min, -0), Object.is(zeros.max, 0)]).toEqual([true, true])
    const negative = boundsOf([-0, -0])
    expect([Object.is(negative.min, -0), Object.is(negative.max, 0)]).toEqual([true, true])
    expect(boundsOf([-Infinity, 5])).toMatchObject({ min: -Infinity, max: 5 })
  })

  test('long text is cut at a character and the maximum rounded up', () => {
    const long = `${'a'.repeat(63)}éz`
    expect(boundsOf([long])).toMatchObject({ min: 'a'.repeat(63), max: `${'a'.repeat(62)}b`, minExact: false, maxExact: false })
    const ends = (last: string): string => roundedUp(Buffer.from(`${last}tail`), Buffer.byteLength(last))!.toString()
    expect(ends('ab')).toBe('ac')
    expect(ends('a\uD7FF')).toBe('a\uE000')
    expect(ends('a\u{10FFFF}')).toBe('b')
    // U+007F's successor has two bytes: it does not fit, so the character before rises.
    expect(ends('a\u007F')).toBe('b')
    expect(ends('a\u07FF')).toBe('b')
  })

  test('text of nothing but the last character has no upper bound', () => {
    expect(roundedUp(Buffer.from('\u{10FFFF}'.repeat(20)), 64)).toBeNull()
    expect(boundsOf(['\u{10FFFF}'.repeat(20), 'a'])).toMatchObject({ min: 'a', max: null })
  })

  test('DuckDB finds every row through truncated bounds', async () => {
    const cells = [`${'\u{1F4A5}'.repeat(30)}a`, `${'z'.repeat(64)}z`, `${'é'.repeat(40)}`, 'b'.repeat(65)]
    const path = duck.file(encode(column(cells), { rowGroupRows: 1 }))
    for (const cell of cells) expect(await duck.query(`select count(*) as n from '${path}' where f = '${cell}'`)).toEqual([{ n: 1n }])
    expect(await duck.query(`select max(f) as f from '${path}'`)).toEqual([{ f: cells[0] }])
  })
})

describe('timeOrder', () => {
  test('sorts by time and keeps the given order of equal times', () => {
    const times = Float64Array.of(5, 3, 5, 1, 3)
    expect([...timeOrder(times, 5)]).toEqual([3, 1, 4, 0, 2])
    expect([...timeOrder(times, Int32Array.of(4, 1, 2, 0))]).toEqual([4, 1, 2, 0])
    expect([...timeOrder(times, Int32Array.of(2, 4, 0, 1))]).toEqual([4, 1, 2, 0])
    expect([...timeOrder(times, 0)]).toEqual([])
  })

  test('spans too long for packed doubles sort the same', () => {
    const times = new Float64Array(3_000)
    for (let i = 0; i < times.length; i++) times[i] = (i * 7919) % 100 === 0 ? -4e15 : ((i * 7919) % 50) * 8e13
    const order = timeOrder(times, times.length)
    const expected = Array.from(times.keys()).sort((a, b) => times[a]! - times[b]! || a - b)
    expect([...order]).toEqual(expected)
  })

  test('times before 1970 come first', () => {
    expect([...timeOrder(Float64Array.of(1, -1, 0), 3)]).toEqual([1, 2, 0])
  })
})
