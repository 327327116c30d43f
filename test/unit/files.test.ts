// Reading the file list for a query: the order of reads, the deadline of a listing, what is pruned.
import { describe, expect, it } from 'vitest'
import { readListing, visibleSlices } from '../../lib/engine/store/files.ts'
import { newStream } from '../../lib/engine/store/streams.ts'
import { DEFAULT_SETTINGS } from '../../lib/engine/settings.ts'
import type { Ports } from '../../lib/engine/ports.ts'
import type { Entry, Slice } from '../../lib/model/file.ts'
import type { OrgId } from '../../lib/model/stream.ts'
import { MICROS_PER_DAY, MICROS_PER_HOUR, dayOf } from '../../lib/model/time.ts'
import { memoryPorts } from '../support/memory-ports.ts'

const ORG = 'o1' as OrgId
const slice = (index: number, minTs: number, maxTs: number, streamId = 's', inc = 1): Slice =>
  ({ index, streamId, inc, day: dayOf(minTs), minTs, maxTs, rows: 1, rawBytes: 1, offset: 0, length: 1 })
const entry = (fid: string, slices: Slice[], replaces: Entry['replaces'] = [], state: Entry['state'] = 'live'): Entry =>
  ({ list: 'fresh', fid, key: fid, state, slices, bytes: 1, hash: '', replaces })
const all = { streamId: 's', inc: 1, startTime: 0, endTime: 1_000, cutoff: 0 }
const names = (entries: Entry[], filter = all) => visibleSlices(entries, filter).map((v) => `${v.entry.fid}.${v.slice.index}`)

describe('visible slices', () => {
  it('are those of the stream and incarnation', () => {
    expect(names([entry('a', [slice(0, 1, 2), slice(1, 1, 2, 't'), slice(2, 1, 2, 's', 2)])])).toEqual(['a.0'])
  })

  it('overlap the asked time, both ends included', () => {
    const entries = [entry('a', [slice(0, 10, 19)]), entry('b', [slice(0, 20, 30)]), entry('c', [slice(0, 31, 40)]), entry('d', [slice(0, 41, 50)])]
    expect(names(entries, { ...all, startTime: 30, endTime: 41 })).toEqual(['b.0', 'c.0', 'd.0'])
  })

  it('have a row that retention keeps', () => {
    expect(names([entry('a', [slice(0, 1, 99)]), entry('b', [slice(0, 1, 100)])], { ...all, cutoff: 100 })).toEqual(['b.0'])
  })

  it('are of replaced entries too as long as nothing seen replaces them', () => {
    expect(names([entry('a', [slice(0, 1, 2)], [], 'replaced')])).toEqual(['a.0'])
  })

  it('leave out what a seen entry replaces, slice by slice, wherever that entry stands', () => {
    const inputs = entry('a', [slice(0, 1, 2), slice(1, 3, 4)], [], 'replaced')
    const output = entry('m', [slice(0, 1, 2)], [{ fid: 'a', indexes: [0] }])
    expect(names([inputs, output])).toEqual(['a.1', 'm.0'])
    expect(names([output, inputs])).toEqual(['m.0', 'a.1'])
  })

  it('are replaced by an entry that is itself out of range', () => {
    const output = entry('m', [slice(0, 900, 900)], [{ fid: 'a', indexes: [0] }])
    expect(names([entry('a', [slice(0, 1, 900)]), output], { ...all, endTime: 500 })).toEqual([])
  })
})

/** memory ports whose listings take a time of the test's choosing by either clock, and which note the calls */
function slowPorts(monotonicMs: number[], wallMs: number[] = []) {
  const memory = memoryPorts()
  const calls: string[] = []
  let skew = 0
  const ports: Ports = {
    ...memory,
    clock: { now: () => memory.clock.now() + skew, monotonicMs: () => memory.clock.monotonicMs(), sleep: (ms) => memory.clock.sleep(ms) },
    catalog: new Proxy(memory.catalog, {
      get: (target, name) => (...args: unknown[]) => {
        calls.push(String(name))
        if (name === 'list') {
          memory.clock.micros += (monotonicMs.shift() ?? 0) * 1_000
          skew += (wallMs.shift() ?? 0) * 1_000
        }
        return (target[name as 'list'] as (...a: unknown[]) => unknown).apply(target, args)
      },
    }),
  }
  return { memory, ports, calls }
}
const read = (ports: Ports, start = 0, end = Number.MAX_SAFE_INTEGER / 2) =>
  readListing(ports, DEFAULT_SETTINGS, ORG, [{ type: 'logs', name: 'a' }, { type: 'logs', name: 'none' }], start, end)

describe('reading the list', () => {
  it('reads items, then the list, then schemas', async () => {
    const { memory, ports, calls } = slowPorts([])
    await memory.catalog.createStream(newStream(memory.ids, ORG, 'logs', 'a'))
    await read(ports)
    expect(calls).toEqual(['stream', 'stream', 'list', 'schema'])
  })

  it('gives null for a stream that does not exist', async () => {
    const { memory, ports } = slowPorts([])
    await memory.catalog.createStream(newStream(memory.ids, ORG, 'logs', 'a'))
    const [a, none] = await read(ports)
    expect(a?.item.name).toBe('a')
    expect(none).toBeNull()
  })

  it('lists nothing when no stream exists', async () => {
    const { ports, calls } = slowPorts([])
    expect(await read(ports)).toEqual([null, null])
    expect(calls).not.toContain('list')
  })

  it.each([
    ['once', [60_001], [], 2], ['twice', [60_001, 60_001], [], 3], ['never', [60_000], [], 1],
    ['once by the wall clock alone', [0], [60_001], 2],
  ])('lists again when a listing took too long %s', async (_, monotonic, wall, listings) => {
    const { memory, ports, calls } = slowPorts(monotonic, wall)
    await memory.catalog.createStream(newStream(memory.ids, ORG, 'logs', 'a'))
    await read(ports)
    expect(calls.filter((c) => c === 'list')).toHaveLength(listings)
  })

  it('fails as unavailable after three listings that took too long', async () => {
    const { memory, ports } = slowPorts([70_000, 70_000, 70_000])
    await memory.catalog.createStream(newStream(memory.ids, ORG, 'logs', 'a'))
    await expect(read(ports)).rejects.toMatchObject({ kind: 'unavailable' })
  })

  it('asks for no day before the cutoff, and shows no row before it', async () => {
    const { memory, ports } = slowPorts([])
    const item = newStream(memory.ids, ORG, 'logs', 'a')
    memory.catalog.streamItems.set('o1#logs#a', { ...item, settings: { data_retention: 2 } })
    const now = memory.clock.now()
    let asked: unknown
    const list = memory.catalog.list.bind(memory.catalog)
    memory.catalog.list = (org, ranges) => { asked = ranges; return list(org, ranges) }
    for (const [fid, at] of [['young', now - MICROS_PER_DAY], ['old', now - 3 * MICROS_PER_DAY]] as const) {
      memory.catalog.slots.set(fid, { org: ORG, entry: entry(fid, [slice(0, at, at, item.id)]) })
    }
    const [a] = await read(ports, now - 10 * MICROS_PER_DAY, now)
    expect(asked).toEqual([{ streamId: item.id, inc: 1, fromDay: dayOf(now - 2 * MICROS_PER_DAY), toDay: dayOf(now) }])
    expect(a!.slices.map((v) => v.entry.fid)).toEqual(['young'])
    expect(a!.cutoff).toBe(now - 2 * MICROS_PER_DAY)
  })

  it('shows entries of the asked incarnation only', async () => {
    const { memory, ports } = slowPorts([])
    const item = newStream(memory.ids, ORG, 'logs', 'a')
    const now = memory.clock.now()
    memory.catalog.streamItems.set('o1#logs#a', { ...item, inc: 2, history: [...item.history, { inc: 2, from: now - MICROS_PER_HOUR }] })
    memory.catalog.slots.set('x', { org: ORG, entry: entry('x', [slice(0, now, now, item.id, 1), slice(1, now, now, item.id, 2)]) })
    const [a] = await read(ports)
    expect(a!.slices.map((v) => v.slice.index)).toEqual([1])
  })
})
