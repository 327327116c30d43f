// OTLP logs in protobuf (opentelemetry/proto/collector/logs/v1, ExportLogsServiceRequest), read by
// hand from bytes to columns: first stop of a collector's body in the receiver (check) and in the
// writer (decode). One walk in two modes, so both agree on every record; a field nobody knows is
// passed over, and one with another wire type than ours counts as such.
import type { Check, Decode } from './contract.ts'
import { microsOfNanos } from './otlp-rows.ts'
import type { OtlpRows } from './otlp-rows.ts'
import { checkRows, decodeRows, usedWalks } from './otlp-target.ts'
import { BODY_DEPTH, RECORD_VALUE_DEPTH, RESOURCE_VALUE_DEPTH, ValueReader } from './otlp-value.ts'
import { WireReader } from './protobuf.ts'

/** Tags: field number * 8 + wire type. ExportLogsServiceRequest, ResourceLogs and ScopeLogs have few: */
const REQUEST_RESOURCE_LOGS = 10
const RESOURCE_LOGS_RESOURCE = 10
const RESOURCE_LOGS_SCOPE_LOGS = 18
const RESOURCE_ATTRIBUTES = 10
const SCOPE_LOGS_SCOPE = 10
const SCOPE_LOGS_RECORDS = 18
const SCOPE_NAME = 10
const SCOPE_VERSION = 18
/** LogRecord's */
const TIME = 9
const SEVERITY_NUMBER = 16
const SEVERITY_TEXT = 26
const BODY = 42
const ATTRIBUTES = 50
const DROPPED_ATTRIBUTES = 56
const TRACE_ID = 74
const SPAN_ID = 82
const OBSERVED_TIME = 89

/** @throws EngineError as `Check` says; an empty body is an empty request */
export const checkOtlpLogs: Check = (body, context) => checkRows(body, context, walk)

export const decodeOtlpLogs: Decode = (body, context, rejected, message, tables) => {
  decodeRows(body, context, rejected, message, tables, walk)
}

const walk = (rows: OtlpRows): LogsWalk => new LogsWalk(rows).request()

class LogsWalk {
  private readonly r: WireReader
  private readonly rows: OtlpRows
  private readonly values: ValueReader
  private nameFrom = 0
  private nameTo = 0
  private versionFrom = 0
  private versionTo = 0

  constructor(rows: OtlpRows) {
    this.r = new WireReader(rows.source)
    this.rows = rows
    this.values = new ValueReader(this.r, rows)
  }

  request(): this {
    const { r } = this
    const end = r.bytes.length
    while (r.pos < end) {
      const tag = r.tag(end)
      if (tag === REQUEST_RESOURCE_LOGS) this.resourceLogs(r.payloadEnd(end))
      else r.skip(tag, end)
    }
    return this
  }

  /** The resource is read first, wherever it stands: what its records may hold depends on it. */
  private resourceLogs(end: number): void {
    const { r, rows } = this
    const start = r.pos
    rows.startGroup()
    while (r.pos < end) {
      const tag = r.tag(end)
      if (tag === RESOURCE_LOGS_RESOURCE) this.resource(r.payloadEnd(end))
      else r.skip(tag, end)
    }
    r.pos = start
    while (r.pos < end) {
      const tag = r.tag(end)
      if (tag === RESOURCE_LOGS_SCOPE_LOGS) this.scopeLogs(r.payloadEnd(end))
      else r.skip(tag, end)
    }
    rows.endGroup()
  }

  private resource(end: number): void {
    const { r, rows, values } = this
    const start = r.pos
    if (rows.decoding && rows.isTooLarge(end - start)) {
      r.pos = end
      return
    }
    rows.startResource()
    while (r.pos < end) {
      const tag = r.tag(end)
      if (tag === RESOURCE_ATTRIBUTES) {
        const to = r.payloadEnd(end)
        values.attribute(to, rows.slots.root, 1, RESOURCE_VALUE_DEPTH)
        r.pos = to
      } else r.skip(tag, end)
    }
    rows.endResource(end - start)
  }

  private scopeLogs(end: number): void {
    const { r, rows } = this
    rows.startScope()
    this.nameFrom = this.nameTo = this.versionFrom = this.versionTo = 0
    while (r.pos < end) {
      const tag = r.tag(end)
      if (tag === SCOPE_LOGS_RECORDS) this.record(r.payloadEnd(end))
      else if (tag === SCOPE_LOGS_SCOPE) this.scope(r.payloadEnd(end))
      else r.skip(tag, end)
    }
    rows.endScope(this.nameFrom, this.nameTo, this.versionFrom, this.versionTo)
  }

  private scope(end: number): void {
    const { r } = this
    while (r.pos < end) {
      const tag = r.tag(end)
      if (tag === SCOPE_NAME) {
        const to = r.payloadEnd(end)
        this.nameFrom = r.pos
        this.nameTo = r.pos = to
      } else if (tag === SCOPE_VERSION) {
        const to = r.payloadEnd(end)
        this.versionFrom = r.pos
        this.versionTo = r.pos = to
      } else r.skip(tag, end)
    }
  }

  private record(end: number): void {
    const { r, rows, values } = this
    const start = r.pos
    if (!rows.startRecord()) {
      r.pos = end
      return
    }
    let bodyFrom = -1
    let bodyTo = 0
    while (r.pos < end) {
      const tag = r.tag(end)
      switch (tag) {
        case ATTRIBUTES: {
          const to = r.payloadEnd(end)
          values.attribute(to, rows.slots.root, 1, RECORD_VALUE_DEPTH)
          r.pos = to
          break
        }
        case BODY:
          bodyTo = r.payloadEnd(end)
          bodyFrom = r.pos
          r.pos = bodyTo
          break
        default:
          this.recordField(tag, end)
      }
    }
    if (bodyFrom >= 0) {
      rows.inBody = true
      values.value(bodyFrom, bodyTo, rows.bodySlot, 1, BODY_DEPTH)
      rows.inBody = false
    }
    r.pos = end
    rows.endRecord(end - start)
  }

  private recordField(tag: number, end: number): void {
    const { r, rows } = this
    switch (tag) {
      case TIME:
        r.fixed64(end)
        rows.setTime(microsOfNanos(r.lo, r.hi))
        return
      case OBSERVED_TIME:
        r.fixed64(end)
        rows.setObservedTime(microsOfNanos(r.lo, r.hi))
        return
      case SEVERITY_NUMBER:
        r.varint64(end)
        rows.setSeverityNumber(r.lo)
        return
      case SEVERITY_TEXT: {
        const to = r.payloadEnd(end)
        rows.setSeverityText(r.pos, to)
        r.pos = to
        return
      }
      case DROPPED_ATTRIBUTES:
        r.varint64(end)
        rows.setDroppedAttributes(r.lo >>> 0)
        return
      case TRACE_ID: {
        const to = r.payloadEnd(end)
        rows.setTraceId(r.pos, to)
        r.pos = to
        return
      }
      case SPAN_ID: {
        const to = r.payloadEnd(end)
        rows.setSpanId(r.pos, to)
        r.pos = to
        return
      }
      default:
        r.skip(tag, end)
    }
  }
}

/** see `usedWalks`; one resource, one scope, one record with a body and an attribute */
const KEPT_BODY = '0a2c0a0a0a080a016112030a0162121e0a030a0161121709e8030000000000002a030a016132070a016312021801'
export const keptWalks = (): unknown => usedWalks(() => Buffer.from(KEPT_BODY, 'hex'), walk)
