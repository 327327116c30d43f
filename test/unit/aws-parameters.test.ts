// SSM parameters: written once, read back decrypted, whoever was first.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createParameters } from '../../lib/aws/parameters.ts'
import type { EngineError } from '../../lib/model/errors.ts'
import { startEmulator } from '../support/aws-emulator.ts'
import type { AwsEmulator } from '../support/aws-emulator.ts'

let aws: AwsEmulator
beforeAll(async () => { aws = await startEmulator() })
afterAll(() => aws.close())

const failure = (request: Promise<unknown>): Promise<EngineError> => request.then(() => { throw new Error('it did not fail') }, (error: EngineError) => error)

test('a parameter that is not there is null, one that is put is read back', async () => {
  const parameters = createParameters(aws.ssm)
  expect(await parameters.get('/a/password')).toBe(null)
  expect(await parameters.putIfAbsent('/a/password', 'first', { secret: true })).toBe('first')
  expect(await parameters.get('/a/password')).toBe('first')
  expect(JSON.parse(aws.last('PutParameter')?.body.toString() ?? '{}')).toMatchObject({ Type: 'SecureString', Overwrite: false })
})

test('the value that stands is the answer to every later put', async () => {
  const parameters = createParameters(aws.ssm)
  const values = await Promise.all(['x', 'y', 'z'].map((value) => parameters.putIfAbsent('/a/race', value)))
  expect(new Set(values).size).toBe(1)
  expect(await parameters.get('/a/race')).toBe(values[0])
})

test('a value is a secret unless it is said not to be', async () => {
  const parameters = createParameters(aws.ssm)
  await parameters.putIfAbsent('/a/plain', 'p', { secret: false })
  expect(JSON.parse(aws.last('PutParameter')?.body.toString() ?? '{}')).toMatchObject({ Type: 'String' })
  await parameters.putIfAbsent('/a/default', 'p')
  expect(JSON.parse(aws.last('PutParameter')?.body.toString() ?? '{}')).toMatchObject({ Type: 'SecureString' })
})

test('a put whose answer was lost finds its own value when it is repeated', async () => {
  const parameters = createParameters(aws.ssm)
  aws.provoke({ operation: 'PutParameter', kind: 'lose-answer' })
  expect((await failure(parameters.putIfAbsent('/a/lost', 'mine'))).slug).toBe('unavailable')
  expect(await parameters.putIfAbsent('/a/lost', 'other')).toBe('mine')
})

test('a parameter that exists and cannot be read yet is a conflict: ask again', async () => {
  const parameters = createParameters(aws.ssm)
  await parameters.putIfAbsent('/a/late', 'v')
  aws.provoke({ operation: 'GetParameter', kind: 'refuse', status: 400, code: 'ParameterNotFound' })
  expect((await failure(parameters.putIfAbsent('/a/late', 'w'))).slug).toBe('conflict')
})

test('failures are told in our words, without the value', async () => {
  const parameters = createParameters(aws.ssm)
  for (const [code, slug] of [['ThrottlingException', 'limited'], ['TooManyUpdates', 'limited'], ['AccessDeniedException', 'unavailable'], ['ExpiredTokenException', 'unavailable']] as const) {
    aws.provoke({ operation: 'PutParameter', kind: 'refuse', status: 400, code })
    const error = await failure(parameters.putIfAbsent('/a/fails', 'hunter2'))
    expect(error.slug).toBe(slug)
    expect(error.message).toMatch(/^ssm:PutParameter /)
    expect(error.message).not.toContain('hunter2')
  }
  aws.provoke({ operation: 'GetParameter', kind: 'refuse', status: 500, code: 'InternalServerError' })
  expect(await failure(parameters.get('/a/fails'))).toMatchObject({ slug: 'unavailable', message: expect.stringMatching(/^ssm:GetParameter /) })
})
