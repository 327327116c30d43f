// The bundled functions as Lambda runs them, in processes of plain Node, on a DynamoDB, an S3 and an SQS
// on this machine: a line sent to API Gateway is found by a search; what fails on the way comes again
// and doubles nothing; what never passes ends in the quarantine.
import { DeleteMessageCommand, ReceiveMessageCommand, SendMessageCommand } from '@aws-sdk/client-sqs'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bundleFunctions } from '../../cdk/bundle.ts'
import type { LambdaResult, SqsBatchResponse, SqsEvent } from '../../functions/lambda.ts'
import { createBlobs } from '../../lib/aws/blobs.ts'
import { createCatalog } from '../../lib/aws/catalog.ts'
import { decodeParked } from '../../lib/engine/ingest/quarantine.ts'
import { ENTRIES, ENV, type EntryName, type EnvKey } from '../../lib/env.ts'
import { systemClock } from '../../lib/node/clock.ts'
import { startEmulator, type AwsEmulator } from '../support/aws-emulator.ts'
import { localDynamo, missingDynoxide } from '../support/dynoxide.ts'
import { eventOf, type PlainRequest } from '../support/lambda-events.ts'
import { startLambdaHost, type LambdaHost } from '../support/lambda-host.ts'
import { TOKENS, addTokens } from '../support/lambda-memory.ts'

const dynamo = localDynamo()
const outDir = mkdtempSync(join(tmpdir(), 'nilometer-bundles-'))
let aws: AwsEmulator
let host: LambdaHost
let bucket: string
let queueUrl: string
let deadLettersUrl: string

const NAMES = ['ingest', 'writer', 'archiver', 'query', 'leaf'] as const satisfies readonly EntryName[]
const RECEIVES_MAX = 2

beforeAll(async () => {
  if (missingDynoxide !== null) return
  const architecture = process.arch === 'arm64' ? 'arm64' : 'x86_64'
  const [bundles, emulator, lambda, { table, documents }] = await Promise.all([
    bundleFunctions(outDir, architecture), startEmulator(), startLambdaHost(), dynamo.freshTables(),
  ])
  aws = emulator
  host = lambda
  bucket = await aws.createBucket()
  deadLettersUrl = await aws.createQueue({ visibilitySeconds: 0 })
  queueUrl = await aws.createQueue({ visibilitySeconds: 0, deadLetters: { queueUrl: deadLettersUrl, maxReceiveCount: RECEIVES_MAX } })
  await addTokens({ catalog: createCatalog({ table, documents, client: dynamo.client(), clock: systemClock }) })
  const values: Partial<Record<EnvKey, string>> = { table, documents, bucket, queueUrl, deadLettersUrl, leafFunction: 'leaf' }
  const credentials = { AWS_ACCESS_KEY_ID: 'AKIAEMULATOR', AWS_SECRET_ACCESS_KEY: 'emulator', AWS_REGION: aws.region }
  const endpoints = { AWS_ENDPOINT_URL_S3: aws.endpoint, AWS_ENDPOINT_URL_SQS: aws.endpoint, AWS_ENDPOINT_URL_DYNAMODB: dynamo.endpoint(), AWS_ENDPOINT_URL_LAMBDA: host.endpoint }
  for (const name of NAMES) {
    const own = ENTRIES[name].env.flatMap((key) => (values[key] === undefined ? [] : [[ENV[key].name, values[key]] as const]))
    const env = { ...credentials, ...endpoints, ...Object.fromEntries(own) }
    host.deploy(name, { ...bundles[name], env })
    // As with `isolation: iam`: then the leader may not scan, and leaves scan everything.
    const isolated = { ...env, AWS_ENDPOINT_URL_STS: aws.endpoint, [ENV.tenantRole.name]: 'arn:aws:iam::123456789012:role/tenant' }
    if (name === 'query') host.deploy('leader', { ...bundles[name], env: { ...isolated, [ENV.leafFunction.name]: 'tenant' } })
    if (name === 'leaf') host.deploy('tenant', { ...bundles[name], env: isolated })
  }
}, 60_000)
afterAll(async () => {
  await host?.close()
  await aws?.close()
  rmSync(outDir, { recursive: true, force: true })
})

const ask = async (name: 'ingest' | 'query' | 'leader', request: PlainRequest): Promise<LambdaResult> => await host.invoke(name, eventOf('rest', request)) as LambdaResult
const textOf = ({ body, isBase64Encoded }: LambdaResult): string => Buffer.from(body, isBase64Encoded ? 'base64' : 'utf8').toString()

async function send(path: string, body: string, headers: Record<string, string> = {}): Promise<LambdaResult> {
  return ask('ingest', { method: 'POST', path, body, headers: { Authorization: `Bearer ${TOKENS.ingest}`, 'Content-Type': 'application/json', ...headers } })
}

async function search(sql: string, by: 'query' | 'leader' = 'query'): Promise<{ hits: Record<string, unknown>[]; receipt: { leaves: number } }> {
  const body = JSON.stringify({ query: { sql, start_time: 0, end_time: 2_082_758_400_000_000 } })
  const result = await ask(by, { method: 'POST', path: '/api/default/_search', body, headers: { Authorization: `Bearer ${TOKENS.read}` } })
  expect([result.statusCode, textOf(result).slice(0, 500)]).toEqual([200, expect.anything()])
  return JSON.parse(textOf(result)) as { hits: Record<string, unknown>[]; receipt: { leaves: number } }
}

/** one poll of the event source: a batch to the writer, and what it does not name is deleted, unless the answer is lost */
async function poll({ remainingMs = 120_000, lost = false } = {}): Promise<{ got: number; failed: number }> {
  const { Messages = [] } = await aws.sqs.send(new ReceiveMessageCommand({ QueueUrl: queueUrl, MaxNumberOfMessages: 10, MessageSystemAttributeNames: ['ApproximateReceiveCount'] }))
  if (Messages.length === 0) return { got: 0, failed: 0 }
  const event: SqsEvent = { Records: Messages.map((m) => ({ messageId: m.MessageId!, body: m.Body!, attributes: { ApproximateReceiveCount: m.Attributes!.ApproximateReceiveCount! } })) }
  const { batchItemFailures } = await host.invoke('writer', event, remainingMs) as SqsBatchResponse
  const failed = new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier))
  for (const m of lost ? [] : Messages) if (!failed.has(m.MessageId!)) await aws.sqs.send(new DeleteMessageCommand({ QueueUrl: queueUrl, ReceiptHandle: m.ReceiptHandle! }))
  return { got: Messages.length, failed: failed.size }
}

const otlp = (n: number): string => JSON.stringify({
  resourceLogs: [{ scopeLogs: [{ logRecords: Array.from({ length: n }, (_, i) => ({ timeUnixNano: `${Date.now() - i}000000`, body: { stringValue: `line ${i}` } })) }] }],
})

describe.skipIf(missingDynoxide !== null)('the bundled functions', () => {
  test('a line sent to API Gateway is found by a search', async () => {
    const sent = await send('/v1/logs', otlp(3), { 'stream-name': 'river' })
    expect([sent.statusCode, textOf(sent)]).toEqual([200, '{}'])
    expect(aws.requests.get('PutObject') ?? 0).toBe(0)
    expect(await poll()).toEqual({ got: 1, failed: 0 })
    const { hits } = await search('SELECT body, count(*) AS n FROM river GROUP BY body ORDER BY body')
    expect(hits).toEqual([{ body: 'line 0', n: 1 }, { body: 'line 1', n: 1 }, { body: 'line 2', n: 1 }])
  })

  test('the query function greets shippers too, for an HTTP API sends it the path with a last slash', async () => {
    for (const name of ['ingest', 'query'] as const) {
      const said = await ask(name, { method: 'GET', path: '/api/default/', headers: { Authorization: `Bearer ${TOKENS.ingest}` } })
      expect(said.statusCode).toBe(200)
      expect(JSON.parse(textOf(said))).toMatchObject({ tagline: 'You Know, for Search' })
    }
  })

  test('a body too large for a message goes by way of the bucket', async () => {
    const rows = Array.from({ length: 40_000 }, (_, i) => ({ id: i, noise: randomBytes(24).toString('base64') }))
    expect((await send('/api/default/large/_json', JSON.stringify(rows))).statusCode).toBe(200)
    expect(aws.last('PutObject')?.url).toContain('/wal/default/')
    expect(await poll()).toEqual({ got: 1, failed: 0 })
    expect((await search('SELECT count(*) AS n, count(DISTINCT id) AS d FROM large')).hits).toEqual([{ n: 40_000, d: 40_000 }])
  })

  test('what the writer had no time for, or wrote unheard, comes again and doubles nothing', async () => {
    for (const id of [1, 2, 3]) await send('/api/default/again/_json', JSON.stringify([{ id }]))
    expect(await poll({ remainingMs: 10_000 })).toEqual({ got: 3, failed: 3 })
    for (const id of [4, 5]) await send('/api/default/again/_json', JSON.stringify([{ id }]))
    expect(await poll({ lost: true })).toEqual({ got: 5, failed: 0 })
    expect((await search('SELECT id FROM again ORDER BY id')).hits).toHaveLength(5)
    expect(await poll()).toEqual({ got: 2, failed: 0 })
    // Those delivered most often are dead letters now, though their rows are in.
    expect(await host.invoke('archiver', {}, 60_000)).toEqual({ parked: 0, written: 3, failed: 0, foreign: 0 })
    expect((await search('SELECT id FROM again ORDER BY id')).hits).toEqual([1, 2, 3, 4, 5].map((id) => ({ id })))
    expect(await poll()).toEqual({ got: 0, failed: 0 })
  })

  test('a message that is never written ends in the quarantine, and a text that is not ours is left', async () => {
    await send('/api/default/poison/_json', '[{"id":1}]')
    await aws.sqs.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: 'hello' }))
    for (let i = 0; i < RECEIVES_MAX; i++) expect((await poll({ remainingMs: 10_000 })).failed).toBe(2)
    expect((await poll()).got).toBe(0)
    const twice = await Promise.all([host.invoke('archiver', {}, 16_500), host.invoke('archiver', {}, 16_500)])
    expect(twice).toContainEqual(expect.objectContaining({ foreign: expect.any(Number) as number }))
    const [parked, ...more] = await createBlobs({ bucket, client: aws.s3 }).list('quarantine/default/')
    expect(more).toEqual([])
    const kept = decodeParked(await createBlobs({ bucket, client: aws.s3 }).get(parked!.key))
    expect(kept.reason).toMatch(/^the message was delivered \d+ times and could not be written$/)
    expect(Buffer.from(kept.envelope).includes('[{"id":1}]')).toBe(true)
    expect(host.logs()).toContain('a dead letter is not ours and is left where it is')
  })

  test('leaves scan for a leader that may not, as the organisation they work for, and the answer is the same', async () => {
    const sql = 'SELECT body, count(*) AS n FROM river GROUP BY body ORDER BY body'
    const near = await search(sql)
    expect([host.invocations.get('leaf') ?? 0, aws.requests.get('AssumeRole') ?? 0]).toEqual([0, 0])
    const far = await search(sql, 'leader')
    expect([far.hits, far.receipt.leaves]).toEqual([near.hits, host.invocations.get('tenant')])
    expect([far.hits.length, far.receipt.leaves, aws.requests.get('AssumeRole')]).toEqual([3, 1, 1])
    expect(String(aws.last('GetObject')?.headers['authorization'])).toContain('Credential=ASIA')
  })
})
