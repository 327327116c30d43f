// Valid bodies of every protocol that is fuzzed: what senders send, in the shapes that decoders branch
// on (nesting, every type, escapes, every place a time can stand). Mutations begin from these.
import { array, bool, bytes, double, encodeJson, encodeProtobuf, int, kv, map, none, text, type AnyValue, type JsonStyle, type LogRecord, type LogsRequest } from '../support/otlp.ts'
import type { Random } from './fuzz-random.ts'

export const PROTOCOLS = ['json', 'multi', 'bulk', 'otlp', 'otlp-json'] as const
export type Protocol = (typeof PROTOCOLS)[number]

const WORDS = ['order shipped', 'timeout after 30 s', '', 'naïve 水位計', '\u0000', 'a\\b"c\n', '\ud83d\ude00', '{"a":1}', '\u2028', 'x'.repeat(300)]
const KEYS = ['message', 'level', 'log', 'k8s.pod', 'a', 'a_b', 'Message', 'user', 'ms', 'weird key!', '__proto__', 'id']

function scalar(random: Random): unknown {
  switch (random.below(9)) {
    case 0: return random.below(1_000)
    case 1: return random.next() * 1e6
    case 2: return random.chance(0.5)
    case 3: return null
    case 4: return -(2 ** random.below(53))
    case 5: return Number.MAX_SAFE_INTEGER
    default: return random.pick(WORDS)
  }
}

function value(random: Random, depth: number): unknown {
  if (depth > 2 || random.chance(0.7)) return scalar(random)
  if (random.chance(0.4)) return Array.from({ length: random.below(4) }, () => value(random, depth + 1))
  return object(random, random.below(4), depth + 1)
}

function object(random: Random, fields: number, depth: number): Record<string, unknown> {
  return Object.fromEntries(Array.from({ length: fields }, () => [random.pick(KEYS), value(random, depth)]))
}

/** milliseconds since 1970, of January 2026: fixed, so that a seed makes the same bytes at any time */
const instantMs = (random: Random): number => Date.UTC(2026, 0, 31) - random.below(30 * 86_400_000)

function record(random: Random): Record<string, unknown> {
  const out = object(random, 1 + random.below(6), 0)
  const ms = instantMs(random)
  switch (random.below(6)) {
    case 0: return { _timestamp: ms * 1_000, ...out }
    case 1: return { ...out, '@timestamp': new Date(ms).toISOString() }
    case 2: return { ...out, _timestamp: String(ms) }
    default: return out
  }
}

const records = (random: Random): Record<string, unknown>[] => Array.from({ length: 1 + random.below(12) }, () => record(random))

function bulk(random: Random, stream: string): string {
  return records(random).map((source) => {
    const action = random.pick(['index', 'create', 'index', 'update', 'delete'])
    const line = JSON.stringify({ [action]: { _index: stream, ...(random.chance(0.5) ? { _id: String(random.below(1_000)) } : {}) } })
    if (action === 'delete') return line
    return `${line}\n${JSON.stringify(action === 'update' ? { doc: source } : source)}`
  }).join('\n') + '\n'
}

function anyValue(random: Random, depth: number): AnyValue {
  switch (random.below(depth > 2 ? 6 : 9)) {
    case 0: return int(BigInt(random.below(1_000_000)) * 10_000_000_000n)
    case 1: return double(random.next() * 1e9)
    case 2: return bool(random.chance(0.5))
    case 3: return bytes(random.bytes(random.below(20)))
    case 4: return none
    case 6: return array(...Array.from({ length: random.below(4) }, () => anyValue(random, depth + 1)))
    case 7: return map(...Array.from({ length: random.below(4) }, () => kv(random.pick(KEYS), anyValue(random, depth + 1))))
    default: return text(random.pick(WORDS))
  }
}

function logRecord(random: Random): LogRecord {
  const nanos = BigInt(instantMs(random)) * 1_000_000n
  return {
    ...(random.chance(0.9) ? { time: nanos } : { observedTime: nanos }),
    ...(random.chance(0.7) ? { severityNumber: random.below(25), severityText: random.pick(['INFO', 'error', '']) } : {}),
    body: anyValue(random, 0),
    attributes: Array.from({ length: random.below(5) }, () => kv(random.pick(KEYS), anyValue(random, 1))),
    ...(random.chance(0.3) ? { traceId: random.bytes(16), spanId: random.bytes(8), flags: 1 } : {}),
  }
}

function logsRequest(random: Random): LogsRequest {
  const scopes = () => Array.from({ length: 1 + random.below(2) }, () => ({ name: 'lib', records: Array.from({ length: 1 + random.below(6) }, () => logRecord(random)) }))
  const attributes = [kv('service.name', random.pick(['shop', 'cart'])), kv('host', text('h'))]
  return { resources: Array.from({ length: 1 + random.below(2) }, () => ({ attributes, scopes: scopes() })) }
}

/** @param stream named in the body by `_bulk`, by the path or a header elsewhere */
export function validBody(protocol: Protocol, stream: string, random: Random): Buffer {
  switch (protocol) {
    case 'json': return Buffer.from(JSON.stringify(random.chance(0.2) ? record(random) : records(random)))
    case 'multi': return Buffer.from(records(random).map((r) => JSON.stringify(r)).join('\n'))
    case 'bulk': return Buffer.from(bulk(random, stream))
    case 'otlp': return encodeProtobuf(logsRequest(random), random.chance(0.3))
    case 'otlp-json': {
      const style: JsonStyle = { snakeCase: random.chance(0.2), bareIntegers: random.chance(0.3), reversed: random.chance(0.2), spaced: random.chance(0.2), escaped: random.chance(0.2) }
      return encodeJson(logsRequest(random), style)
    }
  }
}
