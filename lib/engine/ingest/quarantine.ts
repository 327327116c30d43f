// The place for messages that cannot be written: unreadable ones, and those so old that the claim which
// would tell a duplicate may have expired (AGE_FENCE). Nothing is dropped: the message is kept as it
// came, with the reason, where the user sees it and may replay it. Claim first, object second: an
// object in the quarantine is then always the only home of its rows, so a replay cannot double them;
// a crash between the two is mended by the redelivery, which finds the claim and puts the object.
import type { Ports, QueueMessage } from '../ports.ts'
import type { Settings } from '../settings.ts'
import { parkedKey, spillKey, ulidTimeMs } from '../store/layout.ts'
import { EngineError, asEngineError } from '../../model/errors.ts'
import type { OrgId } from '../../model/stream.ts'
import { MICROS_PER_MS, dayOf, type Micros } from '../../model/time.ts'
import { QUARANTINE, commitSame, startAttempt, type Fate, type Since } from './commit.ts'
import { decodeEnvelope, encodeEnvelope, type EnvelopeHeader } from './envelope.ts'

export interface ParkedMessage {
  readonly bid: string
  readonly org: OrgId
  /** what stood in the way, for people */
  readonly reason: string
  readonly parkedAt: Micros
  /** the envelope as it came from the queue */
  readonly envelope: Uint8Array
  /**
   * The body that the envelope points to, for its blob goes some weeks after the request; null: the
   * envelope holds its own, cannot be read, or the blob was gone.
   */
  readonly spilled: Uint8Array | null
}

/**
 * Claims the message for the quarantine and puts it there.
 * @returns `committed` when its rows turned out to be in already; an error: deliver it again
 */
export async function parkMessage(ports: Ports, settings: Settings, since: Since, message: Omit<ParkedMessage, 'parkedAt' | 'spilled'>): Promise<Fate> {
  const { org, bid, reason } = message
  try {
    const attempt = startAttempt(ports, since)
    const expiresAt = ports.clock.now() + settings.claimTtlMicros
    const outcome = await commitSame(ports, settings, org, attempt, [{ kind: 'put-claim', bid, fid: QUARANTINE, expiresAt }])
    const holder = outcome.kind === 'refused' ? outcome.holders[0] : null
    if (holder?.kind === 'claim' && holder.fid !== QUARANTINE) return 'committed'
    const spilled = await spilledBody(ports, message)
    await putParked(ports, { ...message, spilled, parkedAt: ports.clock.now() })
    ports.telemetry.count('messages_parked', 1)
    ports.telemetry.log('warn', 'a message was parked in the quarantine', { org, bid, reason })
    return QUARANTINE
  } catch (error) {
    return asEngineError(error)
  }
}

/** Puts a claimed message's object, unless it is there. Its day is that of the bid, which every attempt knows. */
export async function putParked(ports: Ports, parked: ParkedMessage): Promise<void> {
  const ms = ulidTimeMs(parked.bid)
  const day = dayOf(Number.isNaN(ms) ? 0 : ms * MICROS_PER_MS)
  await ports.blobs.put(parkedKey(parked.org, day, parked.bid), encodeParked(parked))
}

/** @throws unavailable: then the message is delivered again, and parked with its body */
async function spilledBody(ports: Ports, { org, envelope }: Pick<ParkedMessage, 'org' | 'envelope'>): Promise<Uint8Array | null> {
  const header = headerOf(envelope)
  if (header === null || header.spill === null || header.org !== org) return null
  try {
    return await ports.blobs.get(header.spill.key)
  } catch (error) {
    if (asEngineError(error).kind === 'not_found') return null
    throw error
  }
}

function headerOf(envelope: Uint8Array): EnvelopeHeader | null {
  try {
    return decodeEnvelope(envelope).header
  } catch {
    return null
  }
}

const encoder = new TextEncoder()

/** one line of JSON, then the envelope's bytes, then the spilled body's */
export function encodeParked(parked: ParkedMessage): Uint8Array {
  const { envelope, spilled, ...head } = parked
  const line = JSON.stringify({ v: 1, ...head, ...(spilled === null ? {} : { envelopeBytes: envelope.length }) })
  return Buffer.concat([encoder.encode(`${line}\n`), envelope, spilled ?? new Uint8Array(0)])
}

/** @throws malformed for bytes that `encodeParked` does not make */
export function decodeParked(bytes: Uint8Array): ParkedMessage {
  const line = bytes.indexOf(0x0a)
  try {
    const head = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, Math.max(line, 0)))) as Record<string, unknown>
    const { v, bid, org, reason, parkedAt, envelopeBytes = null } = head
    const rest = bytes.subarray(line + 1)
    const isCut = envelopeBytes === null || (Number.isSafeInteger(envelopeBytes) && Number(envelopeBytes) >= 0 && Number(envelopeBytes) <= rest.length)
    if (v === 1 && typeof bid === 'string' && typeof org === 'string' && typeof reason === 'string' && typeof parkedAt === 'number' && isCut) {
      const envelope = envelopeBytes === null ? rest : rest.subarray(0, Number(envelopeBytes))
      return { bid, org: org as OrgId, reason, parkedAt, envelope, spilled: envelopeBytes === null ? null : rest.subarray(Number(envelopeBytes)) }
    }
  } catch (cause) {
    throw new EngineError('malformed', 'the parked message is not valid: its first line is not JSON', { cause })
  }
  throw new EngineError('malformed', 'the parked message is not valid: its first line is not that of version 1')
}

export interface Replay {
  readonly message: QueueMessage
  /** to be put before the message is sent; null: the message holds its body */
  readonly spilled: { readonly key: string; readonly bytes: Uint8Array } | null
}

/**
 * A parked message for the queue again. Its bid is new but follows from the old one, so repeating the
 * n-th replay adds nothing; the age fence counts from now; rows keep the times they had at first.
 */
export function replayOf(parked: ParkedMessage, now: Micros): Replay {
  const { header, body } = decodeEnvelope(parked.envelope)
  const replay = header.replay + 1
  const bid = `${header.bid.split('~', 1)[0]!}~${replay}`
  const key = spillKey(header.org, bid)
  const spill = header.spill === null || parked.spilled === null ? header.spill : { ...header.spill, key }
  const bytes = encodeEnvelope({ ...header, bid, replay, sentAt: now, spill }, body)
  return { message: { org: header.org, bid, bytes }, spilled: parked.spilled === null ? null : { key, bytes: parked.spilled } }
}
