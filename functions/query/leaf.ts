// The leaf function: a share of a search in, the rows of it that may matter out.
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createBlobs, s3Client } from '../../lib/aws/blobs.ts'
import { REPEATABLE } from '../../lib/aws/retry.ts'
import { tenantBlobs } from '../../lib/aws/tenant-blobs.ts'
import { createSqlPool } from '../../lib/duckdb/pool.ts'
import { newSearchState } from '../../lib/engine/query/search.ts'
import { DEFAULT_SETTINGS } from '../../lib/engine/settings.ts'
import type { LambdaContext } from '../lambda.ts'
import { S3, STS, startFunction } from '../start.ts'
import { answerLeafEvent } from './leaf-event.ts'

const { env, clock, ids, telemetry, deadline, patient } = startFunction('leaf')

const client = s3Client(S3)
const own = createBlobs({ bucket: env.bucket, client, deniedIsMissing: true })
const isolated = env.tenantRole === '' ? own : tenantBlobs(own, {
  bucket: env.bucket, client, roleArn: env.tenantRole, s3: S3, ...(STS.endpoint === undefined ? {} : { stsEndpoint: STS.endpoint }),
})
const blobs = patient(isolated, REPEATABLE.blobs)
const sql = createSqlPool({ dir: join(tmpdir(), 'sql'), size: 1, telemetry, clock })
const { footers } = newSearchState()

export async function handler(event: unknown, context: LambdaContext): ReturnType<typeof answerLeafEvent> {
  const remainingMs = context.getRemainingTimeInMillis()
  deadline.begin(remainingMs)
  return answerLeafEvent({ ports: { blobs, sql, clock, telemetry }, settings: DEFAULT_SETTINGS, footers, ids }, event, remainingMs)
}
