// S3 and SQS under the contract suites of their ports, on the emulator with its honest front.
import { afterAll, beforeAll } from 'vitest'
import { createBlobs, s3Client } from '../../lib/aws/blobs.ts'
import { createDeadLetters } from '../../lib/aws/dead-letters.ts'
import { createQueue, sqsClient } from '../../lib/aws/queue.ts'
import { startEmulator } from '../support/aws-emulator.ts'
import type { AwsEmulator } from '../support/aws-emulator.ts'
import { SQS_BYTES_MAX, drained } from '../support/drain.ts'
import { blobsSuite } from './blobs.suite.ts'
import { queueSuite } from './queue.suite.ts'

let aws: AwsEmulator
beforeAll(async () => { aws = await startEmulator() })
afterAll(() => aws.close())

blobsSuite('s3', async () => {
  const bucket = await aws.createBucket()
  const { endpoint, region, credentials } = aws
  const other = s3Client({ endpoint, region, credentials, forcePathStyle: true })
  return { port: createBlobs({ bucket, client: aws.s3 }), other: createBlobs({ bucket, client: other }) }
})

queueSuite('sqs', async () => {
  const queueUrl = await aws.createQueue()
  const far = createDeadLetters({ queueUrl, client: aws.sqs, waitSeconds: 0 })
  const { endpoint, region, credentials } = aws
  return {
    port: createQueue({ queueUrl, client: aws.sqs }),
    other: createQueue({ queueUrl, client: sqsClient({ endpoint, region, credentials }) }),
    bytesMax: SQS_BYTES_MAX,
    drain: () => drained(far),
  }
})
