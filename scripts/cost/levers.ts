// What would make a bill smaller: each lever turns one thing and reckons anew from the same measurement.
// And the size of a body from which a blob is cheaper than the queue.
import { ENTRIES } from '../../lib/env.ts'
import { MESSAGE_TEXT_MAX } from '../../lib/aws/message.ts'
import { gbOfMb, PRICES } from '../../lib/model/prices.ts'
import { chunksOf } from './batches.ts'
import { DAYS_PER_MONTH, ingestBill, type Bill, type Workload } from './ingest-bill.ts'
import type { Assumptions } from './assumptions.ts'

export interface Lever {
  readonly what: string
  readonly workload?: Partial<Workload>
  readonly assume?: Partial<Assumptions>
}

const WAL_DELETED: Partial<Assumptions> = { walDays: 0, walNoncurrentDays: 1 }

/** from the one that changes nothing but a rule to those that change what one gets */
export const LEVERS: readonly Lever[] = [
  { what: 'spilled bodies deleted once their rows are in, versions kept 1 day', assume: WAL_DELETED },
  { what: 'versions of replaced packs and files kept 1 day', assume: { noncurrentDays: 1, packNoncurrentDays: 1 } },
  { what: 'the last two together', assume: { ...WAL_DELETED, noncurrentDays: 1, packNoncurrentDays: 1 } },
  { what: 'a function URL instead of the REST API', workload: { edge: 'function-url' } },
  { what: 'these three together', workload: { edge: 'function-url' }, assume: { ...WAL_DELETED, noncurrentDays: 1, packNoncurrentDays: 1 } },
]

export const pulled = (bill: Bill, assume: Assumptions, lever: Lever): Bill =>
  ingestBill({ ...bill.workload, ...lever.workload }, bill.measured, { ...assume, ...lever.assume })

/** header of the envelope and of the line, before base64 makes four bytes of three */
const HEADER_BYTES = 950
const CHUNK_PRICE = 2 * PRICES.sqsRequest.dollars

/** USD for a body of so many bytes to travel in messages */
export const queueDollars = (bodyBytes: number): number => chunksOf(HEADER_BYTES + Math.ceil((bodyBytes * 4) / 3)) * CHUNK_PRICE

/** USD for it to travel in a blob: PUT and GET, the waits for both, the pointer, and the days it stays */
export function spillDollars(bodyBytes: number, assume: Assumptions): number {
  const waits = (assume.s3PutMs * gbOfMb(ENTRIES.ingest.memoryMb) + assume.s3GetMs * gbOfMb(ENTRIES.writer.memoryMb)) / 1e3
  const gbMonths = ((assume.walDays + assume.walNoncurrentDays) / DAYS_PER_MONTH) * (bodyBytes / 1e9)
  return PRICES.s3Put.dollars + PRICES.s3Get.dollars + waits * PRICES.lambdaArmGbSecond.dollars + CHUNK_PRICE + gbMonths * PRICES.s3GbMonth.dollars
}

/** the largest body a message holds */
export const BODY_BYTES_MAX = Math.floor(((MESSAGE_TEXT_MAX - HEADER_BYTES) * 3) / 4)

/** the smallest body, in whole KB, from which on every larger one is cheaper in a blob; null: none that fits a message */
export function spillBreakEven(assume: Assumptions): number | null {
  let from: number | null = null
  for (let bytes = Math.floor(BODY_BYTES_MAX / 1_024) * 1_024; bytes > 0; bytes -= 1_024) {
    if (spillDollars(bytes, assume) >= queueDollars(bytes)) return from
    from = bytes
  }
  return from
}
