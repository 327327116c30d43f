// The catalog of embedded mode on SQLite: file lists, claims, streams, schemas, documents. A commit
// is one `BEGIN IMMEDIATE .. COMMIT` that also takes messages whose rows it makes visible out of the
// queue, so the rows come and the message goes in the same instant. A listing is one read transaction.
import type { DatabaseSync } from 'node:sqlite'
import type {
  Catalog, Change, Clock, CommitOutcome, Document, Holder, ListRange, RememberedRequest,
} from '../engine/ports.ts'
import { assert } from '../model/errors.ts'
import type { Entry } from '../model/file.ts'
import {
  claimItem, dayRange, documentIdOf, documentItem, documentsOf, entryItem, freshList, rememberedItem, schemaItem, streamItem, streamList, streamsOf,
} from '../model/item-key.ts'
import type { ItemKey } from '../model/item-key.ts'
import { EMPTY_SCHEMA } from '../model/schema.ts'
import type { Schema } from '../model/schema.ts'
import type { OrgId, StreamItem } from '../model/stream.ts'
import { inTransaction } from './database.ts'
import { openItemTable } from './item-table.ts'
import type { Item, ItemTable } from './item-table.ts'

/** DynamoDB's bound on a transaction; the same here, so that the engine learns it early */
const CHANGES_MAX = 100
/** expired items removed beside each commit: more than a commit adds, so they never pile up */
const PURGED_PER_COMMIT = 2 * CHANGES_MAX

/** the `fid` of a claim whose rows are in the quarantine (Change) */
const QUARANTINE = 'quarantine'

/** what the value of each kind of item looks like at rest */
interface ClaimValue { readonly fid: string }
interface EntryValue { readonly state: Entry['state'] | 'swept' }
interface DocumentValue { readonly version: number; readonly value: unknown }

/**
 * @param db this thread's own connection (openDatabase)
 *
 * `commit` does not need its token: a repeated request is refused, and the holders name the fid the
 * first one wrote, from which the engine knows its own commit.
 */
export function openCatalog(db: DatabaseSync, clock: Clock): Catalog {
  const items = openItemTable(db)
  const dequeue = db.prepare('DELETE FROM queue WHERE bid = ? AND org = ?')

  function commit(org: OrgId, changes: readonly Change[]): CommitOutcome {
    const keys = checkedKeys(org, changes)
    return inTransaction(db, 'write', () => {
      const holders = changes.map((change, i) => holderOf(change, items.get(keys[i] as ItemKey)))
      if (holders.some((holder) => holder !== null)) return { kind: 'refused', holders }
      items.purge(clock.now(), PURGED_PER_COMMIT)
      changes.forEach((change, i) => {
        const key = keys[i] as ItemKey
        if (change.kind === 'put-entry') {
          items.put(key, change.entry)
        } else {
          items.put(key, { fid: change.fid } satisfies ClaimValue, change.expiresAt)
          // A claim for the quarantine comes before its object: until that is there the queue keeps
          // the message, or a crash between the two would leave it nowhere.
          if (change.fid !== QUARANTINE) dequeue.run(change.bid, org)
        }
      })
      return { kind: 'committed' }
    })
  }

  function list(org: OrgId, ranges: readonly ListRange[]): readonly Entry[] {
    // Ranges may overlap; an entry counted twice would be rows counted twice.
    const found = new Map<string, Item>()
    const add = (pk: string, part: readonly Item[]): void => {
      for (const item of part) found.set(`${pk} ${item.sk}`, item)
    }
    inTransaction(db, 'read', () => {
      add(freshList(org), items.range(freshList(org)))
      for (const { streamId, inc, fromDay, toDay } of ranges) {
        const pk = streamList(org, streamId, inc)
        const days = dayRange(fromDay, toDay)
        add(pk, items.range(pk, days.from, days.to))
      }
    })
    return [...found.values()].map((item) => item.value as Entry).filter((entry) => (entry as EntryValue).state !== 'swept')
  }

  function putIfAbsent<T>(key: ItemKey, value: T, expiresAt: number | null = null): T {
    const stands = (): T | null => {
      const item = items.get(key)
      const expired = item?.expiresAt != null && item.expiresAt <= clock.now()
      return item === null || expired ? null : item.value as T
    }
    return inTransaction(db, 'write', () => {
      const old = stands()
      if (old !== null) return old
      items.put(key, value, expiresAt)
      return value
    })
  }

  return {
    commit: async (org, _token, changes) => commit(org, changes),
    list: async (org, ranges) => list(org, ranges),
    // A query may name anything; what cannot stand in a key is no stream.
    stream: async (org, type, name) => name.includes('#') ? null : read(db, () => (items.get(streamItem(org, type, name))?.value ?? null) as StreamItem | null),
    streams: async (org) => read(db, () => items.range(streamsOf(org)).map((item) => item.value as StreamItem)),
    createStream: async (item) => putIfAbsent(streamItem(item.org, item.type, item.name), item),
    schema: async (org, streamId, inc) =>
      read(db, () => (items.get(schemaItem(org, streamId, inc))?.value ?? EMPTY_SCHEMA) as Schema),
    putSchema: async (org, streamId, inc, fields, ifVersion) =>
      putVersion(db, items, schemaItem(org, streamId, inc), ifVersion, (version) => ({ version, fields } satisfies Schema)),
    remember: async (org, keyHash, item) => putIfAbsent<RememberedRequest>(rememberedItem(org, keyHash), item, item.expiresAt),
    document: async (org, kind, id) => read(db, () => {
      const item = items.get(documentItem(org, kind, id))
      return item === null ? null : documentOf(item)
    }),
    documents: async (org, kind) => read(db, () => items.range(documentsOf(org, kind)).map(documentOf)),
    putDocument: async (org, kind, id, value, ifVersion) => {
      assert(value !== undefined, 'a document has a value')
      return putVersion(db, items, documentItem(org, kind, id), ifVersion,
        (version) => ({ version, value } satisfies DocumentValue))
    },
  }
}

function checkedKeys(org: OrgId, changes: readonly Change[]): readonly ItemKey[] {
  assert(changes.length > 0 && changes.length <= CHANGES_MAX, `a commit has 1 to ${CHANGES_MAX} changes`)
  const keys = changes.map((change) =>
    change.kind === 'put-entry' ? entryItem(org, change.entry) : claimItem(org, change.bid))
  const distinct = new Set(keys.map(({ pk, sk }) => `${pk} ${sk}`))
  assert(distinct.size === keys.length, 'a commit changes each item once')
  return keys
}

/** what stands in a change's way; an expired claim still holds until it is purged */
function holderOf(change: Change, item: Item | null): Holder | null {
  if (item === null) return null
  if (change.kind === 'put-claim') return { kind: 'claim', fid: (item.value as ClaimValue).fid }
  return { kind: (item.value as EntryValue).state === 'swept' ? 'swept' : 'entry' }
}

const read = <T>(db: DatabaseSync, work: () => T): T => inTransaction(db, 'read', work)

/** writes version `ifVersion + 1` if `ifVersion` stands (0: nothing does); false otherwise */
function putVersion(
  db: DatabaseSync, items: ItemTable, key: ItemKey, ifVersion: number, make: (version: number) => { readonly version: number },
): boolean {
  return inTransaction(db, 'write', () => {
    const stored = (items.get(key)?.value as { readonly version: number } | undefined)?.version ?? 0
    if (stored !== ifVersion) return false
    items.put(key, make(ifVersion + 1))
    return true
  })
}

function documentOf({ sk, value }: Item): Document {
  const { version, value: inner } = value as DocumentValue
  return { id: documentIdOf(sk), version, value: inner }
}
