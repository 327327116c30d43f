// The parts of the real clients that these tests use, declared by hand: the root's type check must not
// need packages which only run.ts installs. At run time the packages themselves decide.

declare module '@elastic/elasticsearch' {
  interface BulkItem { readonly _index: string; readonly status: number; readonly error?: { readonly type: string; readonly reason: string } }
  interface BulkReply { readonly took: number; readonly errors: boolean; readonly items: readonly Readonly<Record<string, BulkItem>>[] }
  interface BulkRequest { readonly index?: string; readonly refresh?: 'wait_for'; readonly operations: readonly object[] }
  interface BulkStatistics { readonly total: number; readonly successful: number; readonly failed: number; readonly retry: number }
  interface DroppedDocument<T> { readonly document: T; readonly status: number; readonly error: { readonly type: string; readonly reason: string } | null }
  interface BulkHelperOptions<T> {
    readonly datasource: Iterable<T>
    readonly onDocument: (document: T) => object
    readonly onDrop?: (dropped: DroppedDocument<T>) => void
    readonly flushBytes?: number
    readonly concurrency?: number
    readonly retries?: number
  }
  interface ClientOptions {
    readonly node: string
    readonly auth: { readonly username: string; readonly password: string } | { readonly bearer: string }
    readonly compression?: boolean
  }
  export class Client {
    constructor(options: ClientOptions)
    info(): Promise<{ readonly tagline: string; readonly version: { readonly number: string } }>
    ping(): Promise<boolean>
    bulk(request: BulkRequest): Promise<BulkReply>
    readonly helpers: { bulk<T extends object>(options: BulkHelperOptions<T>): Promise<BulkStatistics> }
    close(): Promise<void>
  }
}

declare module '@opentelemetry/api' {
  export enum DiagLogLevel { WARN = 50 }
  export enum SeverityNumber { INFO = 9, WARN = 13, ERROR = 17 }
  interface DiagLogger {
    error(...parts: unknown[]): void
    warn(...parts: unknown[]): void
    info(...parts: unknown[]): void
    debug(...parts: unknown[]): void
    verbose(...parts: unknown[]): void
  }
  export const diag: { setLogger(logger: DiagLogger, level: DiagLogLevel): boolean }
}

declare module '@opentelemetry/resources' {
  interface Resource { readonly attributes: Readonly<Record<string, unknown>> }
  export function resourceFromAttributes(attributes: Readonly<Record<string, string>>): Resource
}

declare module '@opentelemetry/sdk-logs' {
  import type { Resource } from '@opentelemetry/resources'
  export interface LogRecordExporter {
    export(records: readonly object[], done: (result: { readonly code: number; readonly error?: Error }) => void): void
    shutdown(): Promise<void>
    forceFlush(): Promise<void>
  }
  export interface BatchOptions { readonly exporter: LogRecordExporter; readonly maxQueueSize: number; readonly maxExportBatchSize: number }
  interface LogRecordProcessor { forceFlush(): Promise<void> }
  export const BatchLogRecordProcessor: new (options: BatchOptions) => LogRecordProcessor
  interface LogRecord {
    readonly timestamp?: Date
    readonly body: string
    readonly severityNumber?: number
    readonly severityText?: string
    readonly attributes: Readonly<Record<string, string | number>>
  }
  export class LoggerProvider {
    constructor(options: { readonly resource: Resource; readonly processors: readonly LogRecordProcessor[] })
    getLogger(name: string): { emit(record: LogRecord): void }
    forceFlush(): Promise<void>
    shutdown(): Promise<void>
  }
}

declare module '@opentelemetry/exporter-logs-otlp-http' {
  import type { LogRecordExporter } from '@opentelemetry/sdk-logs'
  interface ExporterOptions { readonly url?: string; readonly headers?: Readonly<Record<string, string>>; readonly compression?: 'gzip' | 'none' }
  export const OTLPLogExporter: new (options?: ExporterOptions) => LogRecordExporter
}

declare module '@opentelemetry/exporter-logs-otlp-proto' {
  export { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-http'
}
