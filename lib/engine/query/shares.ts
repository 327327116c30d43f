// The slices of a stream cut into shares: newest first, by what fetching them costs. Pure: how many
// leaves a query takes follows from the file list alone, and is tested as data.
import type { ShareSlice } from '../../model/share.ts'
import type { VisibleSlice } from '../store/files.ts'
import { TAIL_BYTES, WHOLE_SLICE_BYTES } from './scan.ts'

/**
 * What a request adds to a share, as bytes: some 25 ms of latency shared by eight slices in flight are
 * 3 ms, in which a leaf fetches this much. So a thousand tiny slices are many shares, not one.
 */
const REQUEST_BYTES = 256 * 1024

/** the bytes a scan of these columns fetches of a slice, about: never less than its footer */
export function estimateBytes(length: number, columnsWanted: number, columnsAll: number): number {
  if (length <= WHOLE_SLICE_BYTES) return length
  // `_timestamp` is always wanted and never counted among the columns.
  const fraction = Math.min(1, (columnsWanted + 1) / (columnsAll + 1))
  return Math.max(TAIL_BYTES, Math.ceil(length * fraction))
}

/** the same with its request's worth: what shares are cut by */
export const weightOf = (slice: Pick<ShareSlice, 'length'>, columnsWanted: number, columnsAll: number): number =>
  estimateBytes(slice.length, columnsWanted, columnsAll) + REQUEST_BYTES

export const sliceOf = ({ entry, slice }: VisibleSlice): ShareSlice => ({
  fid: entry.fid, index: slice.index, key: entry.key, offset: slice.offset, length: slice.length, rows: slice.rows, rawBytes: slice.rawBytes,
})

/** newest first: what is asked for most is there first */
export const newestFirst = (slices: readonly VisibleSlice[]): VisibleSlice[] => slices.toSorted((a, b) => b.slice.maxTs - a.slice.maxTs)

/**
 * Neighbours go together, in shares of about equal weight: none above `shareBytes` unless one slice alone
 * is, none of more than `slicesMax`. Every slice is in exactly one share.
 */
export function cutShares<T>(slices: readonly T[], weight: (slice: T) => number, shareBytes: number, slicesMax: number): T[][] {
  const weights = slices.map(weight)
  const total = weights.reduce((sum, w) => sum + w, 0)
  const count = Math.max(1, Math.ceil(total / Math.max(1, shareBytes)), Math.ceil(slices.length / slicesMax))
  const target = total / count
  const shares: T[][] = []
  let held = Infinity
  for (const [i, slice] of slices.entries()) {
    const w = weights[i]!
    const last = shares.at(-1)
    // Begun anew when this one is nearer to its target without the slice than with it.
    if (last === undefined || last.length >= slicesMax || held + w > shareBytes || held + w / 2 > target) {
      shares.push([slice])
      held = w
    } else {
      last.push(slice)
      held += w
    }
  }
  return shares
}
