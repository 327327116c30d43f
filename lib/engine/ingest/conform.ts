// Rows fit their stream before anyone may see them: each table settles the types of its fields and the
// stream's schema in the catalog takes them in. A clash of types never rejects a row (types join). The
// one thing that can is the cap on fields: a row that would pass it goes to the stream `_rejected`,
// in the same commit, with the reason and the whole record, so it is stored exactly once too and the
// user finds it where everything else is found.
import type { Ports } from '../ports.ts'
import type { Settings } from '../settings.ts'
import { Source, Table, type FieldColumns, type Tables } from '../store/columns.ts'
import { joinSchema, type SchemaCache } from '../store/schemas.ts'
import { settle } from '../store/settle.ts'
import { streamItemOf, type StreamCache } from '../store/streams.ts'
import type { SettledColumn } from '../store/types.ts'
import { STREAM_FIELDS_MAX, type FieldType } from '../../model/schema.ts'
import { incarnationAt, type OrgId, type StreamItem, type StreamType } from '../../model/stream.ts'
import type { Micros } from '../../model/time.ts'

/** what a writer remembers between batches; any of it may be thrown away at any time */
export interface WriterState {
  readonly streams: StreamCache
  readonly schemas: SchemaCache
  /** of the last batch, for the next one; null while one is under way */
  spare: Tables | null
}

export const newWriterState = (): WriterState => ({ streams: new Map(), schemas: new Map(), spare: null })

/** one stream's rows, ready to be packed */
export interface ConformedTable {
  readonly item: StreamItem
  readonly table: Table
  readonly columns: readonly SettledColumn[]
  /** incarnation by message ordinal */
  readonly incs: readonly number[]
  /** 1 by row: it went to `_rejected` instead; null: none did */
  readonly moved: Uint8Array | null
}

const REJECTED = 'logs/_rejected'

/** The items of all tables' streams, in the tables' order; new streams come into being here. @throws unavailable */
export function itemsOf(ports: Ports, settings: Settings, state: WriterState, org: OrgId, tables: Tables): Promise<StreamItem[]> {
  return Promise.all([...tables.byStream.keys()].map((stream) => itemOf(ports, settings, state, org, stream)))
}

function itemOf(ports: Ports, settings: Settings, state: WriterState, org: OrgId, stream: string): Promise<StreamItem> {
  const slash = stream.indexOf('/')
  return streamItemOf(ports, settings, state.streams, org, stream.slice(0, slash) as StreamType, stream.slice(slash + 1))
}

/**
 * Settles every table and joins its fields into the catalog's schemas.
 * @param acceptedAt by message ordinal: says which incarnation each row belongs to
 * @throws conflict, unavailable
 */
export async function conform(
  ports: Ports, settings: Settings, state: WriterState, org: OrgId, tables: Tables, acceptedAt: readonly Micros[],
): Promise<ConformedTable[]> {
  const names = [...tables.byStream.keys()].filter((name) => name !== REJECTED)
  const conformed = await Promise.all(names.map(async (name) => {
    const item = await itemOf(ports, settings, state, org, name)
    return conformTable(ports, state, item, tables.of(name), acceptedAt)
  }))
  for (const { item, table, moved } of conformed) if (moved !== null) moveRows(table, moved, `${item.type}/${item.name}`, tables.of(REJECTED))
  const rejected = tables.byStream.get(REJECTED)
  if (rejected === undefined) return conformed
  return [...conformed, await conformRejected(ports, state, await itemOf(ports, settings, state, org, REJECTED), rejected, acceptedAt)]
}

async function conformTable(
  ports: Ports, state: WriterState, item: StreamItem, table: Table, acceptedAt: readonly Micros[], fieldsMax = STREAM_FIELDS_MAX,
): Promise<ConformedTable> {
  const incs = acceptedAt.map((time) => incarnationAt(item, time))
  const columns = settle(table)
  const fields = Object.create(null) as Record<string, FieldType>
  for (const column of columns) fields[column.name] = column.type
  const refused = new Set<string>()
  for (const inc of new Set(incs)) {
    const joined = await joinSchema(ports, state.schemas, item.org, item.id, inc, fields, fieldsMax)
    for (const name of joined.refused) refused.add(name)
  }
  if (refused.size === 0) return { item, table, columns, incs, moved: null }
  return { item, table, columns: columns.filter(({ name }) => !refused.has(name)), incs, moved: rowsWith(table, refused) }
}

/** Clients may write `_rejected` too; its own three fields have room beyond the cap, so what is moved always fits. */
async function conformRejected(
  ports: Ports, state: WriterState, item: StreamItem, table: Table, acceptedAt: readonly Micros[],
): Promise<ConformedTable> {
  const first = await conformTable(ports, state, item, table, acceptedAt)
  if (first.moved === null) return first
  const moved = new Uint8Array(table.rows + first.moved.length)
  moved.set(first.moved)
  moveRows(table, first.moved, REJECTED, table)
  const refused = new Set(settle(table).map(({ name }) => name))
  for (const { name } of first.columns) refused.delete(name)
  for (const name of OWN_FIELDS) refused.delete(name)
  const own = Object.fromEntries(OWN_FIELDS.map((name) => [name, 'string' as const]))
  for (const inc of new Set(first.incs)) await joinSchema(ports, state.schemas, item.org, item.id, inc, own, Infinity)
  return { ...first, columns: settle(table).filter(({ name }) => !refused.has(name)), moved }
}

/** 1 for each row that has a value in one of the fields */
function rowsWith(table: Table, names: ReadonlySet<string>): Uint8Array {
  const rows = new Uint8Array(table.rows)
  for (const field of table.fields) {
    if (!names.has(field.name)) continue
    for (let row = 0; row < table.rows; row++) if (hasValue(field, row)) rows[row] = 1
  }
  return rows
}

const hasValue = (f: FieldColumns, row: number): boolean =>
  (f.text?.has(row) || f.ints?.has(row) || f.doubles?.has(row) || f.bools?.has(row)) ?? false

const OWN_FIELDS = ['stream', 'reason', 'record'] as const
const REASON = `the stream has ${STREAM_FIELDS_MAX} fields and the record would add more: remove fields or send it to another stream`

/** Appends the marked rows to `_rejected`, each as text, with its own time and message. */
function moveRows(from: Table, moved: Uint8Array, stream: string, to: Table): void {
  const rowsOf = new Map<number, number>()
  for (let row = 0; row < from.rows && row < moved.length; row++) rowsOf.set(from.messages[row]!, (rowsOf.get(from.messages[row]!) ?? 0) + 1)
  for (let row = 0; row < moved.length; row++) {
    if (moved[row] === 0) continue
    const message = from.messages[row]!
    const values: Record<(typeof OWN_FIELDS)[number], string> = { stream, reason: REASON, record: recordText(from, row) }
    for (const name of OWN_FIELDS) {
      const source = new Source(Buffer.from(values[name]))
      to.field(name).setText(to.rows, source, 0, source.bytes.length)
    }
    to.endRow(from.times[row]!, message)
    if (to !== from) to.addRawBytes(message, Math.round((from.rawBytes.get(message) ?? 0) / rowsOf.get(message)!))
  }
}

/** a row as one JSON object; integers keep every digit, what JSON cannot say is text */
function recordText(table: Table, row: number): string {
  const members = [`"_timestamp":${table.times[row]}`]
  for (const field of table.fields) {
    const value = valueText(field, row)
    if (value !== null) members.push(`${JSON.stringify(field.name)}:${value}`)
  }
  return `{${members.join(',')}}`
}

function valueText({ text, ints, doubles, bools }: FieldColumns, row: number): string | null {
  if (text?.has(row)) {
    const entry = text.index[row]!
    return JSON.stringify(text.arena.toString('utf8', text.offsets[entry], text.offsets[entry + 1]))
  }
  if (ints?.has(row)) return String((BigInt(ints.halves[2 * row + 1]!) << 32n) | BigInt(ints.halves[2 * row]! >>> 0))
  if (doubles?.has(row)) {
    const value = doubles.values[row]!
    return Number.isFinite(value) ? (Object.is(value, -0) ? '-0.0' : String(value)) : `"${value}"`
  }
  return bools?.has(row) ? String(bools.values[row] === 1) : null
}
