// Telemetry of a thread, told to the event loop, which keeps the one registry that /metrics shows.
import type { Labels, Telemetry } from '../lib/engine/ports.ts'

export type TelemetryEvent =
  | { readonly kind: 'count'; readonly name: string; readonly value: number; readonly labels: Labels | undefined }
  | { readonly kind: 'observe'; readonly name: string; readonly value: number; readonly labels: Labels | undefined }
  | { readonly kind: 'log'; readonly level: 'debug' | 'info' | 'warn' | 'error'; readonly message: string; readonly fields: string }

export function relayTelemetry(send: (event: TelemetryEvent) => void): Telemetry {
  return {
    count: (name, value, labels) => send({ kind: 'count', name, value, labels }),
    observe: (name, value, labels) => send({ kind: 'observe', name, value, labels }),
    log: (level, message, fields) => send({ kind: 'log', level, message, fields: JSON.stringify(fields ?? {}) }),
  }
}

export function replayTelemetry(telemetry: Telemetry, event: TelemetryEvent): void {
  if (event.kind === 'count') telemetry.count(event.name, event.value, event.labels)
  else if (event.kind === 'observe') telemetry.observe(event.name, event.value, event.labels)
  else telemetry.log(event.level, event.message, JSON.parse(event.fields) as Record<string, unknown>)
}
