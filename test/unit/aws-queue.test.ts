// The SQS adapters when SQS refuses, loses its answer or damages a message; and dead letters.
import { ReceiveMessageCommand } from '@aws-sdk/client-sqs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createDeadLetters } from '../../lib/aws/dead-letters.ts'
import { MESSAGE_TEXT_MAX, encodeMessage } from '../../lib/aws/message.ts'
import { createQueue, sqsClient } from '../../lib/aws/queue.ts'
import { retried } from '../../lib/aws/retry.ts'
import type { QueueMessage } from '../../lib/engine/ports.ts'
import type { EngineError } from '../../lib/model/errors.ts'
import type { OrgId } from '../../lib/model/stream.ts'
import { startEmulator } from '../support/aws-emulator.ts'
import type { AwsEmulator } from '../support/aws-emulator.ts'
import { MemoryClock, MemoryIds, MemoryTelemetry } from '../support/memory-ports.ts'

let aws: AwsEmulator
beforeAll(async () => { aws = await startEmulator() })
afterAll(() => aws.close())

const BID = '01JD0000000000000000000000'
const message = (bytes = 3): QueueMessage => ({ org: 'acme' as OrgId, bid: BID, bytes: new Uint8Array(bytes) })
const failure = (request: Promise<unknown>): Promise<EngineError> => request.then(() => { throw new Error('it did not fail') }, (error: EngineError) => error)

async function textsIn(QueueUrl: string): Promise<string[]> {
  const { Messages = [] } = await aws.sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }))
  return Messages.map(({ Body = '' }) => Body)
}

describe('sends', () => {
  test('a message of exactly 1 MiB of text is taken, one of a byte more refused before any request', async () => {
    const queueUrl = await aws.createQueue()
    const queue = createQueue({ queueUrl, client: aws.sqs })
    const overhead = encodeMessage(message(0)).length
    const fitting = ((MESSAGE_TEXT_MAX - overhead) / 4 | 0) * 3
    await queue.send(message(fitting))
    const before = aws.requests.get('SendMessage')
    expect(await failure(queue.send(message(fitting + 3)))).toMatchObject({ slug: 'payload_too_large', message: expect.stringMatching(/takes 1048576: put the body in a blob/) })
    expect(aws.requests.get('SendMessage')).toBe(before)
    // The organisation's length shifts the text by single bytes up to the limit itself.
    const org = `acme${'x'.repeat(MESSAGE_TEXT_MAX - overhead - fitting / 3 * 4)}` as OrgId
    expect(encodeMessage({ ...message(fitting), org })).toHaveLength(MESSAGE_TEXT_MAX)
    await queue.send({ ...message(fitting), org })
    expect((await failure(queue.send({ ...message(fitting), org: `${org}x` as OrgId }))).slug).toBe('payload_too_large')
  })

  test('a send whose answer is lost is unavailable; repeated, two messages of one text are in', async () => {
    const queueUrl = await aws.createQueue()
    const queue = createQueue({ queueUrl, client: aws.sqs })
    aws.provoke({ operation: 'SendMessage', kind: 'lose-answer' })
    expect((await failure(queue.send(message()))).slug).toBe('unavailable')
    expect(await textsIn(queueUrl)).toEqual([encodeMessage(message())])

    const clock = new MemoryClock()
    const again = retried(queue, ['send'], { clock, ids: new MemoryIds(clock), telemetry: new MemoryTelemetry(), deadline: { remainingMs: () => 10_000 } })
    aws.provoke({ operation: 'SendMessage', kind: 'lose-answer' })
    await again.send(message())
    expect(await textsIn(queueUrl)).toEqual([encodeMessage(message()), encodeMessage(message())])
  })

  test('an answer whose MD5 is another is unavailable: what SQS keeps is not what was sent', async () => {
    const queue = createQueue({ queueUrl: await aws.createQueue(), client: aws.sqs })
    aws.provoke({ operation: 'SendMessage', kind: 'edit-answer', replace: [/"MD5OfMessageBody":"\w+"/, `"MD5OfMessageBody":"${'0'.repeat(32)}"`] })
    expect(await failure(queue.send(message()))).toMatchObject({ slug: 'unavailable', message: expect.stringContaining('checksum') })
  })

  test.for([
    [400, 'RequestThrottled', 'limited'],
    [403, 'OverLimit', 'limited'],
    [400, 'ThrottlingException', 'limited'],
    [400, 'AWS.SimpleQueueService.RequestThrottled', 'limited'],
    [400, 'KmsThrottled', 'limited'],
    [500, 'InternalError', 'unavailable'],
    [503, 'ServiceUnavailable', 'unavailable'],
    [403, 'ExpiredToken', 'unavailable'],
    [403, 'AccessDenied', 'unavailable'],
    [403, 'InvalidClientTokenId', 'unavailable'],
    [400, 'QueueDoesNotExist', 'internal'],
    [400, 'InvalidMessageContents', 'internal'],
  ] as const)('%i %s is %s and names the action', async ([status, code, slug]) => {
    const queue = createQueue({ queueUrl: await aws.createQueue(), client: aws.sqs })
    aws.provoke({ operation: 'SendMessage', kind: 'refuse', status, code, message: 'arn:aws:sqs:us-east-1:123456789012:queue' })
    const error = await failure(queue.send(message()))
    expect(error.slug).toBe(slug)
    expect(error.message).toMatch(/^sqs:SendMessage /)
    expect(error.message).not.toMatch(/123456789012/)
  })

  test('an answer that never comes, or is cut off, is unavailable', async () => {
    const { endpoint, region, credentials } = aws
    const queue = createQueue({ queueUrl: await aws.createQueue(), client: sqsClient({ endpoint, region, credentials, requestTimeoutMs: 150, silenceTimeoutMs: 60_000 }) })
    aws.provoke({ operation: 'SendMessage', kind: 'stall' })
    expect((await failure(queue.send(message()))).slug).toBe('unavailable')
    aws.provoke({ operation: 'SendMessage', kind: 'cut-body', bytes: 10 })
    expect((await failure(queue.send(message()))).slug).toBe('unavailable')
    aws.provoke({ operation: 'SendMessage', kind: 'edit-answer', replace: [/[^]*/, '<html>a proxy was here</html>'] })
    expect((await failure(queue.send(message()))).slug).toBe('unavailable')
  })
})

describe('dead letters', () => {
  test('messages that were delivered too often are received with their count, and done once for all', async () => {
    const deadUrl = await aws.createQueue({ visibilitySeconds: 0 })
    const queueUrl = await aws.createQueue({ visibilitySeconds: 0, deadLetters: { queueUrl: deadUrl, maxReceiveCount: 2 } })
    await createQueue({ queueUrl, client: aws.sqs }).send(message())
    for (let receives = 1; receives <= 3; receives += 1) await textsIn(queueUrl)
    const dead = createDeadLetters({ queueUrl: deadUrl, client: aws.sqs, waitSeconds: 0 })
    const [first] = await dead.receive()
    expect(first).toMatchObject({ text: encodeMessage(message()), messageId: expect.stringMatching(/^[0-9a-f-]{36}$/) })
    expect(first?.receives).toBeGreaterThan(2)
    const [again] = await dead.receive()
    expect(again?.messageId).toBe(first?.messageId)
    // A stale receipt is no error; on SQS it may delete nothing.
    await dead.done(first?.receipt ?? '')
    const [last] = await dead.receive()
    await dead.done(last?.receipt ?? '')
    await dead.done(last?.receipt ?? '')
    expect(await dead.receive()).toEqual([])
  })

  test('ten come at most, and an empty queue is an empty answer', async () => {
    const queueUrl = await aws.createQueue()
    const queue = createQueue({ queueUrl, client: aws.sqs })
    const dead = createDeadLetters({ queueUrl, client: aws.sqs, waitSeconds: 0 })
    expect(await dead.receive()).toEqual([])
    for (let n = 0; n < 12; n += 1) await queue.send(message())
    expect(await dead.receive()).toHaveLength(10)
    expect(await dead.receive()).toHaveLength(2)
  })

  test('a receipt that SQS does not know is no error, a refused delete is', async () => {
    const dead = createDeadLetters({ queueUrl: await aws.createQueue(), client: aws.sqs })
    await dead.done('made up')
    aws.provoke({ operation: 'DeleteMessage', kind: 'refuse', status: 403, code: 'AccessDenied' })
    expect(await failure(dead.done('made up'))).toMatchObject({ slug: 'unavailable', message: expect.stringContaining('sqs:DeleteMessage') })
  })

  test('a message that arrives damaged is unavailable: it comes again', async () => {
    const queueUrl = await aws.createQueue()
    await createQueue({ queueUrl, client: aws.sqs }).send(message())
    aws.provoke({ operation: 'ReceiveMessage', kind: 'edit-answer', replace: [/"Body":"n1/, '"Body":"n2'] })
    expect(await failure(createDeadLetters({ queueUrl, client: aws.sqs }).receive())).toMatchObject({ slug: 'unavailable', message: expect.stringContaining('checksum') })
  })

  test('receives that are throttled are limited', async () => {
    const dead = createDeadLetters({ queueUrl: await aws.createQueue(), client: aws.sqs })
    aws.provoke({ operation: 'ReceiveMessage', kind: 'refuse', status: 403, code: 'OverLimit' })
    expect(await failure(dead.receive())).toMatchObject({ slug: 'limited', detail: { retryAfterSeconds: 1 } })
  })
})
