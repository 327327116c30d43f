// How late the event loop runs: every request, health check and query waits for it, so this is the
// first sign that something blocks it. Gauges of /metrics, since the last time they were asked for.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { LocalTelemetry } from '../lib/node/telemetry.ts'

/** a timer of this period is watched, milliseconds; how much later than that it fires is the delay */
const RESOLUTION_MS = 10
const NANOS_PER_MS = 1e6
/** by the label `quantile`; 1 is the longest */
const QUANTILES: readonly (readonly [label: string, percentile: number])[] = [['0.5', 50], ['0.99', 99], ['1', 100]]

/** @returns a function that sets the gauges and begins anew */
export function watchEventLoop(telemetry: Pick<LocalTelemetry, 'gauge'>): () => void {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  histogram.enable()
  return () => {
    for (const [quantile, percentile] of QUANTILES) {
      // What is recorded is the time from one firing to the next, the timer's period included.
      const delayMs = histogram.percentile(percentile) / NANOS_PER_MS - RESOLUTION_MS
      telemetry.gauge('event_loop_delay_ms', Math.max(0, delayMs), { quantile })
    }
    histogram.reset()
  }
}
