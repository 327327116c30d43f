// Property 8: however messages are parted into batches, repeated, reordered and packed, the rows that
// end up in the list are the same multiset, and so are the schemas.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { receive } from '../../lib/engine/ingest/receive.ts'
import { newWriterState, writeBatch } from '../../lib/engine/ingest/write.ts'
import { DEFAULT_SETTINGS } from '../../lib/engine/settings.ts'
import type { DeliveredMessage } from '../../lib/engine/ports.ts'
import { readRows } from '../../lib/engine/store/parquet-read.ts'
import type { OrgId } from '../../lib/model/stream.ts'
import { MICROS_PER_DAY } from '../../lib/model/time.ts'
import { memoryPorts, type MemoryPorts } from '../support/memory-ports.ts'

const runs = 60 * Number(process.env['NILOMETER_RUNS'] ?? 1)
const ORG = 'o1' as OrgId
const settings = { ...DEFAULT_SETTINGS, packSlicesMax: 4, requestPartitionsMax: 4, batchMessagesMax: 5 }

const value = fc.oneof(fc.integer(), fc.constant(true), fc.constantFrom('x', '5', 'é'), fc.constantFrom(1.5, -0.25))
const record = fc.record({ day: fc.nat(1), a: fc.option(value, { nil: undefined }), b: fc.option(value, { nil: undefined }) })
const request = fc.record({ stream: fc.constantFrom('s', 't', 'u'), records: fc.array(record, { minLength: 1, maxLength: 4 }) })
type Request = typeof request extends fc.Arbitrary<infer T> ? T : never

async function accepted(ports: MemoryPorts, requests: readonly Request[]): Promise<DeliveredMessage[]> {
  const now = ports.clock.now()
  let id = 0
  for (const { stream, records } of requests) {
    const rows = records.map(({ day, ...fields }) => ({ ...fields, id: id++, _timestamp: now - day * MICROS_PER_DAY }))
    await receive(ports, settings, {
      org: ORG, route: 'json', format: 'json', stream, contentType: null, contentEncoding: null, idempotencyKey: null, body: Buffer.from(JSON.stringify(rows)),
    })
  }
  return ports.queue.messages.map(({ message }) => ({ ...message, receives: 1 }))
}

/** every listed row as text, sorted; values as the stream's schema casts them, which is how a query sees them */
async function contents({ catalog, blobs }: MemoryPorts): Promise<string[]> {
  const items = new Map([...catalog.streamItems.values()].map((item) => [item.id, item]))
  const out: string[] = []
  for (const { entry } of catalog.slots.values()) {
    for (const slice of entry!.slices) {
      const { name } = items.get(slice.streamId)!
      const { fields } = catalog.schemas.get(`${ORG}#${slice.streamId}#${slice.inc}`)!
      for (const row of await readRows(await blobs.get(entry!.key, slice))) {
        const cells = Object.keys(fields).sort().map((f) => `${f}=${row[f] === undefined || row[f] === null ? 'null' : fields[f] === 'double' ? Number(row[f]) : String(row[f])}`)
        out.push(`${name} ${slice.day} ${row['_timestamp']} ${cells.join(' ')}`)
      }
    }
  }
  return out.sort()
}
const schemas = ({ catalog }: MemoryPorts) =>
  [...catalog.streamItems.values()].map((i) => [i.name, Object.entries(catalog.schemas.get(`${ORG}#${i.id}#1`)!.fields).sort()]).sort()

describe('writing', () => {
  it('ends in the same rows and schemas for any partition into batches with any duplicates', async () => {
    const deliveries = fc.array(fc.array(fc.nat(100), { maxLength: 6 }), { maxLength: 5 })
    await fc.assert(fc.asyncProperty(fc.array(request, { minLength: 1, maxLength: 6 }), deliveries, async (requests, batches) => {
      const one = memoryPorts()
      await writeBatch(one, settings, newWriterState(), await accepted(one, requests))
      const other = memoryPorts()
      const messages = await accepted(other, requests)
      const states = [newWriterState(), newWriterState()]
      for (const [i, batch] of batches.entries()) {
        await writeBatch(other, settings, states[i % 2]!, batch.map((n) => ({ ...messages[n % messages.length]!, receives: 1 + (n % 3) })))
      }
      await writeBatch(other, settings, states[0]!, messages)
      expect(await contents(other)).toEqual(await contents(one))
      expect(schemas(other)).toEqual(schemas(one))
      expect((await contents(one)).length).toBe(requests.reduce((n, r) => n + r.records.length, 0))
    }), { numRuns: runs })
  })
})
