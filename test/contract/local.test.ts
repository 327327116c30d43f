// Embedded mode's adapters under the contract suites of their ports.
import { openBlobs } from '../../lib/local/blobs.ts'
import { openCatalog } from '../../lib/local/catalog.ts'
import { openDelivery } from '../../lib/local/delivery.ts'
import { START, localDirectories, movableClock } from '../support/local.ts'
import { blobsSuite } from './blobs.suite.ts'
import { catalogSuite } from './catalog.suite.ts'
import { queueSuite } from './queue.suite.ts'
import type { QueueUnderTest } from './queue.suite.ts'

const { freshDir, database, queueIn } = localDirectories({ each: false })

blobsSuite('disk', async () => {
  const dataDir = freshDir()
  return { port: await openBlobs(dataDir), other: await openBlobs(dataDir) }
})

// Threads take a tenth of a second to start: one pair serves all tests, on tables emptied for each.
let queues: Promise<{ readonly under: QueueUnderTest; readonly empty: () => void }> | null = null
async function openQueues() {
  const dataDir = freshDir()
  const { clock, advance } = movableClock()
  const [port, other] = await Promise.all([queueIn(dataDir, { clock }), queueIn(dataDir, { clock })])
  const db = database(dataDir)
  const under = { port, other, delivery: openDelivery(db, { clock }), otherDelivery: openDelivery(database(dataDir), { clock }), advance }
  return { under, empty: () => db.exec('DELETE FROM queue; DELETE FROM dead') }
}

queueSuite('sqlite', async () => {
  const { under, empty } = await (queues ??= openQueues())
  empty()
  return under
})

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
