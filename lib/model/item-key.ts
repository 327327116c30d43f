// The key of every item of the catalog (commit-protocol.md section 3), once for all adapters: the
// partition, and the order within it. Promises: the organisation stands in every partition key, and no
// part of a key can name another organisation's item. The inverses are in engine/store/layout.ts.
import { assert } from './errors.ts'
import type { Entry } from './file.ts'
import type { Day } from './time.ts'

/** `sk` is '-' where the partition is the item */
export interface ItemKey {
  readonly pk: string
  readonly sk: string
}

/** the sort key of an item that has its partition to itself: DynamoDB takes no empty one */
const ALONE = '-'

/** `#` parts the keys: a part that held one could name another organisation's item */
function joined(...parts: readonly (string | number)[]): string {
  for (const part of parts) assert(!String(part).includes('#'), `a key's part holds no "#": ${part}`)
  return parts.join('#')
}

export const freshList = (org: string): string => joined('F', org)
export const streamList = (org: string, streamId: string, inc: number): string => joined('L', org, streamId, inc)
export const streamsOf = (org: string): string => joined('S', org)
/** documents of a kind, in a table of their own; organisations begin in lower case, so embedded mode keeps both in one */
export const documentsOf = (org: string, kind: string): string => joined(org, kind)

/** sort keys of a stream list's days, both included: '$' follows '#', so every fid of the last day is below `to` */
export const dayRange = (fromDay: Day, toDay: Day): { readonly from: string; readonly to: string } =>
  ({ from: `${joined(fromDay)}#`, to: `${joined(toDay)}$` })

export const packItem = (org: string, fid: string): ItemKey => ({ pk: freshList(org), sk: joined(fid) })
export const fileItem = (org: string, streamId: string, inc: number, day: Day, fid: string): ItemKey =>
  ({ pk: streamList(org, streamId, inc), sk: joined(day, fid) })
export const claimItem = (org: string, bid: string): ItemKey => ({ pk: joined('C', org, bid), sk: ALONE })
export const garbageItem = (org: string, txid: string): ItemKey => ({ pk: joined('G', org), sk: joined(txid) })
export const dropItem = (org: string, txid: string): ItemKey => ({ pk: joined('D', org), sk: joined(txid) })
export const streamItem = (org: string, type: string, name: string): ItemKey => ({ pk: streamsOf(org), sk: joined(type, name) })
export const schemaItem = (org: string, streamId: string, inc: number): ItemKey => ({ pk: joined('M', org), sk: joined(streamId, inc) })
/** `keyHash`: SHA-256 of the Idempotency-Key, in hex */
export const rememberedItem = (org: string, keyHash: string): ItemKey => ({ pk: joined('K', org, keyHash), sk: ALONE })

/** the slot an entry takes: its place in the fresh list, or under its day in a stream's */
export function entryItem(org: string, entry: Entry): ItemKey {
  if (entry.list === 'fresh') return packItem(org, entry.fid)
  const slice = entry.slices[0]
  assert(slice !== undefined && entry.slices.length === 1, 'an entry of a stream list has one slice')
  return fileItem(org, slice.streamId, slice.inc, slice.day, entry.fid)
}

/**
 * A document's id may be any text, the empty one too, which is no sort key: it becomes `~`, and an id
 * that begins with `~` gets one more.
 */
export const documentItem = (org: string, kind: string, id: string): ItemKey =>
  ({ pk: documentsOf(org, kind), sk: id === '' || id.startsWith('~') ? `~${id}` : id })

/** the id of a document by its sort key; the inverse of `documentItem` */
export const documentIdOf = (sk: string): string => (sk.startsWith('~') ? sk.slice(1) : sk)
