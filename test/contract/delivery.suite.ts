// What embedded mode's receiving side does with what its queue was sent: order, deduplication, hiding,
// retries and dead letters. On AWS this is SQS's own, and not promised by the port. `make` gives an
// empty queue on a clock that the test moves.
import { describe, expect, test } from 'vitest'
import type { DeliveredMessage, Queue } from '../../lib/engine/ports.ts'
import type { Delivery } from '../../lib/local/delivery.ts'
import type { OrgId } from '../../lib/model/stream.ts'

export interface DeliveryUnderTest {
  readonly port: Queue
  /** a second sender and a second receiver, on connections of their own */
  readonly other: Queue
  readonly delivery: Delivery
  readonly otherDelivery: Delivery
  /** moves the clock of all of them */
  readonly advance: (ms: number) => void
}

const ORG = 'acme' as OrgId
const LIMITS = { bytesMax: 6_000_000, messagesMax: 60, visibilityMs: 30_000 }
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)
const message = (bid: string, bytes = bytesOf(`body of ${bid}`)) => ({ org: ORG, bid, bytes })
const bidsOf = (messages: readonly DeliveredMessage[]): string[] => messages.map((m) => m.bid)

/** sends one after the other, a millisecond apart */
async function sendAll({ port, advance }: DeliveryUnderTest, bids: readonly string[]): Promise<void> {
  for (const bid of bids) {
    await port.send(message(bid))
    advance(1)
  }
}

export function deliverySuite(name: string, make: () => Promise<DeliveryUnderTest>): void {
  describe(`delivery: ${name}`, () => {
    test('200 messages sent at once are handed out once each', async () => {
      const under = await make()
      const bids = Array.from({ length: 200 }, (_, i) => `B${String(i).padStart(3, '0')}`)
      await Promise.all(bids.map((bid, i) => (i % 2 ? under.port : under.other).send(message(bid))))
      const got: string[] = []
      for (let batch = await under.delivery.receive(LIMITS); batch.length > 0; batch = await under.delivery.receive(LIMITS)) {
        got.push(...bidsOf(batch))
      }
      expect(got.sort()).toEqual(bids)
    })

    test('the same bid sent again is one message, and the first bytes stand', async () => {
      const { port, other, delivery } = await make()
      await port.send(message('B1', bytesOf('first')))
      await other.send(message('B1', bytesOf('second')))
      const got = await delivery.receive(LIMITS)
      expect(got.map((m) => m.bytes)).toEqual([bytesOf('first')])
    })

    test('the oldest come first', async () => {
      const under = await make()
      await sendAll(under, ['C', 'A', 'B'])
      expect(bidsOf(await under.delivery.receive(LIMITS))).toEqual(['C', 'A', 'B'])
    })

    test('a batch stops at its bytes and at its messages', async () => {
      const under = await make()
      await sendAll(under, ['B1', 'B2', 'B3', 'B4', 'B5'])
      expect(bidsOf(await under.delivery.receive({ ...LIMITS, messagesMax: 2 }))).toEqual(['B1', 'B2'])
      expect(bidsOf(await under.delivery.receive({ ...LIMITS, bytesMax: 20 }))).toEqual(['B3', 'B4'])
    })

    test('a message larger than a batch may be still comes', async () => {
      const under = await make()
      await sendAll(under, ['B1', 'B2'])
      expect(bidsOf(await under.delivery.receive({ ...LIMITS, bytesMax: 1 }))).toEqual(['B1'])
    })

    test('a message handed out is hidden from every receiver until its time is over', async () => {
      const under = await make()
      await sendAll(under, ['B1'])
      expect(bidsOf(await under.delivery.receive(LIMITS))).toEqual(['B1'])
      under.advance(LIMITS.visibilityMs - 10)
      expect(await under.otherDelivery.receive(LIMITS)).toEqual([])
      under.advance(10)
      expect(await under.otherDelivery.receive(LIMITS)).toMatchObject([{ bid: 'B1', receives: 2 }])
    })

    test('two receivers at once never hold the same message', async () => {
      const under = await make()
      const bids = Array.from({ length: 40 }, (_, i) => `B${String(i).padStart(2, '0')}`)
      await sendAll(under, bids)
      const receivers = Array.from({ length: 20 }, (_, i) => (i % 2 ? under.delivery : under.otherDelivery))
      const got = await Promise.all(receivers.map((delivery) => delivery.receive({ ...LIMITS, messagesMax: 3 })))
      expect(got.flatMap(bidsOf).sort()).toEqual(bids)
    })

    test('a message that is done never comes again, whoever says so and however often', async () => {
      const under = await make()
      await sendAll(under, ['B1', 'B2'])
      await under.delivery.receive(LIMITS)
      await under.otherDelivery.done(['B1'])
      await under.delivery.done(['B1', 'unknown'])
      under.advance(LIMITS.visibilityMs)
      expect(bidsOf(await under.delivery.receive(LIMITS))).toEqual(['B2'])
    })

    test('messages handed out before come one at a time', async () => {
      const under = await make()
      await sendAll(under, ['B1', 'B2'])
      await under.delivery.receive(LIMITS)
      await sendAll(under, ['B3', 'B4'])
      under.advance(LIMITS.visibilityMs)
      const batches: string[][] = []
      for (let i = 0; i < 4; i += 1) batches.push(bidsOf(await under.delivery.receive(LIMITS)))
      expect(batches).toEqual([['B1'], ['B2'], ['B3', 'B4'], []])
    })

    test('behind a fresh message one handed out before waits its turn', async () => {
      const under = await make()
      await sendAll(under, ['B2'])
      await under.delivery.receive(LIMITS)
      // A clock that stepped back makes the fresh message the older one.
      under.advance(-5_000)
      await under.delivery.retry(['B2'], 0, 'try again')
      await sendAll(under, ['B1'])
      under.advance(5_000)
      await sendAll(under, ['B3'])
      expect(bidsOf(await under.delivery.receive(LIMITS))).toEqual(['B1', 'B3'])
      expect(bidsOf(await under.delivery.receive(LIMITS))).toEqual(['B2'])
    })

    test('a message to retry comes after its delay, not before', async () => {
      const under = await make()
      await sendAll(under, ['B1'])
      await under.delivery.receive(LIMITS)
      await under.delivery.retry(['B1'], 5_000, 'the catalog is away')
      under.advance(4_999)
      expect(await under.delivery.receive(LIMITS)).toEqual([])
      under.advance(1)
      expect(await under.delivery.receive(LIMITS)).toMatchObject([{ bid: 'B1', receives: 2 }])
    })

    test('the fifth failure makes a dead letter with the last reason', async () => {
      const under = await make()
      await sendAll(under, ['B1', 'B2'])
      for (let receives = 1; receives <= 5; receives += 1) {
        const wanted = receives === 1 ? ['B1', 'B2'] : ['B1']
        expect(bidsOf(await under.delivery.receive(LIMITS))).toEqual(wanted)
        if (receives === 1) await under.delivery.done(['B2'])
        await under.delivery.retry(['B1'], 0, `failure ${receives}`)
      }
      under.advance(3_600_000)
      expect(await under.delivery.receive(LIMITS)).toEqual([])
      expect(await under.delivery.deadLetters(10)).toMatchObject([
        { bid: 'B1', org: ORG, receives: 5, reason: 'failure 5', bytes: bytesOf('body of B1').byteLength },
      ])
      expect(await under.delivery.deadLetterBytes('B1')).toEqual(bytesOf('body of B1'))
      expect((await under.delivery.depth()).messages).toBe(0)
    })

    test('a message that is released comes again with its neighbours, however often', async () => {
      const under = await make()
      await sendAll(under, ['B1', 'B2'])
      for (let times = 0; times < 12; times += 1) {
        expect(await under.delivery.receive(LIMITS)).toMatchObject([{ bid: 'B1', receives: 1 }, { bid: 'B2', receives: 1 }])
        await under.delivery.release(['B1', 'B2'], 1_000)
        expect(await under.delivery.receive(LIMITS)).toEqual([])
        under.advance(1_000)
      }
      expect(await under.delivery.deadLetters(10)).toEqual([])
    })

    test('a message whose receivers die in silence is dead after five deliveries, and holds up nobody', async () => {
      const under = await make()
      await sendAll(under, ['B1'])
      for (let receives = 1; receives <= 5; receives += 1) {
        expect(await under.delivery.receive(LIMITS)).toMatchObject([{ bid: 'B1', receives }])
        under.advance(LIMITS.visibilityMs)
      }
      await sendAll(under, ['B2'])
      expect(bidsOf(await under.delivery.receive(LIMITS))).toEqual(['B2'])
      expect(await under.delivery.deadLetters(10)).toMatchObject([
        { bid: 'B1', reason: 'handed out 5 times and never answered' },
      ])
    })

    test('a parked message is a dead letter at once', async () => {
      const under = await make()
      await sendAll(under, ['B1', 'B2'])
      await under.delivery.receive(LIMITS)
      await under.delivery.park(['B1', 'unknown'], 'nobody can read it')
      expect(await under.delivery.deadLetters(10)).toMatchObject([{ bid: 'B1', receives: 1, reason: 'nobody can read it' }])
      under.advance(LIMITS.visibilityMs)
      expect(bidsOf(await under.delivery.receive(LIMITS))).toEqual(['B2'])
    })

    test('dead letters are listed page by page', async () => {
      const under = await make()
      await sendAll(under, ['B1', 'B2', 'B3'])
      await under.delivery.park(['B3', 'B1', 'B2'], 'no')
      expect((await under.delivery.deadLetters(2)).map((d) => d.bid)).toEqual(['B1', 'B2'])
      expect((await under.delivery.deadLetters(2, 'B2')).map((d) => d.bid)).toEqual(['B3'])
    })

    test('a replayed dead letter is a message sent now, and no dead letter any more', async () => {
      const under = await make()
      await sendAll(under, ['B1'])
      await under.delivery.receive(LIMITS)
      await under.delivery.park(['B1'], 'no')
      await sendAll(under, ['B2'])
      expect(await under.delivery.replay('B1')).toBe(true)
      expect(await under.delivery.replay('B1')).toBe(false)
      expect(await under.delivery.deadLetters(10)).toEqual([])
      expect(await under.delivery.receive(LIMITS)).toMatchObject([
        { bid: 'B2', receives: 1 }, { bid: 'B1', receives: 1, bytes: bytesOf('body of B1') },
      ])
    })

    test('the depth counts messages in flight too, and tells the oldest', async () => {
      const under = await make()
      expect(await under.delivery.depth()).toEqual({ messages: 0, bytes: 0, oldestSentAt: null })
      await sendAll(under, ['B1', 'B2'])
      await under.delivery.receive({ ...LIMITS, messagesMax: 1 })
      const depth = await under.delivery.depth()
      expect(depth).toMatchObject({ messages: 2, bytes: 2 * bytesOf('body of B1').byteLength })
      await under.delivery.done(['B1'])
      expect((await under.delivery.depth()).oldestSentAt).toBe((depth.oldestSentAt as number) + 1_000)
    })
  })
}
