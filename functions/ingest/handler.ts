// The ingest function: an HTTP event in, a message in the queue, an answer. Its clients are those of
// SQS and DynamoDB; S3's is loaded by the first body that is too large for a message.
import { randomBytes } from 'node:crypto'
import { createCatalog } from '../../lib/aws/catalog.ts'
import { dynamoClient } from '../../lib/aws/dynamo.ts'
import { lazyBlobs } from '../../lib/aws/lazy-blobs.ts'
import { createQueue, sqsClient } from '../../lib/aws/queue.ts'
import { REPEATABLE } from '../../lib/aws/retry.ts'
import { createAuthenticator } from '../../lib/engine/access/login.ts'
import { behindDoor } from '../behind-door.ts'
import { lambdaDoor } from '../lambda-door.ts'
import { settingsOnAws } from '../settings.ts'
import { DYNAMODB, S3, SQS, startFunction } from '../start.ts'
import { version } from '../version.ts'
import { createIngestApp } from './app.ts'

const { env, clock, ids, telemetry, deadline, patient } = startFunction('ingest')

const blobs = lazyBlobs(async () => {
  const { createBlobs, s3Client } = await import('../../lib/aws/blobs.ts')
  return createBlobs({ bucket: env.bucket, client: s3Client(S3) })
})
const ports = {
  blobs: patient(blobs, REPEATABLE.blobs),
  queue: patient(createQueue({ queueUrl: env.queueUrl, client: sqsClient(SQS) }), REPEATABLE.queue),
  catalog: patient(createCatalog({ table: env.table, documents: env.documents, client: dynamoClient(DYNAMODB), clock }), REPEATABLE.catalog),
  clock, ids, telemetry,
}
const authenticator = await createAuthenticator(ports.catalog, clock, randomBytes(32))
const app = behindDoor({ authenticator, clock, ids, telemetry }, [createIngestApp({ ports, settings: settingsOnAws(env), version })])

export const handler = lambdaDoor({ app, deadline, telemetry })
