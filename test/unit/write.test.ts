// The writer's journey on ports in memory: from delivered messages to rows in packs, one behaviour each.
import { describe, expect, it } from 'vitest'
import { encodeEnvelope, decodeEnvelope } from '../../lib/engine/ingest/envelope.ts'
import { decodeParked, replayOf } from '../../lib/engine/ingest/quarantine.ts'
import { receive } from '../../lib/engine/ingest/receive.ts'
import { newWriterState, writeBatch } from '../../lib/engine/ingest/write.ts'
import { DEFAULT_SETTINGS, type Settings } from '../../lib/engine/settings.ts'
import type { DeliveredMessage, Ports } from '../../lib/engine/ports.ts'
import { parkedPrefix } from '../../lib/engine/store/layout.ts'
import { readRows } from '../../lib/engine/store/parquet-read.ts'
import { EngineError } from '../../lib/model/errors.ts'
import { STREAM_FIELDS_MAX, type FieldType } from '../../lib/model/schema.ts'
import type { OrgId } from '../../lib/model/stream.ts'
import { MICROS_PER_DAY, MICROS_PER_HOUR, dayOf } from '../../lib/model/time.ts'
import { memoryPorts, type MemoryPorts } from '../support/memory-ports.ts'

const ORG = 'o1' as OrgId

/** accepts records the real way and hands back the message */
async function accept(ports: MemoryPorts, stream: string, records: object[], settings = DEFAULT_SETTINGS, org = ORG): Promise<DeliveredMessage> {
  await receive(ports, settings, {
    org, route: 'json', format: 'json', stream, contentType: 'application/json', contentEncoding: null, idempotencyKey: null,
    body: Buffer.from(JSON.stringify(records)),
  })
  return { ...ports.queue.messages.at(-1)!.message, receives: 1 }
}

const write = (ports: Ports, messages: DeliveredMessage[], settings: Settings = DEFAULT_SETTINGS, state = newWriterState()) =>
  writeBatch(ports, settings, state, messages)

/** every listed row, by stream name, without `_timestamp` and `_b` */
async function stored({ catalog, blobs }: MemoryPorts): Promise<Record<string, Record<string, unknown>[]>> {
  const nameOf = new Map([...catalog.streamItems.values()].map((item) => [item.id, item.name]))
  const out: Record<string, Record<string, unknown>[]> = {}
  for (const { entry } of catalog.slots.values()) {
    if (entry === null) continue
    for (const slice of entry.slices) {
      const rows = await readRows(await blobs.get(entry.key, slice))
      expect(rows).toHaveLength(slice.rows)
      const own = (out[nameOf.get(slice.streamId)!] ??= [])
      for (const { _timestamp, _b, ...row } of rows) {
        expect(dayOf(Number(_timestamp))).toBe(slice.day)
        own.push(row)
      }
    }
  }
  return out
}
const entriesOf = ({ catalog }: MemoryPorts) => [...catalog.slots.values()].flatMap(({ entry }) => (entry === null ? [] : [entry]))
const parkedOf = async ({ blobs }: MemoryPorts) =>
  Promise.all((await blobs.list(parkedPrefix(ORG))).map(async ({ key }) => decodeParked(await blobs.get(key))))

describe('a batch', () => {
  it('of two messages is one pack with one entry, and a claim for each', async () => {
    const ports = memoryPorts()
    const messages = [await accept(ports, 'a', [{ n: 1 }, { n: 2 }]), await accept(ports, 'b', [{ n: 3 }])]
    const outcome = await write(ports, messages)
    expect(outcome).toEqual({ done: messages.map((m) => m.bid), park: [], retry: [] })
    const [entry, ...others] = entriesOf(ports)
    expect(others).toEqual([])
    expect(entry).toMatchObject({ list: 'fresh', state: 'live', replaces: [], key: `fresh/o1/${entry!.fid}.pack` })
    expect(ports.catalog.claims.size).toBe(2)
    for (const { bid } of messages) expect(ports.catalog.claims.get(`o1#${bid}`)!.fid).toBe(entry!.fid)
    expect(await stored(ports)).toEqual({ a: [{ n: 1n }, { n: 2n }], b: [{ n: 3n }] })
  })

  it('leaves its rows once, however often it is delivered', async () => {
    const ports = memoryPorts()
    const message = await accept(ports, 'a', [{ n: 1 }])
    for (const receives of [1, 1, 2]) expect((await write(ports, [{ ...message, receives }])).done).toEqual([message.bid])
    expect((await stored(ports))['a']).toEqual([{ n: 1n }])
  })

  it('holds a message once that the queue delivered twice in it', async () => {
    const ports = memoryPorts()
    const message = await accept(ports, 'a', [{ n: 1 }])
    expect((await write(ports, [message, { ...message }])).done).toEqual([message.bid])
    expect((await stored(ports))['a']).toEqual([{ n: 1n }])
  })

  it('is packed again without the messages that are already in', async () => {
    const ports = memoryPorts()
    const messages = [await accept(ports, 'a', [{ n: 1 }]), await accept(ports, 'a', [{ n: 'x' }]), await accept(ports, 'b', [{ n: 3 }])]
    await write(ports, [messages[1]!])
    expect((await write(ports, messages)).done).toHaveLength(3)
    expect((await stored(ports))['a']!.map(({ n }) => String(n)).sort()).toEqual(['1', 'x'])
    // The pack of the first try is an orphan for the sweeper, under an id of its own.
    expect(await ports.blobs.list('fresh/')).toHaveLength(3)
    expect(entriesOf(ports)).toHaveLength(2)
  })

  it('names the row\'s message in the column _b of each slice', async () => {
    const ports = memoryPorts()
    const messages = [await accept(ports, 'a', [{ n: 1 }]), await accept(ports, 'b', [{ n: 2 }]), await accept(ports, 'a', [{ n: 3 }])]
    await write(ports, messages)
    const entry = entriesOf(ports)[0]!
    const rows = await readRows(await ports.blobs.get(entry.key, entry.slices[0]!))
    expect(rows.map(({ n, _b }) => [n, _b])).toEqual([[1n, 0], [3n, 1]])
  })

  it('of two organisations is two packs', async () => {
    const ports = memoryPorts()
    await write(ports, [await accept(ports, 'a', [{ n: 1 }]), await accept(ports, 'a', [{ n: 1 }], DEFAULT_SETTINGS, 'o2' as OrgId)])
    expect(entriesOf(ports).map((e) => e.key.split('/')[1]).sort()).toEqual(['o1', 'o2'])
  })

  it('writes a message with the fewer others the more often it was delivered, at last alone', async () => {
    const ports = memoryPorts()
    const messages: DeliveredMessage[] = []
    for (const receives of [1, 2, 1, 3, 2, 4, 4, 2, 5, 3]) messages.push({ ...(await accept(ports, 'a', [{ n: messages.length }])), receives })
    await write(ports, messages, { ...DEFAULT_SETTINGS, batchMessagesMax: 32 })
    // 32, 8, 2, 1, 1 at most of those delivered 1, 2, 3, 4, 5 times
    expect(entriesOf(ports).map((e) => e.slices[0]!.rows)).toEqual([2, 3, 2, 1, 1, 1])
    expect((await stored(ports))['a']).toHaveLength(10)
  })

  it('beyond batchMessagesMax is several transactions', async () => {
    const ports = memoryPorts()
    const messages: DeliveredMessage[] = []
    for (const n of [1, 2, 3, 4, 5]) messages.push(await accept(ports, 'a', [{ n }]))
    await write(ports, messages, { ...DEFAULT_SETTINGS, batchMessagesMax: 2 })
    expect(entriesOf(ports)).toHaveLength(3)
    expect((await stored(ports))['a']).toHaveLength(5)
  })

  it('with more slices than a pack may hold is cut by message, each whole in one pack', async () => {
    const ports = memoryPorts()
    const now = ports.clock.now()
    const days = (n: number, from: number) => Array.from({ length: n }, (_, i) => ({ _timestamp: now - (from + i) * MICROS_PER_DAY, day: from + i }))
    const messages = [await accept(ports, 'a', days(3, 0)), await accept(ports, 'a', days(3, 1)), await accept(ports, 'a', days(3, 4))]
    await write(ports, messages, { ...DEFAULT_SETTINGS, packSlicesMax: 4, requestPartitionsMax: 4 })
    expect(entriesOf(ports).map((e) => e.slices.length).sort()).toEqual([3, 4])
    expect((await stored(ports))['a']!.map(({ day }) => Number(day)).sort()).toEqual([0, 1, 1, 2, 2, 3, 4, 5, 6])
    const fids = messages.map(({ bid }) => ports.catalog.claims.get(`o1#${bid}`)!.fid)
    expect(new Set(fids).size).toBe(2)
  })
})

describe('a slice', () => {
  it('holds one stream and UTC day, in time order, with its bounds and its share of the text', async () => {
    const ports = memoryPorts()
    const noon = Math.floor(ports.clock.now() / MICROS_PER_DAY) * MICROS_PER_DAY + 12 * MICROS_PER_HOUR
    const times = [noon + 3, noon - MICROS_PER_DAY, noon + 1, noon + 2]
    const body = times.map((_timestamp, n) => ({ _timestamp, n }))
    await write(ports, [await accept(ports, 'a', body)])
    const { slices } = entriesOf(ports)[0]!
    expect(slices.map(({ index, day, rows, minTs, maxTs }) => ({ index, day, rows, minTs, maxTs }))).toEqual([
      { index: 0, day: dayOf(noon - MICROS_PER_DAY), rows: 1, minTs: noon - MICROS_PER_DAY, maxTs: noon - MICROS_PER_DAY },
      { index: 1, day: dayOf(noon), rows: 3, minTs: noon + 1, maxTs: noon + 3 },
    ])
    const raw = slices.reduce((sum, s) => sum + s.rawBytes, 0)
    expect(Math.abs(raw - JSON.stringify(body).length)).toBeLessThanOrEqual(10)
    expect(slices[1]!.rawBytes / raw).toBeCloseTo(0.75, 1)
    expect((await stored(ports))['a']!.map(({ n }) => Number(n))).toEqual([1, 2, 3, 0])
  })

  it('belongs to the incarnation that was current when its message was accepted', async () => {
    const ports = memoryPorts()
    const before = await accept(ports, 'a', [{ n: 'text' }])
    ports.clock.micros += 1_000
    await write(ports, [await accept(ports, 'a', [{ n: 1 }])])
    const [key, item] = [...ports.catalog.streamItems][0]!
    const from = ports.clock.now() + 1
    ports.catalog.streamItems.set(key, { ...item, inc: 2, history: [...item.history, { inc: 2, from }] })
    ports.clock.micros += MICROS_PER_HOUR
    const after = await accept(ports, 'a', [{ n: 2 }])
    await write(ports, [before, after])
    const incOf = (bid: string) => entriesOf(ports).find((e) => e.fid === ports.catalog.claims.get(`o1#${bid}`)!.fid)!.slices[0]!.inc
    expect([incOf(before.bid), incOf(after.bid)]).toEqual([1, 2])
    // Types of deleted rows do not reach the new incarnation's schema.
    expect(ports.catalog.schemas.get(`o1#${item.id}#2`)!.fields).toEqual({ n: 'int' })
  })

  it('has only columns that the catalog knew before', async () => {
    const ports = memoryPorts()
    const commit = ports.catalog.commit.bind(ports.catalog)
    let known: string[] = []
    ports.catalog.commit = (org, token, changes) => {
      known = [...ports.catalog.schemas.values()].flatMap(({ fields }) => Object.keys(fields))
      return commit(org, token, changes)
    }
    await write(ports, [await accept(ports, 'a', [{ x: 1, y: 'z' }])])
    expect(known.sort()).toEqual(['x', 'y'])
  })
})

describe('a message without rows', () => {
  it('gets its claim, and no pack', async () => {
    const ports = memoryPorts()
    const { header } = decodeEnvelope((await accept(ports, 'a', [{ n: 1 }])).bytes)
    const bytes = encodeEnvelope({ ...header, rawBytes: 2, bodyBytes: 2, records: 0, coding: 'identity' }, Buffer.from('[]'))
    expect((await write(ports, [{ bid: header.bid, org: ORG, receives: 1, bytes }])).done).toEqual([header.bid])
    expect(ports.catalog.claims.size).toBe(1)
    expect(entriesOf(ports)).toEqual([])
    expect(await ports.blobs.list('')).toEqual([])
  })
})

describe('a message that cannot be written', () => {
  const damaged: [string, (bytes: Uint8Array) => Uint8Array][] = [
    ['with a broken envelope', (bytes) => bytes.subarray(0, 20)],
    ['with a broken body', (bytes) => { const out = bytes.slice(); out.fill(0xff, out.length - 12); return out }],
  ]
  it.each(damaged)('%s is parked with the reason, and its neighbours are written', async (_, damage) => {
    const ports = memoryPorts()
    const messages = [await accept(ports, 'a', [{ n: 1 }]), await accept(ports, 'a', [{ n: 2 }]), await accept(ports, 'a', [{ n: 3 }])]
    messages[1] = { ...messages[1]!, bytes: damage(messages[1]!.bytes) }
    const outcome = await write(ports, messages)
    expect(outcome.done).toEqual([messages[0]!.bid, messages[2]!.bid])
    expect(outcome.park.map(({ bid }) => bid)).toEqual([messages[1]!.bid])
    expect(outcome.park[0]!.reason).not.toBe('')
    const [parked] = await parkedOf(ports)
    expect(parked).toMatchObject({ bid: messages[1]!.bid, org: ORG, reason: outcome.park[0]!.reason })
    expect(Buffer.from(parked!.envelope)).toEqual(Buffer.from(messages[1]!.bytes))
    expect(ports.catalog.claims.get(`o1#${messages[1]!.bid}`)!.fid).toBe('quarantine')
    expect((await stored(ports))['a']!.map(({ n }) => Number(n)).sort()).toEqual([1, 3])
  })

  it('whose envelope is another message\'s is parked', async () => {
    const ports = memoryPorts()
    const message = await accept(ports, 'a', [{ n: 1 }])
    expect((await write(ports, [{ ...message, bid: ports.ids.ulid() }])).park).toHaveLength(1)
  })

  it('whose failure shows only when its rows are packed is found and parked alone', async () => {
    const ports = memoryPorts()
    const messages = [await accept(ports, 'a', [{ n: 1 }]), await accept(ports, 'bad', [{ n: 2 }]), await accept(ports, 'a', [{ n: 3 }])]
    const stream = ports.catalog.stream.bind(ports.catalog)
    ports.catalog.stream = (org, type, name) => (name === 'bad' ? Promise.reject(new EngineError('internal', 'a fault of ours')) : stream(org, type, name))
    const outcome = await write(ports, messages)
    expect(outcome.done.toSorted()).toEqual([messages[0]!.bid, messages[2]!.bid])
    expect(outcome.park).toEqual([{ bid: messages[1]!.bid, reason: 'a fault of ours' }])
  })

  it('whose rows cannot be packed is found and parked alone', async () => {
    const ports = memoryPorts()
    const messages = [await accept(ports, 'a', [{ n: 1 }]), await accept(ports, 'bad', [{ n: 2 }]), await accept(ports, 'a', [{ n: 3 }])]
    const commit = ports.catalog.commit.bind(ports.catalog)
    ports.catalog.commit = (org, token, changes) => {
      const isBad = changes.some((c) => c.kind === 'put-claim' && c.bid === messages[1]!.bid && c.fid !== 'quarantine')
      return isBad ? Promise.reject(new EngineError('internal', 'a fault of ours')) : commit(org, token, changes)
    }
    const outcome = await write(ports, messages)
    expect(outcome.done.toSorted()).toEqual([messages[0]!.bid, messages[2]!.bid])
    expect(outcome.park).toEqual([{ bid: messages[1]!.bid, reason: 'a fault of ours' }])
  })

  it('is put into the quarantine by the next delivery when the first one died between claim and object', async () => {
    const ports = memoryPorts()
    const message = { ...(await accept(ports, 'a', [{ n: 1 }])), bytes: new Uint8Array(3) }
    const put = ports.blobs.put.bind(ports.blobs)
    ports.blobs.put = () => Promise.reject(new EngineError('unavailable', 'no'))
    expect((await write(ports, [message])).retry).toHaveLength(1)
    ports.blobs.put = put
    expect((await write(ports, [{ ...message, receives: 2 }])).park).toHaveLength(1)
    expect(await parkedOf(ports)).toHaveLength(1)
  })

  it('is no message to park when its rows turn out to be in', async () => {
    const ports = memoryPorts()
    const message = await accept(ports, 'a', [{ n: 1 }])
    await write(ports, [message])
    expect(await write(ports, [{ ...message, bytes: new Uint8Array(3) }])).toEqual({ done: [message.bid], park: [], retry: [] })
    expect(await parkedOf(ports)).toEqual([])
  })
})

describe('a spilled message', () => {
  const small = { ...DEFAULT_SETTINGS, spillAboveBytes: 0 }
  it('is read from its blob', async () => {
    const ports = memoryPorts()
    await write(ports, [await accept(ports, 'a', [{ n: 1 }], small)])
    expect((await stored(ports))['a']).toEqual([{ n: 1n }])
  })
  it('is parked when the blob holds other bytes or is gone, and delivered again when it cannot be had now', async () => {
    const ports = memoryPorts()
    const message = await accept(ports, 'a', [{ n: 1 }], small)
    const [key, blob] = [...ports.blobs.objects][0]!
    const get = ports.blobs.get.bind(ports.blobs)
    ports.blobs.get = () => Promise.reject(new EngineError('unavailable', 'no'))
    expect((await write(ports, [message])).retry).toHaveLength(1)
    ports.blobs.get = get
    ports.blobs.objects.set(key, { ...blob, bytes: blob.bytes.map((b) => b ^ 1) })
    expect((await write(ports, [message])).park[0]!.reason).toContain('SHA-256')
    const gone = await accept(ports, 'a', [{ n: 2 }], small)
    ports.blobs.objects.clear()
    expect((await write(ports, [gone])).park).toHaveLength(1)
  })
})

describe('an old message', () => {
  it('beyond the age fence is parked, and its replay writes its rows with their first times', async () => {
    const ports = memoryPorts()
    const accepted = ports.clock.now()
    const message = await accept(ports, 'a', [{ n: 1 }])
    ports.clock.micros += DEFAULT_SETTINGS.ageFenceMicros + 1
    expect((await write(ports, [message])).park).toHaveLength(1)
    const { message: replay, spilled } = replayOf((await parkedOf(ports))[0]!, ports.clock.now())
    expect(replay.bid).toBe(`${message.bid}~1`)
    expect(spilled).toBeNull()
    expect((await write(ports, [{ ...replay, receives: 1 }])).done).toEqual([replay.bid])
    expect(entriesOf(ports)[0]!.slices[0]).toMatchObject({ minTs: accepted, maxTs: accepted })
  })

  it('is parked with its spilled body, and its replay finds it when the blob is long gone', async () => {
    const ports = memoryPorts()
    const message = await accept(ports, 'a', [{ n: 1 }], { ...DEFAULT_SETTINGS, spillAboveBytes: 0 })
    const wal = [...ports.blobs.objects.keys()].find((key) => key.startsWith('wal/'))!
    ports.clock.micros += DEFAULT_SETTINGS.ageFenceMicros + 1
    const get = ports.blobs.get.bind(ports.blobs)
    let reads = 0
    ports.blobs.get = (key, range) => (++reads === 2 ? Promise.reject(new EngineError('unavailable', 'not now')) : get(key, range))
    // Without its body it is not put aside: it comes again.
    expect((await write(ports, [message])).retry).toHaveLength(1)
    expect(await parkedOf(ports)).toEqual([])
    expect((await write(ports, [message])).park).toHaveLength(1)
    await ports.blobs.delete(wal)
    const { message: replay, spilled } = replayOf((await parkedOf(ports))[0]!, ports.clock.now())
    expect(await ports.blobs.put(spilled!.key, spilled!.bytes)).toBe('created')
    expect((await write(ports, [{ ...replay, receives: 1 }])).done).toEqual([replay.bid])
    expect((await stored(ports))['a']).toMatchObject([{ n: 1n }])
  })

  it('within the fence is written', async () => {
    const ports = memoryPorts()
    const message = await accept(ports, 'a', [{ n: 1 }])
    ports.clock.micros += DEFAULT_SETTINGS.ageFenceMicros - 1_000_000
    expect((await write(ports, [message])).done).toHaveLength(1)
  })
})

describe('a record that would pass the cap on fields', () => {
  it('goes to _rejected in the same commit, whole and with the reason, and its neighbours to their stream', async () => {
    const ports = memoryPorts()
    await write(ports, [await accept(ports, 'a', [{ n: 1 }])])
    const item = [...ports.catalog.streamItems.values()][0]!
    const fields: Record<string, FieldType> = { n: 'int' }
    for (let i = 1; i < STREAM_FIELDS_MAX; i++) fields[`f${i}`] = 'string'
    ports.catalog.schemas.set(`o1#${item.id}#1`, { version: 2, fields })
    const records = [{ n: 2 }, { n: 3, extra: 'é"', big: 9007199254740992 }, { n: 4, f7: 'x' }]
    const outcome = await write(ports, [await accept(ports, 'a', records)])
    expect(outcome.done).toHaveLength(1)
    const rows = await stored(ports)
    expect(rows['a']!.map(({ n }) => Number(n)).sort()).toEqual([1, 2, 4])
    expect(rows['_rejected']).toHaveLength(1)
    const [{ stream, reason, record }] = rows['_rejected'] as [Record<string, string>]
    expect(stream).toBe('logs/a')
    expect(reason).toContain('5000 fields')
    expect(JSON.parse(record!)).toMatchObject({ n: 3, extra: 'é"' })
    expect(Object.keys(ports.catalog.schemas.get(`o1#${item.id}#1`)!.fields)).toHaveLength(STREAM_FIELDS_MAX)
  })

  it('is kept in _rejected too when that stream itself is full', async () => {
    const ports = memoryPorts()
    await write(ports, [await accept(ports, '_rejected', [{ n: 1 }])])
    const item = [...ports.catalog.streamItems.values()][0]!
    const fields: Record<string, FieldType> = { n: 'int' }
    for (let i = 1; i < STREAM_FIELDS_MAX; i++) fields[`f${i}`] = 'string'
    ports.catalog.schemas.set(`o1#${item.id}#1`, { version: 2, fields })
    expect((await write(ports, [await accept(ports, '_rejected', [{ n: 2, extra: 'x' }, { n: 3 }])])).done).toHaveLength(1)
    const rows = (await stored(ports))['_rejected']!
    expect(rows.filter((row) => typeof row['n'] === 'bigint').map((row) => Number(row['n'])).sort()).toEqual([1, 3])
    const moved = rows.find((row) => typeof row['record'] === 'string')!
    expect(JSON.parse(String(moved['record']))).toMatchObject({ n: 2, extra: 'x' })
    expect(moved).not.toHaveProperty('extra')
    expect(rows).toHaveLength(3)
  })
})
