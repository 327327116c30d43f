// The footer as byte spans: read, rewritten, and robust against damage.
import { describe, expect, test } from 'vitest'
import { parquetMetadata } from 'hyparquet'
import { EngineError } from '../../lib/model/errors.ts'
import { TRAILER_BYTES, decodeBound, footerBytes, parseFooter, rewriteFooter } from '../../lib/engine/store/parquet-footer.ts'
import { encodeParquet } from '../../lib/engine/store/parquet-write.ts'
import { settle } from '../../lib/engine/store/settle.ts'
import { TEST_PARQUET, tableOf } from '../support/tables.ts'

function sample(rows = 100, rowGroupRows = 30): Uint8Array<ArrayBuffer> {
  const table = tableOf(Array.from({ length: rows }, (_, i) => ({
    time: i, cells: { text: `t${i % 4}`, n: BigInt(i), d: i / 3, flag: i % 2 === 0, ...(i % 3 === 0 ? { sparse: 'x' } : {}) },
  })))
  const order = Int32Array.from({ length: rows }, (_, i) => i)
  const metadata = [{ key: 'nilometer.org', value: 'acmé' }, { key: 'empty', value: '' }]
  return encodeParquet({ ...TEST_PARQUET, columns: settle(table), times: table.times, order, rowGroupRows, metadata })
}

describe('parseFooter', () => {
  test('says what hyparquet says', () => {
    const bytes = sample()
    const footer = parseFooter(bytes)
    const theirs = parquetMetadata(bytes.slice().buffer)
    expect(footer.rows).toBe(Number(theirs.num_rows))
    expect(footer.leaves.map(({ name, type }) => ({ name, type }))).toEqual(theirs.schema.slice(1).map(({ name, type }) => ({ name, type })))
    expect([...footer.metadata]).toEqual([['nilometer.org', 'acmé'], ['empty', '']])
    footer.groups.forEach((group, g) => {
      const other = theirs.row_groups[g]!
      expect(group.rows).toBe(Number(other.num_rows))
      group.chunks.forEach((chunk, c) => {
        const meta = other.columns[c]!.meta_data!
        expect(chunk.name).toBe(meta.path_in_schema[0])
        expect(chunk.to - chunk.from).toBe(Number(meta.total_compressed_size))
        expect(chunk.rawBytes).toBe(Number(meta.total_uncompressed_size))
        expect(chunk.dataOffset).toBe(Number(meta.data_page_offset))
        expect(chunk.dictionaryOffset).toBe(meta.dictionary_page_offset === undefined ? null : Number(meta.dictionary_page_offset))
        expect(chunk.values).toBe(Number(meta.num_values))
      })
    })
  })

  test('chunks stand end to end between the magic and the footer', () => {
    const bytes = sample()
    let at = 4
    for (const { chunks } of parseFooter(bytes).groups) {
      for (const chunk of chunks) {
        expect(chunk.from).toBe(at)
        at = chunk.to
      }
    }
    expect(at).toBe(bytes.length - footerBytes(bytes))
  })

  test('a tail that holds the footer is enough, less is refused', () => {
    const bytes = sample()
    const length = footerBytes(bytes.subarray(-TRAILER_BYTES))
    expect(parseFooter(bytes.subarray(-length)).rows).toBe(100)
    expect(() => parseFooter(bytes.subarray(-length + 1))).toThrow(EngineError)
    expect(() => parseFooter(bytes.subarray(0, 7))).toThrow(EngineError)
    expect(() => parseFooter(bytes.subarray(0, -1))).toThrow(EngineError)
  })

  test('a damaged footer throws an error of ours or reads as something, and always ends', () => {
    const whole = sample(20, 10)
    const length = footerBytes(whole)
    for (let at = whole.length - length; at < whole.length - TRAILER_BYTES; at++) {
      for (const value of [0, 0x19, 0x1c, 0x7f, 0xf9, 0xfc, 0xff]) {
        const bytes = whole.slice()
        bytes[at] = value
        try {
          parseFooter(bytes)
        } catch (error) {
          if (!(error instanceof EngineError)) throw error
        }
      }
    }
  })

  test('a footer that ends early is refused, wherever', () => {
    const whole = sample(20, 10)
    const thrift = whole.subarray(whole.length - footerBytes(whole), whole.length - TRAILER_BYTES)
    for (let length = 0; length < thrift.length; length++) {
      const bytes = new Uint8Array(length + TRAILER_BYTES)
      bytes.set(thrift.subarray(0, length))
      new DataView(bytes.buffer).setUint32(length, length, true)
      bytes.set([80, 65, 82, 49], length + 4)
      expect(() => parseFooter(bytes)).toThrow(EngineError)
    }
  })

  test('nested schemas are refused', () => {
    // version 2; schema: root with one child that has a child; 0 rows; no row groups
    const element = (name: string, children: number): number[] => [0x48, name.length, ...Buffer.from(name), ...(children > 0 ? [0x15, children * 2] : []), 0]
    const thrift = [0x15, 4, 0x19, 0x3c, ...element('r', 1), ...element('a', 1), ...element('b', 0), 0x16, 0, 0x19, 0x0c, 0]
    expect(() => parseFooter(Uint8Array.from([...thrift, thrift.length, 0, 0, 0, 80, 65, 82, 49]))).toThrow(/nested/)
  })
})

describe('decodeBound', () => {
  test('reads each physical type and refuses wrong lengths', () => {
    const f64 = new Uint8Array(Float64Array.of(-0).buffer)
    expect(Object.is(decodeBound('DOUBLE', f64), -0)).toBe(true)
    expect(decodeBound('INT64', new Uint8Array(BigInt64Array.of(-(2n ** 63n)).buffer))).toBe(-(2n ** 63n))
    expect(decodeBound('INT32', new Uint8Array(Int32Array.of(-5).buffer))).toBe(-5)
    expect(decodeBound('FLOAT', new Uint8Array(Float32Array.of(1.5).buffer))).toBe(1.5)
    expect(decodeBound('BOOLEAN', Uint8Array.of(1))).toBe(true)
    expect(decodeBound('BYTE_ARRAY', Uint8Array.of(1, 2))).toEqual(Uint8Array.of(1, 2))
    expect(decodeBound('INT64', Uint8Array.of(1))).toBeNull()
    expect(decodeBound('DOUBLE', null)).toBeNull()
  })
})

describe('rewriteFooter', () => {
  test('keeping everything in place changes nothing but what it drops', () => {
    const bytes = sample()
    const footer = parseFooter(bytes)
    const groups = footer.groups.map(group => ({ group, offsets: group.chunks.map(chunk => chunk.from) }))
    const rewritten = parquetMetadata(rewriteFooter(footer, footer.leaves.map((_, i) => i), groups).buffer)
    const { key_value_metadata, ...original } = parquetMetadata(bytes.slice().buffer)
    expect(key_value_metadata?.length).toBe(2)
    for (const group of original.row_groups) for (const chunk of group.columns) chunk.file_offset = 0n
    expect({ ...rewritten, metadata_length: 0 }).toEqual({ ...original, metadata_length: 0 })
  })
})
