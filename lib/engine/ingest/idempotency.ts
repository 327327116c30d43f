// Who a request is: its bid and the time of its first acceptance. An Idempotency-Key makes a retry
// the same insert: the first request's bid is remembered before it is sent, a retry is sent again
// under that bid, and the writer's claims let one of them in. The remembered item therefore never
// means "done", and a crash between remembering and sending loses nothing.
import { createHash } from 'node:crypto'
import { EngineError } from '../../model/errors.ts'
import type { Micros } from '../../model/time.ts'
import type { Ports } from '../ports.ts'
import type { Settings } from '../settings.ts'
import type { DecodeContext } from './decode/contract.ts'
import type { Coding } from './inflate.ts'
import { mediaTypeOf } from './request.ts'
import type { IngestRequest } from './request.ts'

export interface Identity {
  readonly bid: string
  /** of the first request under the key */
  readonly acceptedAt: Micros
  /** an earlier request stands under the key: this one must mean exactly the same */
  readonly repeated: boolean
}

/** whether the request carries a key; an empty header is none */
export const isKeyed = (request: IngestRequest): boolean => (request.idempotencyKey ?? '') !== ''

/**
 * A fresh identity, or the remembered one when the key is known. Call it only for requests that will
 * be sent: a key whose request was refused may be used again.
 * @throws EngineError `idempotency_mismatch` when the key stands for another request; what the catalog throws
 */
export async function identify(
  ports: Pick<Ports, 'catalog' | 'ids'>, settings: Settings, request: IngestRequest, context: DecodeContext, coding: Coding,
): Promise<Identity> {
  const bid = ports.ids.ulid()
  const acceptedAt = context.acceptedAt
  if (!isKeyed(request)) return { bid, acceptedAt, repeated: false }
  const bodyHash = requestHash(request, context, coding)
  const expiresAt = acceptedAt + settings.idempotencyTtlMicros
  const keyHash = createHash('sha256').update(request.idempotencyKey!).digest('hex')
  const stands = await ports.catalog.remember(request.org, keyHash, { bid, bodyHash, acceptedAt, expiresAt })
  if (stands.bodyHash !== bodyHash) {
    throw new EngineError('idempotency_mismatch', 'the idempotency key was used for another request: send a new key')
  }
  return { bid: stands.bid, acceptedAt: stands.acceptedAt, repeated: stands.bid !== bid }
}

/** SHA-256 over route, stream, media type, coding and bytes; lengths keep neighbours apart */
function requestHash(request: IngestRequest, context: DecodeContext, coding: Coding): string {
  const hash = createHash('sha256')
  for (const part of [request.route, context.stream ?? '', mediaTypeOf(request.contentType), coding]) {
    hash.update(`${part.length}:${part},`)
  }
  return hash.update(request.body).digest('hex')
}
