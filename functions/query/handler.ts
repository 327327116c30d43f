// The query function: an HTTP event in, an answer. Routes without SQL start no sandbox; a search starts
// it while its credential is looked up.
import { randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createCatalog } from '../../lib/aws/catalog.ts'
import { dynamoClient } from '../../lib/aws/dynamo.ts'
import { createLeanBlobs } from '../../lib/aws/lean-blobs.ts'
import { REPEATABLE } from '../../lib/aws/retry.ts'
import { createSqlPool } from '../../lib/duckdb/pool.ts'
import { createAuthenticator } from '../../lib/engine/access/login.ts'
import { newSearchState } from '../../lib/engine/query/search.ts'
import { NO_QUEUE, readOnly } from '../absent.ts'
import { behindDoor } from '../behind-door.ts'
import { createElasticApp } from '../ingest/elastic.ts'
import { lambdaDoor } from '../lambda-door.ts'
import { settingsOnAws } from '../settings.ts'
import { DYNAMODB, LAMBDA, S3, startFunction } from '../start.ts'
import { version } from '../version.ts'
import { createQueryApp } from './app.ts'
import { lazyLeaves } from './lazy-leaves.ts'

const { env, clock, ids, telemetry, deadline, patient } = startFunction('query')

const blobs = patient(readOnly(createLeanBlobs({ bucket: env.bucket, ...S3 })), ['get'])
const catalog = patient(createCatalog({ table: env.table, documents: env.documents, client: dynamoClient(DYNAMODB), clock }), REPEATABLE.catalog)
/** Lambda gives a function one request at a time: one child serves them all */
const sql = createSqlPool({ dir: join(tmpdir(), 'sql'), size: 1, telemetry, clock })
const leaves = lazyLeaves(async () => {
  const { createLeaves, lambdaClient } = await import('../../lib/aws/leaves.ts')
  return createLeaves({ functionName: env.leafFunction, client: lambdaClient(LAMBDA), blobs })
})

const ports = { blobs, catalog, queue: NO_QUEUE, sql, clock, ids, telemetry }
/** where leaves read as the organisation they work for, the leader has no right to read rows itself */
const alone = env.tenantRole === ''
const settings = { ...settingsOnAws(env), ...(alone ? {} : { leaderShareBytes: 0 }) }
const authenticator = await createAuthenticator(catalog, clock, randomBytes(32))
const app = behindDoor({ authenticator, clock, ids, telemetry }, [createQueryApp({
  ports, settings, state: newSearchState({ leaves }), version, renderMetrics: () => telemetry.renderPrometheus(),
}), createElasticApp(version)])

/** begun while the credential is looked up; the search that needs it hears of its failure */
function prepare({ url }: Request): void {
  if (new URL(url).pathname.endsWith('/_search')) sql.warm().catch(() => undefined)
}

export const handler = lambdaDoor({ app, deadline, telemetry, onRequest: prepare })
