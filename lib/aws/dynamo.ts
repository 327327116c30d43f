// The one place that makes a DynamoDB client. Promises: a request is sent once (who may repeat it and
// how often is decided above, by those who know what it means), and a commit is signed as of the instant
// its age was judged.
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { clientConfig } from './client-options.ts'
import type { ClientLimits, ClientOptions } from './client-options.ts'
import { datedSigning } from './signing-date.ts'

/**
 * DynamoDB answers in 5 to 50 ms, a transaction of 100 or a page of 1 MB in a few hundred; five such
 * waits still fit what an edge waits (29 s). A listing asks for all its parts at once.
 */
const LIMITS: ClientLimits = { connectionTimeoutMs: 1_000, requestTimeoutMs: 5_000, silenceTimeoutMs: 5_000, socketsMax: 50 }

export function dynamoClient(options: ClientOptions = {}): DynamoDBClient {
  return new DynamoDBClient({ ...clientConfig(options, LIMITS), extensions: [datedSigning] })
}
