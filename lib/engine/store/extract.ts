// The part of a file that a query needs, as a small file of its own: DuckDB opens local files only, so
// the wanted column chunks are fetched, put end to end and given a rewritten footer. Planning and
// assembly are pure; the caller fetches the ranges. Costs 0.12 ms a file and 0.4-0.8 ms a MB.
import { assert } from '../../model/errors.ts'
import type { ByteRange } from '../ports.ts'
import { rewriteFooter } from './parquet-footer.ts'
import type { Footer, MovedGroup } from './parquet-footer.ts'
import { TIME_COLUMN } from './types.ts'

const MAGIC = Uint8Array.of(80, 65, 82, 49)

export interface ExtractPlan {
  /** leaves to keep, ascending positions, at least one */
  readonly keep: readonly number[]
  /** row groups to keep, ascending positions */
  readonly groups: readonly number[]
  /** what to fetch, relative to the file's first byte (a slice's, inside a pack); ascending, apart */
  readonly ranges: readonly ByteRange[]
}

/**
 * Plans an extract. `columnNames` null: every column; names the file lacks are ignored. A file must
 * have a column to have rows, so without any (count(*), or columns of other files) `_timestamp`, or
 * else the smallest column, is kept. Chunks at most `coalesceBytes` apart are fetched together.
 */
export function planExtract(
  footer: Footer, columnNames: readonly string[] | null, keepGroup: (group: number) => boolean, coalesceBytes: number,
): ExtractPlan {
  const wanted = columnNames === null ? null : new Set(columnNames)
  const keep: number[] = []
  footer.leaves.forEach((leaf, i) => {
    if (wanted === null || wanted.has(leaf.name)) keep.push(i)
  })
  if (keep.length === 0) keep.push(cheapestLeaf(footer))
  const groups: number[] = []
  const spans: { from: number; to: number }[] = []
  footer.groups.forEach((group, i) => {
    if (!keepGroup(i)) return
    groups.push(i)
    for (const k of keep) spans.push({ from: group.chunks[k]!.from, to: group.chunks[k]!.to })
  })
  spans.sort((a, b) => a.from - b.from)
  const merged: { from: number; to: number }[] = []
  for (const span of spans) {
    const last = merged.at(-1)
    if (last !== undefined && span.from - last.to <= coalesceBytes) last.to = Math.max(last.to, span.to)
    else merged.push({ ...span })
  }
  return { keep, groups, ranges: merged.map(({ from, to }) => ({ offset: from, length: to - from })) }
}

function cheapestLeaf(footer: Footer): number {
  const time = footer.leaves.findIndex(leaf => leaf.name === TIME_COLUMN)
  if (time >= 0) return time
  const bytes = (i: number): number => footer.groups.reduce((sum, { chunks }) => sum + chunks[i]!.to - chunks[i]!.from, 0)
  return footer.leaves.reduce((best, _, i) => (bytes(i) < bytes(best) ? i : best), 0)
}

/**
 * The extract as pieces to write one after another: magic, chunks (views into `parts`, joined where
 * they are neighbours), footer. `parts` are the bytes of the plan's ranges, in their order. Without
 * row groups it is a valid empty file with the columns' types. Columns in `plain` lose their logical
 * type (rewriteFooter).
 */
export function assembleExtract(
  footer: Footer, plan: ExtractPlan, parts: readonly Uint8Array[], plain?: ReadonlySet<string>,
): Uint8Array[] {
  assert(parts.length === plan.ranges.length, 'an extract is made of one part for each range')
  parts.forEach((part, i) => assert(part.length === plan.ranges[i]!.length, 'a part is as long as its range'))
  const pieces: Uint8Array[] = [MAGIC]
  let at = MAGIC.length
  /** the piece being gathered: bytes [from, to) of a part */
  let open: { readonly part: number; readonly from: number; to: number } | null = null
  const close = (): void => {
    if (open !== null) pieces.push(parts[open.part]!.subarray(open.from, open.to))
    open = null
  }
  const moved: MovedGroup[] = []
  for (const g of plan.groups) {
    const group = footer.groups[g]!
    const offsets: number[] = []
    for (const k of plan.keep) {
      const chunk = group.chunks[k]!
      const part = rangeOf(plan.ranges, chunk.from)
      const from = chunk.from - plan.ranges[part]!.offset
      const length = chunk.to - chunk.from
      offsets.push(at)
      at += length
      if (open !== null && open.part === part && open.to === from) open.to += length
      else {
        close()
        open = { part, from, to: from + length }
      }
    }
    moved.push({ group, offsets })
  }
  close()
  pieces.push(rewriteFooter(footer, plan.keep, moved, plain))
  return pieces
}

/** the range that holds an offset: the last that begins at or before it */
function rangeOf(ranges: readonly ByteRange[], offset: number): number {
  let low = 0
  let high = ranges.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (ranges[middle]!.offset <= offset) low = middle
    else high = middle - 1
  }
  return low
}
