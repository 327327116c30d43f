// What an item weighs by DynamoDB's rules and what reading and writing it costs, in its units. Pure: the
// cost model reckons with the same numbers that a commit is made of.
import type { AttributeValue } from '@aws-sdk/client-dynamodb'

/** DynamoDB's bound on an item, names included */
export const ITEM_BYTES_MAX = 400 * 1024

/** bytes of an item: names in UTF-8 and values */
export function itemBytes(item: Readonly<Record<string, AttributeValue>>): number {
  let bytes = 0
  for (const [name, value] of Object.entries(item)) bytes += Buffer.byteLength(name) + valueBytes(value)
  return bytes
}

function valueBytes(value: AttributeValue): number {
  if (value.S !== undefined) return Buffer.byteLength(value.S)
  if (value.B !== undefined) return value.B.length
  if (value.N !== undefined) return numberBytes(value.N)
  if (value.L !== undefined) return value.L.reduce((n, v) => n + 1 + valueBytes(v), 3)
  if (value.M !== undefined) return 3 + Object.keys(value.M).length + itemBytes(value.M)
  return 1
}

/** two digits a byte without zeros at either end, and one or two bytes for sign and exponent; AWS says "approximately" */
function numberBytes(text: string): number {
  const digits = text.replace(/[^0-9]/g, '').replace(/^0+/, '').replace(/0+$/, '')
  return Math.ceil(digits.length / 2) + 1 + (text.startsWith('-') ? 1 : 0)
}

/** write request units of a put: one a KB begun, twice that in a transaction (also for one that is refused) */
export const writeUnits = (bytes: number, transaction = false): number => Math.max(1, Math.ceil(bytes / 1024)) * (transaction ? 2 : 1)

/** read request units of a consistent read: one each 4 KB begun, of a query's page as a whole */
export const readUnits = (bytes: number): number => Math.max(1, Math.ceil(bytes / 4096))
