// What decoders made, as plain rows, and the context they judge by: shared by the decoders' tests.
import { isUtf8 } from 'node:buffer'
import type { DecodeContext, Verdict } from '../../lib/engine/ingest/decode/contract.ts'
import { check, decode } from '../../lib/engine/ingest/decode/index.ts'
import { DEFAULT_SETTINGS } from '../../lib/engine/settings.ts'
import { Tables } from '../../lib/engine/store/columns.ts'
import type { FieldColumns, Table } from '../../lib/engine/store/columns.ts'

/** integers are bigint, doubles number: the kind of column they came from shows */
export type Value = string | bigint | number | boolean
/** name -> value, `_timestamp` as a number; no prototype, so `__proto__` is a name like any other */
export type Row = Record<string, Value>

/** 2026-11-21T12:00:00Z */
export const NOW = 1_795_262_400_000_000

export function contextOf(changes: Partial<DecodeContext> = {}): DecodeContext {
  const { flattenLevels, recordsMax, recordBytesMax, recordFieldsMax, keyBytesMax, depthMax, requestStreamsMax, requestPartitionsMax } = DEFAULT_SETTINGS
  return {
    route: 'json', format: 'json', stream: 'default', acceptedAt: NOW,
    oldest: NOW - DEFAULT_SETTINGS.pastMicrosMax, newest: NOW + DEFAULT_SETTINGS.futureMicrosMax,
    flattenLevels, recordsMax, recordBytesMax, recordFieldsMax, keyBytesMax, depthMax, requestStreamsMax, requestPartitionsMax,
    ...changes,
  }
}

/** a field's value in a row, undefined when null; more than one kind of value in a row is an error */
export function valueOf(field: FieldColumns, row: number): Value | undefined {
  const found: Value[] = []
  const { text, ints, doubles, bools } = field
  if (text?.has(row) === true) {
    const entry = text.index[row]!
    const bytes = text.arena.subarray(text.offsets[entry]!, text.offsets[entry + 1]!)
    // One invalid value makes readers refuse a whole file.
    if (!isUtf8(bytes)) throw new Error(`row ${row} of ${field.name} is not valid UTF-8`)
    found.push(bytes.toString('utf8'))
  }
  if (ints?.has(row) === true) found.push((BigInt(ints.halves[row * 2 + 1]!) << 32n) | BigInt(ints.halves[row * 2]! >>> 0))
  if (doubles?.has(row) === true) found.push(doubles.values[row]!)
  if (bools?.has(row) === true) found.push(bools.values[row] === 1)
  if (found.length > 1) throw new Error(`row ${row} of ${field.name} has ${found.length} values`)
  return found[0]
}

export function rowsOfTable(table: Table): Row[] {
  return Array.from({ length: table.rows }, (_, i) => {
    const row: Row = Object.assign(Object.create(null) as Row, { _timestamp: table.times[i]! })
    for (const field of table.fields) {
      const value = valueOf(field, i)
      if (value !== undefined) row[field.name] = value
    }
    return row
  })
}

/** rows by stream's clean name */
export function rowsOf(tables: Tables): Map<string, Row[]> {
  return new Map([...tables.byStream].map(([key, table]) => [key.slice(key.indexOf('/') + 1), rowsOfTable(table)]))
}

export interface Outcome {
  readonly verdict: Verdict
  readonly tables: Tables
  readonly rows: Map<string, Row[]>
}

/** checks a body, then decodes a second copy less what was rejected, as receiver and writer do */
export function run(body: string | Uint8Array, changes: Partial<DecodeContext> = {}, message = 0): Outcome {
  const context = contextOf(changes)
  const verdict = check(Buffer.from(body as string), context)
  const tables = new Tables()
  decode(Buffer.from(body as string), context, verdict.rejections.map((r) => r.ordinal), message, tables)
  return { verdict, tables, rows: rowsOf(tables) }
}

/** the rows of the one stream `default` */
export const rowsIn = (body: string | Uint8Array, changes: Partial<DecodeContext> = {}): Row[] => run(body, changes).rows.get('default') ?? []

/** slugs of the rejected records, by ordinal */
export const refusals = (outcome: Outcome): [number, string][] => outcome.verdict.rejections.map((r) => [r.ordinal, r.slug])
