// The arithmetic of money: chunks, tiers, windows and pollers, Lambda's time, and what the engine is
// counted to ask of AWS.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ENTRIES } from '../../lib/env.ts'
import { apiDollars, dollarsOf, PRICES } from '../../lib/model/prices.ts'
import { receiptOf, newLedger } from '../../lib/engine/query/respond.ts'
import { ASSUMPTIONS } from '../../scripts/cost/assumptions.ts'
import { chunksOf, emptyReceivesPerSecond, EVENT_BYTES_MAX, messagesPerBatch, wallMs } from '../../scripts/cost/batches.ts'
import { dollarsPerMonth, ingestBill, type Workload } from '../../scripts/cost/ingest-bill.ts'
import { BODY_BYTES_MAX, queueDollars, spillBreakEven, spillDollars } from '../../scripts/cost/levers.ts'
import { LAMBDA_SETTINGS, measure, type Measured } from '../../scripts/cost/measure.ts'
import { readCommand } from '../../scripts/cost/options.ts'
import { invocationsOfSchedule } from '../../scripts/cost/schedule-rate.ts'

const RUNS = 200 * Number(process.env['NILOMETER_RUNS'] ?? 1)

const WORKLOAD: Workload = { gbPerDay: 10, edge: 'rest', architecture: 'arm64', windowSeconds: 10, streams: 3, retentionDays: 30, queriesPerDay: 0 }
const ONCE = { warm: 0, counted: 1, rawBytesMin: 0, packedBytes: 1e6 }
const smallLoad = (batch: number, requestBytes = 20e3, settings = LAMBDA_SETTINGS): Promise<Measured> =>
  measure({ format: 'protobuf', requestBytes, streams: 3 }, () => batch, ONCE, settings)

describe('prices', () => {
  test('every price has a source, a month or the word that it is assumed, and is more than nothing', () => {
    for (const price of Object.values(PRICES)) {
      expect(price.dollars).toBeGreaterThan(0)
      expect(price.month).toMatch(/^(20\d\d-[01]\d|assumed)$/)
      expect(price.source).toMatch(/^aws\.amazon\.com\//)
    }
  })

  test('an API costs each tier its own price', () => {
    expect(apiDollars('restRequest', 1e6)).toBeCloseTo(3.5, 9)
    expect(apiDollars('restRequest', 1.2e9)).toBeCloseTo(333 * 3.5 + 667 * 2.8 + 200 * 2.38, 6)
    expect(apiDollars('httpRequest', 400e6)).toBeCloseTo(300 + 90, 6)
  })

  test('a receipt is GETs and the gigabyte-seconds of the query function and its leaves', () => {
    const { dollars } = receiptOf({ ...newLedger(0), gets: 1_000, leafMs: 5_000 }, 'rows', 2_000)
    const gbSeconds = (2 * ENTRIES.query.memoryMb + 5 * ENTRIES.leaf.memoryMb) / 1_024
    expect(dollars).toBeCloseTo(1_000 * 0.4e-6 + gbSeconds * 1.33334e-5, 6)
  })
})

describe('the queue', () => {
  test('a message is billed by 64 KiB begun', () => {
    expect([0, 1, 65_536, 65_537, 2 ** 20].map(chunksOf)).toEqual([1, 1, 1, 2, 16])
  })

  test('a batch holds what comes within the window at one poller, and no more than 6 MB', () => {
    const at = (requestsPerSecond: number, windowSeconds: number, pollers: number, recordBytes = 1_000): number =>
      messagesPerBatch({ requestsPerSecond, windowSeconds, pollers, recordBytes })
    expect(at(0.03, 10, 5)).toBe(1)
    expect(at(3, 10, 5)).toBe(7)
    expect(at(3, 10, 2)).toBe(16)
    expect(at(3, 0, 2)).toBe(1)
    expect(at(1e6, 10, 5, 1e6)).toBe(6)
    expect(at(1e6, 10, 5, 1)).toBe(10_000)
  })

  test('a batch never grows past the event, nor below one message', () => {
    fc.assert(fc.property(fc.double({ min: 0, max: 1e6, noNaN: true }), fc.integer({ min: 0, max: 300 }), fc.integer({ min: 1, max: 100 }), fc.integer({ min: 700, max: 1_100_000 }), (requestsPerSecond, windowSeconds, pollers, recordBytes) => {
      const messages = messagesPerBatch({ requestsPerSecond, windowSeconds, pollers, recordBytes })
      expect(messages).toBeGreaterThanOrEqual(1)
      expect(messages * recordBytes).toBeLessThanOrEqual(EVENT_BYTES_MAX)
    }), { numRuns: RUNS })
  })

  test('an idle queue is asked three times a minute by each poller, a busy one never in vain', () => {
    expect(emptyReceivesPerSecond(0, 5) * 30 * 86_400).toBeCloseTo(648_000, 3)
    expect(emptyReceivesPerSecond(1e-12, 5) * 30 * 86_400).toBeCloseTo(648_000, 0)
    expect(emptyReceivesPerSecond(100, 5)).toBeLessThan(1e-12)
    fc.assert(fc.property(fc.double({ min: 1e-6, max: 10, noNaN: true }), fc.integer({ min: 1, max: 10 }), (rate, pollers) => {
      const empty = emptyReceivesPerSecond(rate, pollers)
      expect(empty).toBeLessThanOrEqual(pollers / 20)
      expect(emptyReceivesPerSecond(rate * 1.1, pollers)).toBeLessThanOrEqual(empty)
    }), { numRuns: RUNS })
  })

  test('a schedule\'s expression says how often it fires', () => {
    expect(['rate(1 minute)', 'rate(5 minutes)', 'rate(1 hour)', 'rate(1 day)'].map(invocationsOfSchedule)).toEqual([43_200, 8_640, 720, 30])
    expect(['cron(0 * * * ? *)', 'cron(0/15 * * * ? *)', 'cron(0 3 * * ? *)', 'cron(0,30 8-17 * * ? *)'].map(invocationsOfSchedule)).toEqual([720, 2_880, 30, 600])
    expect(() => invocationsOfSchedule('hourly')).toThrow("the schedule 'hourly' is neither")
  })
})

test('a function has as much of a core as it has of 1,769 MB, and one thread never more than one', () => {
  expect(wallMs(100, 1_769)).toBe(100)
  expect(wallMs(100, 3_008)).toBe(100)
  expect(wallMs(100, 512)).toBeCloseTo(345.5, 1)
})

describe('a spilled body', () => {
  test('that stays a month is never cheaper than messages; one that is deleted soon is, from a size on', () => {
    expect(spillBreakEven(ASSUMPTIONS)).toBeNull()
    const soon = { ...ASSUMPTIONS, walDays: 0, walNoncurrentDays: 0 }
    const from = spillBreakEven(soon)!
    expect(spillDollars(from, soon)).toBeLessThan(queueDollars(from))
    expect(spillDollars(from - 1_024, soon)).toBeGreaterThanOrEqual(queueDollars(from - 1_024))
    expect(spillDollars(BODY_BYTES_MAX, soon)).toBeLessThan(queueDollars(BODY_BYTES_MAX))
  })
})

describe('what is counted on the engine', () => {
  test('a batch of small requests is one PUT and one transaction of its entry and a claim each', async () => {
    const { request, batch } = await smallLoad(5)
    expect(request).toMatchObject({ spills: 0, chunks: 1 })
    expect(batch).toMatchObject({ messages: 5, commits: 1, puts: 1, gets: 0, getItems: 3 + 3 })
    // Entry and claims are below 1 KB each, twice in a transaction; three streams and their schemas come into being.
    expect(batch.writeUnits).toBe(2 + 5 * 2 + 2 * 3)
    expect(batch.putBytes).toBeGreaterThan(0.05 * batch.rawBytes)
  })

  test('more messages than one transaction claims are several flushes', async () => {
    const { batch } = await smallLoad(70, 2e3)
    expect(batch).toMatchObject({ messages: 70, commits: 2, puts: 2 })
  })

  test('a body above the limit is put and fetched once, and its message is one chunk', async () => {
    const { request, batch } = await smallLoad(2, 20e3, { ...LAMBDA_SETTINGS, spillAboveBytes: 1_000 })
    expect(request).toMatchObject({ spills: 1, chunks: 1 })
    expect(request.spillBytes).toBe(request.bodyBytes)
    expect(batch.gets).toBe(2)
  })

  test('a bill is the sum of its lines, and each line follows from what was counted', async () => {
    const measured = await smallLoad(3, 264e3)
    expect(measured.request.chunks).toBe(2)
    const bill = ingestBill(WORKLOAD, measured, ASSUMPTIONS)
    const line = (item: string): number => bill.lines.find((one) => one.item === item)!.dollars
    const requests = 1e9 / measured.request.rawBytes
    expect(bill.dollarsPerGb).toBeCloseTo(bill.lines.reduce((n, { dollars }) => n + dollars, 0), 12)
    expect(dollarsPerMonth(bill)).toBeCloseTo(bill.dollarsPerGb * 300, 9)
    expect(line('edge (rest)')).toBeCloseTo(requests * 3.5e-6, 9)
    expect(line('queue: send')).toBeCloseTo(requests * 2 * 0.4e-6, 9)
    expect(line('queue: receive')).toBeCloseTo(requests * 2 * 0.4e-6, 9)
    expect(line('queue: delete')).toBeCloseTo((requests / 3) * 0.4e-6, 9)
    expect(line('packs: PUT')).toBeCloseTo((requests / 3) * 5e-6, 9)
    expect(line('file list: commits')).toBeCloseTo((requests / 3) * measured.batch.writeUnits * 0.625e-6, 9)
    expect(line('storage: data, 30 days')).toBeCloseTo(dollarsOf('s3GbMonth', measured.packedRatio), 6)
    // A pack of three requests is larger than what compaction makes of it.
    expect(measured.packedRatio).toBeLessThan(measured.batch.putBytes / measured.batch.rawBytes)
    expect(measured.packedRatio).toBeGreaterThan(0.1)
    expect(bill.lines.every(({ dollars }) => Number.isFinite(dollars) && dollars >= 0)).toBe(true)
  })
})

test('an option that is no number, or none of the choices, is named', () => {
  expect(() => readCommand(['--gb-per-day', 'many'])).toThrow("--gb-per-day is 'many': it must be a number of at least 0.001")
  expect(() => readCommand(['--edge', 'cdn'])).toThrow("--edge is 'cdn': it must be one of rest, http, function-url")
  expect(readCommand(['--request-mb', '0.5', '--format', 'json'])).toMatchObject({ requestBytes: 5e5, format: 'flat-json' })
})
