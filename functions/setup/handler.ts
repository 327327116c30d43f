// The setup function, which CloudFormation calls while the stack is made, changed or removed: the root
// user and the first ingestion token. What is there is left as it is.
import { randomBytes } from 'node:crypto'
import { createCatalog } from '../../lib/aws/catalog.ts'
import { dynamoClient } from '../../lib/aws/dynamo.ts'
import { createParameters, ssmClient } from '../../lib/aws/parameters.ts'
import { removeParameter } from '../../lib/aws/remove-parameter.ts'
import { REPEATABLE } from '../../lib/aws/retry.ts'
import { ensureKeptCredentials } from '../../lib/engine/access/first-credentials.ts'
import type { LambdaContext } from '../lambda.ts'
import { startFunction } from '../start.ts'
import { setUp, type SetupEvent, type SetupWork } from './setup-event.ts'

/** Begun inside the invocation, so that a variable that is missing is told to CloudFormation too. */
function start(context: LambdaContext): SetupWork {
  const { env, clock, deadline, patient } = startFunction('setup')
  deadline.begin(context.getRemainingTimeInMillis())
  const client = ssmClient()
  const parameters = patient(createParameters(client), REPEATABLE.parameters)
  const catalog = patient(createCatalog({ table: env.table, documents: env.documents, client: dynamoClient(), clock }), REPEATABLE.catalog)
  const keep = (name: string) => (secret: string): Promise<string> => parameters.putIfAbsent(name, secret, { secret: true })
  return {
    ensure: () => ensureKeptCredentials(catalog, clock, randomBytes, env.rootEmail.toLowerCase(), keep(env.adminPassword), keep(env.ingestToken)),
    async remove() {
      await removeParameter(client, env.adminPassword)
      await removeParameter(client, env.ingestToken)
    },
  }
}

export const handler = (event: SetupEvent, context: LambdaContext): Promise<void> => setUp(event, context, () => start(context))
