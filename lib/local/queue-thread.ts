// The thread that owns the queue's writing connection. While one commit waits for the disk the next
// messages gather in its port; it then takes all that wait, commits them in one transaction and
// acknowledges each. So the fsync is shared, and the HTTP event loop waits neither for it nor for
// the writer's lock.
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { asEngineError, assert } from '../model/errors.ts'
import { openDatabase } from './database.ts'
import { messageInserter } from './queue-table.ts'
import type { QueuedMessage } from './queue-table.ts'

export interface QueueThreadData {
  readonly dataDir: string
  readonly busyTimeoutMs: number
  /** message bytes in one transaction: bounds the log's growth and the wait of the first message */
  readonly transactionBytesMax: number
}

export interface SendRequest {
  readonly kind: 'send'
  /** names the send to its waiting promise */
  readonly seq: number
  readonly message: QueuedMessage
}

export type ToQueueThread = SendRequest | { readonly kind: 'close' }

/** an EngineError between threads: class instances do not survive the copy */
export interface Refusal {
  readonly slug: 'unavailable' | 'internal'
  readonly message: string
  readonly retryAfterSeconds: number | undefined
}

export type FromQueueThread =
  | { readonly kind: 'ready' }
  | { readonly kind: 'not-opened'; readonly refusal: Refusal }
  | { readonly kind: 'committed'; readonly seqs: readonly number[]; readonly commitMs: number }
  | { readonly kind: 'refused'; readonly seqs: readonly number[]; readonly refusal: Refusal }

function refusalOf(error: unknown): Refusal {
  const { kind, message, detail } = asEngineError(error)
  return {
    slug: kind === 'unavailable' ? 'unavailable' : 'internal',
    message,
    retryAfterSeconds: detail.retryAfterSeconds,
  }
}

function run(data: QueueThreadData): void {
  assert(parentPort !== null, 'the queue thread runs inside a worker')
  const port = parentPort
  const tell = (message: FromQueueThread): void => port.postMessage(message)

  let db: ReturnType<typeof openDatabase>
  try {
    db = openDatabase(data.dataDir, { busyTimeoutMs: data.busyTimeoutMs })
  } catch (error) {
    tell({ kind: 'not-opened', refusal: refusalOf(error) })
    return
  }
  const insert = messageInserter(db)

  const commit = (batch: readonly SendRequest[]): void => {
    if (batch.length === 0) return
    const seqs = batch.map((request) => request.seq)
    const startedMs = performance.now()
    try {
      insert(batch.map((request) => request.message))
      tell({ kind: 'committed', seqs, commitMs: performance.now() - startedMs })
    } catch (error) {
      tell({ kind: 'refused', seqs, refusal: refusalOf(error) })
    }
  }

  port.on('message', (first: ToQueueThread) => {
    const batch: SendRequest[] = []
    let bytes = 0
    let next: ToQueueThread | undefined = first
    while (next?.kind === 'send') {
      batch.push(next)
      bytes += next.message.bytes.byteLength
      // The rest raises its own events.
      if (bytes >= data.transactionBytesMax) break
      next = receiveMessageOnPort(port)?.message as ToQueueThread | undefined
    }
    commit(batch)
    if (next?.kind === 'close') {
      db.close()
      port.close()
    }
  })
  tell({ kind: 'ready' })
}

run(workerData as QueueThreadData)
