// What one flush holds, as data: rows grouped by (stream, incarnation, UTC day) in time order, cut into
// flushes that fit a pack. A flush is cut by message, never by group, so that a message's rows are
// in one pack and one transaction. Its `build` packs any subset of its messages: when some turn out
// to be committed already, their rows are left out without decoding anything again.
import type { Settings } from '../settings.ts'
import { buildPack, type SliceInput } from '../store/pack.ts'
import { timeOrder } from '../store/parquet-write.ts'
import type { Table } from '../store/columns.ts'
import { DEFAULT_FULL_TEXT_FIELDS } from '../../model/schema.ts'
import { incarnationAt, type OrgId, type StreamItem } from '../../model/stream.ts'
import { MICROS_PER_DAY, dayNumberOf, dayOfNumber, type Day } from '../../model/time.ts'
import type { OpenMessage } from './batch.ts'
import type { Build } from './commit.ts'
import type { ConformedTable } from './conform.ts'

export interface Flush {
  readonly messages: readonly OpenMessage[]
  /** claims to be made, by position in `messages` */
  readonly bids: readonly string[]
  /** positions are those of `messages`, ascending */
  readonly build: Build
}

/** columns most queries read, beside the full-text ones; a stream's `index_fields` stand in their place */
const DEFAULT_HOT_FIELDS: readonly string[] = ['service_name', 'severity', 'level']

/**
 * Messages in parts whose rows of any one stream belong to one incarnation. Types are settled over a
 * part: rows of a deleted incarnation must not raise the types of the one that followed.
 * @param items the batch's streams
 */
export function splitByIncarnation(messages: readonly OpenMessage[], items: readonly StreamItem[]): OpenMessage[][] {
  const parts = new Map<string, OpenMessage[]>()
  for (const message of messages) {
    const key = items.map((item) => incarnationAt(item, message.header.acceptedAt)).join()
    const part = parts.get(key)
    if (part === undefined) parts.set(key, [message])
    else part.push(message)
  }
  return [...parts.values()]
}

/** The batch's flushes: one, unless its groups are more than a pack may hold. */
export function planFlushes(settings: Settings, org: OrgId, messages: readonly OpenMessage[], tables: readonly ConformedTable[]): Flush[] {
  const groups = tables.flatMap(groupRows)
  return cutByMessage(groups, messages.length, settings.packSlicesMax).map((ordinals): Flush => {
    const own = ordinals.map((ordinal) => messages[ordinal]!)
    const bids = own.map(({ header }) => header.bid)
    const build: Build = (fid, positions) => {
      const slices = slicesOf(groups, positions.map((position) => ordinals[position]!), messages.length)
      if (slices.length === 0) return null
      return buildPack({ org, fid, bids: positions.map((position) => bids[position]!), slices }, settings)
    }
    return { messages: own, bids, build }
  })
}

interface Group {
  readonly of: ConformedTable
  readonly inc: number
  readonly day: Day
  /** rows of the table, earliest first */
  readonly order: Int32Array
}

/** a table's rows by incarnation and day: in time order the days stand one after another */
function groupRows(of: ConformedTable): Group[] {
  const { table, moved, incs } = of
  const all = moved === null ? timeOrder(table.times, table.rows) : timeOrder(table.times, rowsLeft(table, moved))
  return [...new Set(incs)].flatMap((inc) => {
    const order = incs.every((other) => other === inc) ? all : all.filter((row) => incs[table.messages[row]!] === inc)
    return cutByDay(table.times, order).map(({ day, rows }) => ({ of, inc, day, order: rows }))
  })
}

function rowsLeft(table: Table, moved: Uint8Array): Int32Array {
  const rows = new Int32Array(table.rows)
  let n = 0
  for (let row = 0; row < table.rows; row++) if (moved[row] !== 1) rows[n++] = row
  return rows.subarray(0, n)
}

function cutByDay(times: Float64Array, order: Int32Array): { day: Day; rows: Int32Array }[] {
  const out: { day: Day; rows: Int32Array }[] = []
  for (let from = 0, to = 0; from < order.length; from = to) {
    const day = dayNumberOf(times[order[from]!]!)
    const end = (day + 1) * MICROS_PER_DAY
    while (to < order.length && times[order[to]!]! < end) to++
    out.push({ day: dayOfNumber(day), rows: order.subarray(from, to) })
  }
  return out
}

/** ordinals of messages in runs that touch at most `groupsMax` groups; one message alone may touch more */
export function cutByMessage(groups: readonly Pick<Group, 'of' | 'order'>[], messages: number, groupsMax: number): number[][] {
  const all = Array.from({ length: messages }, (_, ordinal) => ordinal)
  if (groups.length <= groupsMax) return [all]
  const touched = all.map(() => new Set<number>())
  groups.forEach(({ of, order }, g) => {
    for (const row of order) touched[of.table.messages[row]!]!.add(g)
  })
  const parts: number[][] = []
  let held = new Set<number>()
  for (const ordinal of all) {
    const joined = held.union(touched[ordinal]!)
    const part = parts.at(-1)
    if (part !== undefined && joined.size <= groupsMax) {
      part.push(ordinal)
      held = joined
    } else {
      parts.push([ordinal])
      held = touched[ordinal]!
    }
  }
  return parts
}

/** the groups' rows of the chosen messages; groups without any are left out */
function slicesOf(groups: readonly Group[], chosen: readonly number[], messages: number): SliceInput[] {
  const position = new Int32Array(messages).fill(-1)
  chosen.forEach((ordinal, i) => { position[ordinal] = i })
  const everyone = chosen.length === messages
  const byTable = new Map<Table, { positions: Int32Array; rowsOf: Int32Array }>()
  const slices: SliceInput[] = []
  for (const { of, inc, day, order: all } of groups) {
    const { table, item } = of
    const order = everyone ? all : all.filter((row) => position[table.messages[row]!]! >= 0)
    if (order.length === 0) continue
    let own = byTable.get(table)
    if (own === undefined) byTable.set(table, (own = messagesOf(table, position)))
    slices.push({
      type: item.type, stream: item.name, streamId: item.id, inc, day,
      rawBytes: rawBytesOf(table, order, own.rowsOf),
      columns: of.columns, times: table.times, messages: own.positions, order,
      fullText: item.settings.full_text_search_keys ?? DEFAULT_FULL_TEXT_FIELDS,
      hot: item.settings.index_fields ?? DEFAULT_HOT_FIELDS,
    })
  }
  return slices
}

/** by row, the position of its message in the pack; by message ordinal, its rows in the table */
function messagesOf(table: Table, position: Int32Array): { positions: Int32Array; rowsOf: Int32Array } {
  const positions = new Int32Array(table.rows)
  const rowsOf = new Int32Array(position.length)
  for (let row = 0; row < table.rows; row++) {
    const ordinal = table.messages[row]!
    positions[row] = position[ordinal]!
    rowsOf[ordinal]!++
  }
  return { positions, rowsOf }
}

/** a message's text is shared out evenly over its rows: exact for a message of one day */
function rawBytesOf(table: Table, order: Int32Array, rowsOf: Int32Array): number {
  const here = new Int32Array(rowsOf.length)
  for (const row of order) here[table.messages[row]!]!++
  let bytes = 0
  for (let ordinal = 0; ordinal < here.length; ordinal++) {
    if (here[ordinal]! > 0) bytes += ((table.rawBytes.get(ordinal) ?? 0) * here[ordinal]!) / rowsOf[ordinal]!
  }
  return Math.round(bytes)
}
