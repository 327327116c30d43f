// The catalog's one table and its keys (commit-protocol section 3): partition, sort key, a JSON
// value. The organisation is in every partition key, so that no range can leave it.
import type { DatabaseSync } from 'node:sqlite'
import { assert } from '../model/errors.ts'
import type { Entry } from '../model/file.ts'
import type { Micros } from '../model/time.ts'

export interface ItemKey {
  readonly pk: string
  readonly sk: string
}

/** `#` parts the keys: a part that held one could name another organisation's item */
function joined(...parts: readonly (string | number)[]): string {
  for (const part of parts) assert(!String(part).includes('#'), `a key's part holds no "#": ${part}`)
  return parts.join('#')
}

export const freshList = (org: string): string => joined('F', org)
export const streamList = (org: string, streamId: string, inc: number): string => joined('L', org, streamId, inc)
export const streamsOf = (org: string): string => joined('S', org)
/** api.md: documents of a kind; organisations begin in lower case, so the lists above never meet it */
export const documentsOf = (org: string, kind: string): string => joined(org, kind)

/** the slot an entry takes: its place in the fresh list, or under its day in a stream's */
export function entryKey(org: string, entry: Entry): ItemKey {
  if (entry.list === 'fresh') return { pk: freshList(org), sk: joined(entry.fid) }
  const slice = entry.slices[0]
  assert(slice !== undefined && entry.slices.length === 1, 'an entry of a stream list has one slice')
  return { pk: streamList(org, slice.streamId, slice.inc), sk: joined(slice.day, entry.fid) }
}

export const claimKey = (org: string, bid: string): ItemKey => ({ pk: joined('C', org, bid), sk: '-' })
export const streamKey = (org: string, type: string, name: string): ItemKey => ({ pk: streamsOf(org), sk: joined(type, name) })
export const schemaKey = (org: string, streamId: string, inc: number): ItemKey => ({ pk: joined('M', org), sk: joined(streamId, inc) })
export const rememberedKey = (org: string, keyHash: string): ItemKey => ({ pk: joined('K', org, keyHash), sk: '-' })

/** what a stored row holds, beside its key */
export interface Item {
  readonly sk: string
  readonly value: unknown
  /** null: never expires */
  readonly expiresAt: Micros | null
}

export interface ItemTable {
  get(key: ItemKey): Item | null
  /** a whole partition in the order of sort keys, or its part with `from <= sk < before` */
  range(pk: string, from?: string, before?: string): readonly Item[]
  /** inserts or overwrites; callers check first, inside a write transaction */
  put(key: ItemKey, value: unknown, expiresAt?: Micros | null): void
  /** removes up to `count` items that expired by `now`; returns how many */
  purge(now: Micros, count: number): number
}

export function openItemTable(db: DatabaseSync): ItemTable {
  const one = db.prepare('SELECT sk, v, exp FROM item WHERE pk = ? AND sk = ?')
  const all = db.prepare('SELECT sk, v, exp FROM item WHERE pk = ? ORDER BY sk')
  const some = db.prepare('SELECT sk, v, exp FROM item WHERE pk = ? AND sk >= ? AND sk < ? ORDER BY sk')
  const put = db.prepare('INSERT OR REPLACE INTO item(pk, sk, v, exp) VALUES (?, ?, ?, ?)')
  const purge = db.prepare(`DELETE FROM item WHERE (pk, sk) IN
    (SELECT pk, sk FROM item WHERE exp IS NOT NULL AND exp <= ? ORDER BY exp LIMIT ?)`)
  return {
    get: ({ pk, sk }) => {
      const row = one.get(pk, sk)
      return row === undefined ? null : itemOf(row)
    },
    range: (pk, from, before) =>
      (from === undefined || before === undefined ? all.all(pk) : some.all(pk, from, before)).map(itemOf),
    put: ({ pk, sk }, value, expiresAt = null) => {
      put.run(pk, sk, Buffer.from(JSON.stringify(value)), expiresAt)
    },
    purge: (now, count) => Number(purge.run(now, count).changes),
  }
}

function itemOf(row: Readonly<Record<string, unknown>>): Item {
  const bytes = row['v'] as Uint8Array
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
  return { sk: String(row['sk']), value: JSON.parse(text) as unknown, expiresAt: row['exp'] as number | null }
}
