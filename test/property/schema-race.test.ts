// Property 7: however two or more updates of a schema interleave, the catalog ends with the join of all
// of them, and every writer goes on with a schema that holds its own fields.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Ports } from '../../lib/engine/ports.ts'
import { joinSchema } from '../../lib/engine/store/schemas.ts'
import { EngineError } from '../../lib/model/errors.ts'
import { EMPTY_SCHEMA, FIELD_TYPES, joinFields, joinTypes, type Fields, type Schema } from '../../lib/model/schema.ts'
import type { OrgId } from '../../lib/model/stream.ts'

const runs = 200 * Number(process.env['NILOMETER_RUNS'] ?? 1)
const ORG = 'o1' as OrgId
const fields: fc.Arbitrary<Fields> = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), fc.constantFrom(...FIELD_TYPES), { noNullPrototype: false, minKeys: 1 })

/** a catalog of one schema whose calls are answered in the order the scheduler picks; some answers are lost */
function racing(s: fc.Scheduler, loses: () => boolean): { ports: Ports; stored: () => Schema } {
  let stored = EMPTY_SCHEMA
  const answer = async <T>(effect: () => T): Promise<T> => {
    await s.schedule(Promise.resolve(), 'request')
    const value = effect()
    await s.schedule(Promise.resolve(), 'response')
    return value
  }
  const ports = {
    catalog: {
      schema: () => answer(() => stored),
      putSchema: (_org: string, _id: string, _inc: number, next: Fields, ifVersion: number) => answer(() => {
        if (stored.version !== ifVersion) return false
        stored = { version: ifVersion + 1, fields: next }
        if (loses()) throw new EngineError('unavailable', 'the answer was lost')
        return true
      }),
    },
    clock: { sleep: () => s.schedule(Promise.resolve(), 'sleep') },
    ids: { random: () => 0.5 },
    telemetry: { count: () => undefined },
  } as unknown as Ports
  return { ports, stored: () => stored }
}

/** a writer's batch goes back to the queue when an answer was lost, and comes again */
async function untilJoined(ports: Ports, batch: Fields): Promise<Schema> {
  for (;;) {
    try {
      return (await joinSchema(ports, new Map(), ORG, 's', 1, batch)).schema
    } catch (error) {
      if (!(error instanceof EngineError) || error.kind !== 'unavailable') throw error
    }
  }
}

describe('concurrent updates of a schema', () => {
  it('end equal in any interleaving, with lost answers too', async () => {
    await fc.assert(fc.asyncProperty(fc.scheduler(), fc.array(fields, { minLength: 2, maxLength: 4 }), fc.infiniteStream(fc.boolean()), async (s, batches, losses) => {
      let budget = 3
      const { ports, stored } = racing(s, () => budget > 0 && losses.next().value && budget-- > 0)
      const done = Promise.all(batches.map((batch) => untilJoined(ports, batch)))
      const schemas = await s.waitFor(done)
      const join = batches.reduce(joinFields, {})
      expect({ ...stored().fields }).toEqual({ ...join })
      schemas.forEach((schema, i) => {
        for (const [name, type] of Object.entries(batches[i]!)) expect(joinTypes(schema.fields[name]!, type)).toBe(schema.fields[name])
      })
    }), { numRuns: runs })
  })
})
