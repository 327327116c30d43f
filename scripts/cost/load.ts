// Requests as a collector sends them: a shop's logs (the bench's), gzip, of a given size, to several
// streams in turn. Their rows are on time, but one request in twenty carries a pod's rows of the day
// before, as after an outage: every further day in a pack is a slice, and a file for the compactor.
import { gzipSync } from 'node:zlib'
import type { LogRecord, LogsRequest, ResourceLogs } from '../../test/support/otlp.ts'
import { LogsLoad } from '../../test/support/otlp-load.ts'
import { encodeBody, type Format } from '../../test/bench/river-load.ts'

export interface LoadShape {
  readonly format: Format
  /** uncompressed, about */
  readonly requestBytes: number
  readonly streams: number
}

export interface LoadRequest {
  readonly stream: string
  /** as sent: gzip */
  readonly body: Uint8Array
  readonly rawBytes: number
}

const LATE_EVERY = 20
const SAMPLE_RECORDS = 400
const NANOS_PER_DAY = 86_400_000_000_000n
const NANOS_PER_HOUR = NANOS_PER_DAY / 24n

/** so many requests; the same shape gives the same ones */
export function loadOf({ format, requestBytes, streams }: LoadShape, startMicros: number, requests: number): LoadRequest[] {
  const start = BigInt(startMicros) * 1_000n
  const bytesOf = (records: number): number => encodeBody(format, new LogsLoad(11, start).request(records)).length
  const about = Math.max(1, Math.round((SAMPLE_RECORDS * requestBytes) / bytesOf(SAMPLE_RECORDS)))
  const records = Math.max(1, Math.round((about * requestBytes) / bytesOf(about)))
  const load = new LogsLoad(7, start)
  return Array.from({ length: requests }, (_, i) => {
    const late = i % LATE_EVERY === LATE_EVERY - 1
    const { resources } = load.request(records)
    const request: LogsRequest = { resources: resources.map((resource, pod) => moved(resource, start, late && pod === 0)) }
    const raw = encodeBody(format, request)
    return { stream: `app-${i % streams}`, body: gzipSync(raw), rawBytes: raw.length }
  })
}

/** rows of the generator that are a day late come on time, or all of them a day late */
function moved(resource: ResourceLogs, start: bigint, late: boolean): ResourceLogs {
  const move = (record: LogRecord): LogRecord => {
    const early = record.time! < start - 12n * NANOS_PER_HOUR
    const by = (early ? NANOS_PER_DAY : 0n) - (late ? NANOS_PER_DAY : 0n)
    return by === 0n ? record : { ...record, time: record.time! + by, observedTime: record.observedTime! + by }
  }
  return { ...resource, scopes: resource.scopes.map((scope) => ({ ...scope, records: scope.records.map(move) })) }
}
