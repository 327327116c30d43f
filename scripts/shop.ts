// The shop behind the demo: who logs what. Requests walk through the services under one trace id.
import { randomBytes, randomInt } from 'node:crypto'

export interface ShopLine {
  readonly service: string
  readonly severity: 'INFO' | 'WARN' | 'ERROR'
  readonly body: string
  readonly traceId: string
  readonly spanId: string
  readonly attributes: Readonly<Record<string, string | number>>
  readonly timeMs: number
}

const ITEMS = ['kettle', 'lamp', 'teapot', 'umbrella', 'notebook', 'compass'] as const
const CITIES = ['Cairo', 'Aswan', 'Luxor', '喀土穆', 'Kampala'] as const
const one = <T>(list: readonly T[]): T => list[randomInt(list.length)]!

interface Step {
  readonly service: string
  readonly severity?: ShopLine['severity']
  readonly body: string
  readonly attributes?: Readonly<Record<string, string | number>>
}

/** one visit: what each service writes of it */
function visit(): Step[] {
  const user = `user-${randomInt(1, 500)}`
  const item = one(ITEMS)
  const cents = randomInt(500, 20_000)
  const ms = randomInt(2, 90)
  const steps: Step[] = [
    { service: 'web', body: `GET /item/${item} 200 ${ms}ms`, attributes: { 'http.method': 'GET', 'http.route': '/item/:name', 'http.status_code': 200, duration_ms: ms, 'user.id': user } },
    { service: 'catalog', body: `looked up ${item} in ${randomInt(1, 12)}ms`, attributes: { item } },
  ]
  if (randomInt(3) > 0) return steps
  steps.push({ service: 'cart', body: `${user} put ${item} in the cart`, attributes: { item, 'user.id': user } })
  if (randomInt(12) === 0) {
    steps.push({ service: 'payment', severity: 'ERROR', body: `card declined for ${user}: insufficient funds\n  at charge (payment.ts:42)`, attributes: { 'user.id': user, amount_cents: cents, 'error.type': 'CardDeclined' } })
    steps.push({ service: 'web', severity: 'WARN', body: `POST /checkout 402 ${ms * 4}ms`, attributes: { 'http.method': 'POST', 'http.route': '/checkout', 'http.status_code': 402, duration_ms: ms * 4 } })
    return steps
  }
  steps.push({ service: 'payment', body: `charged ${cents} cents to ${user}`, attributes: { 'user.id': user, amount_cents: cents } })
  steps.push({ service: 'shipping', body: `parcel for ${user} goes to ${one(CITIES)}`, attributes: { 'user.id': user } })
  return steps
}

/** lines without end, in the order they happen */
export function* shop(): Generator<ShopLine, never> {
  for (;;) {
    const traceId = randomBytes(16).toString('hex')
    for (const step of visit()) {
      yield {
        service: step.service, severity: step.severity ?? 'INFO', body: step.body, traceId, spanId: randomBytes(8).toString('hex'),
        attributes: step.attributes ?? {}, timeMs: Date.now() + randomInt(1_000) - 1_000,
      }
    }
  }
}

const attribute = ([key, value]: [string, string | number]): object =>
  ({ key, value: typeof value === 'number' ? { intValue: String(value) } : { stringValue: value } })

/** lines as an ExportLogsServiceRequest in JSON */
export function shopRequest(lines: readonly ShopLine[]): object {
  const services = Map.groupBy(lines, (line) => line.service)
  return {
    resourceLogs: [...services].map(([service, own]) => ({
      resource: { attributes: [attribute(['service.name', service]), attribute(['deployment.environment', 'demo'])] },
      scopeLogs: [{
        scope: { name: 'shop', version: '1' },
        logRecords: own.map((line) => ({
          timeUnixNano: `${line.timeMs}000000`, severityText: line.severity, body: { stringValue: line.body },
          traceId: line.traceId, spanId: line.spanId, attributes: Object.entries(line.attributes).map(attribute),
        })),
      }],
    })),
  }
}
