// A share and its outcome as the payloads of a Lambda invocation: JSON, the pieces end to end in base64,
// or in an object of the bucket where they would not fit. Either side believes the other only after it
// has looked: a leaf each member of the share, the leader that every slice was answered exactly once.
import { Buffer } from 'node:buffer'
import type { Blobs, ByteRange } from '../engine/ports.ts'
import { asEngineError, assert, EngineError, ERROR_SLUGS, type ErrorSlug } from '../model/errors.ts'
import { FIELD_TYPES, type Fields, type FieldType } from '../model/schema.ts'
import type { Conjunct, FilterOp, Piece, ScanCounts, Share, ShareOutcome, ShareSlice } from '../model/share.ts'
import { checkOrgShape, type OrgId } from '../model/stream.ts'

const VERSION = 1
/**
 * Of pieces in a reply. Lambda would give back 6 MB, 4.5 before base64; but a leader has a hundred leaves
 * that may answer at once, and each such byte is in its memory four times while it is decoded.
 */
export const INLINE_BYTES_MAX = 2 ** 20
/** what is read of a spilled answer at once: ranges in parallel fill the line */
const RANGE_BYTES = 8 * 2 ** 20
const MESSAGE_CHARS_MAX = 300

export interface LeafReply {
  readonly version: number
  /** positions of the slices that are in the pieces, or hold nothing that matters */
  readonly read: readonly number[]
  readonly failed: readonly { readonly slice: number; readonly error: WireError }[]
  readonly counts: ScanCounts
  readonly pieces: readonly { readonly bytes: number; readonly differing: readonly (readonly [string, FieldType])[] }[]
  /** the pieces end to end: in base64, or under this key */
  readonly body: string | null
  readonly key: string | null
}

export interface LeafFailure {
  readonly version: number
  readonly error: WireError
}

interface WireError {
  readonly slug: ErrorSlug
  readonly message: string
}

export const answerKey = (org: OrgId, ulid: string): string => `answers/${org}/${ulid}`
const ANSWER_KEY = /^answers\/([a-z0-9][a-z0-9_-]{0,63})\/[0-9A-HJKMNP-TV-Z]{26}$/

// The share, from the leader to a leaf: its members are plain data already.

export const encodeShare = (share: Share): string => JSON.stringify({ version: VERSION, share })

/** @throws EngineError `internal` for anything but an encoded share; the org has the shape of one, no more */
export function decodeShare(event: unknown): Share {
  const { version, share } = record(event)
  assert(version === VERSION, 'a leaf and its leader are of one version')
  const s = record(share)
  const range = record(s['range'])
  return {
    org: checkOrgShape(text(s['org'])) as OrgId,
    fields: fieldsOf(s['fields']),
    columns: list(s['columns']).map(text),
    scans: list(s['scans']).map((conjuncts) => list(conjuncts).map(conjunctOf)),
    where: s['where'] === null ? null : text(s['where']),
    range: { startTime: whole(range['startTime']), endTime: whole(range['endTime']) },
    slices: list(s['slices']).map(sliceOf),
    bytesMax: whole(s['bytesMax']),
    deadlineMs: whole(s['deadlineMs']),
  }
}

function fieldsOf(value: unknown): Fields {
  return Object.fromEntries(Object.entries(record(value)).map(([name, type]) => [name, fieldType(type)]))
}

const OPS: readonly string[] = ['=', '<', '<=', '>', '>=', 'not-null'] satisfies (FilterOp | 'not-null')[]

function conjunctOf(value: unknown): Conjunct {
  const c = record(value)
  const op = text(c['op'])
  assert(OPS.includes(op) && typeof c['text'] === 'boolean', 'a conjunct compares as we know')
  return { column: text(c['column']), op: op as Conjunct['op'], value: text(c['value']), text: c['text'] }
}

function sliceOf(value: unknown): ShareSlice {
  const s = record(value)
  return {
    fid: text(s['fid']), index: whole(s['index']), key: text(s['key']), offset: whole(s['offset']), length: whole(s['length']),
    rows: whole(s['rows']), rawBytes: whole(s['rawBytes']),
  }
}

// The outcome, from a leaf to the leader.

/** the bytes of all pieces, end to end */
export const bodyOf = (outcome: ShareOutcome): Buffer => Buffer.concat(outcome.pieces.flatMap(({ parts }) => parts))

/** @param key where the body has been put; null: it goes along */
export function encodeReply(share: Share, outcome: ShareOutcome, body: Buffer, key: string | null): LeafReply {
  const failed = new Set(outcome.failed.map(({ slice }) => slice))
  return {
    version: VERSION,
    read: share.slices.map((_, i) => i).filter((i) => !failed.has(i)),
    failed: outcome.failed.map(({ slice, error }) => ({ slice, error: wireError(error) })),
    counts: outcome.counts,
    pieces: outcome.pieces.map(({ parts, differing }) => ({ bytes: parts.reduce((sum, part) => sum + part.length, 0), differing: [...differing] })),
    body: key === null ? body.toString('base64') : null,
    key,
  }
}

/** nothing is known of any slice */
export const encodeFailure = (error: unknown): LeafFailure => ({ version: VERSION, error: wireError(asEngineError(error)) })

const wireError = ({ slug, message }: EngineError): WireError => ({ slug, message: message.slice(0, MESSAGE_CHARS_MAX) })

/**
 * The outcome that a reply tells of; a spilled body is read from the bucket by `more`, and counted already.
 * @throws the leaf's own error; `unavailable` for a reply that is none, or does not fit the share
 */
export async function readReply(reply: unknown, share: Share, blobs: Pick<Blobs, 'get'>): Promise<ShareOutcome> {
  const head = believed(() => decodeReply(reply, share))
  if (head instanceof EngineError) throw head
  const { key, failed } = head
  const total = head.pieces.reduce((sum, { bytes }) => sum + bytes, 0)
  const piecesOf = (parts: readonly Uint8Array[]): Piece[] => believed(() => {
    assert(parts.reduce((sum, part) => sum + part.length, 0) === total, 'a reply\'s body is as long as its pieces')
    return cut(parts, head.pieces)
  })
  if (key === null) return { pieces: piecesOf([Buffer.from(head.body ?? '', 'base64')]), failed, counts: head.counts }
  const counts = { ...head.counts, gets: head.counts.gets + rangesOf(total).length }
  return { pieces: [], more: async () => piecesOf(await fetchBody(blobs, key, total)), failed, counts }
}

function believed<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw new EngineError('unavailable', 'a leaf answered what is no answer to its share', { retryAfterSeconds: 1, cause: error })
  }
}

interface ReplyHead extends Pick<ShareOutcome, 'failed' | 'counts'> {
  readonly pieces: readonly { readonly bytes: number; readonly differing: ReadonlyMap<string, FieldType> }[]
  readonly body: string | null
  readonly key: string | null
}

function decodeReply(value: unknown, share: Share): ReplyHead | EngineError {
  const r = record(value)
  assert(r['version'] === VERSION, 'a leaf and its leader are of one version')
  if (r['error'] !== undefined) return errorOf(r['error'])
  const failed = list(r['failed']).map((item) => ({ slice: whole(record(item)['slice']), error: errorOf(record(item)['error']) }))
  const answered = [...list(r['read']).map(whole), ...failed.map(({ slice }) => slice)].sort((a, b) => a - b)
  assert(answered.length === share.slices.length && answered.every((slice, i) => slice === i), 'every slice is answered exactly once')
  const body = r['body'] === null ? null : text(r['body'])
  const key = r['key'] === null ? null : text(r['key'])
  assert((body === null) !== (key === null), 'a reply has a body or says where it is')
  assert(key === null || ANSWER_KEY.exec(key)?.[1] === share.org, 'a spilled answer is its organisation\'s')
  const pieces = list(r['pieces']).map((item) => {
    const { bytes, differing } = record(item)
    assert(whole(bytes) >= 0, 'a piece has bytes')
    return { bytes: whole(bytes), differing: new Map(list(differing).map(pairOf)) }
  })
  return { failed, counts: countsOf(r['counts']), pieces, body, key }
}

function errorOf(value: unknown): EngineError {
  const { slug, message } = record(value)
  assert(typeof slug === 'string' && Object.hasOwn(ERROR_SLUGS, slug), 'an error has a slug we know')
  return new EngineError(slug as ErrorSlug, text(message))
}

function pairOf(value: unknown): [string, FieldType] {
  const pair = list(value)
  assert(pair.length === 2, 'a differing column has a name and a type')
  return [text(pair[0]), fieldType(pair[1])]
}

const COUNTS = ['filesRead', 'filesPrunedStats', 'rowGroups', 'rowGroupsPruned', 'bytesFetched', 'gets', 'rowsScanned', 'rawBytes'] as const

function countsOf(value: unknown): ScanCounts {
  const counts = record(value)
  return Object.fromEntries(COUNTS.map((name) => [name, whole(counts[name])])) as Record<(typeof COUNTS)[number], number>
}

const rangesOf = (total: number): ByteRange[] =>
  Array.from({ length: Math.ceil(total / RANGE_BYTES) }, (_, i) => ({ offset: i * RANGE_BYTES, length: Math.min(RANGE_BYTES, total - i * RANGE_BYTES) }))

async function fetchBody(blobs: Pick<Blobs, 'get'>, key: string, total: number): Promise<Uint8Array[]> {
  try {
    return await Promise.all(rangesOf(total).map((range) => blobs.get(key, range)))
  } catch (error) {
    // Not the stream's file: the caller must not think that its list is old.
    throw new EngineError('unavailable', 'a leaf\'s answer could not be read', { retryAfterSeconds: 1, cause: error })
  }
}

/** pieces out of bytes that stand end to end in parts; nothing is copied */
function cut(parts: readonly Uint8Array[], heads: ReplyHead['pieces']): Piece[] {
  let part = 0
  let at = 0
  return heads.map(({ bytes, differing }) => {
    const own: Uint8Array[] = []
    for (let left = bytes; left > 0;) {
      const from = parts[part]!
      const length = Math.min(left, from.length - at)
      if (length > 0) own.push(from.subarray(at, at + length))
      left -= length
      at += length
      if (at === from.length) {
        part++
        at = 0
      }
    }
    return { parts: own, differing }
  })
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  assert(typeof value === 'object' && value !== null && !Array.isArray(value), 'an object stands where one must')
  return value as Readonly<Record<string, unknown>>
}

function list(value: unknown): readonly unknown[] {
  assert(Array.isArray(value), 'a list stands where one must')
  return value
}

function text(value: unknown): string {
  assert(typeof value === 'string', 'a text stands where one must')
  return value
}

function whole(value: unknown): number {
  assert(Number.isSafeInteger(value), 'a whole number stands where one must')
  return value as number
}

function fieldType(value: unknown): FieldType {
  const type = FIELD_TYPES.find((t) => t === value)
  assert(type !== undefined, 'a column has a type we know')
  return type
}
