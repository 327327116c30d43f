// The event source mapping between a queue and a function: pollers, each gathering a batch until its size,
// its window or the payload is full, then waiting for the invocation's answer. What the answer does not
// name is deleted; what it names, and everything when there is no good answer, comes again.
import type { SqsBatchResponse, SqsEvent, SqsRecord } from '../../../functions/lambda.ts'
import { MICROS_PER_SECOND, type Micros } from '../../../lib/model/time.ts'
import { must } from '../invariants.ts'
import type { Cloud } from './cloud.ts'
import type { LambdaFunction, Result } from './functions.ts'
import type { Letter } from './queue.ts'

/** one message as a poller received it */
interface Received {
  readonly letter: Letter
  readonly receipt: number
  readonly record: SqsRecord
  /** of the record in the event's text, its comma included */
  readonly bytes: number
}

interface Poller {
  batch: Received[]
  bytes: number
  /** what did not fit the last batch */
  carry: Received[]
  closesAt: Micros
  state: 'idle' | 'gathering' | 'invoking'
}

const ENVELOPE_BYTES = JSON.stringify({ Records: [] }).length
/** a poller's ReceiveMessage gives at most this many */
const RECEIVE_MAX = 10

export class EventSource {
  private readonly cloud: Cloud
  private readonly writer: LambdaFunction<SqsEvent, unknown>
  private readonly pollers: Poller[]
  /** letters that are in an invocation that has not ended */
  private readonly inWork = new Map<Letter, number>()

  constructor(cloud: Cloud, writer: LambdaFunction<SqsEvent, unknown>) {
    this.cloud = cloud
    this.writer = writer
    this.pollers = Array.from({ length: cloud.source.pollers }, () => ({ batch: [], bytes: ENVELOPE_BYTES, carry: [], closesAt: 0, state: 'idle' }))
    cloud.queue.onVisible = () => this.wake()
  }

  private wake(): void {
    const { s } = this.cloud
    for (const poller of this.pollers) if (poller.state !== 'invoking') s.after(s.random.log(1_000, 500_000), () => this.poll(poller))
  }

  private poll(poller: Poller): void {
    const { cloud } = this
    const { s } = cloud
    if (poller.state === 'invoking') return
    const taken = [...poller.carry.splice(0), ...cloud.queue.receive(1 + s.random.int(RECEIVE_MAX)).map((letter) => this.recordOf(letter))]
    if (taken.length === 0) return
    if (poller.state === 'idle') {
      poller.state = 'gathering'
      poller.closesAt = s.now + cloud.source.windowMicros
      s.after(cloud.source.windowMicros, () => this.close(poller, s.now))
    }
    if (this.fill(poller, taken)) this.close(poller, Infinity)
    else if (cloud.queue.hasVisible()) s.after(s.random.log(1_000, 500_000), () => this.poll(poller))
  }

  /** whether the batch is full: the rest of what was taken waits for the next one */
  private fill(poller: Poller, taken: readonly Received[]): boolean {
    const { batchMax, payloadBytesMax } = this.cloud.source
    for (const [i, received] of taken.entries()) {
      const tooLarge = poller.bytes + received.bytes > payloadBytesMax && poller.batch.length > 0
      if (tooLarge || poller.batch.length >= batchMax) {
        this.cloud.probe(tooLarge ? 'batch cut at 6 MB' : 'batch full')
        poller.carry.push(...taken.slice(i))
        return true
      }
      poller.batch.push(received)
      poller.bytes += received.bytes
    }
    return poller.batch.length >= batchMax
  }

  private recordOf(letter: Letter): Received {
    const record: SqsRecord & Record<string, unknown> = {
      messageId: letter.messageId, receiptHandle: `${letter.messageId}/${letter.receipt}`, body: letter.text,
      attributes: { ApproximateReceiveCount: String(letter.receives) }, messageAttributes: {}, eventSource: 'aws:sqs', awsRegion: 'us-east-1',
    }
    return { letter, receipt: letter.receipt, record, bytes: JSON.stringify(record).length + 1 }
  }

  /** `at`: of the window that ends; another batch's end is none of this one's */
  private close(poller: Poller, at: Micros): void {
    if (poller.state !== 'gathering' || at < poller.closesAt) return
    const batch = poller.batch.splice(0)
    poller.bytes = ENVELOPE_BYTES
    poller.state = 'invoking'
    this.note(batch)
    this.invoke(poller, batch)
  }

  private note(batch: readonly Received[]): void {
    const { cloud } = this
    if (batch.length > 3) cloud.probe('batch of many')
    if (new Set(batch.map(({ letter }) => letter.receives > 1)).size > 1) cloud.probe('receive counts mixed')
    if (new Set(batch.map(({ letter }) => letter.text.split(' ')[1])).size > 1) cloud.probe('organisations mixed')
    for (const { letter } of batch) {
      if (this.inWork.has(letter)) cloud.probe('delivered while its first invocation runs')
      this.inWork.set(letter, (this.inWork.get(letter) ?? 0) + 1)
    }
  }

  private invoke(poller: Poller, batch: readonly Received[]): void {
    const { cloud } = this
    const { s } = cloud
    const event: SqsEvent = { Records: batch.map(({ record }) => record) }
    const bytes = JSON.stringify(event).length
    must(batch.length === 1 || bytes <= cloud.source.payloadBytesMax, `the event source invokes with ${bytes} bytes`)
    this.writer.invoke(event, (result) => {
      if (result.kind === 'throttled' && batch.some(({ letter, receipt }) => receipt === letter.receipt && letter.visibleAt > s.now + MICROS_PER_SECOND)) {
        s.after(s.random.log(100_000, 60 * MICROS_PER_SECOND), () => this.invoke(poller, batch))
        return
      }
      if (result.kind === 'throttled') cloud.probe('throttled until it lapsed')
      this.settle(batch, result)
      for (const { letter } of batch) {
        const left = this.inWork.get(letter)! - 1
        if (left === 0) this.inWork.delete(letter)
        else this.inWork.set(letter, left)
      }
      poller.state = 'idle'
      s.after(s.random.log(1_000, 100_000), () => this.poll(poller))
    })
  }

  private settle(batch: readonly Received[], result: Result<unknown>): void {
    const { cloud } = this
    const { s } = cloud
    const failed = this.failedOf(batch, result)
    s.log(`batch ${batch.map(({ letter }) => letter.messageId).join()}: ${result.kind === 'answer' ? [...failed ?? ['malformed']].join() : result.kind}`)
    if (failed === null) {
      cloud.probe('whole batch thrown')
      // The platform makes some of them visible at once, the others wait for their timeout.
      for (const { letter, receipt } of batch) if (receipt === letter.receipt && s.random.chance(0.2)) cloud.queue.release(letter)
      return
    }
    if (failed.size > 0 && failed.size < batch.length) cloud.probe('partial failure')
    for (const { letter, receipt, record } of batch) {
      if (failed.has(record.messageId)) continue
      if (cloud.chance('deletionLost')) cloud.probe('deletion lost')
      else s.after(s.latency(0), () => cloud.queue.delete(letter, receipt))
    }
  }

  /** null: all of them come again. What the function itself says must be well formed, what arrives need not be. */
  private failedOf(batch: readonly Received[], result: Result<unknown>): Set<string> | null {
    const { cloud } = this
    if (result.kind !== 'answer') return null
    const ids = new Set(batch.map(({ record }) => record.messageId))
    const said = readFailures(result.value, ids)
    must(said !== null, `the writer's answer is none: ${JSON.stringify(result.value)}`)
    if (cloud.chance('answerLost')) {
      cloud.probe('answer lost')
      return null
    }
    if (!cloud.chance('garbled')) return said
    const garbled: readonly (readonly ['answer malformed' | 'answer names a stranger', unknown])[] = [
      ['answer malformed', { batchItemFailures: [{ itemIdentifier: '' }] }], ['answer malformed', { batchItemFailures: 'none' }],
      ['answer malformed', { batchItemFailures: [{ id: [...ids][0] }] }], ['answer names a stranger', { batchItemFailures: [{ itemIdentifier: 'a stranger' }] }],
    ]
    const [probe, answer] = cloud.s.random.pick(garbled)
    cloud.probe(probe)
    return readFailures(answer, ids)
  }
}

/**
 * As Lambda reads an answer under ReportBatchItemFailures: nothing or an empty list is success; what is
 * malformed, empty, or names a message that was not in the batch fails all of it (null).
 */
export function readFailures(answer: unknown, ids: ReadonlySet<string>): Set<string> | null {
  if (answer === null || answer === undefined) return new Set()
  if (typeof answer !== 'object') return null
  const list = (answer as Partial<SqsBatchResponse>).batchItemFailures as unknown
  if (list === null || list === undefined) return new Set()
  if (!Array.isArray(list)) return null
  const failed = new Set<string>()
  for (const item of list as unknown[]) {
    const id = (item as { itemIdentifier?: unknown } | null)?.itemIdentifier
    if (typeof id !== 'string' || !ids.has(id)) return null
    failed.add(id)
  }
  return failed
}
