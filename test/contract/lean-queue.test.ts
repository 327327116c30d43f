// The queue as the ingest bundle has it, with the small client in the SDK's place (cdk/bundle.ts), under the
// contract suite of its port. The receiver keeps the SDK.
import { afterAll, beforeAll, expect, vi } from 'vitest'
import { createDeadLetters } from '../../lib/aws/dead-letters.ts'
import { createQueue, sqsClient } from '../../lib/aws/queue.ts'
import { startEmulator } from '../support/aws-emulator.ts'
import type { AwsEmulator } from '../support/aws-emulator.ts'
import { SQS_BYTES_MAX, drained } from '../support/drain.ts'
import { queueSuite } from './queue.suite.ts'

type Sdk = typeof import('@aws-sdk/client-sqs')
vi.mock('@aws-sdk/client-sqs', async (original) => ({ ...(await original<Sdk>()), ...(await import('../../lib/aws/lean-sqs.ts')) }))

let aws: AwsEmulator
let sdk: Sdk
beforeAll(async () => {
  sdk = await vi.importActual<Sdk>('@aws-sdk/client-sqs')
  aws = await startEmulator()
})
afterAll(() => aws.close())

queueSuite('sqs, small client', async () => {
  const { endpoint, region, credentials } = aws
  const config = { endpoint, region, credentials }
  expect(sqsClient(config)).not.toBeInstanceOf(sdk.SQSClient)
  const made = new sdk.SQSClient(config)
  const { QueueUrl: queueUrl = '' } = await made.send(new sdk.CreateQueueCommand({ QueueName: `lean-${Date.now()}-${Math.random().toString(36).slice(2)}` }))
  const far = createDeadLetters({ queueUrl, client: made, waitSeconds: 0 })
  return {
    port: createQueue({ queueUrl, client: sqsClient(config) }),
    other: createQueue({ queueUrl, client: sqsClient(config) }),
    bytesMax: SQS_BYTES_MAX,
    drain: () => drained(far),
  }
})
