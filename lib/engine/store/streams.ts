// Stream items: the writer's view of which streams there are. A stream comes into being when the first
// message for it is written; the item's append-only history says to which incarnation a message
// belongs. A cached item is used for at most `incCacheMs`, because a deletion answers only after every
// writer must have seen it (commit-protocol.md section 4, stream delete).
import type { Clock, Ids, Ports } from '../ports.ts'
import type { Settings } from '../settings.ts'
import type { OrgId, StreamItem, StreamType } from '../../model/stream.ts'

interface CachedItem {
  readonly item: StreamItem
  /** both clocks when the read was *sent*: a frozen host's monotonic clock may have stood still */
  readonly readAt: number
  readonly readMs: number
}

/** items by organisation, type and name; lives as long as the writer's process */
export type StreamCache = Map<string, CachedItem>

/** cached items beyond which the cache is emptied: streams are few, names are the clients' to choose */
const CACHED_MAX = 20_000

/** The item of a stream, made when there is none. @throws unavailable */
export async function streamItemOf(
  ports: Ports, settings: Settings, cache: StreamCache, org: OrgId, type: StreamType, name: string,
): Promise<StreamItem> {
  const key = `${org}/${type}/${name}`
  const cached = cache.get(key)
  if (cached !== undefined && isFresh(cached, ports.clock, settings.incCacheMs)) return cached.item
  const readAt = ports.clock.now()
  const readMs = ports.clock.monotonicMs()
  const item = (await ports.catalog.stream(org, type, name)) ?? (await ports.catalog.createStream(newStream(ports.ids, org, type, name)))
  if (cache.size >= CACHED_MAX) cache.clear()
  cache.set(key, { item, readAt, readMs })
  return item
}

function isFresh(cached: CachedItem, clock: Clock, incCacheMs: number): boolean {
  const wallMs = (clock.now() - cached.readAt) / 1_000
  return wallMs >= 0 && wallMs <= incCacheMs && clock.monotonicMs() - cached.readMs <= incCacheMs
}

/** An item never stored before. Its first incarnation began at the beginning of time: rows may be older than their stream. */
export function newStream(ids: Ids, org: OrgId, type: StreamType, name: string): StreamItem {
  return { org, type, name, id: newStreamId(ids), inc: 1, history: [{ inc: 1, from: 0 }], settings: {}, state: 'live' }
}

/** 16 hex digits: 64 bits of chance, drawn 16 at a time because a double holds only 53 */
function newStreamId(ids: Ids): string {
  let id = ''
  for (let i = 0; i < 4; i++) id += Math.floor(ids.random() * 65_536).toString(16).padStart(4, '0')
  return id
}
