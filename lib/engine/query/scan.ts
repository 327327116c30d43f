// Scans one share: of each slice the footer (cached: slices never change), the row groups that may
// matter, the needed columns, put together as a small Parquet file. The same code at the leader and at
// a leaf. A slice that cannot be read is named as failed; all others stand. Nothing is silently less.
import { assert, asEngineError, EngineError } from '../../model/errors.ts'
import type { FieldType } from '../../model/schema.ts'
import type { Piece, ScanCounts, Share, ShareOutcome, ShareSlice } from '../../model/share.ts'
import type { Blobs, Clock } from '../ports.ts'
import { assembleExtract, planExtract, type ExtractPlan } from '../store/extract.ts'
import { filePrefix, packPrefix } from '../store/layout.ts'
import { chunkBounds, decodeBound, footerBytes, parseFooter, type Footer, type Leaf } from '../store/parquet-footer.ts'
import { TIME_COLUMN } from '../store/types.ts'
import { PLAIN } from './extracts.ts'
import type { FooterCache } from './footer-cache.ts'
import { mayMatch, type GroupView } from './prune.ts'

/** what a scan works with */
export interface Scanning {
  readonly blobs: Blobs
  readonly coalesceBytes: number
  readonly footers: FooterCache
  /** throws when the time is over, or nobody waits for the answer any more */
  readonly check: () => void
}

/** a slice no larger than this is fetched whole: one request instead of footer and ranges */
export const WHOLE_SLICE_BYTES = 512 * 1024
/** what is fetched of a larger slice's end to find its footer */
export const TAIL_BYTES = 64 * 1024
/** slices worked on at once: enough to hide the latency of an object store, little memory */
const PARALLEL = 8

type Tally = { -readonly [K in keyof ScanCounts]: ScanCounts[K] }
type Failed = ShareOutcome['failed'][number]

/** throws `query_timeout` when `deadlineMs` have passed since now */
export function deadlineCheck(clock: Clock, deadlineMs: number): () => void {
  const startedMs = clock.monotonicMs()
  return () => {
    if (clock.monotonicMs() - startedMs <= deadlineMs) return
    throw new EngineError('query_timeout', `the query ran longer than ${deadlineMs / 1_000} s: narrow the range, or give a longer timeout`, { code: 20010 })
  }
}

/**
 * One piece for each slice that has row groups that matter, in the order of the slices.
 * @throws too_costly beyond the share's bytes, query_timeout, and `internal` for a key of another organisation
 */
export async function scanShare(scanning: Scanning, share: Share): Promise<ShareOutcome> {
  const prefixes = [packPrefix(share.org), filePrefix(share.org)]
  assert(share.slices.every(({ key }) => prefixes.some((prefix) => key.startsWith(prefix))), 'every key of a share is its organisation\'s')
  const counts: Tally = { filesRead: 0, filesPrunedStats: 0, rowGroups: 0, rowGroupsPruned: 0, bytesFetched: 0, gets: 0, rowsScanned: 0, rawBytes: 0 }
  const work: Work = { scanning, share, counts }
  const pieces = new Array<Piece | null>(share.slices.length).fill(null)
  const failed: Failed[] = []
  let end: EngineError | null = null
  await inParallel(share.slices, async (slice, i) => {
    if (end !== null) return
    try {
      scanning.check()
      pieces[i] = await extractSlice(work, slice)
    } catch (thrown) {
      const error = asEngineError(thrown)
      if (error.slug === 'too_costly' || error.slug === 'query_timeout') end ??= error
      else failed.push({ slice: i, error })
    }
  })
  if (end !== null) throw end
  return { pieces: pieces.filter((piece) => piece !== null), failed: failed.sort((a, b) => a.slice - b.slice), counts }
}

interface Work {
  readonly scanning: Scanning
  readonly share: Share
  readonly counts: Tally
}

async function inParallel<A>(items: readonly A[], work: (item: A, i: number) => Promise<void>): Promise<void> {
  let next = 0
  const lane = async (): Promise<void> => {
    for (let i = next++; i < items.length; i = next++) await work(items[i]!, i)
  }
  await Promise.all(Array.from({ length: Math.min(PARALLEL, items.length) }, lane))
}

/** null: no row group of the slice can matter */
async function extractSlice(work: Work, slice: ShareSlice): Promise<Piece | null> {
  const { share, counts, scanning } = work
  const { footer, whole } = await openSlice(work, slice)
  const keep = (g: number): boolean => mayMatch(groupView(footer, g), share.range, share.scans)
  const extract = planExtract(footer, [TIME_COLUMN, ...share.columns], keep, scanning.coalesceBytes)
  const parts = await fetchRanges(work, slice, extract, whole)
  // Counted when all of it is there: a slice that failed is scanned again.
  counts.rowGroups += extract.groups.length
  counts.rowGroupsPruned += footer.groups.length - extract.groups.length
  if (extract.groups.length === 0) {
    counts.filesPrunedStats++
    return null
  }
  counts.filesRead++
  counts.rawBytes += slice.rawBytes
  for (const g of extract.groups) counts.rowsScanned += footer.groups[g]!.rows
  return { parts: assembleExtract(footer, extract, parts, PLAIN), differing: differingTypes(footer, extract, share) }
}

/** the type a column was written with; `int` stands for int64 too: both are BIGINT */
function fileType(leaf: Leaf): FieldType {
  switch (leaf.type) {
    case 'BOOLEAN': return 'bool'
    case 'INT32':
    case 'INT64': return 'int'
    case 'DOUBLE': return 'double'
    default: return 'string'
  }
}

function differingTypes(footer: Footer, extract: ExtractPlan, { fields }: Share): Map<string, FieldType> {
  const differing = new Map<string, FieldType>()
  for (const k of extract.keep) {
    const leaf = footer.leaves[k]!
    const wanted = Object.hasOwn(fields, leaf.name) ? fields[leaf.name] : undefined
    const stored = fileType(leaf)
    if (wanted !== undefined && stored !== (wanted === 'int64' ? 'int' : wanted)) differing.set(leaf.name, stored)
  }
  return new Map([...differing].sort(([a], [b]) => (a < b ? -1 : 1)))
}

interface OpenedSlice {
  readonly footer: Footer
  /** the slice's bytes when they were fetched as a whole */
  readonly whole: Uint8Array | null
}

async function openSlice(work: Work, slice: ShareSlice): Promise<OpenedSlice> {
  const { footers } = work.scanning
  // By key, which begins with the organisation: a footer is never another tenant's.
  const name = `${slice.key}/${slice.index}`
  const cached = footers.get(name)
  if (cached !== undefined) return { footer: cached, whole: null }
  const whole = slice.length <= WHOLE_SLICE_BYTES
  const tailBytes = whole ? slice.length : TAIL_BYTES
  let tail = await fetchPart(work, slice, slice.length - tailBytes, tailBytes)
  const needed = footerBytes(tail)
  if (needed > slice.length) throw new EngineError('file_unreadable', `a slice of ${slice.length} bytes names a footer of ${needed}`)
  if (needed > tail.length) tail = await fetchPart(work, slice, slice.length - needed, needed)
  const footer = parseFooter(whole ? tail.slice(-needed) : tail)
  footers.set(name, footer)
  return { footer, whole: whole ? tail : null }
}

/** bytes [offset, offset + length) of a slice */
async function fetchPart({ scanning, share, counts }: Work, slice: ShareSlice, offset: number, length: number): Promise<Uint8Array> {
  counts.gets++
  counts.bytesFetched += length
  if (counts.bytesFetched > share.bytesMax) throw new EngineError('too_costly', `a share of the query would read more than ${share.bytesMax} bytes`)
  return scanning.blobs.get(slice.key, { offset: slice.offset + offset, length })
}

async function fetchRanges(work: Work, slice: ShareSlice, extract: ExtractPlan, whole: Uint8Array | null): Promise<Uint8Array[]> {
  if (whole !== null) return extract.ranges.map(({ offset, length }) => whole.subarray(offset, offset + length))
  return Promise.all(extract.ranges.map(({ offset, length }) => fetchPart(work, slice, offset, length)))
}

/** a row group as pruning sees it */
function groupView(footer: Footer, index: number): GroupView {
  const group = footer.groups[index]!
  return {
    column(name) {
      const at = footer.leaves.findIndex((leaf) => leaf.name === name)
      if (at < 0) return undefined
      const leaf = footer.leaves[at]!
      const bounds = chunkBounds(footer, group.chunks[at]!)
      return {
        type: fileType(leaf),
        rows: group.rows,
        nulls: bounds.nulls ?? undefined,
        min: decodeBound(leaf.type, bounds.min) ?? undefined,
        max: decodeBound(leaf.type, bounds.max) ?? undefined,
      }
    },
  }
}
