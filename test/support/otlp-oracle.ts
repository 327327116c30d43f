// What a request of OTLP logs must become, worked out from the plain objects the encoders were given
// and from wire.md, without our decoder's help; and what a table holds, as plain objects.
import type { DecodeContext } from '../../lib/engine/ingest/decode/contract.ts'
import { DEFAULT_SETTINGS } from '../../lib/engine/settings.ts'
import type { FieldColumns, Table, Tables } from '../../lib/engine/store/columns.ts'
import { RESERVED_FIELDS } from '../../lib/model/schema.ts'
import type { AnyValue, KeyValue, LogRecord, LogsRequest } from './otlp.ts'

/** text, exact integer, boolean; doubles are wrapped, for 1.0 is not 1 */
export type Cell = string | bigint | boolean | { readonly double: number }

export interface Row {
  readonly time: number
  readonly fields: Record<string, Cell>
}

export const ACCEPTED_AT = 1_763_000_000_123_456

export function contextOf(format: 'json' | 'protobuf', changes: Partial<DecodeContext> = {}): DecodeContext {
  return {
    ...DEFAULT_SETTINGS, route: 'otlp-logs', format, stream: null, acceptedAt: ACCEPTED_AT,
    oldest: ACCEPTED_AT - DEFAULT_SETTINGS.pastMicrosMax, newest: ACCEPTED_AT + DEFAULT_SETTINGS.futureMicrosMax, ...changes,
  }
}

// --- what a table holds

function cellOf(field: FieldColumns, row: number): Cell | undefined {
  const cells: Cell[] = []
  const { text, ints, doubles, bools } = field
  if (text?.has(row)) {
    const entry = text.index[row]!
    // Fatal: what is stored must be valid UTF-8.
    cells.push(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(text.arena.subarray(text.offsets[entry], text.offsets[entry + 1])))
  }
  if (ints?.has(row)) cells.push((BigInt(ints.halves[2 * row + 1]!) << 32n) | BigInt(ints.halves[2 * row]! >>> 0))
  if (doubles?.has(row)) cells.push({ double: doubles.values[row]! })
  if (bools?.has(row)) cells.push(bools.values[row] !== 0)
  if (cells.length > 1) throw new Error(`row ${row} has ${cells.length} values in field ${field.name}`)
  return cells[0]
}

export function rowsOfTable(table: Table): Row[] {
  return Array.from({ length: table.rows }, (_, row) => {
    const fields: Record<string, Cell> = Object.create(null) as Record<string, Cell>
    for (const field of table.fields) {
      const cell = cellOf(field, row)
      if (cell !== undefined) fields[field.name] = cell
    }
    return { time: table.times[row]!, fields }
  })
}

export const rowsOf = (tables: Tables, stream = 'default'): Row[] => {
  const table = tables.byStream.get(`logs/${stream}`)
  return table === undefined ? [] : rowsOfTable(table)
}

// --- what a request must become

export interface Expected {
  /** rows of the accepted records, in order */
  readonly rows: Row[]
  readonly rejections: { ordinal: number; slug: string }[]
}

const wellFormed = (text: string): string => text.toWellFormed()
const bytesOf = (text: string): number => Buffer.byteLength(wellFormed(text), 'utf8')
const clean = (key: string): string => wellFormed(key).toLowerCase().replace(/[^\p{L}\p{N}_]/gu, '_')
const fieldName = (path: string): string => (path === '_timestamp' || RESERVED_FIELDS.has(path) ? `attr_${path}` : path)
const doubleText = (value: number): string => (Object.is(value, -0) ? '-0' : String(value))

/** deepest level of the value's OTLP JSON, the value itself standing at `depth` */
function deepest(value: AnyValue, depth: number): number {
  if (value.kind === 'array') return Math.max(depth + 2, ...value.values.map((v) => deepest(v, depth + 3)))
  if (value.kind === 'map') return Math.max(depth + 2, ...value.values.map(({ value: v }) => (v === null ? depth + 3 : deepest(v, depth + 4))))
  return depth
}

function jsonText(value: AnyValue | null): string {
  switch (value?.kind) {
    case 'text': return JSON.stringify(wellFormed(value.value))
    case 'bool': return String(value.value)
    case 'int': return String(value.value)
    case 'double': return Number.isFinite(value.value) ? doubleText(value.value) : `"${value.value}"`
    case 'bytes': return `"${Buffer.from(value.value).toString('base64')}"`
    case 'array': return `[${value.values.map(jsonText).join(',')}]`
    case 'map': return `{${value.values.map(({ key, value: v }) => `${JSON.stringify(wellFormed(key))}:${jsonText(v)}`).join(',')}}`
    default: return 'null'
  }
}

/** one record or resource while its fields are collected */
class Collector {
  readonly cells: [string, Cell][] = []
  badKey = false
  deep = 0
  private readonly context: DecodeContext

  constructor(context: DecodeContext) {
    this.context = context
  }

  attributes(values: readonly KeyValue[], prefix: string, level: number, depth: number): void {
    for (const { key, value } of values) {
      if (bytesOf(key) === 0 || bytesOf(key) > this.context.keyBytesMax) this.badKey = true
      const path = prefix === '' ? clean(key) : `${prefix}_${clean(key)}`
      if (value !== null) this.value(value, path, level, depth)
    }
  }

  value(value: AnyValue, path: string, level: number, depth: number): void {
    this.deep = Math.max(this.deep, deepest(value, depth))
    const put = (cell: Cell): void => void this.cells.push([fieldName(path), cell])
    switch (value.kind) {
      case 'none': return
      case 'text': return put(wellFormed(value.value))
      case 'bool': return put(value.value)
      case 'int': return put(value.value)
      case 'double': return put({ double: value.value })
      case 'bytes': return put(Buffer.from(value.value).toString('base64'))
      case 'array': return put(jsonText(value))
      case 'map':
        if (level < this.context.flattenLevels) this.attributes(value.values, path, level + 1, depth + 4)
        else if (value.values.length > 0) put(jsonText(value))
    }
  }
}

function bodyCells(body: AnyValue, own: Collector): void {
  if (body.kind === 'bool') own.cells.push(['body', String(body.value)])
  else if (body.kind === 'int') own.cells.push(['body', String(body.value)])
  else if (body.kind === 'double') own.cells.push(['body', doubleText(body.value)])
  else own.value(body, 'body', 1, 8)
}

const MICROS_MAX = (1n << 64n) - 1n
const nanosOf = (value: bigint | undefined): bigint => BigInt.asUintN(64, value ?? 0n)

function timeOf(r: LogRecord, acceptedAt: number): number {
  const nanos = nanosOf(r.time) || nanosOf(r.observedTime)
  return nanos === 0n ? acceptedAt : Number((nanos & MICROS_MAX) / 1000n)
}

function coreCells(r: LogRecord, name: string | undefined, version: string | undefined): [string, Cell][] {
  const cells: [string, Cell][] = []
  if (r.severityText !== undefined && r.severityText !== '') cells.push(['severity', wellFormed(r.severityText)])
  else if ((r.severityNumber ?? 0) > 0) cells.push(['severity', String(r.severityNumber)])
  for (const [column, id, bytes] of [['trace_id', r.traceId, 16], ['span_id', r.spanId, 8]] as const) {
    if (id !== undefined && id.length === bytes && id.some((b) => b !== 0)) cells.push([column, Buffer.from(id).toString('hex')])
  }
  if ((r.droppedAttributes ?? 0) > 0) cells.push(['dropped_attributes_count', BigInt(r.droppedAttributes!)])
  if (name !== undefined && name !== '') cells.push(['instrumentation_library_name', wellFormed(name)])
  if (version !== undefined && version !== '') cells.push(['instrumentation_library_version', wellFormed(version)])
  return cells
}

/** null: the whole request is too deep */
export function expectedOf(request: LogsRequest, context: DecodeContext): Expected | null {
  const rows: Row[] = []
  const rejections: Expected['rejections'] = []
  let deep = 0
  let ordinal = 0
  for (const resource of request.resources) {
    const shared = new Collector(context)
    shared.attributes(resource.attributes ?? [], '', 1, 7)
    deep = Math.max(deep, shared.deep)
    for (const scope of resource.scopes) {
      for (const record of scope.records) {
        const attributes = new Collector(context)
        attributes.attributes(record.attributes ?? [], '', 1, 10)
        const body = new Collector(context)
        if (record.body !== undefined) {
          body.deep = deepest(record.body, 8)
          bodyCells(record.body, body)
        }
        deep = Math.max(deep, attributes.deep, body.deep)
        const time = timeOf(record, context.acceptedAt)
        const fields = shared.cells.length + attributes.cells.length + body.cells.length
        const slug = shared.badKey || attributes.badKey || body.badKey ? 'field_name'
          : fields > context.recordFieldsMax ? 'too_many_fields'
            : time < context.oldest || time > context.newest ? 'timestamp' : null
        if (slug !== null) rejections.push({ ordinal, slug })
        else {
          const all = [...shared.cells, ...attributes.cells, ...body.cells, ...coreCells(record, scope.name, scope.version)]
          rows.push({ time, fields: Object.assign(Object.create(null), Object.fromEntries(all)) as Record<string, Cell> })
        }
        ordinal++
      }
    }
  }
  return deep > context.depthMax ? null : { rows, rejections }
}
