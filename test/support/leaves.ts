// Leaves for tests: shares and slices as plain data, leaves that answer what a test says, and leaves that
// go through the whole wire: JSON there and back, the leaf's own sandbox, answers spilled to the blobs.
import { encodeShare, readReply } from '../../lib/aws/leaf-wire.ts'
import { checkQuery, type Query } from '../../lib/engine/query/query.ts'
import { newSearchState, search } from '../../lib/engine/query/search.ts'
import { FooterCache } from '../../lib/engine/query/footer-cache.ts'
import type { LeafWork } from '../../lib/engine/query/leaf.ts'
import type { Clock, Ids, Leaves, Ports } from '../../lib/engine/ports.ts'
import { DEFAULT_SETTINGS, type Settings } from '../../lib/engine/settings.ts'
import type { ScanCounts, Share, ShareOutcome, ShareSlice } from '../../lib/model/share.ts'
import type { OrgId } from '../../lib/model/stream.ts'
import { answerLeafEvent } from '../../functions/query/leaf-event.ts'

export const COUNTS: ScanCounts = { filesRead: 1, filesPrunedStats: 0, rowGroups: 1, rowGroupsPruned: 0, bytesFetched: 10, gets: 1, rowsScanned: 5, rawBytes: 100 }

export const sliceNamed = (fid: string, length = 1_000): ShareSlice =>
  ({ fid, index: 0, key: `fresh/default/${fid}.pack`, offset: 4, length, rows: 5, rawBytes: 100 })

export const shareOf = (fids: readonly string[], over: Partial<Share> = {}): Share => ({
  org: 'default' as OrgId, fields: { n: 'int', s: 'string' }, columns: ['n', 's'], scans: [[]], where: null, range: { startTime: 0, endTime: 10 },
  slices: fids.map((fid) => sliceNamed(fid)), bytesMax: 1e9, deadlineMs: 60_000, ...over,
})

/** one piece a slice that holds the slice's fid: what was taken can be told */
export function outcomeOf(share: Share, failed: ShareOutcome['failed'] = []): ShareOutcome {
  const gone = new Set(failed.map(({ slice }) => slice))
  const pieces = share.slices.filter((_, i) => !gone.has(i)).map(({ fid }) => ({ parts: [Buffer.from(fid)], differing: new Map() }))
  return { pieces, failed, counts: COUNTS }
}

export const fidsOf = ({ pieces }: ShareOutcome): string[] => pieces.map(({ parts }) => Buffer.concat([...parts]).toString())

/** Time that moves only when somebody sleeps, after all that is ready has run. */
export function virtualClock(): Clock & { readonly sleepers: () => number } {
  let ms = 0
  let waiting: { readonly at: number; readonly wake: () => void }[] = []
  let pumping = false
  const pump = (): void => {
    pumping = false
    if (waiting.length === 0) return
    ms = Math.max(ms, Math.min(...waiting.map(({ at }) => at)))
    const due = waiting.filter(({ at }) => at <= ms)
    waiting = waiting.filter(({ at }) => at > ms)
    for (const { wake } of due) wake()
    schedule()
  }
  const schedule = (): void => {
    if (pumping || waiting.length === 0) return
    pumping = true
    setImmediate(pump)
  }
  return {
    now: () => ms * 1_000,
    monotonicMs: () => ms,
    sleep: (span) => new Promise((resolve) => {
      waiting.push({ at: ms + span, wake: resolve })
      schedule()
    }),
    sleepers: () => waiting.length,
  }
}

export interface WireOptions extends Omit<LeafWork, 'footers'> {
  readonly ids: Pick<Ids, 'ulid'>
  readonly inlineBytesMax?: number
}

/** a leaf in another function, but for the network */
export function wireLeaves(options: WireOptions): Leaves {
  const work = { ...options, footers: new FooterCache(2 ** 20) }
  return {
    async scan(share) {
      const reply = await answerLeafEvent(work, JSON.parse(encodeShare(share)), 60_000)
      return readReply(JSON.parse(JSON.stringify(reply)), share, options.ports.blobs)
    },
  }
}

export interface LeavesAnswer {
  readonly hits: readonly Readonly<Record<string, unknown>>[]
  readonly receipt: Readonly<Record<string, number>>
  readonly [other: string]: unknown
}

/** one search by a leader that knows these leaves; null: it is alone */
export async function askLeader(ports: Ports, leaves: Leaves | null, sql: string, over: { readonly query?: Partial<Query>; readonly settings?: Partial<Settings> } = {}): Promise<LeavesAnswer> {
  const settings = { ...DEFAULT_SETTINGS, ...over.settings }
  const answer = await search(ports, settings, newSearchState({ leaves }), checkQuery({
    org: 'default' as OrgId, traceId: 't', sql, defaultType: 'logs', startTime: 0, endTime: 2_082_758_400_000_000, from: 0, size: -1,
    trackTotalHits: false, histogramIntervalSeconds: 0, timeoutSeconds: 0, dryRun: false, ...over.query,
  }, settings))
  return JSON.parse(Buffer.concat(answer.parts).toString()) as LeavesAnswer
}
