// In the place of `@aws-sdk/client-sqs` for the function that only sends. As in the SDK, a request goes
// to the host of its queue, and SQS's MD5 of what it stored is compared with what was sent. Protocol:
// docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-making-api-requests-json.html
import { createHash } from 'node:crypto'
import { LeanClient, LeanCommand, type LeanConfig } from './lean-client.ts'

interface SendMessage {
  readonly QueueUrl: string
  readonly MessageBody: string
}
interface Sent {
  readonly MD5OfMessageBody?: string
}

const SERVICE = {
  name: 'sqs', target: 'AmazonSQS', contentType: 'application/x-amz-json-1.0',
  encode: (input: object) => input, decode: (output: object) => output,
}

export class SendMessageCommand extends LeanCommand<SendMessage> {
  readonly operation = 'SendMessage'
}

export class SQSClient extends LeanClient {
  constructor(config: LeanConfig) {
    super(config, SERVICE)
  }
  async send({ operation, input }: SendMessageCommand): Promise<Sent> {
    const sent = await this.ask(operation, input, new URL(new URL(input.QueueUrl).origin)) as Sent
    const md5 = createHash('md5').update(input.MessageBody, 'utf8').digest('hex')
    if (sent.MD5OfMessageBody !== md5) throw new Error('InvalidChecksumError')
    return sent
  }
}
