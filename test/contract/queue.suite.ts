// What every adapter of the port Queue does, seen through what its receiver is handed: each message that
// was sent, unchanged, at least once. `make` gives an empty queue.
import { describe, expect, test } from 'vitest'
import type { DeliveredMessage, Queue, QueueMessage } from '../../lib/engine/ports.ts'
import type { OrgId } from '../../lib/model/stream.ts'

export interface QueueUnderTest {
  readonly port: Queue
  /** a second sender, on a connection of its own */
  readonly other: Queue
  /** takes out every message that is in */
  readonly drain: () => Promise<readonly DeliveredMessage[]>
  /** envelope bytes of the largest message of the organisation `acme` that the adapter promises to take */
  readonly bytesMax: number
}

const ORG = 'acme' as OrgId
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)
/** bids as the receiver may check them: ULIDs */
const bidOf = (n: number): string => `01J${String(n).padStart(23, '0')}`
const message = (n: number, bytes = bytesOf(`body of ${n}`)): QueueMessage => ({ org: ORG, bid: bidOf(n), bytes })
const pattern = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 7) & 255)

export function queueSuite(name: string, make: () => Promise<QueueUnderTest>): void {
  describe(`queue: ${name}`, () => {
    test('a message is delivered as it was sent', async () => {
      const { port, drain } = await make()
      await port.send(message(1))
      const got = await drain()
      expect(got).toEqual([{ org: ORG, bid: bidOf(1), receives: 1, bytes: bytesOf('body of 1') }])
    })

    test('the caller keeps its bytes, and may send a view of a larger buffer', async () => {
      const { port, drain } = await make()
      const pool = Buffer.from('..hello..')
      const view = pool.subarray(2, 7)
      const sent = port.send(message(1, view))
      view.fill(120)
      await sent
      expect(pool.toString()).toBe('..xxxxx..')
      expect((await drain())[0]?.bytes).toEqual(bytesOf('hello'))
    })

    test('a message may be empty, or as large as the adapter takes', async () => {
      const { port, drain, bytesMax } = await make()
      const big = pattern(bytesMax)
      await port.send(message(1, new Uint8Array(0)))
      await port.send(message(2, big))
      const bytes = new Map((await drain()).map((m) => [m.bid, m.bytes]))
      expect([...bytes.keys()].sort()).toEqual([bidOf(1), bidOf(2)])
      expect(bytes.get(bidOf(1))?.byteLength).toBe(0)
      expect(Buffer.compare(bytes.get(bidOf(2)) as Uint8Array, big)).toBe(0)
    })

    test('every byte and every length is kept', async () => {
      const { port, drain } = await make()
      const sent = Array.from({ length: 20 }, (_, n) => message(n, n === 0 ? Uint8Array.from({ length: 256 }, (_, i) => i) : pattern(n)))
      for (const m of sent) await port.send(m)
      const got = new Map((await drain()).map((m) => [m.bid, Buffer.from(m.bytes).toString('hex')]))
      expect(got).toEqual(new Map(sent.map((m) => [m.bid, Buffer.from(m.bytes).toString('hex')])))
    })

    test('organisations and replayed bids arrive as they are', async () => {
      const { port, drain } = await make()
      const sent = [
        { ...message(1), org: '0' as OrgId },
        { ...message(2), org: 'a-b_c9' as OrgId },
        { ...message(3), org: 'z'.repeat(64) as OrgId },
        { ...message(4), bid: `${bidOf(4)}~2` },
      ]
      for (const m of sent) await port.send(m)
      const got = [...await drain()].sort((a, b) => (a.bid < b.bid ? -1 : 1))
      expect(got.map(({ org, bid }) => ({ org, bid }))).toEqual(sent.map(({ org, bid }) => ({ org, bid })))
    })

    test('200 sends at once from two senders are all in when they resolve', async () => {
      const { port, other, drain } = await make()
      const numbers = Array.from({ length: 200 }, (_, n) => n)
      await Promise.all(numbers.map((n) => (n % 2 ? port : other).send(message(n))))
      // At least once: a queue may hand one out twice.
      expect([...new Set((await drain()).map((m) => m.bid))].sort()).toEqual(numbers.map(bidOf))
    })

    test('a message that was taken out is not there for the next', async () => {
      const { port, drain } = await make()
      await port.send(message(1))
      expect(await drain()).toHaveLength(1)
      await port.send(message(2))
      expect((await drain()).map((m) => m.bid)).toEqual([bidOf(2)])
    })
  })
}
