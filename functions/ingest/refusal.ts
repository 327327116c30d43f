// An error as the path's protocol tells it. The door asks too, for its own refusals (credentials).
import type { Context } from 'hono'
import type { EngineError } from '../../lib/model/errors.ts'
import { protocolOf } from './protocols.ts'
import { failureReply } from './replies.ts'

/** null: no ingest route, the common body serves */
export function ingestRefusal(c: Context, error: EngineError): Response | null {
  const protocol = protocolOf(c.req.path)
  const traceId = (c.get('traceId') as string | undefined) ?? ''
  return protocol === null ? null : failureReply(protocol, c.req.raw, error, traceId)
}
