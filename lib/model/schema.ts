// The types of fields, as a join-semilattice: any two types have one least upper bound, joins never
// lose a digit and never depend on order, so a stream's schema is the join of everything that
// arrived, however rows were batched. Laws are properties in test/property/schema.test.ts.

/** `int`: |n| <= 2^53 (exact as a double); `int64`: any 64-bit integer */
export type FieldType = 'bool' | 'int' | 'int64' | 'double' | 'string'
export const FIELD_TYPES: readonly FieldType[] = ['bool', 'int', 'int64', 'double', 'string']

/** least upper bound: int < int64, int < double, and every other mix is text, which keeps every digit */
export function joinTypes(a: FieldType, b: FieldType): FieldType {
  if (a === b) return a
  if (a === 'int' && (b === 'int64' || b === 'double')) return b
  if (b === 'int' && (a === 'int64' || a === 'double')) return a
  return 'string'
}

/** field name -> type; `_timestamp` is implied and never listed */
export type Fields = Readonly<Record<string, FieldType>>

/** a stream's schema in the catalog; `version` counts the joins that changed it, 0 = not stored yet */
export interface Schema {
  readonly version: number
  readonly fields: Fields
}

export const EMPTY_SCHEMA: Schema = { version: 0, fields: {} }

/** the join of two field sets; returns `a` itself when `b` adds nothing (callers compare by identity) */
export function joinFields(a: Fields, b: Fields): Fields {
  let out: Record<string, FieldType> | null = null
  for (const [name, type] of Object.entries(b)) {
    const old = Object.hasOwn(a, name) ? a[name] : undefined
    const joined = old === undefined ? type : joinTypes(old, type)
    if (joined === old) continue
    out ??= Object.assign(Object.create(null) as Record<string, FieldType>, a)
    out[name] = joined
  }
  return out ?? a
}

/** fields a stream may have; a record that would pass it is parked with the reason */
export const STREAM_FIELDS_MAX = 5_000

/** columns clients may not write: they get the prefix `attr_` (wire.md, keys) */
export const RESERVED_FIELDS: ReadonlySet<string> = new Set(['_all', '_original', '_o2_id', '_rest', '__hash__', '_b'])

/** the columns `match_all` searches when a stream names none (OpenObserve's list) */
export const DEFAULT_FULL_TEXT_FIELDS: readonly string[] = [
  'log', 'message', 'msg', 'content', 'data', 'body', 'json', 'error', 'events', 'llm_input', 'llm_output',
]
