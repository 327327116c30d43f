// The small clients of the functions at the edge against the SDK's: the same requests on the wire, the
// same signature, the same answers, and failures that mean the same to our adapters.
import * as sdk from '@aws-sdk/client-dynamodb'
import * as sdkQueue from '@aws-sdk/client-sqs'
import { SignatureV4 } from '@smithy/signature-v4'
import fc from 'fast-check'
import { createHash, createHmac } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { dynamoError } from '../../lib/aws/dynamo-errors.ts'
import { awsFailure } from '../../lib/aws/failures.ts'
import * as lean from '../../lib/aws/lean-dynamodb.ts'
import * as leanQueue from '../../lib/aws/lean-sqs.ts'
import { signPost } from '../../lib/aws/sign-post.ts'

interface Seen { readonly target: string; readonly type: string; readonly body: unknown; readonly agent: string }
let seen: Seen[] = []
let respond: (response: ServerResponse, body: string) => void = () => undefined
let connections = 0

const server = createServer((request: IncomingMessage, response) => {
  const parts: Buffer[] = []
  request.on('data', (part: Buffer) => parts.push(part))
  request.on('end', () => {
    const body = Buffer.concat(parts).toString()
    const header = (name: string): string => String(request.headers[name] ?? '')
    seen.push({ target: header('x-amz-target'), type: header('content-type'), body: JSON.parse(body), agent: header('authorization').split(' ')[0]! })
    respond(response, body)
  })
})
server.on('connection', () => { connections += 1 })

const credentials = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'secret', sessionToken: 'session' }
const limits = { connectionTimeout: 300, requestTimeout: 300, socketTimeout: 300, throwOnRequestTimeout: true }
const config = () => ({
  endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, region: 'eu-central-1', credentials, maxAttempts: 1,
  requestHandler: { ...limits, httpAgent: { keepAlive: true }, httpsAgent: { keepAlive: true } },
})
let clients: { sdk: sdk.DynamoDBClient; lean: lean.DynamoDBClient; sdkQueue: sdkQueue.SQSClient; leanQueue: leanQueue.SQSClient }
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  clients = { sdk: new sdk.DynamoDBClient(config()), lean: new lean.DynamoDBClient(config()), sdkQueue: new sdkQueue.SQSClient(config()), leanQueue: new leanQueue.SQSClient(config()) }
})
afterAll(async () => {
  for (const client of Object.values(clients)) client.destroy()
  server.closeAllConnections()
  await new Promise((resolve) => { server.close(resolve) })
})
beforeEach(() => { seen = [] })

const answering = (status: number, body: string, headers: Record<string, string> = {}) => (response: ServerResponse): void => {
  response.writeHead(status, { 'Content-Type': 'application/x-amz-json-1.0', ...headers }).end(body)
}

describe('the signature', () => {
  class Sha256 {
    private readonly hash
    constructor(secret?: unknown) {
      this.hash = secret === undefined ? createHash('sha256') : createHmac('sha256', secret as Buffer)
    }
    update(data: Uint8Array | string): void {
      this.hash.update(data)
    }
    async digest(): Promise<Uint8Array> {
      return this.hash.digest()
    }
    reset(): void {}
  }

  test('is the SDK\'s for any body, key, token, host and moment', async () => {
    const word = fc.stringMatching(/^[A-Za-z0-9/+=]{1,40}$/)
    const parts = fc.record({
      body: fc.string({ unit: 'binary', maxLength: 50 }), accessKeyId: word, secretAccessKey: word, sessionToken: fc.option(word, { nil: undefined }),
      service: fc.constantFrom('dynamodb', 'sqs'), host: fc.constantFrom('dynamodb.eu-central-1.amazonaws.com', '127.0.0.1:4566'),
      at: fc.date({ min: new Date('2020-01-01'), max: new Date('2040-01-01'), noInvalidDate: true }),
    })
    await fc.assert(fc.asyncProperty(parts, async ({ body, accessKeyId, secretAccessKey, sessionToken, service, host, at }) => {
      const keys = { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) }
      const ours = signPost({ host, contentType: 'application/x-amz-json-1.0', target: 'T.Op', body, service, region: 'eu-central-1', at, credentials: keys })
      const { authorization, 'x-amz-date': _date, 'x-amz-security-token': _token, ...headers } = ours
      const signer = new SignatureV4({ service, region: 'eu-central-1', credentials: keys, sha256: Sha256 as never, applyChecksum: false })
      const raw = signer as unknown as { signRequest(request: object, at: object): Promise<{ headers: Record<string, string> }> }
      expect(authorization).toBe((await raw.signRequest({ method: 'POST', protocol: 'https:', hostname: host.split(':')[0], path: '/', headers, body }, { signingDate: at })).headers['authorization'])
    }), { numRuns: 100 * Number(process.env['NILOMETER_RUNS'] ?? 1) })
  })
})

const BYTES = Uint8Array.of(0, 1, 254, 255)
const ITEM = { pk: { S: 'a' }, n: { N: '12345678901234567890' }, z: { B: BYTES }, l: { L: [{ B: BYTES }, { NULL: true }] }, m: { M: { x: { B: BYTES }, y: { BOOL: true } } } }
const WIRE_ITEM = '{"pk":{"S":"a"},"n":{"N":"12345678901234567890"},"z":{"B":"AAH+/w=="},"l":{"L":[{"B":"AAH+/w=="},{"NULL":true}]},"m":{"M":{"x":{"B":"AAH+/w=="},"y":{"BOOL":true}}}}'
const COMMANDS = [
  ['GetItem', { TableName: 't', Key: { pk: { S: 'a' }, sk: { S: 'é' } }, ConsistentRead: true }, `{"Item":${WIRE_ITEM}}`],
  ['GetItem', { TableName: 't', Key: { pk: { S: 'a' } } }, '{}'],
  ['PutItem', { TableName: 't', Item: ITEM, ConditionExpression: 'attribute_not_exists(pk)', ExpressionAttributeValues: { ':b': { B: BYTES } } }, '{}'],
  ['Query', { TableName: 't', ExclusiveStartKey: ITEM, ExpressionAttributeValues: { ':pk': { S: 'a' } } }, `{"Items":[${WIRE_ITEM},{}],"Count":2,"LastEvaluatedKey":{"pk":{"S":"a"}}}`],
] as const

const send = async (which: 'sdk' | 'lean', operation: 'GetItem' | 'PutItem' | 'Query', input: object): Promise<Record<string, unknown>> => {
  const client = clients[which] as { send(command: unknown): Promise<Record<string, unknown>> }
  const Command = (which === 'sdk' ? sdk : lean)[`${operation}Command`] as new (input: object) => unknown
  const { $metadata: _, ...answer } = await client.send(new Command(input))
  return answer
}
/** bytes may come as any view of them */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value, (_key, v: unknown) => (v instanceof Uint8Array ? Buffer.from(v).toString('hex') : v)))

test.each(COMMANDS)('%s asks and answers as the SDK does', async (operation, input, answer) => {
  respond = answering(200, answer)
  const [theirs, ours] = [await send('sdk', operation, input), await send('lean', operation, input)]
  expect(plain(ours)).toEqual(plain(theirs))
  expect(seen[1]).toEqual(seen[0])
  expect(seen[1]?.target).toBe(`DynamoDB_20120810.${operation}`)
})

test('a message is sent as the SDK sends it, and its MD5 compared', async () => {
  const input = { QueueUrl: `${config().endpoint}/000000000000/queue`, MessageBody: 'n1 o1 水 "quoted"\n' }
  const md5 = createHash('md5').update(input.MessageBody).digest('hex')
  respond = answering(200, `{"MessageId":"m","MD5OfMessageBody":"${md5}"}`)
  await clients.sdkQueue.send(new sdkQueue.SendMessageCommand(input))
  await clients.leanQueue.send(new leanQueue.SendMessageCommand(input))
  expect(seen[1]).toEqual(seen[0])
  respond = answering(200, `{"MessageId":"m","MD5OfMessageBody":"${'0'.repeat(32)}"}`)
  const sends = [() => clients.sdkQueue.send(new sdkQueue.SendMessageCommand(input)), () => clients.leanQueue.send(new leanQueue.SendMessageCommand(input))]
  for (const again of sends) {
    const failure = awsFailure('sqs:SendMessage', await (again() as Promise<unknown>).catch((error: unknown) => error))
    expect([failure.slug, failure.message]).toEqual(['unavailable', 'sqs:SendMessage was damaged on its way: its checksum differs'])
  }
})

const typed = (type: string, more = ''): string => `{"__type":"com.amazonaws.dynamodb.v20120810#${type}","message":"the message"${more}}`
const FAILURES: readonly (readonly [string, (response: ServerResponse) => void])[] = [
  ...['ProvisionedThroughputExceededException', 'ThrottlingException', 'ResourceNotFoundException', 'ValidationException', 'TransactionConflictException',
    'AccessDeniedException', 'UnrecognizedClientException', 'ExpiredTokenException', 'InvalidSignatureException', 'RequestLimitExceeded'].map((type) => [type, answering(400, typed(type))] as const),
  ['a signature out of date', answering(400, '{"__type":"x#InvalidSignatureException","message":"Signature expired: 2026 is now earlier than"}')],
  ['an internal error', answering(500, typed('InternalServerError'))],
  ['an overload without a body', answering(503, '')],
  ['a page of HTML', answering(502, '<html>bad gateway</html>')],
  ['a refusal without a name', answering(403, '{}')],
  ['a good status with what is no JSON', answering(200, '<html>')],
  ['a closed connection', (response) => response.destroy()],
  ['half an answer', (response) => { response.writeHead(200, { 'Content-Length': '100' }).write('{"It'); setTimeout(() => response.destroy(), 10) }],
  ['no answer', () => undefined],
  ['an answer that stops', (response) => { response.writeHead(200, { 'Content-Length': '100' }).write('{"It') }],
]

test.each(FAILURES)('%s means the same as from the SDK', async (_name, respondSo) => {
  respond = respondSo
  const failures = await Promise.all((['sdk', 'lean'] as const).map(async (which) => {
    const error = await send(which, 'GetItem', COMMANDS[0][1]).then(() => null, (thrown: unknown) => thrown)
    const { slug, message, detail } = dynamoError('dynamodb:GetItem', error)
    // Of what is no answer of AWS's the SDK names its own parser's complaint, we the status.
    return { slug, message: message.replace(/\((?:SyntaxError|502)\)/, '(502)'), after: detail.retryAfterSeconds }
  }))
  expect(failures[1]).toEqual(failures[0])
})

test('a condition that failed is told with the item that stands', async () => {
  respond = answering(400, typed('ConditionalCheckFailedException', `,"Item":${WIRE_ITEM}`))
  const [theirs, ours] = await Promise.all((['sdk', 'lean'] as const).map((which) => send(which, 'PutItem', COMMANDS[2][1]).catch((error: unknown) => error)))
  expect([theirs instanceof sdk.ConditionalCheckFailedException, ours instanceof lean.ConditionalCheckFailedException]).toEqual([true, true])
  expect(plain((ours as { Item?: unknown }).Item)).toEqual(plain((theirs as { Item?: unknown }).Item))
})

test('connections are kept', async () => {
  respond = answering(200, '{}')
  await send('lean', 'GetItem', COMMANDS[1][1])
  const before = connections
  for (let i = 0; i < 5; i++) await send('lean', 'GetItem', COMMANDS[1][1])
  expect(connections).toBe(before)
})

test('each wait has its own end', async () => {
  const { requestHandler, ...rest } = config()
  const failing = async (over: object): Promise<string> => {
    const client = new lean.DynamoDBClient({ ...rest, requestHandler: { ...requestHandler, connectionTimeout: 60_000, requestTimeout: 60_000, socketTimeout: 60_000, ...over } })
    return client.send(new lean.GetItemCommand({})).then(() => 'answered', (error: Error) => error.message).finally(() => client.destroy())
  }
  respond = () => undefined
  expect(await failing({ requestTimeout: 50 })).toBe('the answer took too long')
  expect(await failing({ socketTimeout: 50 })).toBe('the socket took too long')
})

test('what has no credentials or no transactions says so', async () => {
  const none = new lean.DynamoDBClient({ region: 'x', endpoint: config().endpoint })
  const error = await none.send(new lean.GetItemCommand({})).catch((thrown: unknown) => thrown)
  expect(dynamoError('dynamodb:GetItem', error).slug).toBe('unavailable')
  expect(() => new lean.TransactWriteItemsCommand({})).toThrow(/commits nothing/)
})
