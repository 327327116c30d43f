// Documents on DynamoDB, and the one way a versioned item is written: over the version that was read,
// or not at all. Reads are consistent: a revoked token or a removed user must be gone at once.
import type { Catalog } from '../engine/ports.ts'
import { EngineError, assert } from '../model/errors.ts'
import { documentItem, documentsOf } from '../model/item-key.ts'
import { whole } from './attributes.ts'
import type { Item } from './attributes.ts'
import { decodeDocument, encodeDocument } from './catalog-values.ts'
import { ABSENT } from './items.ts'
import type { Items } from './items.ts'

/** DynamoDB's bound on a sort key, bytes of UTF-8 */
const SORT_KEY_BYTES_MAX = 1_024

/** whether DynamoDB takes a text as a sort key; halves of surrogate pairs have no UTF-8 */
export const isSortKey = (text: string): boolean => text.isWellFormed() && Buffer.byteLength(text) <= SORT_KEY_BYTES_MAX

export function documentCalls(items: Items): Pick<Catalog, 'document' | 'documents' | 'putDocument'> {
  return {
    document: async (org, kind, id) => {
      const key = documentItem(org, kind, id)
      const item = isSortKey(key.sk) ? await items.get(key) : null
      return item === null ? null : decodeDocument(item)
    },
    documents: async (org, kind) => (await items.query(documentsOf(org, kind))).map(decodeDocument),
    putDocument: async (org, kind, id, value, ifVersion) => {
      assert(value !== undefined, 'a document has a value')
      if (!isSortKey(documentItem(org, kind, id).sk)) {
        throw new EngineError('malformed', `a document's id is longer than ${SORT_KEY_BYTES_MAX} bytes, or no text`)
      }
      return putVersion(items, encodeDocument(org, kind, { id, version: ifVersion + 1, value }), ifVersion)
    },
  }
}

/**
 * Puts an item over version `ifVersion` of it (0: over none); false when another stands. When the answer
 * to a first request was lost, its repetition is false too: the caller reads again, and finds its own.
 */
export async function putVersion(items: Items, item: Item, ifVersion: number): Promise<boolean> {
  const over = ifVersion === 0 ? ABSENT : { expression: 'v = :v', values: { ':v': whole(ifVersion) } }
  return (await items.put(item, over)).written
}
