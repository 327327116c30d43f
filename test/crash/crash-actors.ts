// Who acts in the crash test, over the real adapters of embedded mode: the client that sends the
// script, the writer that empties the queue as server/writer-thread.ts does, and those who come after
// a crash. Each call is announced before and after, so that it can be the last thing a process does.
import { appendFileSync } from 'node:fs'
import { receive } from '../../lib/engine/ingest/receive.ts'
import { newWriterState, writeBatch } from '../../lib/engine/ingest/write.ts'
import type { Change, DeliveredMessage, Ports, Queue, QueueMessage } from '../../lib/engine/ports.ts'
import type { OrgId } from '../../lib/model/stream.ts'
import { openBlobs } from '../../lib/local/blobs.ts'
import { openCatalog } from '../../lib/local/catalog.ts'
import { systemClock } from '../../lib/node/clock.ts'
import { openDatabase } from '../../lib/local/database.ts'
import { openDelivery, type Delivery } from '../../lib/local/delivery.ts'
import { createIds } from '../../lib/node/ids.ts'
import { openQueue } from '../../lib/local/queue.ts'
import { createTelemetry } from '../../lib/node/telemetry.ts'
import { crashing, nameOfStep } from '../support/ports.ts'
import { FIRST, GARBAGE, ORG, SECOND, SETTINGS, type ScriptedRequest } from './crash-workload.ts'

/** what a zombie will remember of its life: written to the disk before each thing is done */
export type Note =
  | { readonly kind: 'send'; readonly bid: string; readonly bytes: string }
  | { readonly kind: 'delivered'; readonly bid: string; readonly bytes: string }
  | { readonly kind: 'commit'; readonly org: OrgId; readonly token: string; readonly changes: readonly Change[] }

export interface World {
  readonly ports: Ports
  readonly delivery: Delivery
  close(): Promise<void>
}

export type OnStep = (name: string) => void

/** the adapters on a data folder; `onStep` hears of every step, `notes` is where a zombie's memory goes */
export async function openWorld(dataDir: string, onStep: OnStep = () => undefined, notes: string | null = null): Promise<World> {
  const clock = systemClock
  const telemetry = createTelemetry({ clock, level: 'error', write: () => undefined })
  const db = openDatabase(dataDir)
  const queue = await openQueue({ dataDir, clock, telemetry, backlogBytesMax: 2 ** 24, backlogMessagesMax: 1_000 })
  const note = (value: Note): void => {
    if (notes !== null) appendFileSync(notes, `${JSON.stringify(value)}\n`)
  }
  const stepping = crashing({ blobs: await openBlobs(dataDir), queue: queue as Queue, catalog: openCatalog(db, clock) }, (step) => {
    if (step.when === 'before' && step.operation === 'send') note(noteOf('send', step.args[0] as QueueMessage))
    if (step.when === 'before' && step.operation === 'commit') {
      const [org, token, changes] = step.args as [OrgId, string, readonly Change[]]
      note({ kind: 'commit', org, token, changes })
    }
    onStep(nameOfStep(step))
  })
  const sql = { open: () => Promise.reject(new Error('nobody asks here')) }
  return {
    ports: { ...stepping, sql, clock, ids: createIds(clock), telemetry },
    delivery: steppingDelivery(openDelivery(db, { clock }), onStep, note),
    async close() {
      await queue.close()
      db.close()
    },
  }
}

const noteOf = (kind: 'send' | 'delivered', { bid, bytes }: { bid: string; bytes: Uint8Array }): Note =>
  ({ kind, bid, bytes: Buffer.from(bytes).toString('base64') })

function steppingDelivery(delivery: Delivery, onStep: OnStep, note: (value: Note) => void): Delivery {
  let n = 0
  return new Proxy(delivery, {
    get: (target, operation: keyof Delivery) => async (...args: unknown[]) => {
      n += 1
      onStep(`d${n}:delivery.${operation}:before`)
      const result: unknown = await (target[operation] as (...args: unknown[]) => Promise<unknown>)(...args)
      if (operation === 'receive') for (const message of result as DeliveredMessage[]) note(noteOf('delivered', message))
      onStep(`d${n}:delivery.${operation}:after`)
      return result
    },
  })
}

export const send = (world: World, { request }: ScriptedRequest): Promise<unknown> => receive(world.ports, SETTINGS, request)

/** the whole script; `acknowledge` hears a request's name when its client would have heard 200 */
export async function workload(world: World, acknowledge: (name: string) => void): Promise<void> {
  for (const scripted of FIRST) {
    await send(world, scripted)
    acknowledge(scripted.name)
  }
  await world.ports.queue.send({ org: ORG, ...GARBAGE })
  acknowledge('garbage')
  await drain(world)
  for (const scripted of SECOND) {
    await send(world, scripted)
    acknowledge(scripted.name)
  }
  await drain(world)
}

const VISIBILITY_MS = 120_000
const BATCHES_MAX = 60

export const take = (world: World): Promise<readonly DeliveredMessage[]> =>
  world.delivery.receive({ bytesMax: SETTINGS.batchBytesMax, messagesMax: SETTINGS.batchMessagesMax, visibilityMs: VISIBILITY_MS })

export async function write(world: World, messages: readonly DeliveredMessage[]): Promise<void> {
  const outcome = await writeBatch(world.ports, SETTINGS, newWriterState(), messages)
  await world.delivery.done(outcome.done)
  for (const { bid, error } of outcome.retry) await world.delivery.retry([bid], 0, error.message)
  await world.delivery.done(outcome.park.map(({ bid }) => bid))
}

/** writes until nothing waits. @throws Error when messages stay */
export async function drain(world: World): Promise<void> {
  for (let batches = 0; batches < BATCHES_MAX; batches++) {
    const messages = await take(world)
    if (messages.length === 0) break
    await write(world, messages)
  }
  const { messages } = await world.delivery.depth()
  if (messages > 0) throw new Error(`${messages} messages stay in the queue`)
}
