// The catalog's one table (commit-protocol section 3): partition, sort key, a JSON value, and when it
// expires. The keys are those of lib/model/item-key.ts.
import type { DatabaseSync } from 'node:sqlite'
import type { ItemKey } from '../model/item-key.ts'
import type { Micros } from '../model/time.ts'

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
