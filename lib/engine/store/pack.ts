// A pack: the slices of one flush of one organisation, complete Parquet files end to end, and their
// table. A slice describes itself in its key-value metadata and the last slice holds the table, so
// the file list and the claims can be rebuilt from the bucket alone. Layout: docs/format.md.
import { EngineError, assert } from '../../model/errors.ts'
import type { Slice } from '../../model/file.ts'
import type { OrgId, StreamType } from '../../model/stream.ts'
import type { Day } from '../../model/time.ts'
import type { Settings } from '../settings.ts'
import { Workspace } from './chunk-pages.ts'
import { footerBytes, parseFooter } from './parquet-footer.ts'
import { encodeParquet } from './parquet-write.ts'
import type { SettledColumn } from './types.ts'

export const FORMAT_VERSION = 1

/** the rows of one (stream, incarnation, day) of a flush */
export interface SliceInput {
  readonly type: StreamType
  readonly stream: string
  readonly streamId: string
  readonly inc: number
  readonly day: Day
  readonly rawBytes: number
  readonly columns: readonly SettledColumn[]
  /** by row of the table, as are `messages`: ordinals into the pack's `bids` */
  readonly times: Float64Array
  readonly messages: Int32Array
  /** the slice's rows of the table, at least one, in the order they are written */
  readonly order: Int32Array
  readonly fullText: readonly string[]
  readonly hot: readonly string[]
}

export interface PackInput {
  readonly org: OrgId
  readonly fid: string
  /** the flush's messages */
  readonly bids: readonly string[]
  readonly slices: readonly SliceInput[]
}

/** the slice table as it stands in the last slice */
export interface PackTable {
  readonly version: number
  readonly org: string
  readonly fid: string
  /** every message with rows in the pack, and every message of its flush without any */
  readonly bids: readonly string[]
  readonly slices: readonly (Slice & { readonly type: string; readonly stream: string })[]
}

/**
 * Scratch of every pack: building one is synchronous, so two never meet. It is never let go, for the
 * engine drops the code compiled for a class when a full collection finds no object of it, and
 * between packs there would be none (measured: the next flush then takes up to twice the CPU).
 */
const workspace = new Workspace()

type PackSettings = Pick<Settings, 'zstdLevelFresh' | 'rowGroupRows' | 'statisticsBytesMax'>

/** The bytes of a pack and its slices as the file list names them; `index` is the position in `slices`. */
export function buildPack(input: PackInput, settings: PackSettings): { readonly bytes: Uint8Array; readonly slices: Slice[] } {
  assert(input.slices.length > 0, 'a pack has at least one slice')
  // Shared by all slices: 500 slices of one big table would else clear 500 arrays of its length.
  const ordinals = new Int32Array(Math.max(...input.slices.map(slice => slice.messages.length)))
  const parts: Uint8Array[] = []
  const slices: Slice[] = []
  let offset = 0
  input.slices.forEach((slice, index) => {
    const bids = ownMessages(slice, input.bids, ordinals)
    // A slice's length is known once it is encoded: the last one's is left 0, and follows from the pack's.
    const facts = { ...sliceFacts(slice, index), offset, length: 0 }
    const metadata = sliceMetadata(input, slice, index, bids)
    if (index === input.slices.length - 1) metadata.push({ key: 'nilometer.table', value: tableJson(input, [...slices, facts]) })
    const bytes = encodeParquet({
      columns: slice.columns,
      times: slice.times,
      order: slice.order,
      messages: ordinals,
      metadata,
      fullText: slice.fullText,
      hot: slice.hot,
      zstdLevel: settings.zstdLevelFresh,
      rowGroupRows: settings.rowGroupRows,
      statisticsBytesMax: settings.statisticsBytesMax,
    }, workspace)
    parts.push(bytes)
    slices.push({ ...facts, length: bytes.length })
    offset += bytes.length
  })
  return { bytes: parts.length === 1 ? parts[0]! : Buffer.concat(parts), slices }
}

function sliceFacts(slice: SliceInput, index: number): Omit<Slice, 'offset' | 'length'> {
  const { streamId, inc, day, rawBytes, order, times } = slice
  assert(order.length > 0, 'a slice has at least one row')
  let minTs = Infinity
  let maxTs = -Infinity
  for (const row of order) {
    const time = times[row]!
    if (time < minTs) minTs = time
    if (time > maxTs) maxTs = time
  }
  return { index, streamId, inc, day, minTs, maxTs, rows: order.length, rawBytes }
}

/** The messages that have rows in this slice; `ordinals` gets each row's position among them. */
function ownMessages(slice: SliceInput, bids: readonly string[], ordinals: Int32Array): string[] {
  const own = new Int32Array(bids.length).fill(-1)
  const names: string[] = []
  for (const row of slice.order) {
    const message = slice.messages[row]!
    const bid = bids[message]
    assert(bid !== undefined, 'every row comes from a message of the flush')
    if (own[message]! < 0) own[message] = names.push(bid) - 1
    ordinals[row] = own[message]!
  }
  return names
}

function sliceMetadata(pack: PackInput, slice: SliceInput, index: number, bids: readonly string[]): { key: string; value: string }[] {
  const facts = {
    format: FORMAT_VERSION,
    org: pack.org,
    type: slice.type,
    stream: slice.stream,
    streamId: slice.streamId,
    inc: slice.inc,
    day: slice.day,
    fid: pack.fid,
    index,
    rows: slice.order.length,
    rawBytes: slice.rawBytes,
    bids: JSON.stringify(bids),
  }
  return Object.entries(facts).map(([key, value]) => ({ key: `nilometer.${key}`, value: String(value) }))
}

function tableJson(pack: PackInput, slices: readonly Slice[]): string {
  const rows = slices.map((slice, i) => ({ type: pack.slices[i]!.type, stream: pack.slices[i]!.stream, ...slice }))
  return JSON.stringify({ version: FORMAT_VERSION, org: pack.org, fid: pack.fid, bids: pack.bids, slices: rows })
}

/** how many of a pack's last bytes hold its table; told by its last eight bytes or more */
export const packTailBytes = footerBytes

/**
 * The table of a pack from its last bytes (`packTailBytes`) and its size.
 * @throws EngineError `file_unreadable` when there is none, or one of a later version
 */
export function readPackTable(tail: Uint8Array, packBytes: number): PackTable {
  const text = parseFooter(tail).metadata.get('nilometer.table')
  if (text === undefined) throw new EngineError('file_unreadable', 'a pack has no slice table in its last slice')
  const table = JSON.parse(text) as PackTable
  if (table.version !== FORMAT_VERSION) {
    throw new EngineError('file_unreadable', `a pack has format version ${table.version}; this release reads up to ${FORMAT_VERSION}`)
  }
  const slices = table.slices.map(slice => (slice.length > 0 ? slice : { ...slice, length: packBytes - slice.offset }))
  return { ...table, slices }
}
