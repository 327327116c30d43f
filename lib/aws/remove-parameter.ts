// Takes a parameter away, for a stack that leaves nothing behind. Apart from lib/aws/parameters.ts: no
// running part of nilometer removes one, and none is granted to.
import { DeleteParameterCommand, type SSMClient } from '@aws-sdk/client-ssm'
import { asked, awsCode } from './failures.ts'

/**
 * One that is not there is no error.
 * @throws EngineError `limited`, `unavailable`, `internal`
 */
export function removeParameter(client: SSMClient, name: string): Promise<void> {
  return asked('ssm:DeleteParameter', async () => {
    try {
      await client.send(new DeleteParameterCommand({ Name: name }))
    } catch (error) {
      if (awsCode(error) !== 'ParameterNotFound') throw error
    }
  })
}
