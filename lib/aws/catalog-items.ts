// Entries and claims as items of DynamoDB (commit-protocol.md section 3; docs/format.md says every
// byte). Small is cheap: a pack of 16 slices and a claim each stay within 1 KB, which in a transaction
// is 2 write units. Promises: what is decoded is what was encoded, key included, and any other item
// throws an EngineError that names it: a listing that skipped it would lose rows.
import type { Holder } from '../engine/ports.ts'
import { assert } from '../model/errors.ts'
import type { Entry } from '../model/file.ts'
import { claimItem, entryItem } from '../model/item-key.ts'
import type { Micros } from '../model/time.ts'
import { bytesOf, expiry, keyAttributes, textOf, unreadable, whole, wholeOf } from './attributes.ts'
import type { Item } from './attributes.ts'
import { ULID, decodeRefs, decodeSlices, encodeRefs, encodeSlices } from './slice-table.ts'

/** the `fid` of a claim whose rows are in the quarantine (Change) */
const QUARANTINE = 'quarantine'
const HASH = /^[0-9a-f]{64}$/

/** `st` of an entry's item */
const STATES = { live: 'l', replaced: 'r' } as const
const SWEPT = 's'

export function encodeEntry(org: string, entry: Entry): Item {
  const { state, slices, bytes, hash, replaces } = entry
  assert(HASH.test(hash), `an object's hash is 64 hex digits: ${hash}`)
  assert(ULID.test(entry.fid), `an object's id is a ULID: ${entry.fid}`)
  assert(Number.isSafeInteger(bytes) && bytes >= 0, `an object has a size: ${bytes}`)
  return {
    ...keyAttributes(entryItem(org, entry)),
    st: { S: STATES[state] },
    t: { B: encodeSlices(slices) },
    n: whole(bytes),
    h: { B: Buffer.from(hash, 'hex') },
    ...(replaces.length === 0 ? {} : { rp: { B: encodeRefs(replaces) } }),
    ...keyParts(org, entry),
  }
}

/** what surrounds the stream's part of an object key (engine/store/layout.ts): all of it is in the item's own key */
function keyFrame(org: string, { list, fid, slices }: Pick<Entry, 'list' | 'fid' | 'slices'>): readonly [string, string] {
  if (list === 'fresh') return [`fresh/${org}/${fid}.pack`, '']
  const { streamId, inc, day } = slices[0]!
  return [`data/org=${org}/`, `/date=${day}/${streamId}.${inc}.${fid}.parquet`]
}

/** `m`, the part of the object key that does not follow from the item's, or `k`, all of a key of another shape */
function keyParts(org: string, entry: Entry): Item {
  const [head, tail] = keyFrame(org, entry)
  const { key } = entry
  if (key.length < head.length + tail.length || !key.startsWith(head) || !key.endsWith(tail)) return { k: { S: key } }
  const middle = key.slice(head.length, key.length - tail.length)
  return middle === '' ? {} : { m: { S: middle } }
}

/** null: a swept slot */
export function decodeEntry(org: string, item: Item): Entry | null {
  const st = textOf(item, 'st')
  if (st === SWEPT) return null
  const state = st === STATES.live ? 'live' : st === STATES.replaced ? 'replaced' : null
  if (state === null) throw unreadable(item, `its state is '${st}'`)
  const list = textOf(item, 'pk').startsWith('F#') ? 'fresh' : 'stream'
  const fid = textOf(item, 'sk').slice(-26)
  const slices = decoded(item, () => decodeSlices(bytesOf(item, 't')))
  const replaces = item['rp'] === undefined ? [] : decoded(item, () => decodeRefs(bytesOf(item, 'rp')))
  const hash = bytesOf(item, 'h')
  if (hash.length !== 32) throw unreadable(item, `its hash has ${hash.length} bytes`)
  if (!ULID.test(fid)) throw unreadable(item, 'its sort key ends in no ULID')
  if (list === 'stream' && slices.length !== 1) throw unreadable(item, `it has ${slices.length} slices`)
  const [head, tail] = keyFrame(org, { list, fid, slices })
  const key = item['k'] === undefined ? head + (item['m'] === undefined ? '' : textOf(item, 'm')) + tail : textOf(item, 'k')
  const entry: Entry = { list, fid, key, state, slices, bytes: wholeOf(item, 'n'), hash: hash.toString('hex'), replaces }
  // The key says which stream and day too; an item under another key was never written by us.
  const own = decoded(item, () => entryItem(org, entry))
  if (own.pk !== item['pk']?.S || own.sk !== item['sk']?.S) throw unreadable(item, 'its slice belongs under another key')
  return entry
}

function decoded<T>(item: Item, decode: () => T): T {
  try {
    return decode()
  } catch (error) {
    throw unreadable(item, error instanceof Error ? error.message : 'its bytes are not ours', error)
  }
}

export function encodeClaim(org: string, bid: string, fid: string, expiresAt: Micros): Item {
  assert(fid === QUARANTINE || ULID.test(fid), `a claim names an object or '${QUARANTINE}': ${fid}`)
  return { ...keyAttributes(claimItem(org, bid)), f: { S: fid }, exp: expiry(expiresAt) }
}

/** a swept slot: as the sweeper puts it where an object without an entry would be listed */
export const encodeSweptSlot = (key: { readonly pk: string; readonly sk: string }, expiresAt: Micros): Item =>
  ({ ...keyAttributes(key), st: { S: SWEPT }, exp: expiry(expiresAt) })

/** what an item that stands in a change's way is; an expired one holds too, until DynamoDB has removed it */
export function decodeHolder(org: string, item: Item): Holder {
  if (textOf(item, 'pk').startsWith('C#')) {
    const fid = textOf(item, 'f')
    if (fid !== QUARANTINE && !ULID.test(fid)) throw unreadable(item, `it names '${fid}'`)
    return { kind: 'claim', fid }
  }
  return { kind: decodeEntry(org, item) === null ? 'swept' : 'entry' }
}
