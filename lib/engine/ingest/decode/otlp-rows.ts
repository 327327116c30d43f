// What both OTLP readers (protobuf and JSON) tell about log records ends here, so the rules stand
// once: checking counts and judges, decoding writes columns. Names and columns: wire.md, "Logs
// (OTLP)". A record's own fields win over its attributes, those over the resource's; of equal names
// the last wins. Fields counted against the limit are attributes and body values after flattening.
import { EngineError } from '../../../model/errors.ts'
import { STREAM_FIELDS_MAX } from '../../../model/schema.ts'
import type { Micros } from '../../../model/time.ts'
import { Source } from '../../store/columns.ts'
import type { Table } from '../../store/columns.ts'
import type { DecodeContext, Verdict } from './contract.ts'
import { CELLS_MAX } from './judge.ts'
import { CoreColumns } from './otlp-core.ts'
import { LEAF_BOOL, LEAF_DOUBLE, LEAF_INT, LEAF_TEXT, Leaves } from './otlp-run.ts'
import { keepTree, takeTree } from './otlp-slots.ts'
import type { FieldState, Slot, SlotTree } from './otlp-slots.ts'
import { doubleText, intText, TextBuilder } from './otlp-text.ts'
import { LogsVerdict, worseFault } from './otlp-verdict.ts'
import type { Fault } from './otlp-verdict.ts'

/** where decoded rows go; null stands for checking */
export interface RowsTarget {
  readonly table: Table
  readonly slots: SlotTree
  readonly message: number
  /** ascending ordinals of records to leave out */
  readonly rejected: readonly number[]
}

/**
 * Microseconds of unsigned 64-bit nanoseconds given as halves, cut; -1 for zero, which is absent. 2^32 = 4294967 * 1000 + 296,
 * so the quotient is exact for every time before the year 2255; later ones stay far out of any window.
 */
export function microsOfNanos(lo: number, hi: number): Micros {
  if (lo === 0 && hi === 0) return -1
  const high = hi >>> 0
  return high * 4_294_967 + Math.floor((high * 296 + (lo >>> 0)) / 1_000)
}

export class OtlpRows {
  readonly context: DecodeContext
  readonly source: Source
  readonly slots: SlotTree
  private readonly verdict: LogsVerdict
  /** text that does not stand in the body; valid until the next one is built */
  readonly built = new TextBuilder()
  /** key of the record's body; a map in it is flattened below */
  readonly bodySlot: Slot
  /** true while the record's own body is read: it wins over attributes, and its scalars are text */
  inBody = false
  private readonly target: RowsTarget | null
  private readonly keyBytesMax: number
  private readonly recordFieldsMax: number
  private readonly core: CoreColumns | null
  private readonly leaves = new Leaves()
  private inResource = false
  private groupRow = 0
  private scopeRow = 0
  private row = 0
  private ordinal = 0
  private nextRejected = 0
  private fields = 0
  private resourceFields = 0
  private resourceFault: Fault | null = null
  private fault: Fault | null = null
  /** NaN and no integer, so that the engine makes them doubles from the start */
  private time: Micros = NaN
  private observedTime: Micros = NaN
  private severityNumber = 0
  private severityFrom = 0
  private severityTo = 0

  constructor(source: Source, context: DecodeContext, target: RowsTarget | null) {
    this.source = source
    this.context = context
    this.target = target
    this.keyBytesMax = context.keyBytesMax
    this.recordFieldsMax = context.recordFieldsMax
    this.verdict = new LogsVerdict(context)
    this.slots = (target?.slots ?? takeTree()).nextRequest()
    const body = new Source(Buffer.from('body'))
    this.bodySlot = this.slots.find(this.slots.root, body, 0, body.bytes.length, Infinity)!
    this.core = target === null ? null : new CoreColumns(source, this.built, this.slots, target.table)
  }

  get decoding(): boolean {
    return this.target !== null
  }

  // --- the frame: groups (one resource each), scopes, records

  /** a new resource and the records under it */
  startGroup(): void {
    this.leaves.count = 0
    this.resourceFields = 0
    this.resourceFault = null
    if (this.target !== null) this.groupRow = this.target.table.rows
  }

  startResource(): void {
    this.inResource = true
    this.fields = 0
    this.fault = null
    this.slots.startAt(this.slots.resourceStart)
  }

  /** `bytes`: of the resource's text; every record carries its attributes, so its limit is a record's */
  endResource(bytes: number): void {
    this.inResource = false
    this.resourceFields += this.fields
    if (this.isTooLarge(bytes)) {
      const message = `the resource is ${bytes} bytes long: at most ${this.context.recordBytesMax}`
      this.fault = worseFault(this.fault, { slug: 'record_too_large', message })
    }
    this.resourceFault = worseFault(this.resourceFault, this.fault)
    if (this.fault === null) this.slots.keepFresh()
    else this.slots.dropFresh()
  }

  /** a text of these bytes is refused as a resource or record; decoding finds nothing stored under it */
  isTooLarge(bytes: number): boolean {
    return bytes > this.context.recordBytesMax
  }

  endGroup(): void {
    const { target } = this
    if (target === null || target.table.rows === this.groupRow) return
    this.leaves.fill(this.slots, target.table, this.slots.nextRun(), this.groupRow, target.table.rows)
  }

  startScope(): void {
    if (this.target !== null) this.scopeRow = this.target.table.rows
  }

  /** name and version as ranges of the body; empty ranges are absent */
  endScope(nameFrom: number, nameTo: number, versionFrom: number, versionTo: number): void {
    const { target } = this
    if (target !== null && target.table.rows > this.scopeRow) {
      this.core!.library(nameFrom, nameTo, versionFrom, versionTo, this.scopeRow, target.table.rows)
    }
  }

  /**
   * False: the record was rejected and is passed over.
   * @throws EngineError `too_many_records`
   */
  startRecord(): boolean {
    const ordinal = this.ordinal++
    const { target } = this
    if (target === null) {
      const { recordsMax } = this.context
      if (ordinal >= recordsMax) throw new EngineError('too_many_records', `the request has more than ${recordsMax} records: send it in parts`)
    } else {
      if (ordinal === target.rejected[this.nextRejected]) {
        this.nextRejected++
        return false
      }
      this.row = target.table.rows
    }
    this.fields = this.resourceFields
    this.fault = null
    this.time = this.observedTime = -1
    this.severityNumber = this.severityFrom = this.severityTo = 0
    this.slots.startAt(this.slots.recordStart)
    return true
  }

  /** `bytes`: of the record's text in the body */
  endRecord(bytes: number): void {
    const time = this.time >= 0 ? this.time : this.observedTime >= 0 ? this.observedTime : this.context.acceptedAt
    const { target } = this
    if (target === null) {
      this.judge(time, bytes)
      return
    }
    this.core!.severity(this.row, this.severityFrom, this.severityTo, this.severityNumber)
    target.table.endRow(time, target.message)
  }

  /** ends checking */
  judged(): Verdict {
    keepTree(this.slots)
    return this.verdict.finish()
  }

  /** Ends decoding. Raw bytes are the body's, by the share of records that were accepted. */
  decoded(): void {
    const { target, ordinal } = this
    if (target === null || ordinal === 0) return
    const accepted = ordinal - target.rejected.length
    if (accepted > 0) target.table.addRawBytes(target.message, Math.floor((this.source.bytes.length * accepted) / ordinal))
  }

  // --- a record's own fields

  /** negative: absent */
  setTime(time: Micros): void {
    this.time = time
  }

  setObservedTime(time: Micros): void {
    this.observedTime = time
  }

  setSeverityNumber(value: number): void {
    this.severityNumber = value
  }

  /** a range of the body */
  setSeverityText(from: number, to: number): void {
    this.severityFrom = from
    this.severityTo = to
  }

  setTraceId(from: number, to: number): void {
    this.core?.traceId(this.row, from, to)
  }

  setSpanId(from: number, to: number): void {
    this.core?.spanId(this.row, from, to)
  }

  setTraceIdHex(from: number, to: number): void {
    this.core?.traceIdHex(this.row, from, to)
  }

  setSpanIdHex(from: number, to: number): void {
    this.core?.spanIdHex(this.row, from, to)
  }

  setDroppedAttributes(count: number): void {
    this.core?.droppedAttributes(this.row, count)
  }

  // --- attributes and body, value by value

  /** the slot of a key; `nowhere` when the record cannot be stored because of it */
  slot(parent: Slot, from: number, to: number): Slot {
    const bytes = to - from
    const { slots } = this
    if (bytes === 0 || bytes > this.keyBytesMax) return this.refuseName(bytes)
    // Refused already: names of no use are not even looked up.
    if (this.fields > this.recordFieldsMax || parent === slots.nowhere) return slots.nowhere
    const found = slots.find(parent, this.source, from, to, STREAM_FIELDS_MAX)
    // A stream has no room for them either, and every name costs a column while decoding.
    return found ?? this.refuse('too_many_fields', `the request has more than ${STREAM_FIELDS_MAX} different field names: send fewer`)
  }

  /** the slot of the key at `from` when it is the expected one; OTLP JSON only */
  guessedSlot(parent: Slot, from: number, end: number): Slot | null {
    if (this.fields > this.recordFieldsMax || parent === this.slots.nowhere) return null
    return this.slots.guessed(parent, this.source, from, end, STREAM_FIELDS_MAX)
  }

  text(slot: Slot, s: Source, from: number, to: number): void {
    this.fields++
    if (this.target === null) return
    if (this.inResource) this.leaves.add(slot, LEAF_TEXT, s, from, to)
    else this.stateFor(slot)?.field.setText(this.row, s, from, to)
  }

  int(slot: Slot, lo: number, hi: number): void {
    if (this.asText(slot)) return this.ascii(slot, intText(lo, hi))
    this.fields++
    if (this.target === null) return
    if (this.inResource) this.leaves.add(slot, LEAF_INT, this.source, lo, hi)
    else this.stateFor(slot)?.field.setInt(this.row, lo, hi)
  }

  double(slot: Slot, value: number): void {
    if (this.asText(slot)) return this.ascii(slot, doubleText(value))
    this.fields++
    if (this.target === null) return
    if (this.inResource) this.leaves.add(slot, LEAF_DOUBLE, this.source, value, 0)
    else this.stateFor(slot)?.field.setDouble(this.row, value)
  }

  bool(slot: Slot, value: boolean): void {
    if (this.asText(slot)) return this.ascii(slot, value ? 'true' : 'false')
    this.fields++
    if (this.target === null) return
    if (this.inResource) this.leaves.add(slot, LEAF_BOOL, this.source, value ? 1 : 0, 0)
    else this.stateFor(slot)?.field.setBool(this.row, value)
  }

  /** the text in `built`, which is a value's; checking need not have built it */
  builtText(slot: Slot): void {
    const { built } = this
    if (this.inResource && this.target !== null) this.text(slot, built.copy(), 0, built.length)
    else this.text(slot, built.source, 0, built.length)
  }

  private ascii(slot: Slot, text: string): void {
    this.built.clear()
    this.built.ascii(text)
    this.builtText(slot)
  }

  /** the body stays text, whatever kind of scalar a client puts in it */
  private asText(slot: Slot): boolean {
    return this.inBody && slot === this.bodySlot
  }

  /** null: one of the record's own fields stands there */
  private stateFor(slot: Slot): FieldState | null {
    const { row } = this
    const state = slot.state ?? this.slots.stateOf(slot, this.target!.table)
    if (this.inBody) state.coreRow = row
    else if (state.coreRow === row) return null
    state.lastRow = row
    return state
  }

  private refuseName(bytes: number): Slot {
    if (bytes === 0) return this.refuse('field_name', 'a field name is empty: name every field')
    return this.refuse('field_name', `a field name is ${bytes} bytes long: at most ${this.keyBytesMax}`)
  }

  private refuse(slug: Fault['slug'], message: string): Slot {
    this.fault = worseFault(this.fault, { slug, message })
    return this.slots.nowhere
  }

  private judge(time: Micros, bytes: number): void {
    const { recordBytesMax, recordFieldsMax, oldest, newest } = this.context
    const { slots, verdict } = this
    let fault = worseFault(this.resourceFault, this.fault)
    if (bytes > recordBytesMax) {
      fault = worseFault(fault, { slug: 'record_too_large', message: `the record is ${bytes} bytes long: at most ${recordBytesMax}` })
    }
    if (this.fields > recordFieldsMax) {
      fault = worseFault(fault, { slug: 'too_many_fields', message: `the record has ${this.fields} fields: at most ${recordFieldsMax}` })
    }
    if (slots.used * (verdict.accepted + 1) > CELLS_MAX) {
      const message = `the request has ${slots.used} different fields in ${verdict.accepted + 1} records: send fewer at a time`
      fault = worseFault(fault, { slug: 'too_many_fields', message })
    }
    if (time < oldest || time > newest) {
      fault = worseFault(fault, { slug: 'timestamp', message: `the time ${time} (microseconds) is outside the window: from ${oldest} to ${newest}` })
    }
    if (fault === null) {
      slots.keepFresh()
      verdict.accept(time)
    } else {
      slots.dropFresh()
      verdict.reject(fault)
    }
  }
}
