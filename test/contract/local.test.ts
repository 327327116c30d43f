// Embedded mode's adapters under the contract suites of their ports.
import type { DeliveredMessage } from '../../lib/engine/ports.ts'
import { openBlobs } from '../../lib/local/blobs.ts'
import { openCatalog } from '../../lib/local/catalog.ts'
import { openDelivery } from '../../lib/local/delivery.ts'
import { START, localDirectories, movableClock } from '../support/local.ts'
import { blobsSuite } from './blobs.suite.ts'
import { catalogSuite } from './catalog.suite.ts'
import { deliverySuite } from './delivery.suite.ts'
import type { DeliveryUnderTest } from './delivery.suite.ts'
import { queueSuite } from './queue.suite.ts'

const { freshDir, database, queueIn } = localDirectories({ each: false })

blobsSuite('disk', async () => {
  const dataDir = freshDir()
  return { port: await openBlobs(dataDir), other: await openBlobs(dataDir) }
})

// Threads take a tenth of a second to start: one pair serves all tests, on tables emptied for each.
let queues: Promise<{ readonly under: DeliveryUnderTest; readonly empty: () => void }> | null = null
async function openQueues() {
  const dataDir = freshDir()
  const { clock, advance } = movableClock()
  const [port, other] = await Promise.all([queueIn(dataDir, { clock }), queueIn(dataDir, { clock })])
  const db = database(dataDir)
  const under = { port, other, delivery: openDelivery(db, { clock }), otherDelivery: openDelivery(database(dataDir), { clock }), advance }
  return { under, empty: () => db.exec('DELETE FROM queue; DELETE FROM dead') }
}

async function emptyQueue(): Promise<DeliveryUnderTest> {
  const { under, empty } = await (queues ??= openQueues())
  empty()
  return under
}

const DRAIN = { bytesMax: 6_000_000, messagesMax: 60, visibilityMs: 30_000 }

queueSuite('sqlite', async () => {
  const { port, other, delivery } = await emptyQueue()
  return {
    port, other, bytesMax: 5_000_000,
    drain: async () => {
      const got: DeliveredMessage[] = []
      for (let batch = await delivery.receive(DRAIN); batch.length > 0; batch = await delivery.receive(DRAIN)) {
        got.push(...batch)
        await delivery.done(batch.map(({ bid }) => bid))
      }
      return got
    },
  }
})

deliverySuite('sqlite', emptyQueue)

catalogSuite('sqlite', async () => {
  const dataDir = freshDir()
  const { clock, advance } = movableClock()
  const db = database(dataDir)
  return {
    port: openCatalog(db, clock),
    other: openCatalog(database(dataDir), clock),
    now: clock.now,
    advance,
    sweepSlot: async (org, fid) => {
      db.prepare('INSERT INTO item VALUES (?, ?, ?, ?)').run(`F#${org}`, fid, Buffer.from('{"state":"swept"}'), START)
    },
  }
})
