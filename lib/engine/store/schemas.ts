// Schemas: the set of a stream incarnation's columns and their types in the catalog. Writers join what
// a batch brings *before* it becomes visible, so a listed slice has only known columns. An update is
// conditional on the version read; the loser reads again and joins: since the join is a least upper
// bound, any interleaving of writers ends equal (test/property/schema-race.test.ts).
import type { Ports } from '../ports.ts'
import { EngineError } from '../../model/errors.ts'
import { STREAM_FIELDS_MAX, joinFields, type FieldType, type Fields, type Schema } from '../../model/schema.ts'
import type { OrgId } from '../../model/stream.ts'

/**
 * Schemas by `streamId/inc`. A cached schema may be old but never wrong: the stored one only moves up,
 * so fields that add nothing to an old copy add nothing to the stored one either.
 */
export type SchemaCache = Map<string, Schema>

/** cached schemas beyond which the cache is emptied (5,000 fields weigh about 400 KB) */
const CACHED_MAX = 2_000
/** lost races before the batch goes back to the queue: each loss means that another writer moved the schema up */
const JOIN_TRIES_MAX = 12

export interface JoinedSchema {
  /** what stands in the catalog, at least */
  readonly schema: Schema
  /** fields of the batch that would pass `fieldsMax`: they are in no schema, their rows must not become visible */
  readonly refused: readonly string[]
}

/**
 * Joins a batch's fields into the stored schema.
 * @throws conflict after too many lost races, unavailable
 */
export async function joinSchema(
  ports: Ports, cache: SchemaCache, org: OrgId, streamId: string, inc: number, fields: Fields, fieldsMax = STREAM_FIELDS_MAX,
): Promise<JoinedSchema> {
  const key = `${streamId}/${inc}`
  const cached = cache.get(key)
  if (cached !== undefined && joinFields(cached.fields, fields) === cached.fields) return { schema: cached, refused: [] }
  for (let tries = 1; tries <= JOIN_TRIES_MAX; tries++) {
    const stored = await ports.catalog.schema(org, streamId, inc)
    const { admitted, refused } = admit(stored.fields, fields, fieldsMax)
    const joined = joinFields(stored.fields, admitted)
    const won = joined === stored.fields || (await ports.catalog.putSchema(org, streamId, inc, joined, stored.version))
    if (won) {
      const schema = joined === stored.fields ? stored : { version: stored.version + 1, fields: joined }
      if (cache.size >= CACHED_MAX) cache.clear()
      cache.set(key, schema)
      return { schema, refused }
    }
    ports.telemetry.count('schema_race_lost', 1)
    // Full jitter: losers that wait alike meet again.
    await ports.clock.sleep(ports.ids.random() * Math.min(10 * 2 ** tries, 1_000))
  }
  throw new EngineError('conflict', `the schema of stream ${streamId} kept changing while it was updated: try again`)
}

/** of `fields`, those the schema has or has room for; a field's type may always move up */
function admit(stored: Fields, fields: Fields, fieldsMax: number): { admitted: Fields; refused: string[] } {
  let room = fieldsMax - Object.keys(stored).length
  const names = Object.keys(fields)
  const refused: string[] = []
  if (names.length <= room) return { admitted: fields, refused }
  const admitted = Object.create(null) as Record<string, FieldType>
  for (const name of names) {
    if (!Object.hasOwn(stored, name) && room-- <= 0) refused.push(name)
    else admitted[name] = fields[name]!
  }
  return { admitted, refused }
}
