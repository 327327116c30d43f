// Fetches what the plan needs of each visible slice and hands it to the sandbox as small Parquet
// files: footer (cached: slices never change), row groups that may matter, the needed columns. A
// slice that cannot be read fails the query; it is never silently less.
import { EngineError } from '../../model/errors.ts'
import type { Fields, FieldType } from '../../model/schema.ts'
import type { TimeRange } from '../../model/share.ts'
import type { Ports, SqlSession } from '../ports.ts'
import type { Settings } from '../settings.ts'
import { assembleExtract, planExtract, type ExtractPlan } from '../store/extract.ts'
import type { VisibleSlice } from '../store/files.ts'
import { chunkBounds, decodeBound, footerBytes, parseFooter, type Footer, type Leaf } from '../store/parquet-footer.ts'
import { emptyParquet } from '../store/parquet-write.ts'
import { TIME_COLUMN } from '../store/types.ts'
import type { FooterCache } from './footer-cache.ts'
import type { StreamPlan } from './plan.ts'
import { mayMatch, type GroupView } from './prune.ts'
import type { Ledger } from './respond.ts'
import type { FileGroup } from './views.ts'

/** what a scan works with; `deadline` throws when the query's time is over */
export interface Scanning {
  readonly ports: Ports
  readonly settings: Settings
  readonly footers: FooterCache
  readonly session: SqlSession
  readonly ledger: Ledger
  readonly checkDeadline: () => void
}

/** a slice no larger than this is fetched whole: one request instead of footer and ranges */
const WHOLE_SLICE_BYTES = 512 * 1024
/** what is fetched of a larger slice's end to find its footer */
const TAIL_BYTES = 64 * 1024
/** slices worked on at once: enough to hide the latency of an object store, little memory */
const PARALLEL = 8
/** files have `_timestamp` as time, SQL has it as a number */
const PLAIN: ReadonlySet<string> = new Set([TIME_COLUMN])

/** an empty Parquet file with `_timestamp` BIGINT and these columns */
export function emptyFile(fields: Fields): Uint8Array[] {
  const footer = parseFooter(emptyParquet(fields))
  return assembleExtract(footer, planExtract(footer, null, () => false, 0), [], PLAIN)
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

interface Extracted {
  readonly path: string
  /** columns whose type in the file is not the schema's */
  readonly differing: ReadonlyMap<string, FieldType>
}

/**
 * Extracts of a stream's slices, grouped by the types of their columns. `name` makes file names
 * unique within the session.
 */
export async function scanStream(
  scanning: Scanning, plan: StreamPlan, slices: readonly VisibleSlice[], range: TimeRange, name: string,
): Promise<FileGroup[]> {
  const { ledger } = scanning
  const newest = slices.toSorted((a, b) => b.slice.maxTs - a.slice.maxTs)
  ledger.filesListed += newest.length
  const extracted = plan.scans.length === 0 ? [] : await inParallel(newest, (slice, i) => extractSlice(scanning, plan, slice, range, `${name}-${i}`))
  const groups = new Map<string, { types: ReadonlyMap<string, FieldType>; paths: string[] }>()
  for (const one of extracted) {
    if (one === null) continue
    const key = JSON.stringify([...one.differing])
    const group = groups.get(key)
    if (group === undefined) groups.set(key, { types: one.differing, paths: [one.path] })
    else group.paths.push(one.path)
  }
  if (groups.size === 0) groups.set('', { types: new Map(), paths: [] })
  const out: FileGroup[] = []
  for (const { types, paths } of groups.values()) {
    const fields = Object.fromEntries(plan.columns.map((column) => [column, types.get(column) ?? plan.table.fields[column]!]))
    const first = await scanning.session.writeFile(`${name}-types-${out.length}.parquet`, emptyFile(fields))
    out.push({ types, paths: [first, ...paths] })
  }
  return out
}

async function inParallel<A, B>(items: readonly A[], work: (item: A, i: number) => Promise<B>): Promise<B[]> {
  const out = new Array<B>(items.length)
  let next = 0
  const lane = async (): Promise<void> => {
    for (let i = next++; i < items.length; i = next++) out[i] = await work(items[i]!, i)
  }
  await Promise.all(Array.from({ length: Math.min(PARALLEL, items.length) }, lane))
  return out
}

/** null: no row group of the slice can matter */
async function extractSlice(
  scanning: Scanning, plan: StreamPlan, visible: VisibleSlice, range: TimeRange, name: string,
): Promise<Extracted | null> {
  const { ledger, settings, session } = scanning
  scanning.checkDeadline()
  const opened = await openSlice(scanning, visible)
  const { footer } = opened
  const keep = (g: number): boolean => mayMatch(groupView(footer, g), range, plan.scans)
  const extract = planExtract(footer, [TIME_COLUMN, ...plan.columns], keep, settings.coalesceBytes)
  ledger.rowGroups += extract.groups.length
  ledger.rowGroupsPruned += footer.groups.length - extract.groups.length
  if (extract.groups.length === 0) {
    ledger.filesPrunedStats++
    return null
  }
  ledger.filesRead++
  ledger.rawBytes += visible.slice.rawBytes
  for (const g of extract.groups) ledger.rowsScanned += footer.groups[g]!.rows
  const parts = await fetchRanges(scanning, visible, extract, opened.whole)
  const path = await session.writeFile(`${name}.parquet`, assembleExtract(footer, extract, parts, PLAIN))
  return { path, differing: differingTypes(footer, extract, plan) }
}

function differingTypes(footer: Footer, extract: ExtractPlan, plan: StreamPlan): Map<string, FieldType> {
  const differing = new Map<string, FieldType>()
  for (const k of extract.keep) {
    const leaf = footer.leaves[k]!
    const wanted = plan.table.fields[leaf.name]
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

async function openSlice(scanning: Scanning, visible: VisibleSlice): Promise<OpenedSlice> {
  const { slice } = visible
  const key = `${visible.entry.fid}/${slice.index}`
  const cached = scanning.footers.get(key)
  if (cached !== undefined) return { footer: cached, whole: null }
  const whole = slice.length <= WHOLE_SLICE_BYTES
  const tailBytes = whole ? slice.length : TAIL_BYTES
  let tail = await fetchPart(scanning, visible, slice.length - tailBytes, tailBytes)
  const needed = footerBytes(tail)
  if (needed > tail.length) tail = await fetchPart(scanning, visible, slice.length - needed, needed)
  const footer = parseFooter(whole ? tail.slice(-needed) : tail)
  scanning.footers.set(key, footer)
  return { footer, whole: whole ? tail : null }
}

/** bytes [offset, offset + length) of a slice */
async function fetchPart(scanning: Scanning, { entry, slice }: VisibleSlice, offset: number, length: number): Promise<Uint8Array> {
  const { ledger, ports, settings } = scanning
  ledger.gets++
  ledger.bytesFetched += length
  if (ledger.bytesFetched > settings.queryScanBytesMax) {
    throw new EngineError('too_costly', `the query would read more than ${settings.queryScanBytesMax} bytes: narrow the range, or name fewer columns`)
  }
  return ports.blobs.get(entry.key, { offset: slice.offset + offset, length })
}

async function fetchRanges(scanning: Scanning, visible: VisibleSlice, extract: ExtractPlan, whole: Uint8Array | null): Promise<Uint8Array[]> {
  if (whole !== null) return extract.ranges.map(({ offset, length }) => whole.subarray(offset, offset + length))
  return Promise.all(extract.ranges.map(({ offset, length }) => fetchPart(scanning, visible, offset, length)))
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
