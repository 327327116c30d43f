// Ports that count: the engine runs on them as it stands, and what it asked of each service is left in
// a tally. Storage is in memory and answers at once, so CPU time is the engine's own.
import type { Blobs, Catalog, Ports } from '../../lib/engine/ports.ts'
import { encodeSchema, encodeStream } from '../../lib/aws/catalog-values.ts'
import { itemBytes, readUnits, writeUnits } from '../../lib/aws/item-size.ts'
import { encodeMessage } from '../../lib/aws/message.ts'
import { MemoryClock, memoryPorts } from '../../test/support/memory-ports.ts'
import { weightOf } from './items.ts'

export interface Tally {
  puts: number
  putBytes: number
  gets: number
  /** bodies that were put in a blob instead of a message */
  spills: number
  spillBytes: number
  commits: number
  getItems: number
  writeUnits: number
  readUnits: number
  /** slices of the packs put into the list */
  slices: number
  /** what stays in the table for each message and pack */
  itemBytes: number
}

export const newTally = (): Tally => ({
  puts: 0, putBytes: 0, gets: 0, spills: 0, spillBytes: 0, commits: 0, getItems: 0, writeUnits: 0, readUnits: 0, slices: 0, itemBytes: 0,
})

export interface CountingPorts {
  readonly ports: Ports
  readonly clock: MemoryClock
  readonly tally: Tally
  /** texts of the messages sent, in order */
  readonly texts: string[]
  /** counts begin again; what is stored stays */
  reset(): void
}

/** @param startMicros what the clock says; it stands still unless moved */
export function countingPorts(startMicros: number): CountingPorts {
  const clock = new MemoryClock(startMicros)
  const memory = memoryPorts()
  const tally = newTally()
  const texts: string[] = []
  const queue = { send: async (message: Parameters<typeof encodeMessage>[0]) => void texts.push(encodeMessage(message)) }
  const telemetry = { count: () => undefined, observe: () => undefined, log: () => undefined }
  const ports: Ports = { ...memory, blobs: countingBlobs(tally), catalog: countingCatalog(memory.catalog, tally), queue, clock, telemetry }
  return {
    ports, clock, tally, texts,
    reset() {
      Object.assign(tally, newTally())
      texts.length = 0
    },
  }
}

/** keeps only what is read again: spilled bodies */
function countingBlobs(tally: Tally): Blobs {
  const spilled = new Map<string, Uint8Array>()
  const refuse = (): Promise<never> => Promise.reject(new Error('the way in lists and deletes nothing'))
  return {
    async put(key, bytes) {
      if (key.startsWith('wal/')) {
        spilled.set(key, bytes)
        tally.spills++
        tally.spillBytes += bytes.length
      } else {
        tally.puts++
        tally.putBytes += bytes.length
      }
      return 'created'
    },
    async get(key) {
      tally.gets++
      const bytes = spilled.get(key)
      if (bytes === undefined) throw new Error(`there is no blob ${key}`)
      spilled.delete(key)
      return bytes
    },
    list: refuse,
    delete: refuse,
  }
}

type Item = Parameters<typeof itemBytes>[0]

/** every commit takes place: each message is sent under a bid of its own */
function countingCatalog(memory: Catalog, tally: Tally): Catalog {
  const read = (item: Item | null): void => {
    tally.getItems++
    tally.readUnits += item === null ? 1 : readUnits(itemBytes(item))
  }
  const wrote = (item: Item): void => void (tally.writeUnits += writeUnits(itemBytes(item)))
  return {
    async commit(org, _token, changes) {
      tally.commits++
      for (const change of changes) {
        const { units, bytes } = weightOf(org, change)
        tally.writeUnits += units
        tally.itemBytes += bytes
        if (change.kind === 'put-entry') tally.slices += change.entry.slices.length
      }
      return { kind: 'committed' }
    },
    list: (org, ranges) => memory.list(org, ranges),
    async stream(org, type, name) {
      const item = await memory.stream(org, type, name)
      read(item === null ? null : encodeStream(item))
      return item
    },
    streams: (org) => memory.streams(org),
    async createStream(item) {
      wrote(encodeStream(item))
      return memory.createStream(item)
    },
    async schema(org, streamId, inc) {
      const schema = await memory.schema(org, streamId, inc)
      read(encodeSchema(org, streamId, inc, schema))
      return schema
    },
    async putSchema(org, streamId, inc, fields, ifVersion) {
      wrote(encodeSchema(org, streamId, inc, { version: ifVersion + 1, fields }))
      return memory.putSchema(org, streamId, inc, fields, ifVersion)
    },
    // Asked only for requests that carry an idempotency key; the load's carry none.
    remember: (org, keyHash, item) => memory.remember(org, keyHash, item),
    document: (org, kind, id) => memory.document(org, kind, id),
    documents: (org, kind) => memory.documents(org, kind),
    putDocument: (org, kind, id, value, ifVersion) => memory.putDocument(org, kind, id, value, ifVersion),
  }
}
