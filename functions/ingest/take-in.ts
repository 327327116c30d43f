// One ingest request: headers and body to the engine's journey, its outcome to the protocol's reply.
import type { Context } from 'hono'
import type { IngestProtocol } from '../../lib/api/ingest.ts'
import type { Route } from '../../lib/engine/ingest/decode/contract.ts'
import { receive } from '../../lib/engine/ingest/receive.ts'
import type { ReceivePorts, Received } from '../../lib/engine/ingest/receive.ts'
import { formatOf } from '../../lib/engine/ingest/request.ts'
import type { Settings } from '../../lib/engine/settings.ts'
import { assert } from '../../lib/model/errors.ts'
import type { DoorEnv } from '../door.ts'
import { readBody } from './body.ts'
import { refuseLongReply } from './long-reply.ts'
import { successReply } from './replies.ts'

export interface TakeInOptions {
  readonly ports: ReceivePorts
  readonly settings: Settings
  /** makes what was accepted visible (embedded mode); absent: `refresh` is accepted and ignored */
  readonly flush?: () => Promise<void>
}

export async function takeIn(c: Context<DoorEnv>, route: Route, protocol: IngestProtocol, options: TakeInOptions): Promise<Response> {
  const { ports, settings } = options
  const startedMs = ports.clock.monotonicMs()
  const header = (name: string): string | null => c.req.header(name) ?? null
  const org = c.get('org')
  assert(org, 'the door puts the organisation into the context')
  const contentType = header('content-type')
  const format = formatOf(route, contentType)
  const stream = route === 'otlp-logs' ? header('stream-name') : (c.req.param('stream') ?? null)
  const body = await readBody(c.req.raw, settings.bodyBytesMax)
  const received = await receive(ports, settings, {
    org, route, format, stream, contentType, body,
    contentEncoding: header('content-encoding'), idempotencyKey: header('idempotency-key'),
    inspect: (verdict) => refuseLongReply(protocol, verdict, settings.replyBytesMax),
  })
  const ignored = route === 'bulk' && !(await refreshed(c.req.query('refresh'), received, options))
  const response = successReply(protocol, c.req.raw, received, ports.clock.monotonicMs() - startedMs)
  if (ignored) response.headers.set('X-Nilometer-Refresh', 'ignored')
  return response
}

/**
 * Elasticsearch's clients send `refresh` everywhere and mean "let me see it at once". False when that
 * was asked for and not done; a flush that fails never fails the reply, for the rows are in the queue.
 */
async function refreshed(refresh: string | undefined, received: Received, options: TakeInOptions): Promise<boolean> {
  if (refresh === undefined || refresh === 'false' || received.bid === null) return true
  if (options.flush === undefined) return false
  try {
    await options.flush()
    return true
  } catch (error) {
    options.ports.telemetry.log('warn', 'the flush for refresh failed; the rows follow with the next one', { cause: String(error) })
    return false
  }
}
