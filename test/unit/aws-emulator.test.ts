// The emulator's front is honest: each thing that AWS enforces is probed on fauxqs alone and behind the
// front, so that a rule that fauxqs learns, or that the front forgets, shows here.
import { createHash } from 'node:crypto'
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3'
import type { PutObjectCommandInput } from '@aws-sdk/client-s3'
import {
  ChangeMessageVisibilityCommand, DeleteMessageCommand, ReceiveMessageCommand, SendMessageBatchCommand, SendMessageCommand,
} from '@aws-sdk/client-sqs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startEmulator } from '../support/aws-emulator.ts'
import type { AwsEmulator } from '../support/aws-emulator.ts'

let bare: AwsEmulator
let aws: AwsEmulator
beforeAll(async () => { [bare, aws] = await Promise.all([startEmulator({ rules: false }), startEmulator()]) })
afterAll(() => Promise.all([bare.close(), aws.close()]))

/** AWS's name of what a request was refused with, or 'done'; fauxqs puts SQS's namespace before some */
const outcomeOf = (request: Promise<unknown>): Promise<string> =>
  request.then(() => 'done', (error: Error) => error.name.replace('AWS.SimpleQueueService.', ''))

const put = async (on: AwsEmulator, over: Partial<PutObjectCommandInput>, bucket?: string): Promise<string> =>
  outcomeOf(on.s3.send(new PutObjectCommand({ Bucket: bucket ?? await on.createBucket(), Key: 'k', Body: 'hello', ...over })))

describe('S3, and what fauxqs alone would do', () => {
  test('a conditional put of a taken key is refused (fauxqs: overwrites)', async () => {
    for (const [on, second] of [[bare, 'done'], [aws, 'PreconditionFailed']] as const) {
      const bucket = await on.createBucket()
      expect(await put(on, { IfNoneMatch: '*' }, bucket)).toBe('done')
      expect(await put(on, { IfNoneMatch: '*', Body: 'other' }, bucket)).toBe(second)
      const got = await on.s3.send(new GetObjectCommand({ Bucket: bucket, Key: 'k' }))
      expect(await got.Body?.transformToString()).toBe(second === 'done' ? 'other' : 'hello')
    }
  })

  test('of twenty conditional puts at once one is done (fauxqs: all)', async () => {
    for (const [on, done] of [[bare, 20], [aws, 1]] as const) {
      const bucket = await on.createBucket()
      const outcomes = await Promise.all(Array.from({ length: 20 }, () => put(on, { IfNoneMatch: '*' }, bucket)))
      expect(outcomes.filter((outcome) => outcome === 'done')).toHaveLength(done)
    }
  })

  test('a put without a condition overwrites on both', async () => {
    const bucket = await aws.createBucket()
    expect([await put(aws, {}, bucket), await put(aws, {}, bucket)]).toEqual(['done', 'done'])
  })

  test('a key has at most 1,024 bytes, not characters (fauxqs: any)', async () => {
    for (const [on, long] of [[bare, 'done'], [aws, 'KeyTooLongError']] as const) {
      expect(await put(on, { Key: 'k'.repeat(1_024) })).toBe('done')
      expect(await put(on, { Key: 'k'.repeat(1_025) })).toBe(long)
      expect(await put(on, { Key: 'ü'.repeat(513) })).toBe(long)
    }
  })

  test('a SHA-256 that is not the body\'s is refused (fauxqs: kept as told)', async () => {
    const wrong = createHash('sha256').update('other').digest('base64')
    expect(await put(bare, { ChecksumSHA256: wrong })).toBe('done')
    expect(await put(aws, { ChecksumSHA256: wrong })).toBe('BadDigest')
  })

  test('a body that changed after it was signed is refused (fauxqs: kept)', async () => {
    for (const [on, outcome] of [[bare, 'done'], [aws, 'XAmzContentSHA256Mismatch']] as const) {
      on.provoke({ operation: 'PutObject', kind: 'damage-request' })
      expect(await put(on, {})).toBe(outcome)
    }
  })

  test('a listing is in the order of bytes, through every page (fauxqs: as people sort)', async () => {
    const keys = ['B/x', 'a-b', 'a/x', 'a=b', 'ab', 'b']
    const listed = async (on: AwsEmulator): Promise<string[]> => {
      const bucket = await on.createBucket()
      for (const Key of keys.toReversed()) await put(on, { Key }, bucket)
      const got: string[] = []
      for (let token: string | undefined; ;) {
        const page = await on.s3.send(new ListObjectsV2Command({ Bucket: bucket, MaxKeys: 2, ...(token === undefined ? {} : { ContinuationToken: token }) }))
        got.push(...(page.Contents ?? []).map(({ Key = '' }) => Key))
        token = page.NextContinuationToken
        if (token === undefined) return got
      }
    }
    expect(await listed(aws)).toEqual(keys)
    expect(await listed(bare)).not.toEqual(keys)
  })
})

describe('SQS, and what fauxqs alone would do', () => {
  const send = async (on: AwsEmulator, MessageBody: string): Promise<string> =>
    outcomeOf(on.sqs.send(new SendMessageCommand({ QueueUrl: await on.createQueue(), MessageBody })))

  test('a message has at most 1 MiB (fauxqs too)', async () => {
    for (const on of [bare, aws]) {
      expect(await send(on, 'x'.repeat(2 ** 20))).toBe('done')
      expect(await send(on, 'x'.repeat(2 ** 20 + 1))).toBe('InvalidParameterValue')
      expect(await send(on, 'ü'.repeat(2 ** 19 + 1))).toBe('InvalidParameterValue')
    }
  })

  test('a batch has at most 1 MiB (fauxqs too)', async () => {
    for (const on of [bare, aws]) {
      const QueueUrl = await on.createQueue()
      const batch = (bytes: number): Promise<string> => outcomeOf(on.sqs.send(new SendMessageBatchCommand({
        QueueUrl, Entries: ['a', 'b'].map((Id) => ({ Id, MessageBody: 'x'.repeat(bytes) })),
      })))
      expect(await batch(2 ** 19)).toBe('done')
      expect(await batch(2 ** 19 + 1)).toBe('BatchRequestTooLong')
    }
  })

  test('a message holds only characters of XML (fauxqs too)', async () => {
    for (const on of [bare, aws]) {
      expect(await send(on, 'tab\tand\nnew\r')).toBe('done')
      for (const bad of ['\0', '\u0001', '\u001f', '\uffff']) expect(await send(on, `a${bad}b`)).toBe('InvalidMessageContents')
      // Stricter than SQS, which takes these too; our messages are ASCII.
      expect(await send(on, '\u{1f600}')).toBe('InvalidMessageContents')
    }
  })

  test('a receipt that was never handed out is refused (fauxqs: taken)', async () => {
    for (const [on, outcome] of [[bare, 'done'], [aws, 'ReceiptHandleIsInvalid']] as const) {
      const QueueUrl = await on.createQueue()
      expect(await outcomeOf(on.sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: 'made up' })))).toBe(outcome)
    }
  })

  test('a stale receipt deletes nothing and is no error; its visibility cannot be changed', async () => {
    const QueueUrl = await aws.createQueue({ visibilitySeconds: 0 })
    await aws.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'x' }))
    const receive = async () => (await aws.sqs.send(new ReceiveMessageCommand({ QueueUrl }))).Messages?.[0]
    const stale = await receive()
    const fresh = await receive()
    expect(fresh?.MessageId).toBe(stale?.MessageId)
    expect(await outcomeOf(aws.sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: stale?.ReceiptHandle })))).toBe('done')
    expect(await outcomeOf(aws.sqs.send(new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle: stale?.ReceiptHandle, VisibilityTimeout: 9 })))).toBe('MessageNotInflight')
    expect((await receive())?.MessageId).toBe(stale?.MessageId)
  })

  test('a message that was handed out is hidden while its visibility lasts', async () => {
    const QueueUrl = await aws.createQueue({ visibilitySeconds: 30 })
    await aws.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'x' }))
    const receive = async () => (await aws.sqs.send(new ReceiveMessageCommand({ QueueUrl }))).Messages ?? []
    const [got] = await receive()
    expect(await receive()).toEqual([])
    await aws.sqs.send(new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle: got?.ReceiptHandle, VisibilityTimeout: 0 }))
    expect(await receive()).toHaveLength(1)
  })
})

describe('faults and counts', () => {
  test('requests are counted by operation, and each fault meets as many as it says', async () => {
    const before = aws.requests.get('PutObject') ?? 0
    aws.provoke({ operation: 'PutObject', kind: 'refuse', status: 503, code: 'SlowDown', times: 2 })
    const bucket = await aws.createBucket()
    expect([await put(aws, {}, bucket), await put(aws, {}, bucket), await put(aws, {}, bucket)]).toEqual(['SlowDown', 'SlowDown', 'done'])
    expect(aws.requests.get('PutObject')).toBe(before + 3)
    expect(aws.last('PutObject')).toMatchObject({ bucket, key: 'k' })
  })

  test('a lost answer leaves its effect, a refusal and a hang-up leave none', async () => {
    const bucket = await aws.createBucket()
    aws.provoke({ operation: 'PutObject', kind: 'hang-up' })
    expect(await put(aws, {}, bucket)).not.toBe('done')
    aws.provoke({ operation: 'PutObject', kind: 'refuse', status: 500, code: 'InternalError' })
    expect(await put(aws, {}, bucket)).toBe('InternalError')
    expect(await outcomeOf(aws.s3.send(new GetObjectCommand({ Bucket: bucket, Key: 'k' })))).toBe('NoSuchKey')
    aws.provoke({ operation: 'PutObject', kind: 'lose-answer' })
    expect(await put(aws, {}, bucket)).not.toBe('done')
    expect(await outcomeOf(aws.s3.send(new GetObjectCommand({ Bucket: bucket, Key: 'k' })))).toBe('done')
  })
})
