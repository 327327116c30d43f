// Packs: slices end to end, each a complete Parquet file, and the table that rebuilds the list.
import { describe, expect, test } from 'vitest'
import type { OrgId } from '../../lib/model/stream.ts'
import { buildPack, packTailBytes, readPackTable } from '../../lib/engine/store/pack.ts'
import type { SliceInput } from '../../lib/engine/store/pack.ts'
import { parseFooter } from '../../lib/engine/store/parquet-footer.ts'
import { readRows } from '../../lib/engine/store/parquet-read.ts'
import { timeOrder } from '../../lib/engine/store/parquet-write.ts'
import { settle } from '../../lib/engine/store/settle.ts'
import { tableOf } from '../support/tables.ts'

const settings = { zstdLevelFresh: 3, rowGroupRows: 50_000, statisticsBytesMax: 64 }
const bids = ['01BIDA', '01BIDB', '01BIDC']
const table = tableOf(Array.from({ length: 12 }, (_, i) => ({ time: 1_000 + (i * 5) % 12, message: i % 3, cells: { n: BigInt(i), text: `t${i}` } })))
const columns = settle(table)

function slice(stream: string, rows: readonly number[]): SliceInput {
  return {
    type: 'logs', stream, streamId: `id-${stream}`, inc: 2, day: '2026-11-21', rawBytes: rows.length * 10,
    columns, times: table.times, messages: table.messages, order: timeOrder(table.times, Int32Array.from(rows)), fullText: ['text'], hot: [],
  }
}

const pack = buildPack({
  org: 'acme' as OrgId, fid: '01FID', bids,
  slices: [slice('every', [...Array(12).keys()]), slice('third', [1, 4, 7, 10]), slice('two', [11, 0])],
}, settings)

describe('buildPack', () => {
  test('slices stand end to end and each is a complete file with its rows', async () => {
    let at = 0
    for (const { offset, length } of pack.slices) {
      expect(offset).toBe(at)
      at += length
    }
    expect(at).toBe(pack.bytes.length)
    const ns = await Promise.all(pack.slices.map(async ({ offset, length }) => (await readRows(pack.bytes.subarray(offset, offset + length))).map(row => Number(row['n']))))
    expect(ns[0]!.toSorted((a, b) => a - b)).toEqual([...Array(12).keys()])
    expect(new Set(ns[1])).toEqual(new Set([1, 4, 7, 10]))
    expect(new Set(ns[2])).toEqual(new Set([0, 11]))
  })

  test('a slice tells its bounds, rows and bytes', () => {
    expect(pack.slices[2]).toMatchObject({ index: 2, streamId: 'id-two', inc: 2, day: '2026-11-21', minTs: 1_000, maxTs: 1_007, rows: 2, rawBytes: 20 })
  })

  test('_b points into the slice\'s own bids, which are only those with rows in it', async () => {
    for (const { offset, length } of pack.slices) {
      const bytes = pack.bytes.subarray(offset, offset + length)
      const own = JSON.parse(parseFooter(bytes).metadata.get('nilometer.bids')!) as string[]
      const rows = await readRows(bytes)
      for (const row of rows) expect(own[row['_b'] as number]).toBe(bids[Number(row['n']) % 3])
      expect(new Set(rows.map(row => row['_b'])).size).toBe(own.length)
    }
  })

  test('each slice names itself, and the last one the table', () => {
    const facts = pack.slices.map(({ offset, length }) => parseFooter(pack.bytes.subarray(offset, offset + length)).metadata)
    expect(Object.fromEntries(facts[1]!)).toEqual({
      'nilometer.format': '1', 'nilometer.org': 'acme', 'nilometer.type': 'logs', 'nilometer.stream': 'third', 'nilometer.streamId': 'id-third',
      'nilometer.inc': '2', 'nilometer.day': '2026-11-21', 'nilometer.fid': '01FID', 'nilometer.index': '1', 'nilometer.rows': '4',
      'nilometer.rawBytes': '40', 'nilometer.bids': '["01BIDB"]',
    })
    expect(facts.map(one => one.has('nilometer.table'))).toEqual([false, false, true])
  })

  test('the table comes back from the pack\'s tail', () => {
    const tail = pack.bytes.subarray(-packTailBytes(pack.bytes.subarray(-8)))
    const read = readPackTable(tail, pack.bytes.length)
    expect(read).toEqual({
      version: 1, org: 'acme', fid: '01FID', bids,
      slices: pack.slices.map((one, i) => ({ type: 'logs', stream: ['every', 'third', 'two'][i], ...one })),
    })
  })

  test('a pack of one slice has a table too, and the same input gives the same bytes', () => {
    const one = (): ReturnType<typeof buildPack> => buildPack({ org: 'acme' as OrgId, fid: '01FID', bids, slices: [slice('two', [11, 0])] }, settings)
    const { bytes, slices } = one()
    expect(readPackTable(bytes, bytes.length).slices[0]).toMatchObject(slices[0]!)
    expect(Buffer.compare(bytes, one().bytes)).toBe(0)
  })

  test('a row of an unknown message, an empty slice and an empty pack are refused', () => {
    expect(() => buildPack({ org: 'acme' as OrgId, fid: 'f', bids: ['one'], slices: [slice('every', [0, 1])] }, settings)).toThrow(/message/)
    expect(() => buildPack({ org: 'acme' as OrgId, fid: 'f', bids, slices: [slice('none', [])] }, settings)).toThrow(/at least one row/)
    expect(() => buildPack({ org: 'acme' as OrgId, fid: 'f', bids, slices: [] }, settings)).toThrow(/at least one slice/)
  })

  test('a file without a table, or of a later version, is refused', () => {
    const { offset, length } = pack.slices[0]!
    expect(() => readPackTable(pack.bytes.subarray(offset, offset + length), length)).toThrow(/no slice table/)
    const later = Buffer.from(pack.bytes)
    const at = later.lastIndexOf('{"version":1')
    later.write('{"version":9', at)
    expect(() => readPackTable(later, later.length)).toThrow(/version 9/)
  })
})
