// The archiver function, once an hour: dead letters go from their queue to the quarantine, where they
// stay for people to see and replay.
import { createBlobs, s3Client } from '../../lib/aws/blobs.ts'
import { createCatalog } from '../../lib/aws/catalog.ts'
import { createDeadLetters } from '../../lib/aws/dead-letters.ts'
import { dynamoClient } from '../../lib/aws/dynamo.ts'
import { sqsClient } from '../../lib/aws/queue.ts'
import { REPEATABLE } from '../../lib/aws/retry.ts'
import { DEFAULT_SETTINGS } from '../../lib/engine/settings.ts'
import { NO_QUEUE, NO_SQL } from '../absent.ts'
import type { LambdaContext } from '../lambda.ts'
import { DYNAMODB, S3, SQS, startFunction } from '../start.ts'
import { archiveDeadLetters, type Archived } from './archive-event.ts'

const { env, clock, ids, telemetry, deadline, patient } = startFunction('archiver')

const ports = {
  blobs: patient(createBlobs({ bucket: env.bucket, client: s3Client(S3), deniedIsMissing: true }), REPEATABLE.blobs),
  catalog: patient(createCatalog({ table: env.table, documents: env.documents, client: dynamoClient(DYNAMODB), clock }), REPEATABLE.catalog),
  queue: NO_QUEUE, sql: NO_SQL, clock, ids, telemetry,
}
const deadLetters = patient(createDeadLetters({ queueUrl: env.deadLettersUrl, client: sqsClient(SQS) }), REPEATABLE.deadLetters)

export async function handler(_event: unknown, context: LambdaContext): Promise<Archived> {
  deadline.begin(context.getRemainingTimeInMillis())
  return archiveDeadLetters({ ports, settings: DEFAULT_SETTINGS, deadLetters }, context)
}
