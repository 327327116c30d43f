// A batch of SQS as the writer takes it: what is in is deleted, what is not is named and comes again.
import { expect, test } from 'vitest'
import { writeEvent, type Writing } from '../../functions/ingest/write-event.ts'
import type { SqsEvent } from '../../functions/lambda.ts'
import { encodeMessage } from '../../lib/aws/message.ts'
import { newWriterState } from '../../lib/engine/ingest/write.ts'
import { DEFAULT_SETTINGS } from '../../lib/engine/settings.ts'
import { EngineError } from '../../lib/model/errors.ts'
import { ingestAppOver } from '../support/ingest-app.ts'
import { memoryPorts, type MemoryPorts } from '../support/memory-ports.ts'
import { faulty } from '../support/ports.ts'

const PLENTY = { getRemainingTimeInMillis: () => 120_000 }

async function sent(ports: MemoryPorts, ...ids: readonly number[]): Promise<string[]> {
  const app = ingestAppOver(ports)
  for (const id of ids) await app.request('/api/o1/app/_json', { method: 'POST', body: `[{"id":${id}}]` })
  return ports.queue.messages.splice(0).map(({ message }) => encodeMessage(message))
}
const eventOf = (bodies: readonly string[], receives = 1): SqsEvent =>
  ({ Records: bodies.map((body, i) => ({ messageId: `m${i}`, body, attributes: { ApproximateReceiveCount: String(receives) } })) })
const writing = (ports: MemoryPorts): Writing => ({ ports, settings: DEFAULT_SETTINGS, state: newWriterState() })
const failed = async (w: Writing, event: SqsEvent, context = PLENTY): Promise<string[]> =>
  (await writeEvent(w, event, context)).batchItemFailures.map(({ itemIdentifier }) => itemIdentifier)
const rows = ({ catalog }: MemoryPorts): number => [...catalog.slots.values()].reduce((n, { entry }) => n + entry!.slices.reduce((m, s) => m + s.rows, 0), 0)

test('a batch that is written names nothing, and delivered again adds nothing', async () => {
  const ports = memoryPorts()
  const event = eventOf(await sent(ports, 1, 2, 3))
  expect(await failed(writing(ports), event)).toEqual([])
  expect(await failed(writing(ports), { Records: eventOf(event.Records.map((r) => r.body), 2).Records })).toEqual([])
  expect(rows(ports)).toBe(3)
})

test('a text that is not ours is named, and its neighbours are written', async () => {
  const ports = memoryPorts()
  const [a, b] = await sent(ports, 1, 2)
  const event = eventOf([a!, 'hello', '', 'n1 o1 nope AAAA', b!])
  expect(await failed(writing(ports), event)).toEqual(['m1', 'm2', 'm3'])
  expect([rows(ports), ports.telemetry.lines.filter(({ level }) => level === 'error').length]).toEqual([2, 3])
})

test('two messages of one bid have one fate', async () => {
  const ports = memoryPorts()
  const [a, b] = await sent(ports, 1, 2)
  const down = faulty(ports, ({ operation }) => (operation === 'put' ? { kind: 'fail-before', error: new EngineError('unavailable', 'down') } : null))
  expect(await failed(writing(down), eventOf([a!, b!, a!]))).toEqual(['m0', 'm2', 'm1'])
  expect(await failed(writing(ports), eventOf([a!, b!, a!]))).toEqual([])
  expect(rows(ports)).toBe(2)
})

test('with too little time nothing is begun and all come again', async () => {
  const ports = memoryPorts()
  expect(await failed(writing(ports), eventOf(await sent(ports, 1, 2)), { getRemainingTimeInMillis: () => 29_000 })).toEqual(['m0', 'm1'])
  expect([rows(ports), ports.blobs.objects.size]).toEqual([0, 0])
})

test('nothing that fails is thrown', async () => {
  const ports = memoryPorts()
  const broken = faulty(ports, () => ({ kind: 'fail-before', error: new TypeError('a bug') }))
  expect(await failed(writing(broken), eventOf(await sent(ports, 1)))).toEqual(['m0'])
})
