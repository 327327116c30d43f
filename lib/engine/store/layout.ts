// Where everything is at rest: every object key of commit-protocol.md section 2 and its inverse, and
// what an item of the file list names (its key: lib/model/item-key.ts). Promises: `parseObjectKey(objectKey(x))` is x, distinct names have distinct
// keys, and the place an object holds in the file list follows from its key alone (the sweeper takes
// the slot of an object that has no entry by reading nothing but its name).
import { fileItem, packItem, type ItemKey } from '../../model/item-key.ts'
import { STREAM_TYPES, type StreamType } from '../../model/stream.ts'
import { dayNumberOfDay, type Day } from '../../model/time.ts'

/** what an object is, by its key */
export type ObjectName =
  | { readonly kind: 'pack'; readonly org: string; readonly fid: string }
  | {
    readonly kind: 'file'; readonly org: string; readonly type: StreamType; readonly stream: string; readonly day: Day
    readonly streamId: string; readonly inc: number; readonly fid: string
  }
  | { readonly kind: 'lineage'; readonly org: string; readonly day: Day; readonly txid: string }
  | { readonly kind: 'mark'; readonly org: string; readonly streamId: string; readonly inc: number }
  | { readonly kind: 'spill'; readonly org: string; readonly bid: string }
  | { readonly kind: 'parked'; readonly org: string; readonly day: Day; readonly bid: string }

/**
 * A stream's name as one segment of a key: RFC 3986 unreserved characters stay, every other byte of
 * the UTF-8 becomes %XX (encodeURIComponent leaves !'()* as they are, which S3 lists as unsafe).
 */
export function encodeSegment(name: string): string {
  return encodeURIComponent(name).replace(/[!'()*]/g, (c) => '%' + c.charCodeAt(0).toString(16).toUpperCase())
}

/** the inverse; null for a text that `encodeSegment` never makes */
export function decodeSegment(segment: string): string | null {
  try {
    const name = decodeURIComponent(segment)
    return encodeSegment(name) === segment ? name : null
  } catch {
    return null
  }
}

export const packKey = (org: string, fid: string): string => `fresh/${org}/${fid}.pack`
export const spillKey = (org: string, bid: string): string => `wal/${org}/${bid}`
export const parkedKey = (org: string, day: Day, bid: string): string => `quarantine/${org}/${day}/${bid}`
export const lineageKey = (org: string, day: Day, txid: string): string => `lineage/${org}/${day}/${txid}.json`
export const markKey = (org: string, streamId: string, inc: number): string => `marks/${org}/${streamId}/${inc}.deleted`

/** Hive-style, so that DuckDB, Athena and Spark read `org`, `type`, `stream` and `date` from the path */
export function fileKey(name: Omit<Extract<ObjectName, { kind: 'file' }>, 'kind'>): string {
  const folder = `data/org=${name.org}/type=${name.type}/stream=${encodeSegment(name.stream)}/date=${name.day}`
  return `${folder}/${name.streamId}.${name.inc}.${name.fid}.parquet`
}

export function objectKey(name: ObjectName): string {
  switch (name.kind) {
    case 'pack': return packKey(name.org, name.fid)
    case 'file': return fileKey(name)
    case 'lineage': return lineageKey(name.org, name.day, name.txid)
    case 'mark': return markKey(name.org, name.streamId, name.inc)
    case 'spill': return spillKey(name.org, name.bid)
    case 'parked': return parkedKey(name.org, name.day, name.bid)
  }
}

/** prefixes to list one organisation's objects of a kind (a mark or file also by stream) */
export const packPrefix = (org: string): string => `fresh/${org}/`
export const filePrefix = (org: string): string => `data/org=${org}/`
export const lineagePrefix = (org: string): string => `lineage/${org}/`
export const spillPrefix = (org: string): string => `wal/${org}/`
export const parkedPrefix = (org: string): string => `quarantine/${org}/`

const ORG = '([a-z0-9][a-z0-9_-]{0,63})'
const ULID = '([0-9A-HJKMNP-TV-Z]{26})'
/** the n-th replay of a parked message appends ~n */
const BID = '([0-9A-HJKMNP-TV-Z]{26}(?:~[1-9][0-9]*)?)'
const DAY = '(\\d{4}-\\d{2}-\\d{2})'
const STREAM_ID = '([0-9a-f]{16})'
const INC = '([1-9][0-9]{0,8})'

const PACK = new RegExp(`^fresh/${ORG}/${ULID}\\.pack$`)
const FILE = new RegExp(`^data/org=${ORG}/type=([a-z]+)/stream=([^/]+)/date=${DAY}/${STREAM_ID}\\.${INC}\\.${ULID}\\.parquet$`)
const LINEAGE = new RegExp(`^lineage/${ORG}/${DAY}/${ULID}\\.json$`)
const MARK = new RegExp(`^marks/${ORG}/${STREAM_ID}/${INC}\\.deleted$`)
const SPILL = new RegExp(`^wal/${ORG}/${BID}$`)
const PARKED = new RegExp(`^quarantine/${ORG}/${DAY}/${BID}$`)

/** the inverse of `objectKey`; null for a key that is none of ours (never to be touched) */
export function parseObjectKey(key: string): ObjectName | null {
  const name = parseShape(key)
  return name !== null && 'day' in name && Number.isNaN(dayNumberOfDay(name.day)) ? null : name
}

function parseShape(key: string): ObjectName | null {
  let m: RegExpExecArray | null
  if ((m = PACK.exec(key))) return { kind: 'pack', org: m[1]!, fid: m[2]! }
  if ((m = FILE.exec(key))) {
    const stream = decodeSegment(m[3]!)
    const type = STREAM_TYPES.find((t) => t === m![2])
    if (stream === null || type === undefined) return null
    return { kind: 'file', org: m[1]!, type, stream, day: m[4]!, streamId: m[5]!, inc: Number(m[6]), fid: m[7]! }
  }
  if ((m = LINEAGE.exec(key))) return { kind: 'lineage', org: m[1]!, day: m[2]!, txid: m[3]! }
  if ((m = MARK.exec(key))) return { kind: 'mark', org: m[1]!, streamId: m[2]!, inc: Number(m[3]) }
  if ((m = SPILL.exec(key))) return { kind: 'spill', org: m[1]!, bid: m[2]! }
  if ((m = PARKED.exec(key))) return { kind: 'parked', org: m[1]!, day: m[2]!, bid: m[3]! }
  return null
}

/** where in the file list an object's entry (or its swept slot) stands; null: the object needs none */
export function listItemOf(name: ObjectName): ItemKey | null {
  if (name.kind === 'pack') return packItem(name.org, name.fid)
  if (name.kind === 'file') return fileItem(name.org, name.streamId, name.inc, name.day, name.fid)
  return null
}

/** what a list item names; the inverse of `packItem` and `fileItem`; null for every other item */
export function parseListItem(item: ItemKey):
  | { readonly list: 'fresh'; readonly org: string; readonly fid: string }
  | { readonly list: 'stream'; readonly org: string; readonly streamId: string; readonly inc: number; readonly day: Day; readonly fid: string }
  | null {
  const fresh = /^F#([^#]+)$/.exec(item.pk)
  if (fresh) return { list: 'fresh', org: fresh[1]!, fid: item.sk }
  const stream = /^L#([^#]+)#([^#]+)#([0-9]+)$/.exec(item.pk)
  const place = /^([^#]+)#([^#]+)$/.exec(item.sk)
  if (!stream || !place) return null
  return { list: 'stream', org: stream[1]!, streamId: stream[2]!, inc: Number(stream[3]), day: place[1]!, fid: place[2]! }
}

/** milliseconds since 1970 in a ULID's first ten characters (Crockford base32, 5 bits each); NaN for another text */
export function ulidTimeMs(ulid: string): number {
  if (!/^[0-9A-HJKMNP-TV-Z]{26}/.test(ulid)) return NaN
  let ms = 0
  for (let i = 0; i < 10; i++) ms = ms * 32 + '0123456789ABCDEFGHJKMNPQRSTVWXYZ'.indexOf(ulid[i]!)
  return ms
}
