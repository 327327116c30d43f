// The near end of the SQS queue: a message is one line of text (message.ts). SQS answers when the
// message is stored on several hosts, and with the MD5 of what it stored: the SDK compares that with
// what was sent (middleware-sdk-sqs). One request per call; retry.ts repeats, and a repeated send whose
// first answer was lost makes two messages of one bid, with one fate: the claim lets one of them in.
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import type { Queue, QueueMessage } from '../engine/ports.ts'
import { EngineError } from '../model/errors.ts'
import { clientConfig } from './client-options.ts'
import type { ClientLimits, ClientOptions } from './client-options.ts'
import { asked } from './failures.ts'
import { MESSAGE_TEXT_MAX, encodeMessage } from './message.ts'

export interface QueueOptions {
  readonly queueUrl: string
  readonly client: SQSClient
}

/** sends take 5-20 ms; a receive waits up to 2 s for messages (dead-letters.ts) */
const LIMITS: ClientLimits = { connectionTimeoutMs: 2_000, requestTimeoutMs: 5_000, silenceTimeoutMs: 5_000, socketsMax: 50 }

export const sqsClient = (options: ClientOptions = {}): SQSClient => new SQSClient(clientConfig(options, LIMITS))

export function createQueue({ queueUrl, client }: QueueOptions): Queue {
  async function send(message: QueueMessage): Promise<void> {
    // Encoded before anything is awaited: the caller may use its bytes again.
    const text = encodeMessage(message)
    if (text.length > MESSAGE_TEXT_MAX) {
      // A bug of the caller's settings, but said in the words that let a client go on.
      throw new EngineError('payload_too_large', `the message has ${text.length} bytes as text, the queue takes ${MESSAGE_TEXT_MAX}: put the body in a blob and send its key`)
    }
    await asked('sqs:SendMessage', () => client.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: text })))
  }
  return { send }
}
