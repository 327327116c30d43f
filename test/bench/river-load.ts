// The bench's requests: a shop's logs as OTLP protobuf, OTLP JSON or flat JSON, gzip, of a given size,
// going to several streams in turn. Every 16th pod's batch comes hours or days late, as after an
// outage of its collector, and requests that follow one another overlap by a second.
import { gzipSync } from 'node:zlib'
import type { IngestRequest } from '../../lib/engine/ingest/request.ts'
import type { OrgId } from '../../lib/model/stream.ts'
import { encodeJson, encodeProtobuf, type AnyValue, type KeyValue, type LogRecord, type LogsRequest, type ResourceLogs } from '../support/otlp.ts'
import { LogsLoad } from '../support/otlp-load.ts'

export type Format = 'protobuf' | 'otlp-json' | 'flat-json'
export const FORMATS: readonly Format[] = ['protobuf', 'otlp-json', 'flat-json']
export const STREAMS: readonly string[] = ['shop', 'edge', 'batch']

/** one resource (a pod's batch) of so many is late */
const LATE_EVERY = 16
const NANOS_PER_HOUR = 3_600_000_000_000n
const LATENESS_NANOS: readonly bigint[] = [3n * NANOS_PER_HOUR, 50n * NANOS_PER_HOUR]
/** a record this far behind its request counts as late; on time they spread over a second */
const LATE_NANOS = NANOS_PER_HOUR
const SAMPLE_RECORDS = 400

export interface BenchRequest {
  readonly stream: string
  /** as sent: gzip of `raw` */
  readonly body: Uint8Array
  readonly raw: Buffer
  /** the same records as OTLP JSON text */
  readonly otlpJson: Buffer
  readonly records: number
  readonly late: number
}

export class BenchLoad {
  private readonly format: Format
  private readonly load: LogsLoad
  private readonly startNanos: bigint
  private readonly records: number
  private resources = 0
  private requests = 0

  /** `requestBytes` of uncompressed body a request, about */
  constructor(format: Format, requestBytes: number, startMicros: number) {
    this.format = format
    this.startNanos = BigInt(startMicros) * 1_000n
    const sample = new LogsLoad(11, this.startNanos).request(SAMPLE_RECORDS)
    this.records = Math.max(1, Math.round(requestBytes / (encodeBody(format, sample).length / recordsOf(sample).length)))
    this.load = new LogsLoad(7, this.startNanos)
  }

  /** requests of so many bytes of uncompressed body in all, at least */
  take(rawBytes: number): BenchRequest[] {
    const taken: BenchRequest[] = []
    for (let bytes = 0; bytes < rawBytes; bytes += taken.at(-1)!.raw.length) taken.push(this.next())
    return taken
  }

  private next(): BenchRequest {
    const onTime = this.load.request(this.records)
    const request: LogsRequest = { resources: onTime.resources.map((resource) => this.perhapsLate(resource)) }
    const raw = encodeBody(this.format, request)
    const records = recordsOf(request)
    return {
      stream: STREAMS[this.requests++ % STREAMS.length]!,
      body: gzipSync(raw), raw, otlpJson: this.format === 'otlp-json' ? raw : encodeJson(request),
      records: records.length,
      late: records.filter(({ time }) => time! < this.startNanos - LATE_NANOS).length,
    }
  }

  private perhapsLate(resource: ResourceLogs): ResourceLogs {
    const n = this.resources++
    if (n % LATE_EVERY !== 0) return resource
    const late = LATENESS_NANOS[(n / LATE_EVERY) % LATENESS_NANOS.length]!
    const shifted = (r: LogRecord): LogRecord => ({ ...r, time: r.time! - late, observedTime: r.observedTime! - late })
    return { ...resource, scopes: resource.scopes.map((scope) => ({ ...scope, records: scope.records.map(shifted) })) }
  }
}

const recordsOf = (request: LogsRequest): LogRecord[] => request.resources.flatMap((r) => r.scopes.flatMap((s) => s.records))

/** the body of a request in a format, before any coding */
export function encodeBody(format: Format, request: LogsRequest): Buffer {
  switch (format) {
    case 'protobuf': return encodeProtobuf(request)
    case 'otlp-json': return encodeJson(request)
    case 'flat-json': return Buffer.from(JSON.stringify(flatRecords(request)))
  }
}

/** as an agent without OTLP sends them: every record with its pod's attributes */
function flatRecords(request: LogsRequest): object[] {
  return request.resources.flatMap(({ attributes, scopes }) => {
    const resource = flatAttributes(attributes)
    return scopes.flatMap(({ records }) => records.map((r) => ({
      _timestamp: Number(r.time! / 1_000n), severity: r.severityText, body: plain(r.body), ...resource, ...flatAttributes(r.attributes),
      ...(r.traceId === undefined ? {} : { trace_id: hex(r.traceId), span_id: hex(r.spanId!) }),
    })))
  })
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

const flatAttributes = (attributes: readonly KeyValue[] = []): Record<string, unknown> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key.replaceAll('.', '_'), plain(value)]))

function plain(value: AnyValue | null | undefined): unknown {
  switch (value?.kind) {
    case 'text': case 'bool': case 'double': return value.value
    case 'int': return Number(value.value)
    default: return null
  }
}

/** what the engine is handed for it */
export function ingestRequestOf(format: Format, org: OrgId, { stream, body }: Pick<BenchRequest, 'stream' | 'body'>): IngestRequest {
  return {
    org, stream, body, contentEncoding: 'gzip', idempotencyKey: null,
    route: format === 'flat-json' ? 'json' : 'otlp-logs',
    format: format === 'protobuf' ? 'protobuf' : 'json',
    contentType: format === 'protobuf' ? 'application/x-protobuf' : 'application/json',
  }
}
