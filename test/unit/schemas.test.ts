// Joining a batch into the catalog's schema: what is asked of the catalog, the cap, the cache; and the
// stream items beside it.
import { describe, expect, it } from 'vitest'
import type { Ports } from '../../lib/engine/ports.ts'
import { DEFAULT_SETTINGS } from '../../lib/engine/settings.ts'
import { joinSchema, type SchemaCache } from '../../lib/engine/store/schemas.ts'
import { newStream, streamItemOf, type StreamCache } from '../../lib/engine/store/streams.ts'
import { EMPTY_SCHEMA, type Fields, type Schema } from '../../lib/model/schema.ts'
import { incarnationAt, type OrgId, type StreamItem } from '../../lib/model/stream.ts'

const ORG = 'o1' as OrgId

/** a catalog of one stream that notes what it is asked */
function catalogOf(stored: Schema = EMPTY_SCHEMA) {
  const asked: string[] = []
  const world = {
    asked, schema: stored, item: null as StreamItem | null, nowMs: 1_000_000, monotonicMs: 0, beforePut: () => {},
    get ports() { return ports },
  }
  const ports = {
    catalog: {
      schema: async () => { asked.push('schema'); return world.schema },
      putSchema: async (_o: string, _s: string, _i: number, fields: Fields, ifVersion: number) => {
        asked.push('putSchema')
        world.beforePut()
        if (world.schema.version !== ifVersion) return false
        world.schema = { version: ifVersion + 1, fields }
        return true
      },
      stream: async () => { asked.push('stream'); return world.item },
      createStream: async (item: StreamItem) => { asked.push('createStream'); return (world.item ??= item) },
    },
    clock: { sleep: async () => { asked.push('sleep') }, now: () => world.nowMs * 1_000, monotonicMs: () => world.monotonicMs },
    ids: { random: () => 0.5 },
    telemetry: { count: () => undefined },
  } as unknown as Ports
  return world
}
const join = (ports: Ports, fields: Fields, cache: SchemaCache = new Map(), max?: number) => joinSchema(ports, cache, ORG, 's', 1, fields, max)

describe('joining a schema', () => {
  it('stores the first batch\'s fields', async () => {
    const world = catalogOf()
    const { schema, refused } = await join(world.ports, { a: 'int' })
    expect(schema).toEqual({ version: 1, fields: { a: 'int' } })
    expect(world.schema).toEqual(schema)
    expect(refused).toEqual([])
  })

  it('writes nothing when the batch adds nothing, and asks nothing when the cache says so', async () => {
    const world = catalogOf({ version: 3, fields: { a: 'string' } })
    const cache: SchemaCache = new Map()
    await join(world.ports, { a: 'int' }, cache)
    await join(world.ports, { a: 'double' }, cache)
    expect(world.asked).toEqual(['schema'])
  })

  it('keeps two incarnations apart in the cache', async () => {
    const world = catalogOf()
    const cache: SchemaCache = new Map()
    await join(world.ports, { a: 'int' }, cache)
    world.schema = EMPTY_SCHEMA
    await joinSchema(world.ports, cache, ORG, 's', 2, { a: 'int' })
    expect(world.asked).toEqual(['schema', 'putSchema', 'schema', 'putSchema'])
  })

  it('reads again and joins when another writer was first', async () => {
    const world = catalogOf()
    world.beforePut = () => {
      if (world.schema.version === 0) world.schema = { version: 1, fields: { a: 'double', b: 'bool' } }
    }
    const { schema } = await join(world.ports, { a: 'int', c: 'string' })
    expect(schema).toEqual({ version: 2, fields: { a: 'double', b: 'bool', c: 'string' } })
    expect(world.asked).toEqual(['schema', 'putSchema', 'sleep', 'schema', 'putSchema'])
  })

  it('gives up as a conflict when it never wins', async () => {
    const world = catalogOf()
    world.beforePut = () => { world.schema = { version: world.schema.version + 1, fields: {} } }
    await expect(join(world.ports, { a: 'int' })).rejects.toMatchObject({ kind: 'conflict' })
  })

  it('refuses the fields beyond the cap and stores the others', async () => {
    const world = catalogOf({ version: 1, fields: { a: 'int', b: 'int' } })
    const { refused } = await join(world.ports, { c: 'int', a: 'string', d: 'int' }, new Map(), 3)
    expect(refused).toEqual(['d'])
    expect(world.schema.fields).toEqual({ a: 'string', b: 'int', c: 'int' })
  })

  it('never refuses a field the schema has, even beyond the cap', async () => {
    const world = catalogOf({ version: 1, fields: { a: 'int', b: 'int' } })
    expect((await join(world.ports, { a: 'double', b: 'int' }, new Map(), 1)).refused).toEqual([])
    expect(world.schema.fields['a']).toBe('double')
  })

  it('takes a field named as a member of every object for a field', async () => {
    const world = catalogOf()
    await join(world.ports, { constructor: 'int' } as unknown as Fields)
    expect(Object.keys(world.schema.fields)).toEqual(['constructor'])
  })
})

describe('a stream\'s item', () => {
  const item = (world: ReturnType<typeof catalogOf>, cache: StreamCache) => streamItemOf(world.ports, DEFAULT_SETTINGS, cache, ORG, 'logs', 'a')

  it('is made once, with 16 hex digits for an id', async () => {
    const world = catalogOf()
    expect((await item(world, new Map())).id).toMatch(/^[0-9a-f]{16}$/)
    await item(world, new Map())
    expect(world.asked).toEqual(['stream', 'createStream', 'stream'])
  })

  it('is the one another writer made when both made it', async () => {
    const world = catalogOf()
    const theirs = newStream(world.ports.ids, ORG, 'logs', 'a')
    world.ports.catalog.stream = async () => { world.item = { ...theirs, id: 'ffffffffffffffff' }; return null }
    expect((await item(world, new Map())).id).toBe('ffffffffffffffff')
  })

  it('is cached no longer than incCacheMs by either clock', async () => {
    const world = catalogOf()
    const cache: StreamCache = new Map()
    const reads = async () => {
      world.asked.length = 0
      await item(world, cache)
      return world.asked.length
    }
    await reads()
    world.nowMs += 10_000
    world.monotonicMs += 10_000
    expect(await reads()).toBe(0)
    world.nowMs += 1
    expect(await reads()).toBe(1)
    world.monotonicMs += 10_001
    expect(await reads()).toBe(1)
    world.nowMs -= 5
    expect(await reads(), 'a clock set back').toBe(1)
  })

  it('says to which incarnation a message belongs: the one current when it was accepted', () => {
    const world = catalogOf()
    const first = newStream(world.ports.ids, ORG, 'logs', 'a')
    const deleted = { ...first, inc: 2, history: [...first.history, { inc: 2, from: 500 }] }
    expect([0, 499, 500, 501].map((t) => incarnationAt(deleted, t))).toEqual([1, 1, 2, 2])
  })
})
