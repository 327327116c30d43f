// One cell of the bench in a process of its own: requests of one format and size through receive,
// queue and write on the real local adapters, and the baselines. Prints its figures as JSON:
// `node --expose-gc test/bench/river-stages.ts protobuf 524288 [rounds [warm-up rounds]]`. CPU is
// that of all the process's threads (garbage collector, compiler, SQLite and files included).
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { constants, gunzipSync, zstdCompressSync } from 'node:zlib'
import { receive } from '../../lib/engine/ingest/receive.ts'
import { newWriterState, writeBatch } from '../../lib/engine/ingest/write.ts'
import type { Clock, Ports, Queue } from '../../lib/engine/ports.ts'
import { checkSettings } from '../../lib/engine/settings.ts'
import { openBlobs } from '../../lib/local/blobs.ts'
import { openCatalog } from '../../lib/local/catalog.ts'
import { systemClock } from '../../lib/node/clock.ts'
import { openDatabase } from '../../lib/local/database.ts'
import { openDelivery, type Delivery } from '../../lib/local/delivery.ts'
import { createIds } from '../../lib/node/ids.ts'
import { openQueue } from '../../lib/local/queue.ts'
import { createTelemetry } from '../../lib/node/telemetry.ts'
import { assert } from '../../lib/model/errors.ts'
import type { Entry } from '../../lib/model/file.ts'
import type { OrgId } from '../../lib/model/stream.ts'
import '../../server/collector.ts'
import { readServerEnvironment } from '../../server/environment.ts'
import { FLUSH_BYTES, spreadOf, type CellFigures } from './river-figures.ts'
import { BenchLoad, FORMATS, ingestRequestOf, type BenchRequest, type Format } from './river-load.ts'

/** flushes of different data that take turns */
const FLUSHES = 2
/** baselines, behind the rounds and not between: their garbage is none of the river's; the first is not counted */
const BASELINE_RUNS = 6
/** requests under way at once, as from a few collectors; large ones are fewer */
const IN_FLIGHT_BYTES = 4e6
/** 2026-11-21T12:00:00Z: where the days are cut does not depend on when the bench runs */
const NOW = 1_795_262_400_000_000
const ORG = 'default' as OrgId

const format = FORMATS.find((name) => name === process.argv[2]) ?? 'protobuf'
const requestBytes = Number(process.argv[3] ?? 524_288)
const rounds = Number(process.argv[4] ?? 12)
const warmRounds = Number(process.argv[5] ?? 6)

/** CPU-ms of every thread of this process */
async function cpuOf(work: () => Promise<void> | void): Promise<number> {
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1_000
}

interface River {
  readonly ports: Ports
  readonly delivery: Delivery
  close(): Promise<void>
}

async function openRiver(dataDir: string): Promise<River> {
  const began = systemClock.monotonicMs()
  const clock: Clock = { ...systemClock, now: () => NOW + Math.round((systemClock.monotonicMs() - began) * 1_000) }
  const telemetry = createTelemetry({ clock, level: 'error' })
  const db = openDatabase(dataDir)
  const queue = await openQueue({ dataDir, clock, telemetry, backlogBytesMax: 2 ** 28, backlogMessagesMax: 10_000 })
  const sql = { open: () => Promise.reject(new Error('the bench asks nothing')) }
  const ports: Ports = { blobs: await openBlobs(dataDir), queue, catalog: openCatalog(db, clock), sql, clock, ids: createIds(clock), telemetry }
  return {
    ports, delivery: openDelivery(db, { clock }),
    async close() {
      await queue.close()
      db.close()
    },
  }
}

/** the embedded server's settings, but a flush may hold as many messages as one transaction takes */
const settings = checkSettings({ ...readServerEnvironment({}, 2).settings, batchMessagesMax: 98, batchBytesMax: 2 ** 26 })

/** receives all, some at a time */
async function receiveAll(ports: Ports, requests: readonly BenchRequest[]): Promise<void> {
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < requests.length) {
      const request = requests[next++]!
      const { bid, verdict } = await receive(ports, settings, ingestRequestOf(format, ORG, request))
      assert(bid !== null && verdict.records === request.records && verdict.rejections.length === 0, 'the bench sends only what is accepted')
    }
  }
  const lanes = Math.max(1, Math.min(8, Math.round(IN_FLIGHT_BYTES / requestBytes)))
  await Promise.all(Array.from({ length: lanes }, lane))
}

async function writeAll({ ports, delivery }: River, state: ReturnType<typeof newWriterState>, expected: number): Promise<void> {
  let done = 0
  for (;;) {
    const messages = await delivery.receive({ bytesMax: settings.batchBytesMax, messagesMax: settings.batchMessagesMax, visibilityMs: 120_000 })
    if (messages.length === 0) break
    const outcome = await writeBatch(ports, settings, state, messages)
    await delivery.done(outcome.done)
    done += outcome.done.length
  }
  assert(done === expected, `${done} of ${expected} messages were written`)
}

interface Costs {
  readonly receive: number[]
  readonly queued: number[]
  readonly write: number[]
  readonly both: number[]
  readonly gunzip: number[]
  readonly zstd: number[]
  readonly jsonParse: number[]
}

/** CPU-ms a megabyte of one round: receive alone, then again into the queue, then the flush */
async function river(open: River, state: ReturnType<typeof newWriterState>, requests: readonly BenchRequest[], costs: Costs | null): Promise<void> {
  const nowhere: Queue = { send: async () => undefined }
  const mb = sum(requests, ({ raw }) => raw.length) / 1e6
  const alone = await cpuOf(() => receiveAll({ ...open.ports, queue: nowhere }, requests))
  const queued = await cpuOf(() => receiveAll(open.ports, requests))
  const write = await cpuOf(() => writeAll(open, state, requests.length))
  costs?.receive.push(alone / mb)
  costs?.queued.push(queued / mb)
  costs?.write.push(write / mb)
  costs?.both.push((queued + write) / mb)
}

async function baselines(requests: readonly BenchRequest[], costs: Costs | null): Promise<void> {
  const mb = sum(requests, ({ raw }) => raw.length) / 1e6
  const level1 = { params: { [constants.ZSTD_c_compressionLevel]: 1 } }
  const gunzip = await cpuOf(() => requests.forEach(({ body, raw }) => gunzipSync(body, { chunkSize: Math.min(2 ** 20, raw.length + 1) })))
  const zstd = await cpuOf(() => requests.forEach(({ raw }) => zstdCompressSync(raw, level1)))
  const texts = requests.slice(0, Math.ceil(requests.length / 4))
  const parse = await cpuOf(() => texts.forEach(({ otlpJson }) => JSON.parse(otlpJson.toString())))
  costs?.gunzip.push(gunzip / mb)
  costs?.zstd.push(zstd / mb)
  costs?.jsonParse.push(parse / (sum(texts, ({ otlpJson }) => otlpJson.length) / 1e6))
}

const sum = <T>(of: readonly T[], value: (item: T) => number): number => of.reduce((n, item) => n + value(item), 0)

/** what is at rest says what the load was like */
function shapeOf(packs: readonly Entry[]): Pick<CellFigures, 'streamsAPackMin' | 'slicesAPack' | 'overlapShare'> {
  const last = new Map<string, number>()
  let met = 0
  let overlapping = 0
  const ordered = packs.toSorted((a, b) => (a.fid < b.fid ? -1 : 1))
  for (const { slices } of ordered) {
    for (const { streamId, day, minTs, maxTs } of slices) {
      const before = last.get(`${streamId} ${day}`)
      if (before !== undefined) met++
      if (before !== undefined && minTs <= before) overlapping++
      last.set(`${streamId} ${day}`, maxTs)
    }
  }
  return {
    streamsAPackMin: Math.min(...packs.map(({ slices }) => new Set(slices.map(({ streamId }) => streamId)).size)),
    slicesAPack: sum(packs, ({ slices }) => slices.length) / packs.length,
    overlapShare: met === 0 ? 0 : overlapping / met,
  }
}

async function measure(format: Format, dataDir: string): Promise<CellFigures> {
  const load = new BenchLoad(format, requestBytes, NOW)
  const flushes = Array.from({ length: FLUSHES }, () => load.take(FLUSH_BYTES))
  const all = flushes.flat()
  const open = await openRiver(dataDir)
  const state = newWriterState()
  const costs: Costs = { receive: [], queued: [], write: [], both: [], gunzip: [], zstd: [], jsonParse: [] }
  globalThis.gc?.()
  // No collection is forced from here on: what a round leaves behind, the next one pays.
  for (let round = 0; round < warmRounds + rounds; round++) {
    await river(open, state, flushes[round % FLUSHES]!, round < warmRounds ? null : costs)
  }
  for (let run = 0; run < BASELINE_RUNS; run++) await baselines(flushes[0]!, run === 0 ? null : costs)
  const packs = await open.ports.catalog.list(ORG, [])
  await open.close()
  const turns = flushes.map((requests, i) => ({ requests, times: Math.floor((warmRounds + rounds - i + FLUSHES - 1) / FLUSHES) }))
  const written = (value: (r: BenchRequest) => number): number => sum(turns, ({ requests, times }) => times * sum(requests, value))
  const stored = sum(packs, ({ bytes }) => bytes)
  return {
    format, requestBytes: sum(all, ({ raw }) => raw.length) / all.length,
    rawBytes: sum(all, ({ raw }) => raw.length), rounds, lateShare: sum(all, ({ late }) => late) / sum(all, ({ records }) => records),
    gzipRatio: sum(all, ({ raw }) => raw.length) / sum(all, ({ body }) => body.length),
    flushBytes: written(({ raw }) => raw.length) / packs.length,
    receive: spreadOf(costs.receive), queued: spreadOf(costs.queued), write: spreadOf(costs.write), both: spreadOf(costs.both),
    gunzip: spreadOf(costs.gunzip), zstd: spreadOf(costs.zstd), jsonParse: spreadOf(costs.jsonParse),
    storedPerRaw: stored / written(({ raw }) => raw.length),
    storedPerOtlpJson: stored / written(({ otlpJson }) => otlpJson.length),
    peakRssBytes: process.resourceUsage().maxRSS * 1024,
    ...shapeOf(packs),
  }
}

const dataDir = mkdtempSync(join(tmpdir(), 'nilometer-bench-'))
try {
  process.stdout.write(`${JSON.stringify(await measure(format, dataDir))}\n`)
} finally {
  rmSync(dataDir, { recursive: true, force: true })
}
