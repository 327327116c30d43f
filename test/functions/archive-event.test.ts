// Dead letters on their way to the quarantine: each is kept once, whoever archives it how often, and is
// taken from its queue only then.
import { expect, test } from 'vitest'
import { archiveDeadLetters, type Archived } from '../../functions/ingest/archive-event.ts'
import type { DeadLetterMessage, DeadLetters } from '../../lib/aws/dead-letters.ts'
import { encodeMessage } from '../../lib/aws/message.ts'
import { QUARANTINE } from '../../lib/engine/ingest/commit.ts'
import { decodeParked } from '../../lib/engine/ingest/quarantine.ts'
import { newWriterState, writeBatch } from '../../lib/engine/ingest/write.ts'
import type { Blobs, Catalog, QueueMessage } from '../../lib/engine/ports.ts'
import { DEFAULT_SETTINGS } from '../../lib/engine/settings.ts'
import { EngineError } from '../../lib/model/errors.ts'
import { ingestAppOver } from '../support/ingest-app.ts'
import { memoryPorts, type MemoryPorts } from '../support/memory-ports.ts'
import { faulty } from '../support/ports.ts'

/** a queue that gives up to ten of what is not done, each once a visibility time, which `again` ends */
class MemoryDeadLetters implements DeadLetters {
  readonly texts = new Map<string, string>()
  private readonly hidden = new Set<string>()
  rounds = 0
  async receive(): Promise<readonly DeadLetterMessage[]> {
    this.rounds++
    const shown = [...this.texts].filter(([id]) => !this.hidden.has(id)).slice(0, 10)
    for (const [id] of shown) this.hidden.add(id)
    return shown.map(([id, text]) => ({ receipt: id, messageId: id, text, receives: 6 }))
  }
  async done(receipt: string): Promise<void> {
    this.texts.delete(receipt)
  }
  again(): void {
    this.hidden.clear()
  }
}

async function messages(ports: MemoryPorts, n: number): Promise<QueueMessage[]> {
  const app = ingestAppOver(ports)
  for (let id = 0; id < n; id++) await app.request('/api/o1/app/_json', { method: 'POST', body: `[{"id":${id}}]` })
  return ports.queue.messages.splice(0).map(({ message }) => message)
}

const PLENTY = { getRemainingTimeInMillis: () => 120_000 }
const archive = (ports: MemoryPorts, deadLetters: DeadLetters, context = PLENTY): Promise<Archived> =>
  archiveDeadLetters({ ports, settings: DEFAULT_SETTINGS, deadLetters }, context)
const lettersOf = (sent: readonly QueueMessage[]): MemoryDeadLetters => {
  const letters = new MemoryDeadLetters()
  for (const [i, message] of sent.entries()) letters.texts.set(`m${i}`, encodeMessage(message))
  return letters
}

test('every message is kept with its reason, and done', async () => {
  const ports = memoryPorts()
  const sent = await messages(ports, 25)
  const letters = lettersOf(sent)
  expect(await archive(ports, letters)).toEqual({ parked: 25, written: 0, failed: 0, foreign: 0 })
  expect([letters.texts.size, ports.blobs.objects.size, letters.rounds]).toEqual([0, 25, 4])
  const parked = decodeParked([...ports.blobs.objects.values()][0]!.bytes)
  expect(parked.reason).toBe('the message was delivered 6 times and could not be written')
  expect(Buffer.compare(parked.envelope, sent[0]!.bytes)).toBe(0)
  expect([...ports.catalog.claims.values()].every(({ fid }) => fid === QUARANTINE)).toBe(true)
})

test('a message whose rows are in is only done', async () => {
  const ports = memoryPorts()
  const sent = await messages(ports, 2)
  await writeBatch(ports, DEFAULT_SETTINGS, newWriterState(), [{ ...sent[0]!, receives: 1 }], () => true)
  const letters = lettersOf(sent)
  expect(await archive(ports, letters)).toEqual({ parked: 1, written: 1, failed: 0, foreign: 0 })
  expect([...ports.blobs.objects.keys()].filter((key) => key.startsWith('quarantine/'))).toHaveLength(1)
})

test('a text that is not ours is left and named', async () => {
  const ports = memoryPorts()
  const letters = lettersOf(await messages(ports, 1))
  letters.texts.set('x', 'hello')
  expect(await archive(ports, letters)).toEqual({ parked: 1, written: 0, failed: 0, foreign: 1 })
  expect([...letters.texts.keys()]).toEqual(['x'])
  expect(ports.telemetry.lines).toContainEqual({ level: 'error', message: 'a dead letter is not ours and is left where it is', fields: { messageId: 'x', receives: 6 } })
})

test('two at once keep each message once', async () => {
  const ports = memoryPorts()
  const sent = await messages(ports, 5)
  const [one, other] = [lettersOf(sent), lettersOf(sent)]
  const sums = await Promise.all([archive(ports, one), archive(ports, other)])
  expect(sums.map(({ parked, failed }) => [parked, failed])).toEqual([[5, 0], [5, 0]])
  expect([ports.blobs.objects.size, ports.catalog.claims.size]).toEqual([5, 5])
})

test.each(['commit', 'put', 'done'])('what fails at %s comes again, and the next hour keeps it', async (step) => {
  const ports = memoryPorts()
  const letters = lettersOf(await messages(ports, 3))
  let broken = true
  const error = new EngineError('unavailable', 'down')
  const fault = (name: string) => (broken && name === step ? { kind: 'fail-before' as const, error } : null)
  const failing = faulty<{ blobs: Blobs; catalog: Catalog }>(ports, ({ operation }) => fault(operation))
  const queue: DeadLetters = { receive: () => letters.receive(), done: async (receipt) => (fault('done') === null ? letters.done(receipt) : Promise.reject(error)) }
  expect((await archive({ ...ports, ...failing } as MemoryPorts, queue)).failed).toBe(3)
  expect(letters.texts.size).toBe(3)
  broken = false
  letters.again()
  expect(await archive({ ...ports, ...failing } as MemoryPorts, queue)).toEqual({ parked: 3, written: 0, failed: 0, foreign: 0 })
  expect([letters.texts.size, ports.blobs.objects.size]).toEqual([0, 3])
})

test('no round is begun when the time is short', async () => {
  const ports = memoryPorts()
  const letters = lettersOf(await messages(ports, 15))
  let remainingMs = 30_000
  const context = { getRemainingTimeInMillis: () => (remainingMs -= 8_000) }
  expect((await archive(ports, letters, context)).parked).toBe(10)
  expect(letters.texts.size).toBe(5)
})
