// The sending side of embedded mode's write-ahead queue: `send` resolves when its message is in a
// committed (synced) transaction. The work is queue-thread.ts'; here is what waits for it, and the
// bound on how much may wait in memory.
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { Clock, Queue, QueueMessage, Telemetry } from '../engine/ports.ts'
import { EngineError } from '../model/errors.ts'
import type { FromQueueThread, QueueThreadData, Refusal, ToQueueThread } from './queue-thread.ts'

export interface QueueOptions {
  readonly dataDir: string
  readonly clock: Clock
  readonly telemetry: Telemetry
  /** what may wait in memory for the disk; beyond either, `send` refuses */
  readonly backlogBytesMax: number
  readonly backlogMessagesMax: number
  /** how long a commit waits for the writer's lock before its messages are refused; default 5,000 */
  readonly busyTimeoutMs?: number
  /** message bytes in one transaction; default 32 MiB */
  readonly transactionBytesMax?: number
}

export interface LocalQueue extends Queue {
  /** refuses new messages, waits for those on their way and ends the thread; idempotent */
  close(): Promise<void>
}

interface Waiting {
  readonly bytes: number
  readonly resolve: () => void
  readonly reject: (error: EngineError) => void
}

/** seconds: a commit takes milliseconds, so a second empties any backlog that will ever empty */
const RETRY_AFTER_SECONDS = 1

const unavailable = (message: string, cause?: unknown): EngineError =>
  new EngineError('unavailable', message, { retryAfterSeconds: RETRY_AFTER_SECONDS, cause })

const refusalError = ({ slug, message, retryAfterSeconds }: Refusal): EngineError =>
  new EngineError(slug, message, retryAfterSeconds === undefined ? {} : { retryAfterSeconds })

/** @throws EngineError what opening the database throws */
export async function openQueue(options: QueueOptions): Promise<LocalQueue> {
  const { clock, telemetry, backlogBytesMax, backlogMessagesMax } = options
  const waiting = new Map<number, Waiting>()
  let waitingBytes = 0
  let lastSeq = 0
  let closing: Promise<void> | null = null
  let thread: Worker | null = await startThread(options, settleAll, lost)

  function settle(seq: number, error: EngineError | null): void {
    const entry = waiting.get(seq)
    if (entry === undefined) return
    waiting.delete(seq)
    waitingBytes -= entry.bytes
    if (error === null) entry.resolve()
    else entry.reject(error)
  }

  function settleAll(report: FromQueueThread): void {
    if (report.kind === 'committed') {
      telemetry.count('queue_commits_total', 1)
      telemetry.count('queue_messages_total', report.seqs.length)
      telemetry.observe('queue_commit_ms', report.commitMs)
      for (const seq of report.seqs) settle(seq, null)
    } else if (report.kind === 'refused') {
      telemetry.count('queue_refused_total', report.seqs.length)
      telemetry.log('error', 'messages were refused by the queue', { messages: report.seqs.length, reason: report.refusal.message })
      for (const seq of report.seqs) settle(seq, refusalError(report.refusal))
    }
  }

  /** A dead thread answers nobody: what it held may or may not be in, and the next send starts another. */
  function lost(cause: unknown): void {
    thread = null
    if (closing === null) telemetry.log('error', 'the queue thread ended', { waiting: waiting.size, error: cause })
    for (const seq of waiting.keys()) settle(seq, unavailable('the queue stopped before it answered', cause))
  }

  let starting: Promise<void> | null = null
  function restart(): Promise<void> {
    starting ??= startThread(options, settleAll, lost)
      .then((started) => { thread = started })
      .finally(() => { starting = null })
    return starting
  }

  async function send(message: QueueMessage): Promise<void> {
    if (closing !== null) throw unavailable('the queue is closed')
    const bytes = message.bytes.byteLength
    if (waitingBytes + bytes > backlogBytesMax || waiting.size >= backlogMessagesMax) {
      telemetry.count('queue_overflow_total', 1)
      throw unavailable('too many messages wait for the disk')
    }
    const sentAt = clock.now()
    const seq = (lastSeq += 1)
    const settled = new Promise<void>((resolve, reject) => waiting.set(seq, { bytes, resolve, reject }))
    waitingBytes += bytes
    // Not transferred but copied to the thread: once any buffer has been taken away, the engine checks
    // for it at every access to every typed array, and decoding costs a tenth more. What is copied is
    // the whole memory behind the array, so one that is a view of a shared pool is cut out first; so is
    // one that has to wait for the thread, for the caller may change it meanwhile.
    const { bytes: body } = message
    const whole = thread !== null && body.byteLength === body.buffer.byteLength ? body : new Uint8Array(body)
    if (thread === null) {
      try {
        await restart()
      } catch (error) {
        settle(seq, error instanceof EngineError ? error : unavailable('the queue cannot start', error))
      }
    }
    if (thread !== null && waiting.has(seq)) {
      const request: ToQueueThread = { kind: 'send', seq, message: { bid: message.bid, org: message.org, sentAt, bytes: whole } }
      thread.postMessage(request)
    }
    return settled
  }

  async function finish(): Promise<void> {
    if (starting !== null) await starting.catch(() => undefined)
    if (thread === null) return
    const ended = once(thread, 'exit')
    const last: ToQueueThread = { kind: 'close' }
    thread.postMessage(last)
    await ended
  }

  return { send, close: () => (closing ??= finish()) }
}

/** resolves when the thread has opened its connection; `lost` is told once if it ends afterwards */
async function startThread(
  options: QueueOptions,
  heard: (report: FromQueueThread) => void,
  lost: (cause: unknown) => void,
): Promise<Worker> {
  const data: QueueThreadData = {
    dataDir: options.dataDir,
    busyTimeoutMs: options.busyTimeoutMs ?? 5_000,
    transactionBytesMax: options.transactionBytesMax ?? 32 * 2 ** 20,
  }
  const worker = new Worker(new URL('./queue-thread.ts', import.meta.url), { workerData: data, name: 'nilometer-queue' })
  let failure: unknown = null
  worker.on('error', (error) => { failure = error })
  await new Promise<void>((resolve, reject) => {
    const early = (): void => reject(unavailable('the queue cannot start', failure))
    worker.once('exit', early)
    worker.once('message', (report: FromQueueThread) => {
      worker.off('exit', early)
      if (report.kind === 'not-opened') reject(refusalError(report.refusal))
      else resolve()
    })
  })
  worker.on('message', heard)
  worker.once('exit', () => lost(failure))
  return worker
}
