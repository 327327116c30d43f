// The port Leaves on Lambda's HTTP interface: what is sent, what comes of each way an invocation can
// end. The server below answers as docs.aws.amazon.com/lambda/latest/api/API_Invoke.html says.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bodyOf, decodeShare, encodeFailure, encodeReply } from '../../lib/aws/leaf-wire.ts'
import { createLeaves, lambdaClient } from '../../lib/aws/leaves.ts'
import type { Leaves } from '../../lib/engine/ports.ts'
import { EngineError } from '../../lib/model/errors.ts'
import type { OrgId } from '../../lib/model/stream.ts'
import { fidsOf, outcomeOf, shareOf, sliceNamed } from '../support/leaves.ts'
import { errorOf } from '../support/sql-pool.ts'

interface Asked {
  readonly url: string
  readonly type: string | undefined
  readonly event: unknown
}

const share = shareOf(['a', 'b'])
let answer: (response: ServerResponse, event: unknown) => void
let asked: Asked[] = []
const server = createServer((request: IncomingMessage, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => {
    const event = JSON.parse(Buffer.concat(chunks).toString()) as unknown
    asked.push({ url: request.url ?? '', type: request.headers['x-amz-invocation-type'] as string | undefined, event })
    answer(response, event)
  })
})
const objects = new Map<string, Buffer>()
let leaves: Leaves

beforeAll(async () => {
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  const client = lambdaClient({ endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, region: 'us-east-1', credentials: { accessKeyId: 'x', secretAccessKey: 'y' } })
  leaves = createLeaves({
    functionName: 'leaf', client, blobs: { get: async (key, range) => objects.get(key)!.subarray(range!.offset, range!.offset + range!.length) },
  })
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

const reply = (status: number, body: unknown, headers: Readonly<Record<string, string>> = {}) => (response: ServerResponse): void => {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(typeof body === 'string' ? body : JSON.stringify(body))
}
/** Lambda's refusals name themselves in a header */
const refusal = (status: number, type: string) => reply(status, { message: 'no', Type: 'User' }, { 'x-amzn-errortype': type })

test('one share is one invocation that is waited for, and its pieces come back', async () => {
  asked = []
  const outcome = outcomeOf(share, [{ slice: 1, error: new EngineError('not_found', 'gone') }])
  answer = (response, event) => reply(200, encodeReply(decodeShare(event), outcome, bodyOf(outcome), null))(response)
  const got = await leaves.scan(share)
  expect([fidsOf(got), got.counts, got.failed.map(({ slice, error }) => [slice, error.slug])]).toEqual([['a'], outcome.counts, [[1, 'not_found']]])
  expect(asked).toHaveLength(1)
  expect(asked[0]).toMatchObject({ url: '/2015-03-31/functions/leaf/invocations', type: 'RequestResponse' })
  expect(decodeShare(asked[0]!.event)).toEqual(share)
})

test('an answer that lies in the bucket is read there', async () => {
  const outcome = outcomeOf(share)
  const key = 'answers/default/01ARZ3NDEKTSV4RRFFQ69G5FAV'
  objects.set(key, bodyOf(outcome))
  answer = reply(200, encodeReply(share, outcome, bodyOf(outcome), key))
  const got = await leaves.scan(share)
  expect([fidsOf(got), fidsOf({ ...got, pieces: await got.more!() })]).toEqual([[], ['a', 'b']])
})

test.each<[string, (response: ServerResponse) => void, string, string]>([
  ['is refused for being one too many', refusal(429, 'TooManyRequestsException'), 'limited', 'throttled'],
  ['meets a tired service', refusal(500, 'ServiceException'), 'unavailable', 'ServiceException'],
  ['finds no container', refusal(502, 'EC2ThrottledException'), 'unavailable', 'EC2ThrottledException'],
  ['is not granted', refusal(403, 'AccessDeniedException'), 'unavailable', 'not granted'],
  ['is too large', refusal(413, 'RequestTooLargeException'), 'internal', 'RequestTooLargeException'],
  ['ends by a fault of its own', reply(200, { errorType: 'Error', errorMessage: 'boom' }, { 'x-amz-function-error': 'Unhandled' }), 'unavailable', 'ended before it answered (Error)'],
  ['runs out of time', reply(200, { errorMessage: '2026-11-21 Task timed out after 300.00 seconds' }, { 'x-amz-function-error': 'Unhandled' }), 'unavailable', 'ended before it answered (unknown)'],
  ['answers too much', reply(200, { errorType: 'Function.ResponseSizeTooLarge', errorMessage: 'too large' }, { 'x-amz-function-error': 'Unhandled' }), 'unavailable', 'ResponseSizeTooLarge'],
  ['says nothing', reply(200, 'null'), 'unavailable', 'no answer'],
  ['talks nonsense', reply(200, '{"version":'), 'unavailable', 'no answer'],
  ['answers another share', reply(200, encodeReply(shareOf(['a']), outcomeOf(shareOf(['a'])), Buffer.from('a'), null)), 'unavailable', 'no answer'],
  ['tells its own error', reply(200, encodeFailure(new EngineError('too_costly', 'too much'))), 'too_costly', 'too much'],
  ['loses its connection', (response) => { response.destroy() }, 'unavailable', 'connection failed'],
])('a leaf that %s', async (_name, how, slug, words) => {
  asked = []
  answer = how
  const error = await errorOf(leaves.scan(share))
  expect([error.slug, error.message]).toEqual([slug, expect.stringContaining(words)])
  // Who asks again, and whom, is not decided here.
  expect(asked).toHaveLength(1)
})

test('a leaf that never answers is waited for as long as its share may take', async () => {
  answer = () => {}
  const startedMs = performance.now()
  expect((await errorOf(leaves.scan({ ...share, deadlineMs: 1 }))).slug).toBe('unavailable')
  expect(performance.now() - startedMs).toBeLessThan(5_000)
})

test('a share of the most slices, with the longest keys and a long filter, fits an invocation', async () => {
  const org = 'o'.repeat(64) as OrgId
  const key = `data/org=${org}/type=metrics/stream=${'%E2%82%AC'.repeat(66)}/date=2026-11-21/0123456789abcdef.999999999.01ARZ3NDEKTSV4RRFFQ69G5FAV.parquet`
  const slices = Array.from({ length: 1_000 }, () => ({ ...sliceNamed('01ARZ3NDEKTSV4RRFFQ69G5FAV', 2 ** 31), key, offset: 2 ** 40, rawBytes: 2 ** 40 }))
  answer = reply(429, '')
  expect((await errorOf(leaves.scan(shareOf([], { org, slices, where: '\\x{41}"'.repeat(8_000) })))).slug).toBe('limited')
})
