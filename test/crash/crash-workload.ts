// The crash test's script: what a client sends, and which rows each request is. Small, but with every
// branch of the way in: two streams, two days, a spilled body with and without an Idempotency-Key, a
// body of both streams, a rejected record, a wider schema, a repeated request, an unreadable message.
import { createHash } from 'node:crypto'
import type { IngestRequest } from '../../lib/engine/ingest/request.ts'
import { DEFAULT_SETTINGS, type Settings } from '../../lib/engine/settings.ts'
import type { OrgId } from '../../lib/model/stream.ts'

export const ORG = 'default' as OrgId
/** small, so that a few kilobytes are spilled */
export const SETTINGS: Settings = { ...DEFAULT_SETTINGS, spillAboveBytes: 1_024 }

export interface ExpectedRow {
  readonly stream: 'alpha' | 'beta'
  readonly i: number
  readonly text: string
}

export interface ScriptedRequest {
  /** stands in each of its rows as `req` */
  readonly name: string
  readonly request: IngestRequest
  readonly rows: readonly ExpectedRow[]
}

/** 2026-01-15 and -16, just before and after midnight UTC: the same bytes whenever the client repeats them */
const MIDNIGHT = Date.UTC(2026, 0, 16) * 1_000
const SPILLED_REPEATS = 40

/** hexadecimal digits without a pattern: zstd halves them at best */
function textOf(name: string, i: number, repeats: number): string {
  return Array.from({ length: repeats }, (_, n) => createHash('sha256').update(`${name}/${i}/${n}`).digest('hex')).join('')
}

interface Options {
  readonly route?: 'json' | 'multi' | 'bulk'
  readonly streams?: readonly ('alpha' | 'beta')[]
  readonly keyed?: boolean
  readonly repeats?: number
  readonly extra?: Readonly<Record<string, unknown>>
  /** records the verdict must reject, after the good ones */
  readonly bad?: readonly object[]
}

function scripted(name: string, count: number, options: Options = {}): ScriptedRequest {
  const { route = 'json', streams = ['alpha'], keyed = false, repeats = 1, extra = {}, bad = [] } = options
  const rows = Array.from({ length: count }, (_, i): ExpectedRow => ({ stream: streams[i % streams.length]!, i, text: textOf(name, i, repeats) }))
  const records: object[] = rows.map(({ i, text }) => ({ req: name, i, text, n: i, _timestamp: MIDNIGHT + (i - 1) * 1_000, ...extra }))
  const body = route === 'json' ? JSON.stringify([...records, ...bad])
    : route === 'multi' ? [...records, ...bad].map((r) => JSON.stringify(r)).join('\n')
      : records.map((r, i) => `{"index":{"_index":"${rows[i]!.stream}"}}\n${JSON.stringify(r)}\n`).join('')
  const request: IngestRequest = {
    org: ORG, route, format: 'json', stream: route === 'bulk' ? null : streams[0]!, contentType: 'application/json',
    contentEncoding: null, idempotencyKey: keyed ? `key-${name}` : null, body: Buffer.from(body),
  }
  return { name, request, rows }
}

/** sent before the first batch is written */
export const FIRST: readonly ScriptedRequest[] = [
  scripted('plain', 3),
  scripted('keyed', 2, { streams: ['beta'], keyed: true }),
  scripted('spilled-keyed', 4, { route: 'multi', keyed: true, repeats: SPILLED_REPEATS }),
  scripted('spilled', 3, { streams: ['beta'], repeats: SPILLED_REPEATS }),
  scripted('both', 4, { route: 'bulk', streams: ['alpha', 'beta'], keyed: true }),
  scripted('partly', 2, { bad: [{ req: 'partly', i: 99, _timestamp: 'never' }] }),
]

/** sent after it: a new field and a wider type, and a request that is in already */
export const SECOND: readonly ScriptedRequest[] = [
  scripted('wider', 2, { keyed: true, extra: { n: 0.5, late: true } }),
  FIRST[1]!,
]

export const ALL_REQUESTS: readonly ScriptedRequest[] = [...FIRST, SECOND[0]!]

/** a message no writer can open: its rows can only be parked */
export const GARBAGE = { bid: '01GARBAGE00000000000000000', bytes: Buffer.from('no envelope of ours') }
