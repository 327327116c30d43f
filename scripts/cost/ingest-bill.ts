// From what was measured to what is paid: each line of the bill in USD per raw GB (10^9 bytes of request
// bodies, uncompressed), with where its figure comes from. Pure arithmetic over the price table.
import { ENTRIES } from '../../lib/env.ts'
import { apiDollars, dollarsOf, gbOfMb, PRICES } from '../../lib/model/prices.ts'
import { COMPACTION, type Assumptions } from './assumptions.ts'
import { emptyReceivesPerSecond, wallMs } from './batches.ts'
import type { Measured } from './measure.ts'

export type Edge = 'rest' | 'http' | 'function-url'
export const EDGES: readonly Edge[] = ['rest', 'http', 'function-url']

export interface Workload {
  readonly gbPerDay: number
  readonly edge: Edge
  readonly architecture: 'arm64' | 'x86_64'
  readonly windowSeconds: number
  readonly streams: number
  readonly retentionDays: number
  readonly queriesPerDay: number
}

/** where a line's figure comes from: counted or timed on the engine, or not */
export type Basis = 'measured' | 'timed' | 'computed' | 'prototype' | 'assumed'

export interface Line {
  readonly item: string
  /** USD per raw GB */
  readonly dollars: number
  readonly basis: Basis
  readonly detail: string
}

export const SECONDS_PER_DAY = 86_400
export const DAYS_PER_MONTH = 30

export interface Bill {
  readonly workload: Workload
  readonly measured: Measured
  readonly lines: readonly Line[]
  /** USD per raw GB, storage of `retentionDays` included */
  readonly dollarsPerGb: number
}

/** what each line is computed from; all per raw GB */
interface Basics {
  readonly workload: Workload
  readonly measured: Measured
  readonly assume: Assumptions
  readonly requests: number
  readonly batches: number
}

const figure = (n: number): string => (n >= 100 ? Math.round(n).toLocaleString('en-US') : String(Number(n.toPrecision(3))))

export function ingestBill(workload: Workload, measured: Measured, assume: Assumptions): Bill {
  const requests = 1e9 / measured.request.rawBytes
  const basics: Basics = { workload, measured, assume, requests, batches: requests / measured.batch.messages }
  const lines = [
    edge(basics), ...ingest(basics), ...queue(basics), ...spills(basics), ...writer(basics), ...commit(basics),
    ownLogs(basics), ...compaction(basics), ...storage(basics), ...queries(basics),
  ]
  return { workload, measured, lines, dollarsPerGb: lines.reduce((n, { dollars }) => n + dollars, 0) }
}

export const dollarsPerMonth = ({ workload, dollarsPerGb }: Bill): number => dollarsPerGb * workload.gbPerDay * DAYS_PER_MONTH

function edge({ workload, measured, requests }: Basics): Line {
  const item = `edge (${workload.edge})`
  if (workload.edge === 'function-url') return { item, dollars: 0, basis: 'computed', detail: 'a function URL costs nothing' }
  const gb = workload.gbPerDay * DAYS_PER_MONTH
  const metered = workload.edge === 'http' ? Math.ceil(measured.request.bodyBytes / (512 * 1024)) : 1
  const dollars = apiDollars(workload.edge === 'http' ? 'httpRequest' : 'restRequest', requests * metered * gb) / gb
  const detail = `${figure(requests)} requests of ${figure(measured.request.bodyBytes / 1e3)} KB${metered > 1 ? `, each metered as ${metered}` : ''}`
  return { item, dollars, basis: 'measured', detail }
}

const secondPrice = (workload: Workload): number => PRICES[workload.architecture === 'arm64' ? 'lambdaArmGbSecond' : 'lambdaX86GbSecond'].dollars

/** milliseconds that Lambda bills, in whole ones: CPU of ours and of the SDK, then the waits */
function billedMs(assume: Assumptions, memoryMb: number, cpuMs: number, calls: number, waitMs: number): number {
  return Math.ceil(wallMs(cpuMs * assume.cpuFactor + calls * assume.sdkCallCpuMs, memoryMb) + waitMs)
}

function ingest({ workload, measured: { request }, assume, requests }: Basics): Line[] {
  const { memoryMb } = ENTRIES.ingest
  const ms = billedMs(assume, memoryMb, request.cpuMs, 1 + request.spills, assume.sqsSendMs + request.spills * assume.s3PutMs)
  return [
    { item: 'ingest: invocations', dollars: dollarsOf('lambdaRequest', requests), basis: 'measured', detail: figure(requests) },
    {
      item: 'ingest: GB-seconds', dollars: requests * (ms / 1e3) * gbOfMb(memoryMb) * secondPrice(workload), basis: 'timed',
      detail: `${ms} ms at ${memoryMb} MB: ${figure(request.cpuMs)} CPU-ms here`,
    },
  ]
}

function queue({ workload, measured: { request, batch }, assume, requests }: Basics): Line[] {
  // A batch of deletes is ten messages at most.
  const deletes = 1 / Math.min(10, batch.messages)
  const perSecond = (requests * workload.gbPerDay) / SECONDS_PER_DAY
  const empty = (emptyReceivesPerSecond(perSecond, assume.pollers) * SECONDS_PER_DAY) / workload.gbPerDay
  return [
    { item: 'queue: send', dollars: dollarsOf('sqsRequest', requests * request.chunks), basis: 'measured', detail: `${figure(request.chunks)} x 64 KiB each` },
    { item: 'queue: receive', dollars: dollarsOf('sqsRequest', requests * request.chunks), basis: 'measured', detail: 'one message a receive: never cheaper' },
    { item: 'queue: delete', dollars: dollarsOf('sqsRequest', requests * deletes), basis: 'computed', detail: `${figure(Math.min(10, batch.messages))} at once` },
    { item: 'queue: empty receives', dollars: dollarsOf('sqsRequest', empty), basis: 'computed', detail: `${assume.pollers} pollers` },
  ]
}

function spills({ measured: { request }, assume, requests }: Basics): Line[] {
  // In a versioned bucket what expires is kept on as a noncurrent version.
  const days = assume.walDays + assume.walNoncurrentDays
  const gbMonths = (requests * request.spillBytes * days) / DAYS_PER_MONTH / 1e9
  return [
    {
      item: 'spill: PUT and GET', dollars: requests * request.spills * (PRICES.s3Put.dollars + PRICES.s3Get.dollars), basis: 'measured',
      detail: `${figure(request.spills * 100)} % of requests`,
    },
    {
      item: 'spill: kept', dollars: dollarsOf('s3GbMonth', gbMonths), basis: 'measured',
      detail: `${figure(request.spillBytes / 1e3)} KB a request for ${days} days`,
    },
  ]
}

function writer({ workload, measured: { batch }, assume, batches }: Basics): Line[] {
  const { memoryMb } = ENTRIES.writer
  // Spilled bodies and stream items are fetched all at once; each flush waits for its PUT, then for its commit.
  const waitMs = Math.min(1, batch.gets) * assume.s3GetMs + assume.getItemMs + batch.commits * (assume.s3PutMs + assume.commitMs)
  const calls = batch.gets + batch.getItems + batch.puts + batch.commits
  const ms = billedMs(assume, memoryMb, batch.cpuMs, calls, waitMs)
  return [
    { item: 'writer: invocations', dollars: dollarsOf('lambdaRequest', batches), basis: 'measured', detail: `${figure(batches)} of ${batch.messages} messages` },
    {
      item: 'writer: GB-seconds', dollars: batches * (ms / 1e3) * gbOfMb(memoryMb) * secondPrice(workload), basis: 'timed',
      detail: `${figure(ms)} ms at ${memoryMb} MB: ${figure(batch.cpuMs)} CPU-ms here`,
    },
  ]
}

function commit({ measured: { batch }, batches }: Basics): Line[] {
  return [
    {
      item: 'packs: PUT', dollars: dollarsOf('s3Put', batches * batch.puts), basis: 'measured',
      detail: `${figure(batch.puts)} a batch, ${figure(batch.slices / batch.puts)} slices each`,
    },
    { item: 'file list: commits', dollars: dollarsOf('dynamoWrite', batches * batch.writeUnits), basis: 'measured', detail: `${figure(batch.writeUnits)} write units a batch` },
    { item: 'file list: reads', dollars: dollarsOf('dynamoRead', batches * batch.readUnits), basis: 'measured', detail: `${figure(batch.readUnits)} read units a batch` },
  ]
}

function ownLogs({ assume, requests, batches }: Basics): Line {
  const bytes = (requests + batches) * assume.logBytesPerInvocation
  return { item: 'own logs', dollars: dollarsOf('logsGb', bytes / 1e9), basis: 'assumed', detail: `${assume.logBytesPerInvocation} bytes an invocation` }
}

/** distinct streams and days of a run: a batch has so many days of each of its streams */
function filesOfRun({ workload, measured: { batch } }: Basics): number {
  const streamsABatch = Math.min(workload.streams, batch.messages / batch.commits)
  const days = Math.max(1, batch.slices / batch.commits / streamsABatch)
  return Math.min(COMPACTION.packsPerRun * (batch.slices / batch.commits), workload.streams * days)
}

function compaction(basics: Basics): Line[] {
  const { workload, measured: { batch }, assume, batches } = basics
  const runs = (batches * batch.puts) / COMPACTION.packsPerRun
  const files = filesOfRun(basics)
  const objects = dollarsOf('s3Put', COMPACTION.puts(files)) + dollarsOf('s3Get', COMPACTION.gets)
  const requests = objects + dollarsOf('dynamoWrite', COMPACTION.writeUnits(files))
  const seconds = (1_000 * COMPACTION.cpuMsPerRawMb * assume.cpuFactor) / 1e3
  return [
    { item: 'compaction: requests', dollars: runs * requests, basis: 'prototype', detail: `40 packs into ${figure(files)} files` },
    {
      item: 'compaction: GB-seconds', dollars: seconds * gbOfMb(COMPACTION.memoryMb) * secondPrice(workload), basis: 'prototype',
      detail: `${COMPACTION.cpuMsPerRawMb.toFixed(1)} CPU-ms a raw MB at ${COMPACTION.memoryMb} MB`,
    },
  ]
}

function storage({ workload, measured: { batch, packedRatio }, assume, batches }: Basics): Line[] {
  // Compacted within hours: packs count only as what was replaced.
  const packs = (batches * batch.putBytes) / 1e9
  const data = Math.min(packs, packedRatio)
  const replacedGbDays = packs * assume.packNoncurrentDays + (COMPACTION.generations - 1) * data * assume.noncurrentDays
  // Claims go after 30 days, entries by compaction: 30 days of both is the most there is.
  const itemGbMonths = (batches * batch.itemBytes) / 1e9
  return [
    {
      item: `storage: data, ${workload.retentionDays} days`, dollars: dollarsOf('s3GbMonth', (data * workload.retentionDays) / DAYS_PER_MONTH),
      basis: 'measured', detail: `${(data * 100).toFixed(1)} % of raw, in packs ${(packs * 100).toFixed(1)} %`,
    },
    {
      item: 'storage: what was replaced', dollars: dollarsOf('s3GbMonth', replacedGbDays / DAYS_PER_MONTH),
      basis: 'prototype', detail: `packs kept ${assume.packNoncurrentDays} days more, files ${assume.noncurrentDays}`,
    },
    {
      item: 'storage: file list and claims', dollars: dollarsOf('dynamoGbMonth', itemGbMonths) + dollarsOf('dynamoPitrGbMonth', itemGbMonths),
      basis: 'computed', detail: `${figure(batch.itemBytes / batch.messages)} bytes a message, with point-in-time recovery`,
    },
  ]
}

/** a search over a few days: the leader and four leaves, a list page and some column chunks each */
const QUERY = { leaderMs: 1_500, leaves: 4, leafMs: 1_000, gets: 100, readUnits: 23 } as const

function queries({ workload }: Basics): Line[] {
  if (workload.queriesPerDay === 0) return []
  const gbSeconds = (QUERY.leaderMs * gbOfMb(ENTRIES.query.memoryMb) + QUERY.leaves * QUERY.leafMs * gbOfMb(ENTRIES.leaf.memoryMb)) / 1e3
  const compute = gbSeconds * secondPrice(workload) + dollarsOf('lambdaRequest', 1 + QUERY.leaves)
  const each = compute + dollarsOf('s3Get', QUERY.gets) + dollarsOf('dynamoRead', QUERY.readUnits)
  const detail = `${workload.queriesPerDay} a day of $${each.toPrecision(2)} each; the receipt of an answer says what it cost`
  return [{ item: 'queries', dollars: (each * workload.queriesPerDay) / workload.gbPerDay, basis: 'assumed', detail }]
}
