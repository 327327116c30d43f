// What the process says about itself: counters and histograms in memory, shown as Prometheus text,
// and JSON log lines. It never throws and never blocks; memory is bounded, whatever labels come.
import type { Clock, Labels, Telemetry } from '../engine/ports.ts'
import { logFields } from './log-fields.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'
const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']

export interface TelemetryOptions {
  readonly clock: Pick<Clock, 'now'>
  /** lines below it are dropped */
  readonly level: LogLevel
  /** one line with its newline; default: warn and error to stderr, the rest to stdout */
  readonly write?: (line: string, level: LogLevel) => void
  /** HELP texts by metric name, without prefix */
  readonly help?: Readonly<Record<string, string>>
}

export interface LocalTelemetry extends Telemetry {
  /** a value that is what it was set to last */
  gauge(name: string, value: number, labels?: Labels): void
  /** text exposition format 0.0.4, ends with a newline */
  renderPrometheus(): string
}

/** label sets of one metric; more are counted together under `overflow="true"` */
const SERIES_MAX = 1_000
const METRICS_MAX = 1_000
const OVERFLOW: Labels = { overflow: 'true' }

/** upper bounds by the unit that ends the name; counts when it names none */
const BUCKETS: readonly (readonly [unit: string, bounds: readonly number[]])[] = [
  ['_seconds', [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300]],
  ['_ms', [1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000]],
  ['_bytes', [256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864, 268_435_456]],
]
const COUNT_BUCKETS: readonly number[] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 10_000, 100_000]

interface Series {
  readonly labels: Labels
  /** the counter's or gauge's value, or the sum of what was observed */
  sum: number
  /** histograms: observations per bucket (not cumulative), the last one above every bound */
  readonly counts: number[]
}

interface Metric {
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  readonly bounds: readonly number[]
  readonly series: Map<string, Series>
}

export function createTelemetry(options: TelemetryOptions): LocalTelemetry {
  const { clock, write = writeStandard, help = {} } = options
  const lowest = LEVELS.indexOf(options.level)
  const metrics = new Map<string, Metric>()

  function seriesOf(name: string, type: Metric['type'], labels: Labels): Series | null {
    let metric = metrics.get(name)
    if (metric === undefined) {
      if (metrics.size >= METRICS_MAX) return null
      metric = newMetric(name, type, help)
      metrics.set(name, metric)
    }
    // One name is one type; a caller that mixes them is not worth a crash.
    if (metric.type !== type) return null
    let key = renderLabels(labels)
    let shown = labels
    if (!metric.series.has(key) && metric.series.size >= SERIES_MAX) {
      shown = OVERFLOW
      key = renderLabels(OVERFLOW)
    }
    let series = metric.series.get(key)
    if (series === undefined) {
      series = { labels: { ...shown }, sum: 0, counts: Array.from({ length: metric.bounds.length + 1 }, () => 0) }
      metric.series.set(key, series)
    }
    return series
  }

  return {
    count: (name, n, labels = {}) => {
      // A counter only rises; what is no number would spoil it for ever.
      if (!Number.isFinite(n) || n < 0) return
      const series = seriesOf(counterName(name), 'counter', labels)
      if (series !== null) series.sum += n
    },
    gauge: (name, value, labels = {}) => {
      if (!Number.isFinite(value)) return
      const series = seriesOf(fullName(name), 'gauge', labels)
      if (series !== null) series.sum = value
    },
    observe: (name, value, labels = {}) => {
      if (!Number.isFinite(value)) return
      const full = fullName(name)
      const series = seriesOf(full, 'histogram', labels)
      const bounds = metrics.get(full)?.bounds ?? []
      if (series === null) return
      series.sum += value
      const at = bounds.findIndex((bound) => value <= bound)
      const bucket = at === -1 ? bounds.length : at
      series.counts[bucket] = (series.counts[bucket] ?? 0) + 1
    },
    log: (level, message, fields = {}) => {
      if (LEVELS.indexOf(level) < lowest) return
      try {
        const time = new Date(clock.now() / 1_000).toISOString()
        const head = { time, level, message }
        // Named twice: first for their place in the line, last so that no field overwrites them.
        write(`${JSON.stringify({ ...head, ...logFields(fields), ...head })}\n`, level)
      } catch {
        // The log is the last resort; there is nobody left to tell.
      }
    },
    renderPrometheus: () => [...metrics.keys()].sort().map((name) => renderMetric(name, metrics.get(name) as Metric)).join(''),
  }
}

function writeStandard(line: string, level: LogLevel): void {
  const stream = level === 'warn' || level === 'error' ? process.stderr : process.stdout
  stream.write(line)
}

/** the prefix is added where it is missing, and characters Prometheus does not allow become `_` */
function fullName(name: string): string {
  const clean = name.replace(/[^a-zA-Z0-9_:]/g, '_')
  return clean.startsWith('nilometer_') ? clean : `nilometer_${clean}`
}

/** Prometheus' convention: a counter's name ends in `_total` */
const counterName = (name: string): string => (name.endsWith('_total') ? fullName(name) : `${fullName(name)}_total`)

function newMetric(name: string, type: Metric['type'], help: Readonly<Record<string, string>>): Metric {
  const bare = name.slice('nilometer_'.length)
  const bounds = type !== 'histogram' ? [] : BUCKETS.find(([unit]) => name.endsWith(unit))?.[1] ?? COUNT_BUCKETS
  return { type, help: help[bare] ?? bare.replaceAll('_', ' '), bounds, series: new Map() }
}

const escapeHelp = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
const escapeLabel = (text: string): string => escapeHelp(text).replaceAll('"', '\\"')

/** `{a="1",b="2"}` in the order of names, or nothing */
function renderLabels(labels: Labels): string {
  const parts = Object.keys(labels).sort().map((name) =>
    `${name.replace(/[^a-zA-Z0-9_]/g, '_').replace(/^\d/, '_')}="${escapeLabel(String(labels[name]))}"`)
  return parts.length === 0 ? '' : `{${parts.join(',')}}`
}

function renderMetric(name: string, metric: Metric): string {
  const lines = [`# HELP ${name} ${escapeHelp(metric.help)}`, `# TYPE ${name} ${metric.type}`]
  for (const { labels, sum, counts } of metric.series.values()) {
    if (metric.type !== 'histogram') {
      lines.push(`${name}${renderLabels(labels)} ${sum}`)
      continue
    }
    let below = 0
    counts.forEach((count, i) => {
      below += count
      const le = i < metric.bounds.length ? String(metric.bounds[i]) : '+Inf'
      lines.push(`${name}_bucket${renderLabels({ ...labels, le })} ${below}`)
    })
    lines.push(`${name}_sum${renderLabels(labels)} ${sum}`, `${name}_count${renderLabels(labels)} ${below}`)
  }
  return `${lines.join('\n')}\n`
}
