// The reader rule: which slices hold a stream's rows now (commit-protocol.md section 5). A listing is no
// snapshot: entries come in any order, while others are being merged. It is exact nevertheless,
// because (1) what a seen entry replaces is skipped, whatever is pruned afterwards, (2) replaced
// entries stay listed longer than a listing may take, (3) a listing that took longer is thrown away.
import type { ListRange, Ports } from '../ports.ts'
import type { Settings } from '../settings.ts'
import { EngineError } from '../../model/errors.ts'
import type { Entry, Slice } from '../../model/file.ts'
import type { Schema } from '../../model/schema.ts'
import type { OrgId, StreamItem, StreamType } from '../../model/stream.ts'
import { MICROS_PER_DAY, MICROS_PER_MS, dayOf, type Micros } from '../../model/time.ts'

/** which rows of which stream are asked for; times inclusive */
export interface SliceFilter {
  readonly streamId: string
  readonly inc: number
  readonly startTime: Micros
  readonly endTime: Micros
  /** rows older than this have passed their retention: they may be gone already, so none is shown */
  readonly cutoff: Micros
}

export interface VisibleSlice {
  readonly entry: Entry
  readonly slice: Slice
}

/** Slices that hold the asked rows, each row in exactly one of them; in the order of `entries`. */
export function visibleSlices(entries: readonly Entry[], filter: SliceFilter): VisibleSlice[] {
  return sortedOut(entries, filter).slices
}

/** the visible slices, and how many more of the stream lie outside the time range */
function sortedOut(entries: readonly Entry[], filter: SliceFilter): { readonly slices: VisibleSlice[]; readonly outOfRange: number } {
  // From all entries, before any pruning: an output out of range still replaces its inputs.
  const replaced = replacedSlices(entries)
  const from = Math.max(filter.startTime, filter.cutoff)
  const slices: VisibleSlice[] = []
  let outOfRange = 0
  for (const entry of entries) {
    const gone = replaced.get(entry.fid)
    for (const slice of entry.slices) {
      if (slice.streamId !== filter.streamId || slice.inc !== filter.inc) continue
      if (gone?.has(slice.index)) continue
      if (slice.maxTs < from || slice.minTs > filter.endTime) outOfRange++
      else slices.push({ entry, slice })
    }
  }
  return { slices, outOfRange }
}

/** fid -> indexes of its slices that a seen entry replaces */
export function replacedSlices(entries: readonly Entry[]): Map<string, Set<number>> {
  const replaced = new Map<string, Set<number>>()
  for (const entry of entries) {
    for (const ref of entry.replaces) {
      let indexes = replaced.get(ref.fid)
      if (indexes === undefined) replaced.set(ref.fid, (indexes = new Set()))
      for (const index of ref.indexes) indexes.add(index)
    }
  }
  return replaced
}

export interface StreamName {
  readonly type: StreamType
  readonly name: string
}

/** one stream as a query may read it */
export interface StreamListing {
  readonly item: StreamItem
  /** read after the list: has every column of every slice */
  readonly schema: Schema
  readonly cutoff: Micros
  readonly slices: readonly VisibleSlice[]
  /** slices of the stream that the list named and the time range left out */
  readonly outOfRange: number
}

/** listings of one query before it is refused: the first and two more */
const LISTINGS_MAX = 3

/**
 * Everything a query must know of its streams, in the order of `names`; null for a stream that does
 * not exist. The order of reads is the promise: items (which incarnation), list, schemas.
 * @throws unavailable, also when no listing stays within LIST_DEADLINE
 */
export async function readListing(
  ports: Ports, settings: Settings, org: OrgId, names: readonly StreamName[], startTime: Micros, endTime: Micros,
): Promise<(StreamListing | null)[]> {
  const { catalog } = ports
  const items = await Promise.all(names.map(({ type, name }) => catalog.stream(org, type, name)))
  const now = ports.clock.now()
  const filters = items.map((item): SliceFilter | null => item && {
    streamId: item.id, inc: item.inc, startTime, endTime, cutoff: now - retentionDaysOf(item, settings) * MICROS_PER_DAY,
  })
  const entries = await listInTime(ports, settings, org, filters.filter((f) => f !== null).map(rangeOf))
  const schemas = await Promise.all(items.map((item) => item && catalog.schema(org, item.id, item.inc)))
  return items.map((item, i) => {
    const filter = filters[i]
    const schema = schemas[i]
    if (!item || !filter || !schema) return null
    return { item, schema, cutoff: filter.cutoff, ...sortedOut(entries, filter) }
  })
}

/** days a stream's rows are kept: its own setting, else everyone's */
export function retentionDaysOf(item: StreamItem, settings: Settings): number {
  const own = item.settings.data_retention
  return own !== undefined && own > 0 ? own : settings.retentionDays
}

function rangeOf(filter: SliceFilter): ListRange {
  const from = Math.max(filter.startTime, filter.cutoff)
  return { streamId: filter.streamId, inc: filter.inc, fromDay: dayOf(from), toDay: dayOf(Math.max(from, filter.endTime)) }
}

/**
 * A listing within LIST_DEADLINE by both clocks: the monotonic one stands still in a frozen host,
 * the wall clock may be set back.
 */
async function listInTime(ports: Ports, settings: Settings, org: OrgId, ranges: readonly ListRange[]): Promise<readonly Entry[]> {
  if (ranges.length === 0) return []
  const { clock } = ports
  for (let listing = 1; listing <= LISTINGS_MAX; listing++) {
    const startedMs = clock.monotonicMs()
    const startedAt = clock.now()
    const entries = await ports.catalog.list(org, ranges)
    const monotonic = clock.monotonicMs() - startedMs
    const wall = (clock.now() - startedAt) / MICROS_PER_MS
    if (monotonic <= settings.listDeadlineMs && wall <= settings.listDeadlineMs) return entries
    ports.telemetry.count('listing_too_long', 1)
  }
  throw new EngineError('unavailable', `the file list took longer than ${settings.listDeadlineMs} ms to read: try again`, { retryAfterSeconds: 5 })
}
