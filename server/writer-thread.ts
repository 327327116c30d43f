// The writer of embedded mode, in a thread with its own connection: waits for messages, lets the
// first one linger so that others may join it, writes the batch, and answers the queue. What the
// event loop tells it: messages came in, somebody asks for a flush, stop.
import { parentPort, workerData } from 'node:worker_threads'
import { assert, asEngineError, ERROR_KINDS, type EngineError } from '../lib/model/errors.ts'
import { newWriterState, writeBatch, type WriterState } from '../lib/engine/ingest/write.ts'
import type { DeliveredMessage, Ports, Queue, Sql } from '../lib/engine/ports.ts'
import type { Settings } from '../lib/engine/settings.ts'
import { openBlobs } from '../lib/local/blobs.ts'
import { openCatalog } from '../lib/local/catalog.ts'
import { systemClock } from '../lib/node/clock.ts'
import { openDatabase } from '../lib/local/database.ts'
import { openDelivery, type Delivery } from '../lib/local/delivery.ts'
import { createIds } from '../lib/node/ids.ts'
import { relayTelemetry, type TelemetryEvent } from './telemetry-relay.ts'

export interface WriterThreadData {
  readonly dataDir: string
  readonly settings: Settings
}
export type ToWriter =
  | { readonly kind: 'arrived'; readonly bytes: number }
  | { readonly kind: 'flush'; readonly id: number }
  | { readonly kind: 'stop' }
export type FromWriter =
  | { readonly kind: 'ready' }
  | { readonly kind: 'flushed'; readonly id: number; readonly left: number }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'telemetry'; readonly event: TelemetryEvent }

/** how long nobody else gets a message; the only writer of a data folder takes all back at its start */
const VISIBILITY_MS = 120_000
/** messages that waited for a retry come back by themselves: looked for this often */
const IDLE_POLL_MS = 500
const RETRY_DELAY_MS = 1_000
/**
 * Deliveries that ended in silence before a message is a dead letter. More than a queue in the cloud
 * allows, because here whatever ends the process (a restart, the OOM killer, a person) ends the
 * delivery too, and no acknowledged row may leave the queue for that.
 */
const SILENT_DELIVERIES_MAX = 20

/** what the loop waits for, and what wakes it */
class Inbox {
  bytes = 0
  flushes: number[] = []
  stopping = false
  private wake: (() => void) | null = null

  take(message: ToWriter): void {
    if (message.kind === 'arrived') this.bytes += message.bytes
    else if (message.kind === 'flush') this.flushes.push(message.id)
    else this.stopping = true
    this.wake?.()
  }

  /** resolves at the next message or after `ms` */
  wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer)
        this.wake = null
        resolve()
      }
      const timer = setTimeout(done, ms)
      this.wake = done
    })
  }
}

async function openPorts(data: WriterThreadData): Promise<{ ports: Ports; delivery: Delivery }> {
  const db = openDatabase(data.dataDir)
  const absent = (name: string): never => {
    throw new Error(`the writer has no ${name}`)
  }
  const ports: Ports = {
    blobs: await openBlobs(data.dataDir),
    catalog: openCatalog(db, systemClock),
    queue: { send: () => absent('queue to send to') } satisfies Queue,
    sql: { open: () => absent('sandbox') } satisfies Sql,
    clock: systemClock,
    ids: createIds(systemClock),
    telemetry: relayTelemetry((event) => post({ kind: 'telemetry', event })),
  }
  return { ports, delivery: openDelivery(db, { clock: systemClock, receivesMax: SILENT_DELIVERIES_MAX }) }
}

const post = (message: FromWriter): void => parentPort!.postMessage(message)

async function run(data: WriterThreadData): Promise<void> {
  assert(parentPort !== null, 'the writer runs inside a worker')
  const inbox = new Inbox()
  parentPort.on('message', (message: ToWriter) => inbox.take(message))
  const { ports, delivery } = await openPorts(data)
  const state = newWriterState()
  await delivery.reclaim()
  post({ kind: 'ready' })
  while (!inbox.stopping) {
    const depth = await delivery.depth()
    const waiting = depth.messages > 0
    if (waiting) await linger(inbox, data.settings, depth.bytes, ageMs(depth.oldestSentAt))
    const flushes = inbox.flushes.splice(0)
    inbox.bytes = 0
    let wrote = await writeWaiting(ports, data.settings, state, delivery)
    while (flushes.length > 0 && wrote > 0) wrote = await writeWaiting(ports, data.settings, state, delivery)
    const left = (await delivery.depth()).messages
    for (const id of flushes) post({ kind: 'flushed', id, left })
    if (wrote === 0 && inbox.flushes.length === 0 && inbox.bytes === 0 && !inbox.stopping) await inbox.wait(IDLE_POLL_MS)
  }
  post({ kind: 'stopped' })
  process.exit(0)
}

const ageMs = (sentAt: number | null): number => (sentAt === null ? 0 : Math.max(0, (systemClock.now() - sentAt) / 1_000))

/** waits until the first message is `lingerMs` old, enough bytes wait, or somebody asks for a flush */
async function linger(inbox: Inbox, settings: Settings, queuedBytes: number, firstAgeMs: number): Promise<void> {
  const until = systemClock.monotonicMs() + settings.lingerMs - firstAgeMs
  let seen = inbox.bytes
  let bytes = queuedBytes
  for (;;) {
    const left = until - systemClock.monotonicMs()
    if (left <= 0 || bytes >= settings.batchBytesMax || inbox.flushes.length > 0 || inbox.stopping) return
    await inbox.wait(left)
    bytes += inbox.bytes - seen
    seen = inbox.bytes
  }
}

/** one batch; the number of messages it took from the queue */
async function writeWaiting(ports: Ports, settings: Settings, state: WriterState, delivery: Delivery): Promise<number> {
  let messages: readonly DeliveredMessage[] = []
  try {
    messages = await delivery.receive({ bytesMax: settings.batchBytesMax, messagesMax: settings.batchMessagesMax, visibilityMs: VISIBILITY_MS })
    if (messages.length === 0) return 0
    const outcome = await writeBatch(ports, settings, state, messages)
    await delivery.done(outcome.done)
    for (const { bid, error } of outcome.retry) await giveBack(delivery, [bid], error)
    // A parked message is in the quarantine with its claim: the queue has no more to do with it.
    await delivery.done(outcome.park.map(({ bid }) => bid))
  } catch (thrown) {
    const error = asEngineError(thrown)
    ports.telemetry.log('error', 'a batch could not be written', { messages: messages.length, slug: error.slug, reason: String(error.detail.cause ?? error.message) })
    // Should this fail too, they come back when their time is over.
    if (messages.length > 0) await giveBack(delivery, messages.map((m) => m.bid), error).catch(() => undefined)
  }
  return messages.length
}

/** what cannot be done now is tried for ever; what is wrong with a message counts against it */
function giveBack(delivery: Delivery, bids: readonly string[], error: EngineError): Promise<void> {
  if (ERROR_KINDS[error.kind].onQueue === 'redeliver') return delivery.release(bids, RETRY_DELAY_MS)
  return delivery.retry(bids, RETRY_DELAY_MS, error.message)
}

run(workerData as WriterThreadData).catch((error: unknown) => {
  process.nextTick(() => {
    throw error
  })
})
