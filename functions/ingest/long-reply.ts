// A reply that names each record may be longer than the deployment can send: that is found out while
// nothing is stored yet.
import { bulkReplyBytes, type IngestProtocol } from '../../lib/api/ingest.ts'
import type { Verdict } from '../../lib/engine/ingest/decode/contract.ts'
import { EngineError } from '../../lib/model/errors.ts'

/**
 * A reply that cannot be sent after the rows are in would bring all of them again: its length is judged first.
 * @throws EngineError `too_many_records`
 */
export function refuseLongReply(protocol: IngestProtocol, { items }: Verdict, bytesMax: number): void {
  if (protocol !== 'bulk') return
  const bytes = bulkReplyBytes(items, bytesMax)
  if (bytes <= bytesMax) return
  throw new EngineError('too_many_records', `the reply to ${items.length} actions would have ${bytes} bytes, at most ${bytesMax} can be sent: split the request`)
}
