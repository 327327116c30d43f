// SSM's parameter store, as much of it as we use: parameters are got, put and deleted by name.
import { awsError, jsonAnswer, jsonOf } from './request.ts'
import type { Forward } from './request.ts'

interface Parameter {
  readonly Name: string
  readonly Type: string
  readonly Value: string
  readonly Version: number
}

export function parameterStore(): Forward {
  const parameters = new Map<string, Parameter>()
  return async (request) => {
    const asked = jsonOf(request.body)
    const name = String(asked['Name'])
    const stands = parameters.get(name)
    if (request.operation === 'GetParameter') {
      if (stands === undefined) return awsError(request, 400, 'ParameterNotFound', `Parameter ${name} not found.`)
      const encrypted = stands.Type === 'SecureString' && asked['WithDecryption'] !== true
      return jsonAnswer({ Parameter: encrypted ? { ...stands, Value: `AQICAH${Buffer.from(stands.Value).toString('hex')}` } : stands })
    }
    if (request.operation === 'DeleteParameter') {
      return parameters.delete(name) ? jsonAnswer({}) : awsError(request, 400, 'ParameterNotFound', `Parameter ${name} not found.`)
    }
    if (request.operation !== 'PutParameter') return awsError(request, 400, 'InvalidAction', `${request.operation} is not emulated`)
    if (stands !== undefined && asked['Overwrite'] !== true) return awsError(request, 400, 'ParameterAlreadyExists', 'The parameter already exists.')
    const Version = (stands?.Version ?? 0) + 1
    parameters.set(name, { Name: name, Type: String(asked['Type']), Value: String(asked['Value']), Version })
    return jsonAnswer({ Version, Tier: 'Standard' })
  }
}
