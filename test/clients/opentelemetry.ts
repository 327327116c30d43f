// OpenTelemetry's own SDK and OTLP exporters, JSON and protobuf. The SDK tells nobody when an export
// fails: results are counted behind the exporter, and what its diagnostics say is kept.
import { diag, DiagLogLevel, SeverityNumber } from '@opentelemetry/api'
import { OTLPLogExporter as JsonExporter } from '@opentelemetry/exporter-logs-otlp-http'
import { OTLPLogExporter as ProtoExporter } from '@opentelemetry/exporter-logs-otlp-proto'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { BatchLogRecordProcessor, LoggerProvider } from '@opentelemetry/sdk-logs'
import type { LogRecordExporter } from '@opentelemetry/sdk-logs'
import { AUTHORIZATION } from '../support/server-process.ts'
import type { LineTime, LogFile } from './logs.ts'
import { equal, hold } from './report.ts'

const BATCH_RECORDS = 400
const YEAR_1990 = new Date(Date.UTC(1990, 0, 1))

export type Encoding = 'json' | 'proto'
export const otlpStream = (file: LogFile, encoding: Encoding): string => `${file.name}_otlp_${encoding}`

/** warnings and errors of the SDK since the last look */
const diagnostics: string[] = []
const keep = (...parts: unknown[]): void => { diagnostics.push(parts.map(String).join(' ')) }
const ignore = (): void => undefined
export const heard = (): string[] => diagnostics.splice(0)

export function listenToDiagnostics(): void {
  diag.setLogger({ error: keep, warn: keep, info: ignore, debug: ignore, verbose: ignore }, DiagLogLevel.WARN)
}

interface Results { exports: number; failures: string[] }

function counted(exporter: LogRecordExporter, results: Results): LogRecordExporter {
  return {
    export: (records, done) => {
      exporter.export(records, (result) => {
        results.exports++
        if (result.code !== 0) results.failures.push(result.error?.message ?? `code ${result.code}`)
        done(result)
      })
    },
    shutdown: () => exporter.shutdown(),
    forceFlush: () => exporter.forceFlush(),
  }
}

/** times are Dates: numbers before the process' start count from that start for the SDK */
interface Emitted { readonly time: Date; readonly text: string }

/** the records in order through a provider of their own; how many requests that took */
async function emitAll(exporter: LogRecordExporter, service: string, records: readonly Emitted[]): Promise<number> {
  const results: Results = { exports: 0, failures: [] }
  const processor = new BatchLogRecordProcessor({ exporter: counted(exporter, results), maxQueueSize: Math.max(records.length, BATCH_RECORDS), maxExportBatchSize: BATCH_RECORDS })
  const provider = new LoggerProvider({ resource: resourceFromAttributes({ 'service.name': service }), processors: [processor] })
  const logger = provider.getLogger('test-clients')
  for (const [line, { time, text }] of records.entries()) {
    logger.emit({ timestamp: time, body: text, severityNumber: SeverityNumber.INFO, severityText: 'INFO', attributes: { line, file: service } })
  }
  await provider.forceFlush()
  await provider.shutdown()
  equal(results.failures, [], `the failures of the exporter of ${service}`)
  return results.exports
}

/** JSON goes as it is, protobuf goes in gzip */
function exporterTo(url: string, stream: string, encoding: Encoding): LogRecordExporter {
  const to = { url: `${url}/api/default/v1/logs`, headers: { Authorization: AUTHORIZATION, 'stream-name': stream } }
  return encoding === 'json' ? new JsonExporter({ ...to, compression: 'none' }) : new ProtoExporter({ ...to, compression: 'gzip' })
}

/** every text of a file as a record's body; its requests */
export async function sendOtlp(url: string, file: LogFile, timeOf: LineTime, encoding: Encoding): Promise<number> {
  const records = file.texts.map((text, line) => ({ time: new Date(timeOf(line) / 1_000), text }))
  const exports = await emitAll(exporterTo(url, otlpStream(file, encoding), encoding), file.name, records)
  equal(heard(), [], `what the SDK complains of for ${file.name}`)
  return exports
}

/** as the README has it: nothing but two variables, the ingestion token as Bearer */
export async function sendByEnvironment(url: string, token: string, stream: string): Promise<void> {
  process.env['OTEL_EXPORTER_OTLP_LOGS_ENDPOINT'] = `${url}/api/default/v1/logs`
  process.env['OTEL_EXPORTER_OTLP_HEADERS'] = `Authorization=Bearer ${token},stream-name=${stream}`
  try {
    for (const exporter of [new JsonExporter(), new ProtoExporter()]) await emitAll(exporter, 'environment', [{ time: new Date(), text: 'by environment' }])
  } finally {
    delete process.env['OTEL_EXPORTER_OTLP_LOGS_ENDPOINT']
    delete process.env['OTEL_EXPORTER_OTLP_HEADERS']
  }
  equal(heard(), [], 'what the SDK complains of')
}

/** a record that is refused is a partial success, which the exporter reads and tells with our reason */
export async function sendPartlyRefused(url: string, stream: string, encoding: Encoding): Promise<string> {
  const now = new Date()
  await emitAll(exporterTo(url, stream, encoding), 'partly', [{ time: now, text: 'kept' }, { time: YEAR_1990, text: 'refused' }, { time: now, text: 'kept too' }])
  const said = heard()
  equal(said.length, 1, `the number of warnings (${said.join('; ')})`)
  const partial = /Partial Success response: (\{.*\})/.exec(said[0]!)?.[1]
  hold(partial !== undefined, `the warning is ${said[0]!}`)
  const { rejectedLogRecords, errorMessage } = JSON.parse(partial) as { rejectedLogRecords: number | string; errorMessage: string }
  equal(Number(rejectedLogRecords), 1, 'the number of rejected records')
  hold(errorMessage !== '', 'the rejection has no reason')
  return errorMessage
}
