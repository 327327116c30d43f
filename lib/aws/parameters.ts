// Secrets and settings of the stack in SSM's parameter store: free, encrypted with the account's own
// key, readable by a person with the right grant. Written once; what stands is never overwritten.
import { GetParameterCommand, PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm'
import { EngineError } from '../model/errors.ts'
import { clientConfig } from './client-options.ts'
import type { ClientLimits, ClientOptions } from './client-options.ts'
import { asked, awsCode } from './failures.ts'

export interface Parameters {
  /**
   * @returns the value, decrypted; null when there is no such parameter
   * @throws EngineError `limited`, `unavailable`, `internal`
   */
  get(name: string): Promise<string | null>
  /**
   * Puts the parameter unless it is there; its own repetition finds what it put.
   * @returns the value that stands afterwards
   * @throws as get; conflict: it came and went meanwhile, ask again
   */
  putIfAbsent(name: string, value: string, options?: { readonly secret?: boolean }): Promise<string>
}

const LIMITS: ClientLimits = { connectionTimeoutMs: 2_000, requestTimeoutMs: 5_000, silenceTimeoutMs: 5_000, socketsMax: 10 }

export const ssmClient = (options: ClientOptions = {}): SSMClient => new SSMClient(clientConfig(options, LIMITS))

export function createParameters(client: SSMClient): Parameters {
  async function get(name: string): Promise<string | null> {
    return asked('ssm:GetParameter', async () => {
      try {
        const { Parameter } = await client.send(new GetParameterCommand({ Name: name, WithDecryption: true }))
        return Parameter?.Value ?? null
      } catch (error) {
        if (awsCode(error) === 'ParameterNotFound') return null
        throw error
      }
    })
  }

  async function put(name: string, value: string, secret: boolean): Promise<'put' | 'exists'> {
    return asked('ssm:PutParameter', async () => {
      try {
        await client.send(new PutParameterCommand({ Name: name, Value: value, Type: secret ? 'SecureString' : 'String', Overwrite: false }))
        return 'put'
      } catch (error) {
        if (awsCode(error) === 'ParameterAlreadyExists') return 'exists'
        throw error
      }
    })
  }

  async function putIfAbsent(name: string, value: string, { secret = true }: { readonly secret?: boolean } = {}): Promise<string> {
    if (await put(name, value, secret) === 'put') return value
    const stands = await get(name)
    // Reads of the store may be behind its writes.
    if (stands === null) throw new EngineError('conflict', `the parameter ${name} exists and cannot be read yet: ask again`)
    return stands
  }

  return { get, putIfAbsent }
}
