// The catalog on DynamoDB: the file list, claims, streams and schemas in one table, documents in
// another. A commit is one TransactWriteItems, each item only if absent; whatever the answer does not
// say is `unavailable`, and the same request sent again tells. Requests, units and money of each call:
// docs/format.md.
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import type { Catalog, Change, Clock, CommitOutcome, ListRange } from '../engine/ports.ts'
import { assert } from '../model/errors.ts'
import type { Entry } from '../model/file.ts'
import { dayRange, freshList, schemaItem, streamItem, streamList, streamsOf } from '../model/item-key.ts'
import { EMPTY_SCHEMA } from '../model/schema.ts'
import type { OrgId } from '../model/stream.ts'
import type { Micros } from '../model/time.ts'
import { whole } from './attributes.ts'
import type { Item } from './attributes.ts'
import { decodeEntry, decodeHolder, encodeClaim, encodeEntry } from './catalog-items.ts'
import { decodeRemembered, decodeSchema, decodeStream, encodeRemembered, encodeSchema, encodeStream } from './catalog-values.ts'
import { documentCalls, isSortKey, putVersion } from './documents.ts'
import { ABSENT, openItems } from './items.ts'
import type { Condition, Items } from './items.ts'

/** DynamoDB's bound on a transaction */
const CHANGES_MAX = 100

export interface CatalogOptions {
  /** name of the table of lists, claims, streams, schemas */
  readonly table: string
  /** name of the table of documents */
  readonly documents: string
  /** of `dynamoClient` */
  readonly client: DynamoDBClient
  /** by which remembered requests expire */
  readonly clock: Clock
}

export function createCatalog({ table, documents, client, clock }: CatalogOptions): Catalog {
  const items = openItems(client, table)

  async function putIfAbsent<T>(item: Item, decode: (item: Item) => T, condition: Condition = ABSENT): Promise<T> {
    const outcome = await items.put(item, condition)
    if (outcome.written) return decode(item)
    assert(outcome.stands !== null, 'what stands in the way of a put is told')
    return decode(outcome.stands)
  }

  return {
    commit: (org, token, changes, judgedAt) => commit(items, org, token, changes, judgedAt),
    list: (org, ranges) => list(items, org, ranges),
    // A query may name anything; what cannot stand in a key is no stream.
    stream: async (org, type, name) => {
      if (name.includes('#') || !isSortKey(`${type}#${name}`)) return null
      const item = await items.get(streamItem(org, type, name))
      return item === null ? null : decodeStream(org, item)
    },
    streams: async (org) => (await items.query(streamsOf(org))).map((item) => decodeStream(org, item)),
    createStream: async (item) => putIfAbsent(encodeStream(item), (stands) => decodeStream(item.org, stands)),
    schema: async (org, streamId, inc) => {
      const item = await items.get(schemaItem(org, streamId, inc))
      return item === null ? EMPTY_SCHEMA : decodeSchema(item)
    },
    putSchema: async (org, streamId, inc, fields, ifVersion) =>
      putVersion(items, encodeSchema(org, streamId, inc, { version: ifVersion + 1, fields }), ifVersion),
    // DynamoDB removes what has expired within days; until then it counts as absent.
    remember: async (org, keyHash, item) => putIfAbsent(encodeRemembered(org, keyHash, item), decodeRemembered,
      { expression: `${ABSENT.expression} OR ex <= :now`, values: { ':now': whole(clock.now()) } }),
    ...documentCalls(openItems(client, documents)),
  }
}

async function commit(items: Items, org: OrgId, token: string, changes: readonly Change[], judgedAt?: Micros): Promise<CommitOutcome> {
  assert(changes.length > 0 && changes.length <= CHANGES_MAX, `a commit has 1 to ${CHANGES_MAX} changes`)
  const puts = changes.map((change) =>
    change.kind === 'put-entry' ? encodeEntry(org, change.entry) : encodeClaim(org, change.bid, change.fid, change.expiresAt))
  assert(new Set(puts.map(placeOf)).size === puts.length, 'a commit changes each item once')
  const stands = await items.putAll(puts, `${org}#${token}`, judgedAt)
  if (stands === null) return { kind: 'committed' }
  return { kind: 'refused', holders: stands.map((item) => (item === null ? null : decodeHolder(org, item))) }
}

async function list(items: Items, org: OrgId, ranges: readonly ListRange[]): Promise<readonly Entry[]> {
  const parts = [items.query(freshList(org))]
  for (const { streamId, inc, fromDay, toDay } of ranges) {
    // DynamoDB refuses a range that ends before it begins; it holds nothing.
    if (fromDay <= toDay) parts.push(items.query(streamList(org, streamId, inc), dayRange(fromDay, toDay)))
  }
  // Ranges may overlap; an entry counted twice would be rows counted twice.
  const found = new Map<string, Item>()
  for (const part of await Promise.all(parts)) for (const item of part) found.set(placeOf(item), item)
  return [...found.values()].map((item) => decodeEntry(org, item)).filter((entry) => entry !== null)
}

/** the item's key as one text; partition keys hold no space */
const placeOf = (item: Item): string => `${item['pk']?.S} ${item['sk']?.S}`
