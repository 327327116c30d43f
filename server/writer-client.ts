// The event loop's side of the writer thread: tells it what arrived, asks for flushes, replaces it
// when it dies (what it held comes back by the queue), and stops it.
import { Worker } from 'node:worker_threads'
import { EngineError } from '../lib/model/errors.ts'
import type { Queue, Telemetry } from '../lib/engine/ports.ts'
import type { Settings } from '../lib/engine/settings.ts'
import { replayTelemetry } from './telemetry-relay.ts'
import type { FromWriter, ToWriter, WriterThreadData } from './writer-thread.ts'

export interface WriterClient {
  /** the queue, with the writer told of every message that is in */
  announced(queue: Queue): Queue
  /** resolves when all that was queued is searchable. @throws unavailable when it cannot be written now */
  flush(): Promise<void>
  stop(): Promise<void>
}

/** a writer that dies at once again and again is a fault a person must see, not a busy loop */
const RESTART_DELAY_MS = 500
const STOP_WAIT_MS = 10_000

interface Flush {
  readonly resolve: () => void
  readonly reject: (error: EngineError) => void
}

export function startWriter(dataDir: string, settings: Settings, telemetry: Telemetry): WriterClient {
  const flushes = new Map<number, Flush>()
  let lastFlush = 0
  let stopping = false
  let onStopped: (() => void) | null = null
  let thread = spawn()

  function spawn(): Worker {
    const data: WriterThreadData = { dataDir, settings }
    const worker = new Worker(new URL('./writer-thread.ts', import.meta.url), { workerData: data })
    worker.on('message', hear)
    worker.on('error', (error) => telemetry.log('error', 'the writer thread died', { reason: error.stack ?? String(error) }))
    worker.on('exit', () => {
      onStopped?.()
      if (stopping) return
      telemetry.count('writer_restarts_total', 1)
      setTimeout(() => {
        if (stopping) return
        thread = spawn()
        for (const id of flushes.keys()) tell({ kind: 'flush', id })
      }, RESTART_DELAY_MS)
    })
    return worker
  }

  const tell = (message: ToWriter): void => thread.postMessage(message)

  function hear(message: FromWriter): void {
    if (message.kind === 'telemetry') replayTelemetry(telemetry, message.event)
    if (message.kind !== 'flushed') return
    const flush = flushes.get(message.id)
    flushes.delete(message.id)
    if (message.left === 0) flush?.resolve()
    else flush?.reject(new EngineError('unavailable', `${message.left} messages could not be written yet: try again`, { retryAfterSeconds: 1 }))
  }

  return {
    announced: (queue) => ({
      async send(message) {
        await queue.send(message)
        tell({ kind: 'arrived', bytes: message.bytes.length })
      },
    }),
    flush: () => new Promise<void>((resolve, reject) => {
      const id = (lastFlush += 1)
      flushes.set(id, { resolve, reject })
      tell({ kind: 'flush', id })
    }),
    async stop() {
      stopping = true
      await new Promise<void>((resolve) => {
        onStopped = resolve
        setTimeout(resolve, STOP_WAIT_MS).unref()
        tell({ kind: 'stop' })
      })
      await thread.terminate()
    },
  }
}
