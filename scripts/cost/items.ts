// What the changes of a commit weigh in DynamoDB's units, by the catalog's own encoding: the same items
// that a commit is made of.
import { encodeClaim, encodeEntry } from '../../lib/aws/catalog-items.ts'
import { itemBytes, writeUnits } from '../../lib/aws/item-size.ts'
import type { Change } from '../../lib/engine/ports.ts'

/** DynamoDB stores so much more for each item than it bills a write for */
const STORED_OVERHEAD_BYTES = 100

export interface Weight {
  /** write request units, as part of a transaction */
  readonly units: number
  /** what the item takes at rest */
  readonly bytes: number
}

export function weightOf(org: string, change: Change): Weight {
  const item = change.kind === 'put-claim' ? encodeClaim(org, change.bid, change.fid, change.expiresAt) : encodeEntry(org, change.entry)
  const bytes = itemBytes(item)
  return { units: writeUnits(bytes, true), bytes: bytes + STORED_OVERHEAD_BYTES }
}
