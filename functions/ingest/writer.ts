// The writer function: a batch of the queue in, packs and their commits, and the ids of the messages
// that must come again. It begins nothing that the invocation's end could cut off.
import { createBlobs, s3Client } from '../../lib/aws/blobs.ts'
import { createCatalog } from '../../lib/aws/catalog.ts'
import { dynamoClient } from '../../lib/aws/dynamo.ts'
import { REPEATABLE } from '../../lib/aws/retry.ts'
import { newWriterState } from '../../lib/engine/ingest/write.ts'
import { NO_QUEUE, NO_SQL } from '../absent.ts'
import type { LambdaContext, SqsBatchResponse, SqsEvent } from '../lambda.ts'
import { settingsOnAws } from '../settings.ts'
import { DYNAMODB, S3, startFunction } from '../start.ts'
import { writeEvent } from './write-event.ts'

const { env, clock, ids, telemetry, deadline, patient } = startFunction('writer')

/** put is not among them: the engine repeats it under the age check of its attempt */
const READS = ['get'] as const
const ports = {
  // Without s3:ListBucket a missing body is denied like a missing grant. Here that means: again, and at last
  // a dead letter; nothing is put aside for a grant that somebody may mend.
  blobs: patient(createBlobs({ bucket: env.bucket, client: s3Client(S3) }), READS),
  catalog: patient(createCatalog({ table: env.table, documents: env.documents, client: dynamoClient(DYNAMODB), clock }), REPEATABLE.catalog),
  queue: NO_QUEUE, sql: NO_SQL, clock, ids, telemetry,
}
const writing = { ports, settings: settingsOnAws(env), state: newWriterState() }

export async function handler(event: SqsEvent, context: LambdaContext): Promise<SqsBatchResponse> {
  deadline.begin(context.getRemainingTimeInMillis())
  return writeEvent(writing, event, context)
}
