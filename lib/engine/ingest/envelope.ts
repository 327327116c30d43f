// The envelope: what the queue carries for one HTTP request. A small JSON header (who, when, the
// context its verdicts depend on, the rejected ordinals) and the body as received, so that decoding
// is a pure function of the message and a log can be replayed after a bug fix. Byte by byte in
// docs/envelope.md. Readers read every version ever written.
import { EngineError } from '../../model/errors.ts'
import { checkOrgShape } from '../../model/stream.ts'
import type { OrgId } from '../../model/stream.ts'
import type { Micros } from '../../model/time.ts'
import { parseObjectKey } from '../store/layout.ts'
import type { BodyFormat, DecodeContext, Route } from './decode/contract.ts'
import { CODINGS } from './inflate.ts'
import type { Coding } from './inflate.ts'

export type { Coding } from './inflate.ts'

export interface EnvelopeHeader {
  readonly v: 1
  /** ULID of the request: the claim's key */
  readonly bid: string
  readonly org: OrgId
  /** the first acceptance: rows' "now", their window and their incarnation hang on it */
  readonly acceptedAt: Micros
  /** equals `acceptedAt`, except in a replay: the age fence counts from it */
  readonly sentAt: Micros
  /** of the body below, or of the spilled one */
  readonly coding: Coding
  readonly context: DecodeContext
  /** ordinals that will not be stored, ascending */
  readonly rejected: readonly number[]
  /** records in the body, the rejected ones included */
  readonly records: number
  /** the body inflated */
  readonly rawBytes: number
  /** the body as it stands, here or in the blob */
  readonly bodyBytes: number
  /** the body's blob when it is too large for a message; SHA-256 in hex of its bytes */
  readonly spill: { readonly key: string; readonly bytes: number; readonly sha256: string } | null
  /** n-th replay of a parked message; 0: the first time */
  readonly replay: number
}

/** 'NLE' and the layout's version; the header's length follows as uint32, little-endian */
const MAGIC = Uint8Array.of(0x4e, 0x4c, 0x45, 0x01)
const PREFIX_BYTES = 8

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })

/** header and body end to end; with a spill the body is empty */
export function encodeEnvelope(header: EnvelopeHeader, body: Uint8Array): Uint8Array {
  const json = encoder.encode(JSON.stringify({ ...header, rejected: packRejected(header.rejected) }))
  const out = new Uint8Array(PREFIX_BYTES + json.length + body.length)
  out.set(MAGIC)
  new DataView(out.buffer).setUint32(4, json.length, true)
  out.set(json, PREFIX_BYTES)
  out.set(body, PREFIX_BYTES + json.length)
  return out
}

/**
 * The body is a view into `bytes`, empty when it was spilled.
 * @throws EngineError `malformed` on anything that `encodeEnvelope` does not make
 */
export function decodeEnvelope(bytes: Uint8Array): { header: EnvelopeHeader; body: Uint8Array } {
  if (bytes.length < PREFIX_BYTES || MAGIC.some((b, i) => bytes[i] !== b)) throw broken('it does not begin with NLE and version 1')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const headerBytes = view.getUint32(4, true)
  if (headerBytes > bytes.length - PREFIX_BYTES) throw broken(`its header of ${headerBytes} bytes is cut short`)
  const header = readHeader(bytes.subarray(PREFIX_BYTES, PREFIX_BYTES + headerBytes))
  const body = bytes.subarray(PREFIX_BYTES + headerBytes)
  const expected = header.spill === null ? header.bodyBytes : 0
  if (body.length !== expected) throw broken(`its body has ${body.length} bytes instead of ${expected}`)
  return { header, body }
}

function readHeader(bytes: Uint8Array): EnvelopeHeader {
  let value: unknown
  try {
    value = JSON.parse(decoder.decode(bytes))
  } catch (cause) {
    throw new EngineError('malformed', 'the envelope is not valid: its header is not JSON', { cause })
  }
  const h = object(value, 'header')
  if (h['v'] !== 1) throw broken('its header is not of version 1')
  const org = orgOf(text(h, 'org'))
  const spill = h['spill'] === null ? null : readSpill(object(h['spill'], 'spill'), org)
  const header: EnvelopeHeader = {
    v: 1,
    bid: text(h, 'bid'),
    org,
    acceptedAt: whole(h, 'acceptedAt'),
    sentAt: whole(h, 'sentAt'),
    coding: oneOf(h, 'coding', CODINGS),
    context: readContext(object(h['context'], 'context')),
    rejected: readRejected(h['rejected']),
    records: count(h, 'records'),
    rawBytes: count(h, 'rawBytes'),
    bodyBytes: count(h, 'bodyBytes'),
    spill,
    replay: count(h, 'replay'),
  }
  if (spill !== null && spill.bytes !== header.bodyBytes) throw broken('its spill and its body differ in length')
  const last = header.rejected.at(-1)
  if (last !== undefined && last >= header.records) throw broken('it rejects a record that is not there')
  return header
}

const ROUTES: readonly Route[] = ['json', 'multi', 'bulk', 'otlp-logs']
const FORMATS: readonly BodyFormat[] = ['json', 'protobuf']

function readContext(c: Record<string, unknown>): DecodeContext {
  return {
    route: oneOf(c, 'route', ROUTES),
    format: oneOf(c, 'format', FORMATS),
    stream: c['stream'] === null ? null : text(c, 'stream'),
    acceptedAt: whole(c, 'acceptedAt'),
    oldest: whole(c, 'oldest'),
    newest: whole(c, 'newest'),
    flattenLevels: count(c, 'flattenLevels'),
    recordsMax: count(c, 'recordsMax'),
    recordBytesMax: count(c, 'recordBytesMax'),
    recordFieldsMax: count(c, 'recordFieldsMax'),
    keyBytesMax: count(c, 'keyBytesMax'),
    depthMax: count(c, 'depthMax'),
    requestStreamsMax: count(c, 'requestStreamsMax'),
    requestPartitionsMax: count(c, 'requestPartitionsMax'),
  }
}

/** a leaf trusts no key it is given: this one must lie in its organisation's part */
function readSpill(s: Record<string, unknown>, org: OrgId): NonNullable<EnvelopeHeader['spill']> {
  const sha256 = text(s, 'sha256')
  if (!/^[0-9a-f]{64}$/.test(sha256)) throw broken('the SHA-256 of its spill is not 64 hex digits')
  const key = text(s, 'key')
  const name = parseObjectKey(key)
  if (name?.kind !== 'spill' || name.org !== org) throw broken('its spill is none of its organisation')
  return { key, bytes: count(s, 'bytes'), sha256 }
}

/** beyond this many a bitmap is shorter: 100,000 rejections are 17 KB instead of 600 KB */
const REJECTED_LISTED_MAX = 256

/** a list of ordinals, or the base64 of a bitmap whose bit i % 8 of byte i / 8 says that i is rejected */
function packRejected(rejected: readonly number[]): readonly number[] | string {
  if (rejected.length <= REJECTED_LISTED_MAX) return rejected
  const bits = Buffer.alloc((rejected.at(-1)! >> 3) + 1)
  for (const n of rejected) bits[n >> 3]! |= 1 << (n & 7)
  return bits.toString('base64')
}

function unpackRejected(base64: string): readonly number[] {
  const bits = Buffer.from(base64, 'base64')
  const out: number[] = []
  for (let i = 0; i < bits.length * 8; i++) if (bits[i >> 3]! & (1 << (i & 7))) out.push(i)
  return out
}

function readRejected(value: unknown): readonly number[] {
  if (typeof value === 'string') return unpackRejected(value)
  if (!Array.isArray(value)) throw broken('rejected is not a list')
  let before = -1
  for (const n of value as unknown[]) {
    if (!Number.isSafeInteger(n) || (n as number) <= before) throw broken('rejected is not an ascending list of ordinals')
    before = n as number
  }
  return value as number[]
}

/** the receiver's authenticator vouched for it; a message that reaches us otherwise is malformed */
function orgOf(id: string): OrgId {
  try {
    return checkOrgShape(id) as OrgId
  } catch (cause) {
    throw new EngineError('malformed', 'the envelope is not valid: its organisation is none', { cause })
  }
}

function object(value: unknown, name: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw broken(`${name} is not an object`)
  return value as Record<string, unknown>
}

function text(o: Record<string, unknown>, name: string): string {
  const value = o[name]
  if (typeof value !== 'string' || value === '') throw broken(`${name} is not text`)
  return value
}

function whole(o: Record<string, unknown>, name: string): number {
  const value = o[name]
  if (!Number.isSafeInteger(value)) throw broken(`${name} is not an integer`)
  return value as number
}

function count(o: Record<string, unknown>, name: string): number {
  const value = whole(o, name)
  if (value < 0) throw broken(`${name} is negative`)
  return value
}

function oneOf<T extends string>(o: Record<string, unknown>, name: string, values: readonly T[]): T {
  const value = o[name]
  if (!values.includes(value as T)) throw broken(`${name} is none of ${values.join(', ')}`)
  return value as T
}

const broken = (why: string): EngineError => new EngineError('malformed', `the envelope is not valid: ${why}`)
