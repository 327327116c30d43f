// Takes every message out of an SQS queue, as a receiver of ours would, for the contract suite of its senders.
import type { DeadLetters } from '../../lib/aws/dead-letters.ts'
import { MESSAGE_TEXT_MAX, decodeMessage } from '../../lib/aws/message.ts'
import type { DeliveredMessage } from '../../lib/engine/ports.ts'

/** envelope bytes of the largest message: what is left for base64 of `n1 acme {26 characters} ` */
export const SQS_BYTES_MAX = Math.floor((MESSAGE_TEXT_MAX - 35) / 4) * 3

export async function drained(queue: DeadLetters): Promise<DeliveredMessage[]> {
  const got: DeliveredMessage[] = []
  for (let batch = await queue.receive(); batch.length > 0; batch = await queue.receive()) {
    for (const { text, receives, receipt } of batch) {
      got.push(decodeMessage(text, receives))
      await queue.done(receipt)
    }
  }
  return got
}
