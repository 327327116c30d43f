// CPU of checking and decoding JSON, ms (user + system, garbage collection included) per MB of body:
// `node test/bench/decode-json.ts [records per body]`. Bodies are made from a seed: flat application
// logs of about 35 fields, most of them repeated from row to row, two shapes of record.
import { check, decode } from '../../lib/engine/ingest/decode/index.ts'
import type { Route } from '../../lib/engine/ingest/decode/contract.ts'
import { Tables } from '../../lib/engine/store/columns.ts'
import { contextOf, NOW } from '../support/decode.ts'

let seed = 12345
function random(): number {
  seed = (Math.imul(seed, 1664525) + 1013904223) | 0
  return (seed >>> 0) / 2 ** 32
}
const below = (n: number): number => Math.floor(random() * n)
const pick = <T>(list: readonly T[]): T => list[below(list.length)]!
const hex = (n: number): string => Array.from({ length: n }, () => below(16).toString(16)).join('')
const words = 'order payment item stock price retry queue cache token session limit timeout upstream circuit batch commit partition offset'.split(' ')
const sentence = (n: number): string => Array.from({ length: n }, () => pick(words)).join(' ')

const services = ['checkout', 'cart', 'frontend', 'payment', 'shipping', 'search', 'auth', 'gateway']
const users = Array.from({ length: 20_000 }, () => `u-${hex(10)}`)
const hosts = Array.from({ length: 40 }, (_, i) => {
  const service = services[i % services.length]!
  return {
    service_name: service, service_namespace: 'shop', service_version: `2.14.${i % 5}`, service_instance_id: `${hex(8)}-${hex(4)}-4${hex(3)}-${hex(12)}`,
    deployment_environment_name: 'production', k8s_cluster_name: 'prod-eu-1', k8s_namespace_name: 'shop', k8s_node_name: `ip-10-0-${i}-17.eu-central-1.compute.internal`,
    k8s_pod_name: `${service}-${hex(9)}-${hex(5)}`, k8s_deployment_name: service, k8s_container_name: service, container_id: hex(64), cloud_provider: 'aws',
    cloud_region: 'eu-central-1', cloud_availability_zone: `eu-central-1${'abc'[i % 3]!}`, os_type: 'linux', telemetry_sdk_language: 'java',
    telemetry_sdk_name: 'opentelemetry', telemetry_sdk_version: '1.43.0',
  }
})

function message(): string {
  switch (below(4)) {
    case 0: return `Completed request GET /api/v${below(3)}/${pick(services)}/${below(1e6)} with status 200 in ${(random() * 900).toFixed(3)} ms`
    case 1: return `Order ${below(9e6)} for user ${pick(users)} accepted: ${below(9)} items, total ${(random() * 500).toFixed(2)} EUR`
    case 2: return `Größe des Warenkorbs geändert: ${below(20)} Artikel – ${sentence(6)}`
    default: return `Failed to charge card: java.net.SocketTimeoutException: Read timed out\n\tat com.example.shop.${sentence(1)}.Client.call(Client.java:${below(300)})\n\tat ${sentence(2)}`
  }
}

function record(host: object, i: number): Record<string, unknown> {
  const shape = below(3) === 0
    ? { code_function_name: `${pick(words)}Handler`, code_line_number: below(500), feature_enabled: random() < 0.3, request_id: hex(32), queue_depth: below(100) }
    : { http_request_method: pick(['GET', 'POST']), http_route: `/api/v1/${pick(services)}/{id}`, url_path: `/api/v1/${pick(services)}/${below(1e6)}`, http_status: pick([200, 200, 404, 500]), duration_ms: random() * 900, client_address: `10.${below(200)}.3.${below(255)}` }
  const trace = random() < 0.8 ? { trace_id: hex(32), span_id: hex(16) } : {}
  return { _timestamp: NOW - 1e9 + i * 1000, level: pick(['INFO', 'INFO', 'DEBUG', 'WARN', 'ERROR']), message: message(), ...trace, ...host, log_logger: `com.example.${pick(words)}.Service`, thread_name: `exec-${below(64)}`, enduser_id: pick(users), ...shape }
}

/** underscores of the first two kinds of name become levels */
function nested(flat: Record<string, unknown>): Record<string, unknown> {
  const out: Record<string, Record<string, unknown>> = {}
  for (const [key, value] of Object.entries(flat)) {
    const [, head, rest] = /^([a-z0-9]+)_(.+)$/.exec(key) ?? [null, 'log', key]
    ;(out[head!] ??= {})[rest!] = value
  }
  return { '@timestamp': new Date(Number(flat['_timestamp']) / 1000).toISOString(), tags: ['a', 'b'], ...out }
}

const count = Number(process.argv[2] ?? 800)
const sets = Array.from({ length: Math.max(2, Math.round(8_000 / count)) }, () => {
  const host = pick(hosts)
  return Array.from({ length: count }, (_, i) => record(i % 100 === 0 ? pick(hosts) : host, i))
})
const bodies: readonly (readonly [string, Route, readonly string[]])[] = [
  ['flat', 'json', sets.map((s) => JSON.stringify(s))],
  ['flat, spaced', 'json', sets.map((s) => JSON.stringify(s, null, 1))],
  ['nested', 'json', sets.map((s) => JSON.stringify(s.map(nested)))],
  ['lines', 'multi', sets.map((s) => s.map((r) => JSON.stringify(r)).join('\n'))],
  ['bulk', 'bulk', sets.map((s) => s.map((r) => `{"create":{"_index":"logs-app"}}\n${JSON.stringify(r)}\n`).join(''))],
]

/** the least of 15 rounds; bodies are copied first, for both modes change them */
function measure(list: readonly string[], work: (copies: readonly Buffer[]) => void): string {
  let least = Infinity
  for (let round = 0; round < 15; round++) {
    const copies = list.map((body) => Buffer.from(body))
    const before = process.cpuUsage()
    work(copies)
    const used = process.cpuUsage(before)
    least = Math.min(least, (used.user + used.system) / 1000 / (copies.reduce((n, b) => n + b.length, 0) / 1e6))
  }
  return least.toFixed(2)
}

for (const [name, route, list] of bodies) {
  const context = contextOf({ route })
  const checking = measure(list, (copies) => copies.forEach((body) => check(body, context)))
  // One flush decodes many messages into the same tables.
  const decoding = measure(list, (copies) => {
    const tables = new Tables()
    copies.forEach((body, i) => decode(body, context, [], i, tables))
  })
  process.stdout.write(`${name.padEnd(14)} check ${checking}  decode ${decoding}  ms/MB, ${list.length} bodies of ${(Buffer.byteLength(list[0]!) / 1e3).toFixed(0)} KB\n`)
}
