// Property 10: the reader rule is exact. A history of flushes and compactions (merged only when CLEAN)
// is cut at random: outputs that a listing does not see yet, inputs that have left it. Whatever the
// cut, in whatever order, with whatever is asked for, every row is found in exactly one slice.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { visibleSlices, type SliceFilter } from '../../lib/engine/store/files.ts'
import type { Entry, Slice } from '../../lib/model/file.ts'
import { dayOfNumber } from '../../lib/model/time.ts'

const runs = 300 * Number(process.env['NILOMETER_RUNS'] ?? 1)

/** an entry and, per slice, the ids of the rows in it */
interface Held { readonly entry: Entry; readonly rows: readonly (readonly Row[])[] }
interface Row { readonly id: number; readonly streamId: string; readonly inc: number; readonly ts: number }

function held(fid: string, list: Entry['list'], slices: readonly (readonly Row[])[], replaces: Entry['replaces']): Held {
  const table = slices.map((rows, index): Slice => ({
    index, streamId: rows[0]!.streamId, inc: rows[0]!.inc, day: dayOfNumber(0), rows: rows.length, rawBytes: 0, offset: 0, length: 1,
    minTs: Math.min(...rows.map((r) => r.ts)), maxTs: Math.max(...rows.map((r) => r.ts)),
  }))
  return { entry: { list, fid, key: fid, state: 'live', slices: table, bytes: 1, hash: '', replaces }, rows: slices }
}

function groupBy(rows: readonly Row[]): Row[][] {
  const groups = new Map<string, Row[]>()
  for (const row of rows) {
    const key = `${row.streamId}/${row.inc}`
    groups.set(key, [...(groups.get(key) ?? []), row])
  }
  return [...groups.values()]
}

/** what the whole world holds, transaction by transaction, and one listing of it */
interface World { readonly all: readonly Held[]; readonly listed: readonly Held[]; readonly rows: readonly Row[] }

const world: fc.Arbitrary<World> = fc.gen().map((g) => {
  const pick = (max: number) => g(fc.nat, max)
  const rows: Row[] = []
  const packs = Array.from({ length: 1 + pick(3) }, (_, p) => {
    const own = Array.from({ length: 1 + pick(5) }, (): Row => {
      const row = { id: rows.length, streamId: `s${pick(2)}`, inc: 1 + pick(1), ts: 1_000 + pick(100) }
      rows.push(row)
      return row
    })
    return held(`p${p}`, 'fresh', groupBy(own), [])
  })
  // Each round merges some entries that nothing has replaced and whose own inputs have left the list.
  const all: Held[] = [...packs]
  const outputsOf = new Map<string, Held[]>()
  const gone = new Set<string>()
  for (let round = 0; round < pick(3); round++) {
    const clean = all.filter(({ entry }) => !outputsOf.has(entry.fid) && entry.replaces.every(({ fid }) => gone.has(fid)))
    const inputs = clean.filter(() => pick(2) > 0)
    if (inputs.length === 0) continue
    const outputs = groupBy(inputs.flatMap((i) => i.rows.flat())).map((group, i) => {
      const place = `${group[0]!.streamId}/${group[0]!.inc}`
      const replaces = inputs
        .map((input) => ({ fid: input.entry.fid, indexes: input.entry.slices.filter((s) => `${s.streamId}/${s.inc}` === place).map((s) => s.index) }))
        .filter(({ indexes }) => indexes.length > 0)
      return held(`f${round}.${i}`, 'stream', [group], replaces)
    })
    for (const input of inputs) outputsOf.set(input.entry.fid, outputs)
    all.push(...outputs)
    // Fully visible for long enough: then the inputs may leave, one by one.
    if (pick(1) === 1) for (const input of inputs) gone.add(input.entry.fid)
  }
  // Outputs whose inputs are all still listed may be hidden: the transaction shows itself item by item.
  const listed = all.filter(({ entry }) => {
    if (gone.has(entry.fid)) return false
    const mayHide = entry.replaces.length > 0 && !outputsOf.has(entry.fid) && entry.replaces.every(({ fid }) => !gone.has(fid))
    return !(mayHide && pick(1) === 1)
  })
  const shuffled = listed.map((h) => ({ h, at: pick(1_000) })).sort((a, b) => a.at - b.at).map(({ h }) => h)
  return { all, listed: shuffled, rows }
})

const filter: fc.Arbitrary<SliceFilter> = fc.record({
  streamId: fc.constantFrom('s0', 's1', 's2'), inc: fc.constantFrom(1, 2),
  startTime: fc.integer({ min: 980, max: 1_120 }), endTime: fc.integer({ min: 980, max: 1_120 }), cutoff: fc.integer({ min: 0, max: 1_050 }),
})

/** ids of the asked rows that the chosen slices hold, repeats included */
function found({ listed }: World, f: SliceFilter): number[] {
  const byFid = new Map(listed.map((h) => [h.entry.fid, h]))
  const visible = visibleSlices(listed.map((h) => h.entry), f)
  return visible.flatMap(({ entry, slice }) => byFid.get(entry.fid)!.rows[slice.index]!).filter((r) => wanted(r, f)).map((r) => r.id)
}
const wanted = (r: Row, f: SliceFilter): boolean =>
  r.streamId === f.streamId && r.inc === f.inc && r.ts >= f.startTime && r.ts <= f.endTime && r.ts >= f.cutoff

describe('the reader rule', () => {
  it('finds every asked row exactly once, whatever has been merged, hidden or removed', () => {
    fc.assert(fc.property(world, filter, (w, f) => {
      expect(found(w, f).sort((a, b) => a - b)).toEqual(w.rows.filter((r) => wanted(r, f)).map((r) => r.id))
    }), { numRuns: runs })
  })

  it('does not depend on the order of entries', () => {
    fc.assert(fc.property(world, filter, (w, f) => {
      const turned = { ...w, listed: w.listed.toReversed() }
      expect(found(turned, f).sort((a, b) => a - b)).toEqual(found(w, f).sort((a, b) => a - b))
    }), { numRuns: runs })
  })
})
