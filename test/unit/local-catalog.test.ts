// What the catalog of embedded mode does beyond its port's contract: a commit takes messages out of
// the queue that stands in the same database.
import { expect, test } from 'vitest'
import { openCatalog } from '../../lib/local/catalog.ts'
import { openDelivery } from '../../lib/local/delivery.ts'
import { messageInserter } from '../../lib/local/queue-table.ts'
import type { Change } from '../../lib/engine/ports.ts'
import type { OrgId } from '../../lib/model/stream.ts'
import { START, localDirectories, movableClock } from '../support/local.ts'

const { freshDir, database } = localDirectories({ each: true })
const ORG = 'default' as OrgId

function opened() {
  const db = database(freshDir())
  const { clock } = movableClock()
  messageInserter(db)(['B1', 'B2'].map((bid) => ({ bid, org: ORG, sentAt: START, bytes: Buffer.from(bid) })))
  return { catalog: openCatalog(db, clock), delivery: openDelivery(db, { clock }) }
}
const claim = (bid: string, fid: string): Change => ({ kind: 'put-claim', bid, fid, expiresAt: START + 1e12 })

test('a message goes from the queue in the commit that makes its rows visible', async () => {
  const { catalog, delivery } = opened()
  await catalog.commit(ORG, 't1', [claim('B1', 'F1')])
  expect((await delivery.depth()).messages).toBe(1)
})

test('a message claimed for the quarantine stays in the queue until it is put there', async () => {
  const { catalog, delivery } = opened()
  await catalog.commit(ORG, 't1', [claim('B1', 'quarantine')])
  expect((await delivery.depth()).messages).toBe(2)
  await delivery.done(['B1'])
  expect((await delivery.depth()).messages).toBe(1)
})

test('a name that no stream can have is no stream, whatever a query asks for', async () => {
  const { catalog } = opened()
  for (const name of ['a#b', '#', '', 'S#default', "a' OR 1=1 --", 'a\u0000b']) expect([name, await catalog.stream(ORG, 'logs', name)]).toEqual([name, null])
})
