// OTLP logs in JSON (ExportLogsServiceRequest in the proto3 JSON mapping as OTLP narrows it): the twin
// of otlp-logs.ts, byte scanner to columns. The same request in either encoding gives the same rows
// and verdicts. Members may come in any order, in camelCase or snake_case; unknown ones are passed over.
import { isUtf8 } from 'node:buffer'
import { EngineError } from '../../../model/errors.ts'
import type { Check, Decode } from './contract.ts'
import { afterByteOrderMark } from './json.ts'
import { JsonScalars } from './otlp-json-scalar.ts'
import { failTwice, JsonValueReader } from './otlp-json-value.ts'
import {
  ATTRIBUTES, BODY, DROPPED_ATTRIBUTES, findName, LOG_RECORDS, NAME, OBSERVED_TIME, RESOURCE, RESOURCE_LOGS, SCOPE, SCOPE_LOGS, SEVERITY_NUMBER,
  SEVERITY_TEXT, SPAN_ID, START_OUTER, START_RECORD, TIME, TRACE_ID, VERSION,
} from './otlp-names.ts'
import type { OtlpRows } from './otlp-rows.ts'
import { checkRows, decodeRows, usedWalks } from './otlp-target.ts'
import { END, NULL, OPEN_ARRAY, OPEN_OBJECT, QUOTE, Scanner } from './scanner.ts'

/** hex digits of either case as lower-case ones, 0 for every other byte */
const LOWER_HEX = new Uint8Array(256)
for (const digit of '0123456789abcdefABCDEF') LOWER_HEX[digit.charCodeAt(0)] = digit.toLowerCase().charCodeAt(0)

/** @throws EngineError as `Check` says; an empty body is an empty request */
export const checkOtlpLogsJson: Check = (body, context) => {
  if (!isUtf8(body)) throw new EngineError('malformed', 'the body is not valid UTF-8: send JSON as UTF-8')
  return checkRows(body, context, walkJson)
}

export const decodeOtlpLogsJson: Decode = (body, context, rejected, message, tables) => {
  decodeRows(body, context, rejected, message, tables, walkJson)
}

const walkJson = (rows: OtlpRows): LogsJsonWalk => new LogsJsonWalk(rows).request()

class LogsJsonWalk {
  private readonly s: Scanner
  private readonly rows: OtlpRows
  private readonly scalars: JsonScalars
  private readonly values: JsonValueReader
  private nameFrom = 0
  private nameTo = 0
  private versionFrom = 0
  private versionTo = 0
  /** where the resource stands that was read ahead of its turn, -1: none was */
  private aheadAt = -1
  private aheadEnd = -1

  constructor(rows: OtlpRows) {
    this.s = new Scanner(rows.source, rows.context.depthMax)
    this.rows = rows
    this.scalars = new JsonScalars(this.s, rows.decoding)
    this.values = new JsonValueReader(this.s, this.scalars, rows)
  }

  request(): this {
    const { s } = this
    const { bytes } = s.source
    s.reset(afterByteOrderMark(bytes), bytes.length)
    const c = s.peek()
    if (c === END) return this
    if (c !== OPEN_OBJECT) {
      s.skipValue()
      s.finish()
      throw new EngineError('not_an_object', 'the body is not an object: send {"resourceLogs": [...]}')
    }
    s.open(OPEN_OBJECT)
    for (let first = true; s.more(first); first = false) {
      const code = this.member()
      if (s.peek() === NULL) s.literal()
      else if (code === RESOURCE_LOGS) this.list(this.resourceLogs)
      else s.skipValue()
    }
    s.finish()
    return this
  }

  /** reads the name of a member of an object that stands outside records */
  private member(): number {
    return this.scalars.member(START_OUTER).code
  }

  /** the array at the scanner, element by element */
  private list(element: () => void): void {
    const { s } = this
    s.open(OPEN_ARRAY)
    for (let first = true; s.more(first); first = false) element.call(this)
  }

  private resourceLogs(): void {
    const { s, rows } = this
    let known = false
    let lookedAhead = false
    this.aheadAt = -1
    rows.startGroup()
    s.open(OPEN_OBJECT)
    for (let first = true; s.more(first); first = false) {
      const code = this.member()
      if (s.peek() === NULL) s.literal()
      else if (code === RESOURCE) {
        if (s.at === this.aheadAt) s.at = this.aheadEnd
        else if (known) failTwice('resource')
        else this.resource()
        known = true
      } else if (code === SCOPE_LOGS) {
        if (!known && !lookedAhead) {
          lookedAhead = true
          known = this.readAhead()
        }
        this.list(this.scopeLogs)
      } else s.skipValue()
    }
    rows.endGroup()
  }

  /**
   * Finds and reads the resource behind the value at the scanner, because what the records may hold
   * depends on it; then stands where it stood. False: there is none. Nothing else may change, since
   * escapes undone in place cannot be read a second time.
   */
  private readAhead(): boolean {
    const { s } = this
    const { at, depth } = s
    s.skipValue()
    while (this.aheadAt < 0 && s.more(false)) {
      const isResource = this.peekName() === RESOURCE
      if (isResource && s.peek() !== NULL) {
        this.aheadAt = s.at
        this.resource()
        this.aheadEnd = s.at
      } else s.skipValue()
    }
    s.at = at
    s.depth = depth
    return this.aheadAt >= 0
  }

  /** the code of the next member's name, whose escapes stay as they are */
  private peekName(): number {
    const { s } = this
    const { bytes } = s.source
    s.peek()
    const start = s.at
    if (bytes[start] === QUOTE) s.skipString()
    const before = Buffer.from(bytes.subarray(start, s.at))
    s.at = start
    s.key()
    const { code } = findName(bytes, s.from, s.to)
    bytes.set(before, start)
    return code
  }

  private resource(): void {
    const { s, rows, values } = this
    s.peek()
    const start = s.at
    if (rows.decoding && rows.isTooLarge(s.end - start)) {
      // It may be too large itself: then no record under it is stored.
      s.skipValue()
      if (rows.isTooLarge(s.at - start)) return
      s.at = start
    }
    rows.startResource()
    s.open(OPEN_OBJECT)
    for (let first = true; s.more(first); first = false) {
      const code = this.member()
      if (s.peek() === NULL) s.literal()
      else if (code === ATTRIBUTES) values.attributes(rows.slots.root, 1)
      else s.skipValue()
    }
    rows.endResource(s.at - start)
  }

  private scopeLogs(): void {
    const { s, rows } = this
    rows.startScope()
    this.nameFrom = this.nameTo = this.versionFrom = this.versionTo = 0
    s.open(OPEN_OBJECT)
    for (let first = true; s.more(first); first = false) {
      const code = this.member()
      if (s.peek() === NULL) s.literal()
      else if (code === LOG_RECORDS) this.list(this.record)
      else if (code === SCOPE) this.scope()
      else s.skipValue()
    }
    rows.endScope(this.nameFrom, this.nameTo, this.versionFrom, this.versionTo)
  }

  private scope(): void {
    const { s, scalars } = this
    s.open(OPEN_OBJECT)
    for (let first = true; s.more(first); first = false) {
      const code = this.member()
      const c = s.peek()
      if (c === NULL) s.literal()
      else if (code === NAME) {
        scalars.text(c)
        this.nameFrom = s.from
        this.nameTo = s.to
      } else if (code === VERSION) {
        scalars.text(c)
        this.versionFrom = s.from
        this.versionTo = s.to
      } else s.skipValue()
    }
  }

  private record(): void {
    const { s, rows, scalars, values } = this
    s.peek()
    const start = s.at
    if (!rows.startRecord()) {
      s.skipValue()
      return
    }
    let hasBody = false
    let name = START_RECORD
    s.open(OPEN_OBJECT)
    for (let first = true; s.more(first); first = false) {
      name = scalars.member(name)
      const { code } = name
      const c = s.peek()
      if (c === NULL) s.literal()
      else if (code === ATTRIBUTES) values.attributes(rows.slots.root, 1)
      else if (code === BODY) {
        if (hasBody) failTwice('body')
        hasBody = true
        rows.inBody = true
        values.value(rows.bodySlot, 1)
        rows.inBody = false
      } else this.recordField(code, c)
    }
    rows.endRecord(s.at - start)
  }

  private recordField(code: number, c: number): void {
    const { s, rows, scalars } = this
    switch (code) {
      case TIME:
        rows.setTime(scalars.nanos())
        return
      case OBSERVED_TIME:
        rows.setObservedTime(scalars.nanos())
        return
      case SEVERITY_NUMBER: {
        const start = s.at
        scalars.int64()
        if (s.hi !== s.lo >> 31) scalars.failAt(start, 'a 32-bit integer')
        rows.setSeverityNumber(s.lo)
        return
      }
      case SEVERITY_TEXT:
        scalars.textValue()
        rows.setSeverityText(s.from, s.to)
        return
      case DROPPED_ATTRIBUTES: {
        const start = s.at
        scalars.int64()
        if (s.hi !== 0) scalars.failAt(start, 'an unsigned 32-bit integer')
        rows.setDroppedAttributes(s.lo >>> 0)
        return
      }
      case TRACE_ID:
        this.hexText(c)
        rows.setTraceIdHex(s.from, s.to)
        return
      case SPAN_ID:
        this.hexText(c)
        rows.setSpanIdHex(s.from, s.to)
        return
      default:
        s.skipValue()
    }
  }

  /** OTLP has ids as hex of either case; base64, proto3's own form, is an error */
  private hexText(c: number): void {
    const { s } = this
    const { bytes } = s.source
    const start = s.at
    this.scalars.text(c)
    for (let p = s.from; p < s.to; p++) {
      const b = bytes[p]!
      const lower = LOWER_HEX[b]!
      if (lower === 0) this.scalars.failAt(start, 'an id in hex digits')
      if (lower !== b) bytes[p] = lower
    }
  }
}

/** see `usedWalks`; one resource, one scope, one record with a body and an attribute */
const KEPT_RECORD = '{"timeUnixNano":"1000","body":{"stringValue":"a"},"attributes":[{"key":"c","value":{"intValue":"1"}}]}'
const KEPT_RESOURCE = '{"attributes":[{"key":"a","value":{"stringValue":"b"}}]}'
export const keptJsonWalks = (): unknown => usedWalks(
  () => Buffer.from(`{"resourceLogs":[{"resource":${KEPT_RESOURCE},"scopeLogs":[{"scope":{"name":"a"},"logRecords":[${KEPT_RECORD}]}]}]}`),
  walkJson,
)
