// The columns of a log record's own fields: ids, severity, counts, the library. They win over attributes
// of their names, which is what `coreRow` tells (wire.md, "Logs (OTLP)").
import type { Source, Table } from '../../store/columns.ts'
import { fillCore } from './otlp-run.ts'
import type { FieldState, SlotTree } from './otlp-slots.ts'
import type { TextBuilder } from './otlp-text.ts'

const TRACE_ID_BYTES = 16
const SPAN_ID_BYTES = 8
const ZERO = 0x30

/** Ranges [from, to) are of the body, unless a source is given. */
export class CoreColumns {
  private readonly source: Source
  private readonly built: TextBuilder
  private readonly severityState: FieldState
  private readonly traceIdState: FieldState
  private readonly spanIdState: FieldState
  private readonly libraryName: FieldState
  private readonly libraryVersion: FieldState
  private readonly dropped: FieldState

  constructor(source: Source, built: TextBuilder, slots: SlotTree, table: Table) {
    this.source = source
    this.built = built
    this.severityState = slots.named('severity', table)
    this.traceIdState = slots.named('trace_id', table)
    this.spanIdState = slots.named('span_id', table)
    this.libraryName = slots.named('instrumentation_library_name', table)
    this.libraryVersion = slots.named('instrumentation_library_version', table)
    this.dropped = slots.named('dropped_attributes_count', table)
  }

  /** raw bytes; an id of another length or all zeros is absent (wire.md, ids) */
  traceId(row: number, from: number, to: number): void {
    if (to - from === TRACE_ID_BYTES) this.rawId(this.traceIdState, row, from, to)
  }

  spanId(row: number, from: number, to: number): void {
    if (to - from === SPAN_ID_BYTES) this.rawId(this.spanIdState, row, from, to)
  }

  /** lower-case hex digits */
  traceIdHex(row: number, from: number, to: number): void {
    if (to - from === 2 * TRACE_ID_BYTES) id(this.traceIdState, row, this.source, from, to)
  }

  spanIdHex(row: number, from: number, to: number): void {
    if (to - from === 2 * SPAN_ID_BYTES) id(this.spanIdState, row, this.source, from, to)
  }

  private rawId(state: FieldState, row: number, from: number, to: number): void {
    const { built } = this
    built.clear()
    built.hex(this.source, from, to)
    id(state, row, built.source, 0, built.length)
  }

  /** text if there is any, else the number if it is above zero */
  severity(row: number, from: number, to: number, number: number): void {
    const { built, severityState } = this
    if (to > from) claim(severityState, row).field.setText(row, this.source, from, to)
    else if (number > 0) {
      built.clear()
      built.ascii(String(number))
      claim(severityState, row).field.setText(row, built.source, 0, built.length)
    }
  }

  /** unsigned 32 bits; zero is absent, also behind another count in the same record */
  droppedAttributes(row: number, count: number): void {
    const { dropped } = this
    if (count > 0) claim(dropped, row).field.setInt(row, count | 0, 0)
    else if (dropped.coreRow === row) {
      dropped.field.clear(row)
      dropped.coreRow = -1
    }
  }

  /** name and version of the library for rows [fromRow, toRow); empty ranges are absent */
  library(nameFrom: number, nameTo: number, versionFrom: number, versionTo: number, fromRow: number, toRow: number): void {
    if (nameTo > nameFrom) fillCore(this.libraryName, this.source, nameFrom, nameTo, fromRow, toRow)
    if (versionTo > versionFrom) fillCore(this.libraryVersion, this.source, versionFrom, versionTo, fromRow, toRow)
  }
}

/** marks a column as written by the record itself */
function claim(state: FieldState, row: number): FieldState {
  state.coreRow = state.lastRow = row
  return state
}

function id(state: FieldState, row: number, s: Source, from: number, to: number): void {
  for (let p = from; p < to; p++) {
    if (s.bytes[p] !== ZERO) {
      claim(state, row).field.setText(row, s, from, to)
      return
    }
  }
}
