// One SQS event to the writer's journey, and its outcome to what the queue must deliver again. A
// message that is not ours to read comes again until it is a dead letter, where a person sees it.
import type { DeliveredMessage, Ports } from '../../lib/engine/ports.ts'
import type { Settings } from '../../lib/engine/settings.ts'
import { writeBatch, type WriterState } from '../../lib/engine/ingest/write.ts'
import { decodeMessage } from '../../lib/aws/message.ts'
import { asEngineError } from '../../lib/model/errors.ts'
import type { LambdaContext, SqsBatchResponse, SqsEvent } from '../lambda.ts'

export interface Writing {
  readonly ports: Ports
  readonly settings: Settings
  readonly state: WriterState
}

/** a flush begun with less may be cut off by the function's end: then all of it comes again, for nothing */
const FLUSH_MS_MIN = 30_000

/** Never throws: what is not known to be in is named in the answer. */
export async function writeEvent({ ports, settings, state }: Writing, event: SqsEvent, context: Pick<LambdaContext, 'getRemainingTimeInMillis'>): Promise<SqsBatchResponse> {
  const failed = new Set<string>()
  const delivered: DeliveredMessage[] = []
  /** a request sent twice under one key is two messages of one bid, with one fate */
  const messageIds = new Map<string, string[]>()
  for (const { messageId, body, attributes } of event.Records) {
    try {
      const message = decodeMessage(body, Number(attributes.ApproximateReceiveCount))
      delivered.push(message)
      messageIds.set(message.bid, [...(messageIds.get(message.bid) ?? []), messageId])
    } catch (error) {
      failed.add(messageId)
      ports.telemetry.log('error', 'a message of the queue is not ours', { messageId, reason: asEngineError(error).message })
    }
  }
  const outcome = await writeBatch(ports, settings, state, delivered, () => context.getRemainingTimeInMillis() > FLUSH_MS_MIN)
  for (const { bid, error } of outcome.retry) {
    ports.telemetry.log('warn', 'a message was not written and comes again', { bid, reason: error.message })
    for (const messageId of messageIds.get(bid) ?? []) failed.add(messageId)
  }
  return { batchItemFailures: [...failed].map((itemIdentifier) => ({ itemIdentifier })) }
}
