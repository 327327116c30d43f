// Queries on Lambda: a leader lists, cuts shares and scatters them over leaves, with the real scatter, the
// real client of leaves and the real wire; leaves scan real Parquet. What comes back is read, and
// must be every row that was committed before the query started, once; or the query fails and says that
// it may be asked again.
import { createLeaves } from '../../../lib/aws/leaves.ts'
import { decodeShare } from '../../../lib/aws/leaf-wire.ts'
import { answerLeafEvent } from '../../../functions/query/leaf-event.ts'
import { FooterCache } from '../../../lib/engine/query/footer-cache.ts'
import { deadlineCheck, scanShare } from '../../../lib/engine/query/scan.ts'
import { scatter } from '../../../lib/engine/query/scatter.ts'
import { cutShares, newestFirst, sliceOf, weightOf } from '../../../lib/engine/query/shares.ts'
import type { Leaves, Ports } from '../../../lib/engine/ports.ts'
import type { Settings } from '../../../lib/engine/settings.ts'
import { Table } from '../../../lib/engine/store/columns.ts'
import { readListing, type StreamListing } from '../../../lib/engine/store/files.ts'
import { readRows } from '../../../lib/engine/store/parquet-read.ts'
import { encodeParquet } from '../../../lib/engine/store/parquet-write.ts'
import { settle } from '../../../lib/engine/store/settle.ts'
import { EngineError, asEngineError } from '../../../lib/model/errors.ts'
import type { Share, ShareOutcome } from '../../../lib/model/share.ts'
import type { OrgId } from '../../../lib/model/stream.ts'
import type { Micros } from '../../../lib/model/time.ts'
import { Violation, must } from '../invariants.ts'
import type { Process } from '../scheduler.ts'
import type { Cloud } from './cloud.ts'
import type { EnvironmentPorts } from './environment.ts'
import type { Handler, LambdaFunction } from './functions.ts'
import type { LambdaProbe } from './probes.ts'

export interface QueryEvent {
  readonly org: OrgId
  readonly stream: string
}

export interface QueryAnswer {
  readonly status: number
  readonly rows: number
}

const FOOTER_CACHE_BYTES = 2 ** 20
/** what a search may take behind the edge (NILOMETER_ANSWER_SECONDS) */
const QUERY_DEADLINE_MS = 28_000
const PLANS_MAX = 2

/** the leaf function */
export const leafHandler = (cloud: Cloud) => ({ ports }: EnvironmentPorts): Handler<unknown, unknown> => {
  const { settings } = cloud.world
  const blobs = readBlobs(cloud, ports, (key) => {
    if (cloud.chance('unreadable')) throw new EngineError('unavailable', `${key} cannot be read just now`)
  })
  const work = { ports: { ...ports, blobs }, settings, footers: new FooterCache(FOOTER_CACHE_BYTES), ids: ports.ids, inlineBytesMax: cloud.query.inlineBytesMax }
  return async (event, context) => {
    const reply = await answerLeafEvent(work, event, context.getRemainingTimeInMillis())
    if ('key' in reply && reply.key !== null) cloud.probe('answered by way of the bucket')
    return reply
  }
}

/** Blobs whose reads meet more: in worlds that move early, what was merged away is gone at once. */
function readBlobs({ query, world }: Cloud, { blobs }: Ports, meet: (key: string) => void): Ports['blobs'] {
  return {
    get: async (key, range) => {
      meet(key)
      const bytes = await blobs.get(key, range)
      const moved = query.movesEarly && /^(fresh|data)\//.test(key) && ![...world.slots.values()].some(({ entry }) => entry?.key === key && entry.state === 'live')
      if (moved) throw new EngineError('not_found', `there is no blob ${key}`)
      return bytes
    },
    put: (key, bytes) => blobs.put(key, bytes), list: (prefix, after) => blobs.list(prefix, after), delete: (key) => blobs.delete(key),
  }
}

/** the query function, less SQL: a query of one stream's ids */
export const queryHandler = (cloud: Cloud, leaf: LambdaFunction<unknown, unknown>) => ({ ports, process }: EnvironmentPorts): Handler<QueryEvent, QueryAnswer> => {
  const blobs = readBlobs(cloud, ports, (key) => {
    if (!key.startsWith('answers/') || !cloud.chance('unreadable')) return
    cloud.probe('answer in the bucket unreadable')
    throw new EngineError('unavailable', `${key} cannot be read just now`)
  })
  const far = watched(cloud, createLeaves({ functionName: 'leaf', client: clientOf(cloud, process, leaf), blobs }))
  const leader: Leader = { cloud, ports: { ...ports, blobs, telemetry: noted(cloud, ports.telemetry) }, far, footers: new FooterCache(FOOTER_CACHE_BYTES) }
  return async ({ org, stream }) => {
    for (let plans = 1; ; plans++) {
      try {
        return { status: 200, rows: await queryOnce(leader, org, stream) }
      } catch (thrown) {
        if (thrown instanceof Violation) throw thrown
        const error = asEngineError(thrown)
        must(error.slug !== 'not_found' || cloud.query.movesEarly, `I9: an object is gone under a reader: ${error.message}`)
        if (error.slug !== 'not_found' || plans === PLANS_MAX) {
          noteEnd(cloud, error)
          return { status: 503, rows: 0 }
        }
        cloud.probe('planned again')
      }
    }
  }
}

interface Leader {
  readonly cloud: Cloud
  readonly ports: Ports
  readonly far: Leaves
  readonly footers: FooterCache
}

function noteEnd(cloud: Cloud, { slug, kind, message }: EngineError): void {
  must(slug === 'not_found' || kind === 'unavailable' || kind === 'limited' || kind === 'timeout', `a query fails: ${message}`)
  if (slug === 'file_unreadable') cloud.probe('leaf failed twice')
  if (slug === 'query_timeout') cloud.probe('query too long')
}

async function queryOnce({ cloud, ports, far, footers }: Leader, org: OrgId, stream: string): Promise<number> {
  const { world } = cloud
  const { settings } = world
  const startedAt = world.s.now
  const check = deadlineCheck(ports.clock, QUERY_DEADLINE_MS)
  const [listing] = await readListing(ports, settings, org, [{ type: 'logs', name: stream }], 0, Number.MAX_SAFE_INTEGER / 2)
  if (!listing) return 0
  const shares = sharesOf(settings, org, listing)
  const seen = new Set<number>()
  const take = async (_origin: number, { pieces }: ShareOutcome): Promise<void> => {
    // Files are written while other answers come.
    await ports.clock.sleep(world.s.random.log(1, 300))
    for (const { parts } of pieces) for (const row of await readRows(Buffer.concat(parts))) see(seen, Number(row['id']), cloud, listing)
  }
  const toLeaves = cloud.query.toLeaves
  cloud.probe(toLeaves ? 'scanned by leaves' : 'scanned by the leader')
  await scatter({
    near: { scan: (share) => scanShare({ blobs: ports.blobs, coalesceBytes: settings.coalesceBytes, footers, check }, share) }, far,
    clock: ports.clock, telemetry: ports.telemetry, leavesMax: settings.leavesMax, hedgeFloorMs: settings.hedgeFloorMs, check, take,
    budgeted: (share) => ({ ...share, bytesMax: settings.queryScanBytesMax, deadlineMs: QUERY_DEADLINE_MS }),
  }, shares, toLeaves)
  for (const [id, row] of world.check.committedRows) {
    if (row.streamId === listing.item.id && row.inc === listing.item.inc && row.visibleAt <= startedAt) must(seen.has(id), `I9: a query misses row ${id}`)
  }
  world.s.log(`query of ${stream}: ${seen.size} rows`)
  world.probe('read exactly')
  return seen.size
}

function see(seen: Set<number>, id: number, { world }: Cloud, { item }: StreamListing): void {
  must(!seen.has(id), `I9: a query sees row ${id} twice`)
  must(world.check.committedRows.get(id)?.inc === item.inc, `I10: a query sees row ${id} of another incarnation`)
  seen.add(id)
}

function sharesOf(settings: Settings, org: OrgId, { slices, schema }: StreamListing): Share[] {
  const common = {
    org, fields: schema.fields, columns: ['id'], scans: [[]], where: null, range: { startTime: 0, endTime: Number.MAX_SAFE_INTEGER }, bytesMax: 0, deadlineMs: 0,
  }
  return cutShares(newestFirst(slices).map(sliceOf), (slice) => weightOf(slice, 1, 1), settings.shareBytes, settings.shareSlicesMax)
    .map((part) => ({ ...common, slices: part }))
}

const COUNTED: ReadonlyMap<string, LambdaProbe> = new Map([
  ['leaf_hedges_total', 'hedged'], ['leaf_retries_total', 'leaf failed once'], ['leaf_throttles_total', 'leaf throttled'],
])

function noted(cloud: Cloud, telemetry: Ports['telemetry']): Ports['telemetry'] {
  return {
    ...telemetry,
    count: (name, n) => {
      const probe = COUNTED.get(name)
      if (probe !== undefined) cloud.probe(probe)
      telemetry.count(name, n)
    },
  }
}

/** the leaves, telling who of two was first */
function watched(cloud: Cloud, leaves: Leaves): Leaves {
  const out = new Map<string, number>()
  return {
    async scan(share) {
      const name = JSON.stringify(share.slices)
      const before = out.get(name) ?? 0
      out.set(name, before + 1)
      try {
        const outcome = await leaves.scan(share)
        const both = out.get(name) === 2
        if (both) cloud.probe(before === 1 ? 'hedge won' : 'hedge lost')
        if (outcome.failed.length > 0) cloud.probe(outcome.failed.length === share.slices.length ? 'every slice failed' : 'some slices failed')
        return outcome
      } finally {
        out.set(name, out.get(name)! - 1)
      }
    },
  }
}

type Client = Parameters<typeof createLeaves>[0]['client']

/** as far as `createLeaves` uses the SDK's client: `send` of an InvokeCommand, given up at the share's end */
function clientOf(cloud: Cloud, process: Process, leaf: LambdaFunction<unknown, unknown>): Client {
  const { s } = cloud
  const send = ({ input }: { readonly input: { readonly Payload: Uint8Array } }): Promise<unknown> => new Promise((resolve, reject) => {
    const event = JSON.parse(Buffer.from(input.Payload).toString()) as unknown
    s.after((decodeShare(event).deadlineMs + 1_000) * 1_000, () => reject(Object.assign(new Error('the request took too long'), { name: 'TimeoutError' })), process)
    leaf.invoke(event, (result) => {
      if (cloud.chance('answerLost')) {
        cloud.probe('answer of a leaf lost')
        return
      }
      s.after(cloud.chance('lateLeaf') ? s.random.log(50_000, 10_000_000) : s.latency(cloud.world.faults.slow), () => {
        if (result.kind === 'throttled') reject(Object.assign(new Error('Rate Exceeded'), { name: 'TooManyRequestsException', $metadata: { httpStatusCode: 429 } }))
        else if (result.kind === 'error') resolve({ FunctionError: 'Unhandled', Payload: Buffer.from(JSON.stringify({ errorType: 'Sandbox.Timedout', errorMessage: result.reason })) })
        else resolve({ Payload: Buffer.from(garbled(cloud, JSON.stringify(result.value))) })
      }, process)
    })
  })
  return { send } as unknown as Client
}

/** an answer that is none must be noticed */
function garbled(cloud: Cloud, text: string): string {
  if (!cloud.chance('garbled')) return text
  cloud.probe('answer of a leaf damaged')
  return cloud.s.random.pick([
    '', '{}', text.slice(0, -1), text.replace('"read":[0', '"read":[0,0'), text.replace(/"read":\[[0-9,]*\]/, '"read":[]'),
    text.replace(/"failed":\[\{.*?\}\}\]/, '"failed":[]'), text.replace(/"body":".{4}/, '"body":"'),
  ])
}

/** a merged file as leaves can read it: ids, and a time for all of them */
export function mergedFile(ids: readonly number[], time: Micros): Uint8Array {
  const table = new Table(16)
  for (const [row, id] of ids.entries()) {
    table.field('id').setInt(row, id, 0)
    table.endRow(time, 0)
  }
  return encodeParquet({
    columns: settle(table), times: table.times, order: Int32Array.from(ids.keys()), metadata: [], fullText: [], hot: [], zstdLevel: 1, rowGroupRows: 50_000, statisticsBytesMax: 64,
  })
}

/** People who ask: what the edge does not answer in time they ask again, or not. */
export class Askers {
  private readonly cloud: Cloud
  private readonly query: LambdaFunction<QueryEvent, QueryAnswer>
  /** queries answered with rows */
  answered = 0

  constructor(cloud: Cloud, query: LambdaFunction<QueryEvent, QueryAnswer>) {
    this.cloud = cloud
    this.query = query
  }

  ask(org: OrgId, stream: string): void {
    this.query.invoke({ org, stream }, (result) => {
      this.cloud.s.log(`query of ${stream}: ${result.kind}`)
      if (result.kind === 'answer' && result.value.status === 200) this.answered++
    })
  }
}
