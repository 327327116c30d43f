// Log requests as a shop's services would send them, for benches and tests that need bulk: the same
// seed gives the same requests. 21 resource attributes, about 10 record attributes of two shapes, 12
// bodies (stack traces, non-ASCII), 80 % with trace ids, few users often and many seldom.
import { bool, double, int, kv, text } from './otlp.ts'
import type { KeyValue, LogRecord, LogsRequest } from './otlp.ts'

/** mulberry32: [0, 1) from a 32-bit seed */
export function randomOf(seed: number): () => number {
  let s = seed | 0
  return () => {
    s = (s + 0x6d2b79f5) | 0
    let t = Math.imul(s ^ (s >>> 15), 1 | s)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

const SERVICES = ['checkout', 'cart', 'frontend', 'payment', 'shipping', 'inventory', 'recommendation', 'search', 'auth', 'gateway', 'email', 'pricing']
const WORDS = 'order payment item stock price retry queue cache token session limit timeout upstream circuit batch commit partition offset lease index'.split(' ')
const METHODS = ['GET', 'GET', 'GET', 'POST', 'PUT', 'DELETE']
const CODES = [200, 200, 200, 200, 201, 204, 302, 400, 404, 500, 503]
const SEVERITIES = [['INFO', 9], ['INFO', 9], ['INFO', 9], ['INFO', 9], ['DEBUG', 5], ['DEBUG', 5], ['WARN', 13], ['ERROR', 17]] as const
/** which of the 12 bodies, weighted */
const BODY_WEIGHTS = [0, 0, 0, 0, 1, 1, 2, 2, 3, 4, 4, 5, 6, 6, 7, 8, 8, 9, 10, 11]
/** share of records that come a day late */
const LATE_SHARE = 0.01
const NANOS_PER_DAY = 86_400_000_000_000n

interface Pod {
  readonly service: string
  readonly name: string
  readonly node: string
  readonly uid: string
  readonly container: string
}

/** what a record's body speaks of */
interface Moment {
  readonly method: string
  readonly path: string
  readonly code: number
  readonly user: string
  readonly tenant: string
  readonly durationMs: number
}

export class LogsLoad {
  private readonly random: () => number
  private readonly pods: Pod[] = []
  private readonly users: string[]
  private readonly tenants: string[]
  private readonly routes: string[]
  private readonly loggers: string[]
  private readonly addresses: string[]
  private clock: bigint

  /** `startNanos`: time of the first request; each next one is 25 ms later */
  constructor(seed: number, startNanos: bigint) {
    this.random = randomOf(seed)
    this.clock = startNanos
    const many = <T>(n: number, make: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => make(i))
    const nodes = many(20, (i) => `ip-10-0-${i}-${100 + i}.eu-central-1.compute.internal`)
    for (let i = 0; i < 80; i++) {
      const service = SERVICES[i % SERVICES.length]!
      this.pods.push({ service, name: `${service}-${this.hex(9)}-${this.hex(5)}`, node: this.pick(nodes), uid: this.uuid(), container: this.hex(64) })
    }
    this.users = many(20_000, () => `u-${this.hex(10)}`)
    this.tenants = many(120, () => `tenant-${this.hex(6)}`)
    this.routes = many(40, (i) => `/api/v${1 + (i % 3)}/${this.pick(SERVICES)}/{id}/${this.pick(['items', 'status', 'events', 'price', 'detail'])}`)
    this.loggers = many(60, (i) => `com.example.shop.${SERVICES[i % 12]!}.${this.pick(['api', 'core', 'db', 'client'])}.${this.pick(['Handler', 'Repository', 'Service', 'Worker'])}${i % 7}`)
    this.addresses = many(5_000, () => `${10 + this.upTo(200)}.${this.upTo(255)}.${this.upTo(255)}.${this.upTo(255)}`)
  }

  /** the next request; its records come from up to 8 pods of one node's collector */
  request(records: number): LogsRequest {
    const groups = Math.max(1, Math.min(8, Math.round(records / 40)))
    const first = this.upTo(this.pods.length)
    const each = Math.ceil(records / groups)
    const resources = Array.from({ length: groups }, (_, i) => {
      const pod = this.pods[(first + i) % this.pods.length]!
      const logs = Array.from({ length: each }, () => this.record())
      return { attributes: resourceOf(pod), scopes: [{ name: 'otel-logback-appender', version: '1.0', records: logs }] }
    })
    this.clock += 25_000_000n
    return { resources }
  }

  private record(): LogRecord {
    const kind = this.pick(BODY_WEIGHTS)
    const route = this.seldom(this.routes)
    const moment: Moment = {
      method: this.pick(METHODS), path: route.replace('{id}', String(this.upTo(1e6))), code: this.pick(CODES),
      user: this.seldom(this.users), tenant: this.seldom(this.tenants), durationMs: Math.exp(this.random() * 7),
    }
    const [severityText, severityNumber] = kind === 10 ? (['ERROR', 17] as const) : kind === 5 || kind === 7 ? (['WARN', 13] as const) : this.pick(SEVERITIES)
    const late = this.random() < LATE_SHARE ? NANOS_PER_DAY : 0n
    const time = this.clock + BigInt(this.upTo(1e9)) - late
    const record = {
      time, observedTime: time + BigInt(1_000_000 + this.upTo(50_000_000)), severityNumber, severityText,
      body: text(this.body(kind, moment)), attributes: this.attributes(kind, route, moment),
    }
    if (this.random() >= 0.8) return record
    return { ...record, flags: 1, traceId: Buffer.from(this.hex(32), 'hex'), spanId: Buffer.from(this.hex(16), 'hex') }
  }

  private attributes(kind: number, route: string, m: Moment): KeyValue[] {
    const common = [
      kv('log.logger', this.seldom(this.loggers)), kv('thread.name', `http-nio-8080-exec-${this.upTo(64)}`),
      kv('tenant.id', m.tenant), kv('enduser.id', m.user),
    ]
    if (kind <= 1) {
      return [
        ...common, kv('http.request.method', m.method), kv('http.route', route), kv('url.path', m.path),
        kv('http.response.status_code', int(m.code)), kv('duration_ms', double(Math.round(m.durationMs * 1000) / 1000 + 0.0001)),
        kv('client.address', this.seldom(this.addresses)), kv('http.response.body.size', int(this.upTo(100_000))),
      ]
    }
    return [
      ...common, kv('code.function.name', `${this.pick(WORDS)}Handler`), kv('code.line.number', int(this.upTo(500))),
      kv('feature.enabled', bool(this.random() < 0.3)), kv('request.id', this.uuid()), kv('queue.depth', int(this.upTo(100))), kv('build.sha', '3f2c9a1'),
    ]
  }

  private body(kind: number, m: Moment): string {
    const n = (below: number): number => this.upTo(below)
    switch (kind) {
      case 0: return `Completed request ${m.method} ${m.path} with status ${m.code} in ${m.durationMs.toFixed(3)} ms`
      case 1: return `Order ${1e6 + n(9e6)} for user ${m.user} accepted: ${1 + n(9)} items, total ${(this.random() * 500).toFixed(2)} EUR`
      case 2: return `Cache miss for key product:${n(1e5)}:price, loading from database shard ${n(16)}`
      case 3: return `Connection pool stats: active=${n(50)} idle=${n(50)} waiting=${n(5)} max=50 pool=HikariPool-${1 + n(3)}`
      case 4: return `Publishing event OrderUpdated id=${this.uuid()} to topic orders partition ${n(24)} offset ${n(1e9)}`
      case 5: return `Retrying call to ${this.pick(SERVICES)} after ${100 * (1 + n(10))} ms (attempt ${1 + n(5)} of 5): upstream connect error or disconnect/reset before headers`
      case 6: return `JWT validated for subject ${m.user} issuer https://auth.example.com scopes [${this.sentence(3)}]`
      case 7: return `Slow query detected: SELECT * FROM ${this.pick(WORDS)}s WHERE id = ${n(1e6)} AND tenant = '${m.tenant}' took ${(this.random() * 3000).toFixed(1)} ms`
      case 8: return `Processing batch ${n(1e6)} of ${n(500)} records from shard shardId-0000000${n(100)}: ${this.sentence(6)}`
      case 9: return `Health check passed in ${n(30)} ms`
      case 10: return [
        `Failed to charge card for order ${1e6 + n(9e6)}: java.net.SocketTimeoutException: Read timed out`,
        'at java.base/sun.nio.ch.NioSocketImpl.timedRead(NioSocketImpl.java:288)',
        `at com.example.shop.payment.client.GatewayClient.charge(GatewayClient.java:${n(300)})`,
        `at com.example.shop.payment.core.Service.process(Service.java:${n(300)})`,
      ].join('\n\t')
      default: return `Größe des Warenkorbs für Benutzer ${m.user} geändert: ${n(20)} Artikel – ${this.sentence(4)}`
    }
  }

  private upTo(below: number): number {
    return Math.floor(this.random() * below)
  }

  private pick<T>(of: readonly T[]): T {
    return of[this.upTo(of.length)]!
  }

  /** the first ones often, the last ones seldom */
  private seldom<T>(of: readonly T[]): T {
    return of[Math.floor(of.length * this.random() ** 3)]!
  }

  private hex(digits: number): string {
    let out = ''
    while (out.length < digits) out += this.upTo(16).toString(16)
    return out
  }

  private uuid(): string {
    return `${this.hex(8)}-${this.hex(4)}-4${this.hex(3)}-a${this.hex(3)}-${this.hex(12)}`
  }

  private sentence(words: number): string {
    return Array.from({ length: words }, () => this.pick(WORDS)).join(' ')
  }
}

function resourceOf(pod: Pod): KeyValue[] {
  return [
    kv('service.name', pod.service), kv('service.namespace', 'shop'), kv('service.version', `2.14.${pod.service.length % 5}`),
    kv('service.instance.id', pod.uid), kv('deployment.environment.name', 'production'), kv('k8s.cluster.name', 'prod-eu-1'),
    kv('k8s.namespace.name', 'shop'), kv('k8s.node.name', pod.node), kv('k8s.pod.name', pod.name), kv('k8s.pod.uid', pod.uid),
    kv('k8s.deployment.name', pod.service), kv('k8s.container.name', pod.service), kv('container.id', pod.container),
    kv('cloud.provider', 'aws'), kv('cloud.region', 'eu-central-1'), kv('cloud.availability_zone', `eu-central-1${'abc'[pod.node.length % 3]!}`),
    kv('host.name', pod.node), kv('os.type', 'linux'), kv('telemetry.sdk.language', 'java'), kv('telemetry.sdk.name', 'opentelemetry'),
    kv('telemetry.sdk.version', '1.43.0'),
  ]
}
