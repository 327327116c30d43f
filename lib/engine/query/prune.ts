// Which row groups can hold rows that matter: an inclusive projection of the plan's conjuncts on the
// statistics that the writer left in the footer. Never a false no: without statistics, with types
// that differ from the schema's, or with anything unread, the group stays. Property 16 holds it.
import type { FieldType } from '../../model/schema.ts'
import type { Conjunct, TimeRange } from '../../model/share.ts'

/** statistics of one column chunk, decoded by its physical type; absent members are unknown */
export interface ChunkStatistics {
  readonly type: FieldType
  readonly rows: number
  readonly nulls?: number | undefined
  readonly min?: bigint | number | boolean | Uint8Array | undefined
  readonly max?: bigint | number | boolean | Uint8Array | undefined
}

export interface GroupView {
  /** undefined: the file has no such column, so every row is null there */
  column(name: string): ChunkStatistics | undefined
}

/** whether a row group may hold a row that some scan of the stream wants */
export function mayMatch(group: GroupView, range: TimeRange, scans: readonly (readonly Conjunct[])[]): boolean {
  const time = group.column('_timestamp')
  if (typeof time?.max === 'bigint' && time.max < BigInt(range.startTime)) return false
  if (typeof time?.min === 'bigint' && time.min >= BigInt(range.endTime)) return false
  return scans.length === 0 || scans.some((conjuncts) => conjuncts.every((c) => conjunctMayHold(group, c)))
}

function conjunctMayHold(group: GroupView, c: Conjunct): boolean {
  const stats = group.column(c.column)
  if (stats === undefined) return false // every comparison with null, and IS NOT NULL, is not true
  if (stats.nulls !== undefined && stats.nulls >= stats.rows) return false
  if (c.op === 'not-null') return true
  const below = stats.min === undefined ? null : compare(stats.min, c)
  const above = stats.max === undefined ? null : compare(stats.max, c)
  switch (c.op) {
    case '=': return !(below !== null && below > 0) && !(above !== null && above < 0)
    case '<': return !(below !== null && below >= 0)
    case '<=': return !(below !== null && below > 0)
    case '>': return !(above !== null && above <= 0)
    case '>=': return !(above !== null && above < 0)
  }
}

/** sign of bound - value, or null when they are not of one kind (the group stays) */
function compare(bound: bigint | number | boolean | Uint8Array, { value, text }: Conjunct): number | null {
  if (bound instanceof Uint8Array) return text ? Buffer.compare(bound, Buffer.from(value, 'utf8')) : null
  if (text) return null // numbers in the file, compared as text by the query
  if (typeof bound === 'bigint') {
    if (/^-?\d{1,19}$/.test(value)) {
      const v = BigInt(value)
      return bound < v ? -1 : bound > v ? 1 : 0
    }
    const v = Number(value)
    return Number.isFinite(v) ? compareLoosely(Number(bound), v) : null
  }
  if (typeof bound === 'number') {
    const v = Number(value)
    return Number.isFinite(v) ? Math.sign(bound - v) : null
  }
  return null
}

/** a 64-bit bound against a fraction: Number(bound) may be off by rounding, so near values count as equal */
function compareLoosely(bound: number, value: number): number | null {
  const slack = Math.abs(bound) * 2 ** -50
  return Math.abs(bound - value) <= slack ? null : Math.sign(bound - value)
}
