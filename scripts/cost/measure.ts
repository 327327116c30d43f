// What one request and one batch ask of AWS: the real engine over generated logs, from the bytes of the
// HTTP event to the commit, on ports that count. CPU is that of all threads of this process (garbage
// collector and compiler included), the median of a few rounds after warming up.
import { receive } from '../../lib/engine/ingest/receive.ts'
import { newWriterState, type WriterState } from '../../lib/engine/ingest/write.ts'
import type { Settings } from '../../lib/engine/settings.ts'
import type { OrgId } from '../../lib/model/stream.ts'
import type { SqsEvent, SqsRecord } from '../../functions/lambda.ts'
import { writeEvent } from '../../functions/ingest/write-event.ts'
import { settingsOnAws } from '../../functions/settings.ts'
import { ingestRequestOf, type Format } from '../../test/bench/river-load.ts'
import { chunksOf } from './batches.ts'
import { countingPorts, type CountingPorts } from './counting.ts'
import { loadOf, type LoadRequest, type LoadShape } from './load.ts'

/** what receiving costs, an average request */
export interface MeasuredRequest {
  readonly rawBytes: number
  /** as sent */
  readonly bodyBytes: number
  /** share of requests whose body goes by way of a blob, and that blob's bytes */
  readonly spills: number
  readonly spillBytes: number
  readonly textBytes: number
  /** SQS requests a send (and a receive) is billed as */
  readonly chunks: number
  /** in the writer's event, JSON around it included */
  readonly recordBytes: number
  readonly cpuMs: number
}

/** what one invocation of the writer costs */
export interface MeasuredBatch {
  readonly messages: number
  readonly rawBytes: number
  /** flushes: 60 messages at most, one PUT and one transaction each */
  readonly commits: number
  readonly slices: number
  readonly puts: number
  readonly putBytes: number
  readonly gets: number
  readonly getItems: number
  readonly readUnits: number
  readonly writeUnits: number
  readonly itemBytes: number
  readonly cpuMs: number
}

export interface Rounds {
  readonly warm: number
  readonly counted: number
  /** raw bytes that a round should hold at least, so that a clock tick does not matter */
  readonly rawBytesMin: number
  /** raw bytes of one stream in one pack, for what is stored after compaction: it makes files as large at least */
  readonly packedBytes: number
}

export const LAMBDA_SETTINGS: Settings = settingsOnAws({ retentionDays: 3_650 })

const ORG = 'default' as OrgId
/** 2026-11-21T12:00:00Z: where days are cut does not depend on when it runs */
const NOW = 1_795_262_400_000_000
/** longer than a stream item may be used: each batch reads its streams again, which is the dearer case */
const BETWEEN_BATCHES_MICROS = 60_000_000

/** CPU-ms of every thread of this process */
async function cpuOf(work: () => Promise<void>): Promise<number> {
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1_000
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!

/** the event of an API in front of Lambda, as text: its body comes in base64 */
const httpEventOf = (request: LoadRequest): string => JSON.stringify({
  resource: '/{proxy+}', path: '/api/default/v1/logs', httpMethod: 'POST', isBase64Encoded: true,
  headers: { 'content-type': 'application/x-protobuf', 'content-encoding': 'gzip', 'stream-name': request.stream, authorization: `Basic ${'x'.repeat(60)}` },
  requestContext: { requestId: 'x'.repeat(36), stage: 'prod', identity: { sourceIp: '192.0.2.1' } },
  body: Buffer.from(request.body).toString('base64'),
})

async function receiveAll({ ports }: CountingPorts, settings: Settings, format: Format, events: readonly string[], requests: readonly LoadRequest[]): Promise<void> {
  for (const [i, text] of events.entries()) {
    const { body } = JSON.parse(text) as { body: string }
    const { bid } = await receive(ports, settings, ingestRequestOf(format, ORG, { stream: requests[i]!.stream, body: Buffer.from(body, 'base64') }))
    if (bid === null) throw new Error('a generated request was refused')
  }
}

/** as Lambda delivers a message: field by field what the event source adds */
const recordOf = (text: string, i: number): SqsRecord => {
  const record = {
    messageId: `00000000-0000-4000-8000-${String(i).padStart(12, '0')}`, receiptHandle: 'x'.repeat(412), body: text,
    attributes: { ApproximateReceiveCount: '1', SentTimestamp: '1795262400000', SenderId: 'x'.repeat(40), ApproximateFirstReceiveTimestamp: '1795262400001' },
    messageAttributes: {}, md5OfBody: 'x'.repeat(32), eventSource: 'aws:sqs', eventSourceARN: 'arn:aws:sqs:us-east-1:123456789012:nilometer-requests', awsRegion: 'us-east-1',
  }
  return record
}

async function writeAll({ ports, clock }: CountingPorts, settings: Settings, state: WriterState, events: readonly string[]): Promise<void> {
  for (const text of events) {
    clock.micros += BETWEEN_BATCHES_MICROS
    const { batchItemFailures } = await writeEvent({ ports, settings, state }, JSON.parse(text) as SqsEvent, { getRemainingTimeInMillis: () => 120_000 })
    if (batchItemFailures.length > 0) throw new Error(`${batchItemFailures.length} messages were not written`)
  }
}

export interface Measured {
  readonly request: MeasuredRequest
  readonly batch: MeasuredBatch
  /** Parquet bytes for a raw byte where rows of one stream stand together, as after compaction: small packs take more */
  readonly packedRatio: number
}

const ratios = new Map<string, number>()

async function packedRatioOf(format: Format, packedBytes: number, settings: Settings): Promise<number> {
  const key = `${format} ${packedBytes}`
  const known = ratios.get(key)
  if (known !== undefined) return known
  const requests = loadOf({ format, requestBytes: packedBytes, streams: 1 }, NOW, 1)
  const open = countingPorts(NOW)
  await receiveAll(open, settings, format, requests.map(httpEventOf), requests)
  await writeAll(open, settings, newWriterState(), [JSON.stringify({ Records: open.texts.map(recordOf) })])
  const ratio = open.tally.putBytes / requests[0]!.rawBytes
  ratios.set(key, ratio)
  return ratio
}

/**
 * Runs a load in batches chosen by what a message turned out to weigh.
 * @param batchOf messages of a batch, from the weight of a sample
 */
export async function measure(shape: LoadShape, batchOf: (request: MeasuredRequest) => number, rounds: Rounds, settings: Settings = LAMBDA_SETTINGS): Promise<Measured> {
  const { size, request: sample } = await sampleOf(shape, batchOf, settings)
  const batches = Math.max(1, Math.ceil(rounds.rawBytesMin / (size * sample.rawBytes)))
  const requests = loadOf(shape, NOW, size * batches)
  const httpEvents = requests.map(httpEventOf)
  const open = countingPorts(NOW)
  const state = newWriterState()
  const receiveMs: number[] = []
  const writeMs: number[] = []
  const receivedTotals: MeasuredRequest[] = []
  for (let round = 0; round < rounds.warm + rounds.counted; round++) {
    open.reset()
    receiveMs.push(await cpuOf(() => receiveAll(open, settings, shape.format, httpEvents, requests)))
    receivedTotals.push(requestFigures(open, requests, 0))
    const records = open.texts.map(recordOf)
    const events = Array.from({ length: batches }, (_, i) => JSON.stringify({ Records: records.slice(i * size, (i + 1) * size) }))
    writeMs.push(await cpuOf(() => writeAll(open, settings, state, events)))
  }
  const counted = (values: readonly number[]): number => median(values.slice(rounds.warm))
  const request = { ...receivedTotals.at(-1)!, cpuMs: counted(receiveMs) / requests.length }
  const batch = batchFigures(open, size, batches, request.rawBytes, counted(writeMs) / batches)
  return { request, batch, packedRatio: await packedRatioOf(shape.format, rounds.packedBytes, settings) }
}

/** a few requests tell what a message weighs, hence how many make a batch */
async function sampleOf(shape: LoadShape, batchOf: (request: MeasuredRequest) => number, settings: Settings): Promise<{ size: number; request: MeasuredRequest }> {
  const requests = loadOf(shape, NOW, 2)
  const open = countingPorts(NOW)
  await receiveAll(open, settings, shape.format, requests.map(httpEventOf), requests)
  const request = requestFigures(open, requests, 0)
  return { size: batchOf(request), request }
}

const mean = <T>(of: readonly T[], value: (item: T, i: number) => number): number => of.reduce((n, item, i) => n + value(item, i), 0) / of.length

function requestFigures({ tally, texts }: CountingPorts, requests: readonly LoadRequest[], cpuMs: number): MeasuredRequest {
  return {
    rawBytes: mean(requests, ({ rawBytes }) => rawBytes), bodyBytes: mean(requests, ({ body }) => body.length),
    spills: tally.spills / requests.length, spillBytes: tally.spillBytes / requests.length,
    textBytes: mean(texts, (text) => text.length), chunks: mean(texts, (text) => chunksOf(text.length)),
    recordBytes: mean(texts, (text, i) => JSON.stringify(recordOf(text, i)).length + 1), cpuMs,
  }
}

function batchFigures({ tally }: CountingPorts, messages: number, batches: number, rawBytes: number, cpuMs: number): MeasuredBatch {
  const each = (n: number): number => n / batches
  return {
    messages, rawBytes: rawBytes * messages, commits: each(tally.commits), slices: each(tally.slices), puts: each(tally.puts), putBytes: each(tally.putBytes),
    gets: each(tally.gets), getItems: each(tally.getItems), readUnits: each(tally.readUnits), writeUnits: each(tally.writeUnits), itemBytes: each(tally.itemBytes), cpuMs,
  }
}
