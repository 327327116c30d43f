// STORY: a request becomes a message. Coding off, every record judged, the request's identity
// settled, the body as received put into the queue (a large one by way of a blob), and only then
// an answer. One request is one message is one atom: stored whole, less the records the verdict
// names, or not at all.
import { createHash } from 'node:crypto'
import { EngineError, asEngineError } from '../../model/errors.ts'
import { MICROS_PER_MS, type Micros } from '../../model/time.ts'
import type { Ports, Telemetry } from '../ports.ts'
import type { Settings } from '../settings.ts'
import { spillKey } from '../store/layout.ts'
import type { DecodeContext, Verdict } from './decode/contract.ts'
import { check } from './decode/index.ts'
import { encodeEnvelope } from './envelope.ts'
import type { EnvelopeHeader } from './envelope.ts'
import { identify, isKeyed } from './idempotency.ts'
import { inflate, squeeze } from './inflate.ts'
import type { Coding } from './inflate.ts'
import { codingOf, contextOf } from './request.ts'
import type { IngestRequest } from './request.ts'

export type ReceivePorts = Pick<Ports, 'blobs' | 'queue' | 'catalog' | 'clock' | 'ids' | 'telemetry'>

export interface Received {
  /** null: no record was accepted, so nothing was queued */
  readonly bid: string | null
  readonly acceptedAt: Micros
  /** clean name of the stream that path or header name; null: the body names them */
  readonly stream: string | null
  readonly verdict: Verdict
}

/** what an overloaded or broken neighbour tells clients to wait, seconds */
const RETRY_AFTER_SECONDS = 5

/**
 * Resolves once the queue holds the request (or no record of it was acceptable).
 * @throws EngineError of the client's making (400, 409, 413, 415), `limited`, and `unavailable` for
 *   everything else: until the queue has answered a retry is right, and never an internal error
 */
export async function receive(ports: ReceivePorts, settings: Settings, request: IngestRequest): Promise<Received> {
  const startedMs = ports.clock.monotonicMs()
  const { telemetry } = ports
  try {
    const outcome = await accept(ports, settings, request, { at: ports.clock.now(), ms: startedMs })
    const { records, rejections } = outcome.verdict
    telemetry.count('ingest_requests_total', 1, { route: request.route, outcome: outcome.bid === null ? 'nothing' : 'stored' })
    telemetry.count('ingest_records_total', records - rejections.length, { route: request.route, outcome: 'accepted' })
    telemetry.count('ingest_records_total', rejections.length, { route: request.route, outcome: 'rejected' })
    return outcome
  } catch (error) {
    const named = asRetryable(error, telemetry)
    telemetry.count('ingest_requests_total', 1, { route: request.route, outcome: named.slug })
    throw named
  } finally {
    telemetry.count('ingest_bytes_total', request.body.length, { route: request.route })
    telemetry.observe('ingest_receive_ms', ports.clock.monotonicMs() - startedMs, { route: request.route })
  }
}

/** when the attempt began, by both clocks */
interface Since {
  readonly at: Micros
  readonly ms: number
}

async function accept(ports: ReceivePorts, settings: Settings, request: IngestRequest, since: Since): Promise<Received> {
  refuseOversized(request, settings)
  const coding = codingOf(request.contentEncoding)
  const first = judge(request, coding, settings, ports.clock.now())
  if (first.accepted === 0) return received(null, first)
  const identity = await answered(identify(ports, settings, request, first.context, coding))
  // The first request's clock rules: the same rows, days and rejections, whenever the retry comes.
  const judged = identity.repeated ? judge(request, coding, settings, identity.acceptedAt) : first
  if (judged.accepted === 0) return received(null, judged)
  const stored = await store(ports, settings, request, identity.bid, coding)
  const bytes = envelopeOf(request, identity.bid, judged, stored)
  refuseStale(ports, settings, since)
  await answered(ports.queue.send({ org: request.org, bid: identity.bid, bytes }))
  return received(identity.bid, judged)
}

/**
 * A host may freeze for weeks and thaw here: its client is long gone, and the message would come after
 * duplicates can still be told (the age fence counts from acceptedAt). By both clocks, since a frozen
 * host's monotonic one may have stood still, and the wall clock may have been set back.
 */
function refuseStale(ports: ReceivePorts, settings: Settings, since: Since): void {
  const wallMs = (ports.clock.now() - since.at) / MICROS_PER_MS
  const monotonicMs = ports.clock.monotonicMs() - since.ms
  if (wallMs <= settings.attemptMsMax && monotonicMs <= settings.attemptMsMax) return
  throw new EngineError('unavailable', `the request took longer than ${settings.attemptMsMax} ms before it could be queued: send it again`,
    { retryAfterSeconds: RETRY_AFTER_SECONDS })
}

interface Judged {
  readonly context: DecodeContext
  readonly verdict: Verdict
  readonly accepted: number
  readonly rawBytes: number
}

/** inflates afresh each time, for the check may change what it walks */
function judge(request: IngestRequest, coding: Coding, settings: Settings, acceptedAt: Micros): Judged {
  const context = contextOf(request, settings, acceptedAt)
  const raw = inflate(request.body, coding, settings.inflatedBytesMax)
  const verdict = check(raw, context)
  request.inspect?.(verdict)
  return { context, verdict, accepted: verdict.records - verdict.rejections.length, rawBytes: raw.length }
}

const received = (bid: string | null, { context, verdict }: Judged): Received =>
  ({ bid, acceptedAt: context.acceptedAt, stream: context.stream, verdict })

function refuseOversized(request: IngestRequest, settings: Settings): void {
  if (request.body.length <= settings.bodyBytesMax) return
  throw new EngineError('payload_too_large', `the body has ${request.body.length} bytes, at most ${settings.bodyBytesMax} are taken: split the request`)
}

interface Stored {
  readonly coding: Coding
  readonly body: Uint8Array
  readonly spill: EnvelopeHeader['spill']
}

/** the body as it will be kept; one too large for a message is put in a blob first */
async function store(ports: ReceivePorts, settings: Settings, request: IngestRequest, bid: string, coding: Coding): Promise<Stored> {
  const squeezed = squeeze(request.body, coding)
  if (squeezed.body.length <= settings.spillAboveBytes) return { ...squeezed, spill: null }
  // Under a key the blob may stand from the first try. Its bytes must then be ours: as received they
  // are (the key's hash says so), while another zstd version might squeeze them differently.
  const kept = isKeyed(request) ? { coding, body: request.body } : squeezed
  const sha256 = createHash('sha256').update(kept.body).digest('hex')
  const spill = { key: spillKey(request.org, bid), bytes: kept.body.length, sha256 }
  await answered(ports.blobs.put(spill.key, kept.body))
  return { ...kept, spill }
}

function envelopeOf(request: IngestRequest, bid: string, judged: Judged, stored: Stored): Uint8Array {
  const { context, verdict, rawBytes } = judged
  const header: EnvelopeHeader = {
    v: 1, bid, org: request.org, acceptedAt: context.acceptedAt, sentAt: context.acceptedAt, coding: stored.coding,
    context, rejected: verdict.rejections.map((r) => r.ordinal), records: verdict.records,
    rawBytes, bodyBytes: stored.body.length, spill: stored.spill, replay: 0,
  }
  return encodeEnvelope(header, stored.spill === null ? stored.body : new Uint8Array(0))
}

/** an answer of a neighbour; whatever went wrong with it, the client may try again */
async function answered<T>(call: Promise<T>): Promise<T> {
  try {
    return await call
  } catch (error) {
    if (error instanceof EngineError && (error.kind === 'limited' || error.slug === 'idempotency_mismatch')) throw error
    throw unavailable(error)
  }
}

/** the client's own mistakes as they are, everything else as `unavailable`; a bug of ours is logged as one */
function asRetryable(error: unknown, telemetry: Telemetry): EngineError {
  const named = asEngineError(error)
  if (named.kind === 'internal') telemetry.log('error', 'a request could not be judged', { cause: String((error as Error).stack ?? error) })
  return named.kind === 'internal' || named.kind === 'timeout' ? unavailable(error) : named
}

const unavailable = (cause: unknown): EngineError =>
  new EngineError('unavailable', 'the request could not be stored just now: send it again', { cause, retryAfterSeconds: RETRY_AFTER_SECONDS })
