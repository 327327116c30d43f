// The process's own metrics as Prometheus reads them, and its log lines.
import { expect, test } from 'vitest'
import { createTelemetry } from '../../lib/node/telemetry.ts'
import type { LogLevel } from '../../lib/node/telemetry.ts'
import { EngineError } from '../../lib/model/errors.ts'

const clock = { now: () => 1_795_219_200_123_456 }

function recorded(level: LogLevel = 'debug') {
  const lines: { readonly line: string; readonly level: LogLevel }[] = []
  const telemetry = createTelemetry({ clock, level, write: (line, at) => lines.push({ line, level: at }) })
  return { telemetry, lines, last: () => JSON.parse(lines.at(-1)?.line ?? 'null') as Record<string, unknown> }
}

test('nothing counted is an empty page', () => {
  expect(recorded().telemetry.renderPrometheus()).toBe('')
})

test('counters add up by label set, whatever the order of labels', () => {
  const { telemetry } = recorded()
  telemetry.count('requests', 1, { route: '/a', status: '200' })
  telemetry.count('requests', 2, { status: '200', route: '/a' })
  telemetry.count('nilometer_requests_total', 1, { route: '/b', status: '503' })
  expect(telemetry.renderPrometheus()).toBe([
    '# HELP nilometer_requests_total requests total',
    '# TYPE nilometer_requests_total counter',
    'nilometer_requests_total{route="/a",status="200"} 3',
    'nilometer_requests_total{route="/b",status="503"} 1',
    '',
  ].join('\n'))
})

test('a histogram has cumulative buckets by its unit, a sum and a count', () => {
  const telemetry = createTelemetry({ clock, level: 'info', help: { commit_ms: 'time of a commit\nin ms' } })
  for (const value of [0.5, 1, 7, 1e9]) telemetry.observe('commit_ms', value, { kind: 'queue' })
  const lines = telemetry.renderPrometheus().trimEnd().split('\n')
  expect(lines.slice(0, 5)).toEqual([
    '# HELP nilometer_commit_ms time of a commit\\nin ms',
    '# TYPE nilometer_commit_ms histogram',
    'nilometer_commit_ms_bucket{kind="queue",le="1"} 2',
    'nilometer_commit_ms_bucket{kind="queue",le="5"} 2',
    'nilometer_commit_ms_bucket{kind="queue",le="10"} 3',
  ])
  expect(lines.slice(-3)).toEqual([
    'nilometer_commit_ms_bucket{kind="queue",le="+Inf"} 4',
    'nilometer_commit_ms_sum{kind="queue"} 1000000008.5',
    'nilometer_commit_ms_count{kind="queue"} 4',
  ])
})

test('label values are escaped, and names made of allowed characters', () => {
  const { telemetry } = recorded()
  telemetry.count('odd-name', 1, { 'a.b': 'say "hi"\\\n' })
  expect(telemetry.renderPrometheus()).toContain('nilometer_odd_name_total{a_b="say \\"hi\\"\\\\\\n"} 1\n')
})

test('what is no number, or would lower a counter, is left out', () => {
  const { telemetry } = recorded()
  for (const n of [NaN, Infinity, -1]) telemetry.count('requests', n)
  telemetry.observe('wait_ms', NaN)
  expect(telemetry.renderPrometheus()).toBe('')
})

test('a name used as two types keeps its first', () => {
  const { telemetry } = recorded()
  telemetry.observe('x_total', 1)
  telemetry.count('x_total', 1)
  expect(telemetry.renderPrometheus()).toContain('# TYPE nilometer_x_total histogram')
})

test('label sets without end are counted together, and none is lost', () => {
  const { telemetry } = recorded()
  for (let i = 0; i < 5_000; i += 1) telemetry.count('requests', 1, { user: String(i) })
  const lines = telemetry.renderPrometheus().trimEnd().split('\n').slice(2)
  expect(lines.length).toBeLessThanOrEqual(1_001)
  expect(lines).toContain('nilometer_requests_total{overflow="true"} 4000')
  expect(lines.reduce((sum, line) => sum + Number(line.split(' ')[1]), 0)).toBe(5_000)
})

test('a log line is one JSON object with time, level and message first', () => {
  const { telemetry, lines } = recorded()
  telemetry.log('info', 'a message\nof two lines', { org: 'acme', message: 'cannot overwrite', n: 3n })
  expect(lines[0]?.line).toBe('{"time":"2026-11-21T00:00:00.123Z","level":"info","message":"a message\\nof two lines","org":"acme","n":"3"}\n')
})

test('lines below the level are dropped', () => {
  const { telemetry, lines } = recorded('warn')
  for (const level of ['debug', 'info', 'warn', 'error'] as const) telemetry.log(level, level)
  expect(lines.map((line) => line.level)).toEqual(['warn', 'error'])
})

test('secrets are hidden by the names of their fields, at any depth', () => {
  const { telemetry, lines } = recorded()
  telemetry.log('info', 'm', { password: 'p1', headers: { Authorization: 'p2', 'x-api-key': 'p3', cookie: 'p4', host: 'h' }, list: [{ accessToken: 'p5' }] })
  expect(lines[0]?.line).not.toMatch(/p[1-5]/)
  expect(lines[0]?.line).toContain('"host":"h"')
})

test('an error is told with its slug and causes', () => {
  const { telemetry, last } = recorded()
  telemetry.log('error', 'm', { error: new EngineError('unavailable', 'the disk is full', { cause: new Error('ENOSPC') }) })
  expect(last()['error']).toMatchObject({ name: 'EngineError', slug: 'unavailable', message: 'the disk is full', cause: { message: 'ENOSPC' } })
})

test('nothing that is logged throws: circles, deep trees, long texts, throwing writers', () => {
  const { telemetry, lines } = recorded()
  const circle: Record<string, unknown> = {}
  circle['self'] = circle
  telemetry.log('info', 'm', { circle, long: 'x'.repeat(1e6), bytes: new Uint8Array(1e6), many: Array.from({ length: 1e4 }, () => 'x') })
  expect(lines[0]?.line.length).toBeLessThan(10_000)
  telemetry.log('info', 'm', { get broken(): never { throw new Error('no') } })
  createTelemetry({ clock, level: 'info', write: () => { throw new Error('closed') } }).log('info', 'm')
})
