// Organisations and streams: who owns rows and where rows of one kind live. Names are checked here,
// once, at the door; everything inside takes the checked form.
import { EngineError } from './errors.ts'
import type { Micros } from './time.ts'

/** an organisation (tenant) id that the authenticator, and nobody else, has vouched for */
export type OrgId = string & { readonly __brand: 'OrgId' }

const ORG_SHAPE = /^[a-z0-9][a-z0-9_-]{0,63}$/

/** @throws EngineError `invalid_org` */
export function checkOrgShape(text: string): string {
  if (!ORG_SHAPE.test(text)) {
    throw new EngineError('invalid_org', 'the organisation id is not valid: 1 to 64 of a-z, 0-9, _ and -, beginning with a letter or digit')
  }
  return text
}

export const STREAM_TYPES = ['logs', 'metrics', 'traces'] as const
export type StreamType = (typeof STREAM_TYPES)[number]

/** bytes of a stream's name after cleaning: it becomes part of an object key */
export const STREAM_NAME_BYTES_MAX = 100
/** streams whose names begin with `_` are ours; these may be written by clients through their protocols */
export const OWN_STREAMS: ReadonlySet<string> = new Set(['_hec', '_rejected', '_rumdata', '_rumlog', '_sessionreplay'])

/**
 * A stream's name as stored: lower case, characters other than letters and digits of any script,
 * `_` and `:` become `_` (OpenObserve's rule widened from ASCII to every script).
 * @throws EngineError `invalid_stream`
 */
export function cleanStreamName(raw: string): string {
  const name = raw.toLowerCase().replace(/[^\p{L}\p{N}_:]+/gu, '_')
  if (name === '' || /^_+$/.test(name)) throw new EngineError('invalid_stream', 'the stream name is empty: give at least one letter or digit')
  if (name.startsWith('_') && !OWN_STREAMS.has(name)) {
    throw new EngineError('invalid_stream', 'stream names that begin with an underscore are reserved: choose another first character')
  }
  if (new TextEncoder().encode(name).length > STREAM_NAME_BYTES_MAX) {
    throw new EngineError('invalid_stream', `the stream name is longer than ${STREAM_NAME_BYTES_MAX} bytes`)
  }
  return name
}

/** settings a user may give one stream; what is absent falls to the organisation's default */
export interface StreamSettings {
  readonly full_text_search_keys?: readonly string[]
  readonly index_fields?: readonly string[]
  readonly data_retention?: number
  readonly flatten_level?: number
  readonly [other: string]: unknown
}

/**
 * The catalog's item of a stream. Incarnations are increasing integers: deleting a stream raises
 * `inc`, and a message belongs to the incarnation that was current at its `acceptedAt`, by the
 * append-only `history` (commit-protocol rule 7).
 */
export interface StreamItem {
  readonly org: OrgId
  readonly type: StreamType
  readonly name: string
  /** 16 hex digits, never reused */
  readonly id: string
  readonly inc: number
  readonly history: readonly { readonly inc: number; readonly from: Micros }[]
  readonly settings: StreamSettings
  readonly state: 'live' | 'deleted'
}

/** the incarnation a row accepted at `acceptedAt` belongs to; a row older than the stream is the first's */
export function incarnationAt(stream: StreamItem, acceptedAt: Micros): number {
  let inc = stream.history[0]?.inc ?? stream.inc
  for (const step of stream.history) if (step.from <= acceptedAt) inc = step.inc
  return inc
}
