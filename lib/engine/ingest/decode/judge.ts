// Keeps the books of one body: counts records and streams, writes down rejections, enforces the
// limits of a whole request. The same loops run under it when checking (it fills a verdict) and when
// decoding (it knows which ordinals to pass over and where rows go).
import { EngineError, assert } from '../../../model/errors.ts'
import type { ErrorSlug } from '../../../model/errors.ts'
import { STREAM_FIELDS_MAX } from '../../../model/schema.ts'
import { MICROS_PER_DAY } from '../../../model/time.ts'
import type { Micros } from '../../../model/time.ts'
import type { Table, Tables } from '../../store/columns.ts'
import { KeyTree } from '../flatten.ts'
import type { FieldSlot } from '../flatten.ts'
import type { DecodeContext, StreamCount, Verdict } from './contract.ts'

/** why a record is not stored */
export interface Refusal {
  readonly slug: ErrorSlug
  readonly message: string
}

/** rows x fields of one stream in a request: columns are dense, at up to 9 bytes a cell */
export const CELLS_MAX = 2 ** 25

/** a stream records go to */
export interface Destination {
  readonly stream: string
  readonly tree: KeyTree
  /** null when checking */
  readonly table: Table | null
  readonly count: StreamCount
  /** days since 1970 that accepted rows fall on */
  readonly days: Set<number>
  /** where the current day ends and begins: most rows fall on the last row's day */
  dayFrom: Micros
  dayTo: Micros
  /** bytes of text behind accepted records */
  rawBytes: number
}

/** trees of tables being filled, so that the messages of a flush share them */
const treesOfTables = new WeakMap<Table, KeyTree>()
/** the last check's tree: what senders send next has the same keys */
let spare: { readonly tree: KeyTree; readonly keyBytesMax: number } | null = null

export class Judge {
  readonly context: DecodeContext
  readonly verdict: Verdict = { records: 0, rejections: [], streams: new Map(), items: [] }
  /** streams by clean name */
  readonly destinations = new Map<string, Destination>()
  private readonly tables: Tables | null
  private readonly rejected: readonly number[]
  private nextRejected = 0
  private partitions = 0

  /** `tables`: null to check; else rows go there, less the ordinals in `rejected` (ascending) */
  constructor(context: DecodeContext, tables: Tables | null, rejected: readonly number[]) {
    this.context = context
    this.tables = tables
    this.rejected = rejected
  }

  get checking(): boolean {
    return this.tables === null
  }

  /** @throws too_many_streams */
  destination(stream: string): Destination {
    const known = this.destinations.get(stream)
    if (known !== undefined) return known
    const { requestStreamsMax, keyBytesMax } = this.context
    if (this.destinations.size >= requestStreamsMax) {
      throw new EngineError('too_many_streams', `the request names more than ${requestStreamsMax} streams: split it by stream`)
    }
    const table = this.tables === null ? null : this.tables.of(`logs/${stream}`)
    const count: StreamCount = { accepted: 0, rejected: 0, error: null }
    const made: Destination = { stream, tree: treeOf(table, keyBytesMax), table, count, days: new Set(), dayFrom: NaN, dayTo: NaN, rawBytes: 0 }
    this.destinations.set(stream, made)
    this.verdict.streams.set(stream, count)
    return made
  }

  /**
   * Counts a record. False: it is known to be rejected, pass over it.
   * @throws too_many_records
   */
  begin(): boolean {
    const ordinal = this.verdict.records++
    if (ordinal >= this.context.recordsMax) {
      throw new EngineError('too_many_records', `the request holds more than ${this.context.recordsMax} records: split it`)
    }
    if (this.rejected[this.nextRejected] !== ordinal) return true
    this.nextRejected++
    return false
  }

  /**
   * Settles the record begun last: stored at `time`, with `fresh` the fields nobody had before it.
   * Gives the reason when it cannot be stored after all.
   * @throws too_many_partitions
   */
  accept(to: Destination, time: Micros, bytes: number, fresh: readonly FieldSlot[]): Refusal | null {
    const fields = to.tree.fields + fresh.length
    if (fields > STREAM_FIELDS_MAX || fields * (to.count.accepted + 1) > CELLS_MAX) {
      return this.reject(to, 'too_many_fields', `the request has ${fields} different fields in ${to.count.accepted + 1} records of stream ${to.stream}: send fewer at a time`)
    }
    if (!(time >= to.dayFrom && time < to.dayTo)) this.enterDay(to, time)
    to.tree.fields = fields
    to.count.accepted++
    to.rawBytes += bytes
    return null
  }

  private enterDay(to: Destination, time: Micros): void {
    const day = Math.floor(time / MICROS_PER_DAY)
    to.dayFrom = day * MICROS_PER_DAY
    to.dayTo = to.dayFrom + MICROS_PER_DAY
    if (to.days.has(day)) return
    to.days.add(day)
    const { requestPartitionsMax } = this.context
    if (++this.partitions > requestPartitionsMax) {
      throw new EngineError('too_many_partitions', `the request's records fall on more than ${requestPartitionsMax} pairs of stream and UTC day: split it by time`)
    }
  }

  /** Settles the record begun last: not stored. `to`: null when it names no valid stream. */
  reject(to: Destination | null, slug: ErrorSlug, message: string): Refusal {
    // The receiver has told the client that this record is stored; parking the message keeps it.
    assert(this.checking, `a record that was accepted is refused when decoded: ${message}`)
    this.verdict.rejections.push({ ordinal: this.verdict.records - 1, slug, message })
    if (to !== null) {
      to.count.rejected++
      to.count.error ??= message
    }
    return { slug, message }
  }

  /** ends the body: rows' bytes go to their tables, trees to those who come next */
  finish(message: number): void {
    for (const to of this.destinations.values()) {
      if (to.table !== null) to.table.addRawBytes(message, to.rawBytes)
      else spare = { tree: to.tree, keyBytesMax: this.context.keyBytesMax }
    }
  }
}

function treeOf(table: Table | null, keyBytesMax: number): KeyTree {
  if (table !== null) {
    let tree = treesOfTables.get(table)
    if (tree === undefined) treesOfTables.set(table, (tree = new KeyTree(table, keyBytesMax)))
    tree.nextRequest()
    return tree
  }
  const kept = spare
  spare = null
  if (kept === null || kept.keyBytesMax !== keyBytesMax) return new KeyTree(null, keyBytesMax)
  kept.tree.nextRequest()
  return kept.tree
}
