// The far end of the queue of dead letters: messages that were delivered five times and never written.
// The archiver takes them out once an hour and keeps them in the quarantine. Delivery is at least once
// here too: what is not done comes again when its visibility time is over.
import { DeleteMessageCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs'
import type { QueueOptions } from './queue.ts'
import { asked, awsCode } from './failures.ts'

export interface DeadLetterMessage {
  /** names this delivery, for `done` */
  readonly receipt: string
  /** as `encodeMessage` made it, if it is one of ours */
  readonly text: string
  /** deliveries so far, from both queues, this one included */
  readonly receives: number
  readonly messageId: string
}

export interface DeadLetters {
  /**
   * Up to ten, hidden from others for the queue's visibility time; none: the queue is empty, or so small
   * that SQS did not find them this time.
   * @throws EngineError `limited`, `unavailable`, `internal`
   */
  receive(): Promise<readonly DeadLetterMessage[]>
  /** the message is dealt with; a receipt that is stale (delivered again since, or gone) is no error */
  done(receipt: string): Promise<void>
}

/** SQS's most in one answer */
const BATCH_MAX = 10
/** seconds: with any wait SQS asks all its hosts, without one only some */
const WAIT_SECONDS = 2

export interface DeadLettersOptions extends QueueOptions {
  /** how long `receive` waits for a first message; 0: it asks only some of SQS's hosts; default 2 */
  readonly waitSeconds?: number
}

export function createDeadLetters({ queueUrl, client, waitSeconds = WAIT_SECONDS }: DeadLettersOptions): DeadLetters {
  async function receive(): Promise<readonly DeadLetterMessage[]> {
    const command = new ReceiveMessageCommand({
      QueueUrl: queueUrl, MaxNumberOfMessages: BATCH_MAX, WaitTimeSeconds: waitSeconds, MessageSystemAttributeNames: ['ApproximateReceiveCount'],
    })
    const { Messages = [] } = await asked('sqs:ReceiveMessage', () => client.send(command))
    return Messages.map(({ ReceiptHandle = '', Body = '', MessageId = '', Attributes = {} }) =>
      ({ receipt: ReceiptHandle, text: Body, receives: Number(Attributes.ApproximateReceiveCount ?? 1), messageId: MessageId }))
  }

  async function done(receipt: string): Promise<void> {
    await asked('sqs:DeleteMessage', async () => {
      try {
        await client.send(new DeleteMessageCommand({ QueueUrl: queueUrl, ReceiptHandle: receipt }))
      } catch (error) {
        // Gone or delivered again: then another delivery deals with it.
        if (awsCode(error) !== 'ReceiptHandleIsInvalid') throw error
      }
    })
  }

  return { receive, done }
}
