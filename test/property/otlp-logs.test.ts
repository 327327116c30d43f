// Both OTLP logs decoders against an oracle that knows only the objects the bodies were made from,
// against one another, and against bytes that are no request at all.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Check, Decode, DecodeContext, Verdict } from '../../lib/engine/ingest/decode/contract.ts'
import { checkOtlpLogsJson, decodeOtlpLogsJson } from '../../lib/engine/ingest/decode/otlp-logs-json.ts'
import { checkOtlpLogs, decodeOtlpLogs } from '../../lib/engine/ingest/decode/otlp-logs.ts'
import { Tables } from '../../lib/engine/store/columns.ts'
import { EngineError } from '../../lib/model/errors.ts'
import { ACCEPTED_AT, contextOf, expectedOf, rowsOf } from '../support/otlp-oracle.ts'
import type { Row } from '../support/otlp-oracle.ts'
import { encodeJson, encodeProtobuf } from '../support/otlp.ts'
import type { AnyValue, JsonStyle, KeyValue, LogRecord, LogsRequest } from '../support/otlp.ts'

const SCALE = Number(process.env['NILOMETER_RUNS'] ?? 1)
const RUNS = 200 * SCALE
const TIMEOUT_MS = 30_000 * Math.max(1, SCALE)

const FORMATS = {
  protobuf: { check: checkOtlpLogs, decode: decodeOtlpLogs },
  json: { check: checkOtlpLogsJson, decode: decodeOtlpLogsJson },
} as const satisfies Record<string, { check: Check; decode: Decode }>
type Format = keyof typeof FORMATS

interface Outcome {
  readonly verdict: Verdict
  readonly rows: Row[]
}

/** checks and decodes copies of a body: both may change it */
function ingest(body: Uint8Array, context: DecodeContext): Outcome {
  const { check, decode } = FORMATS[context.format]
  const verdict = check(Buffer.from(body), context)
  const tables = new Tables()
  decode(Buffer.from(body), context, verdict.rejections.map((r) => r.ordinal), 0, tables)
  return { verdict, rows: rowsOf(tables) }
}

const slugsOf = (verdict: Verdict): { ordinal: number; slug: string }[] => verdict.rejections.map(({ ordinal, slug }) => ({ ordinal, slug }))

// --- requests

/** keys that collide, are reserved, are core columns, are bad, or anything */
const keys = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('a', 'b.c', 'B-c', 'b_c', 'service.name', 'http.request.method', 'body', 'body.x', 'severity', 'x', 'Größe', '名前', '__proto__', 'constructor') },
  { weight: 2, arbitrary: fc.constantFrom('_timestamp', '@timestamp', '_all', '_b', '__hash__', '_rest', '_original', '_o2_id', 'trace_id', 'span_id', 'instrumentation_library_name', 'dropped_attributes_count') },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', minLength: 1, maxLength: 6 }) },
)
const badKeys = fc.constantFrom('', 'k'.repeat(257), '名'.repeat(86))
const texts = fc.oneof(fc.string({ unit: 'binary', maxLength: 12 }), fc.constantFrom('', 'INFO', 'line\n\t"quoted"\\', 'lone \ud800 surrogate', 'é – 名 😀', '\u0000\u001f\u007f'), fc.string({ minLength: 190, maxLength: 210 }))
const ints = fc.oneof(fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }), fc.constantFrom(0n, 200n, -1n, (1n << 53n) + 1n, -(1n << 63n), (1n << 63n) - 1n, 4_294_967_296n, 123_456_789_012n))
const doubles = fc.oneof(fc.double(), fc.constantFrom(150, -0, 0.1, NaN, Infinity, -Infinity, 5e-324, 1e21, 123456789012345680))
const values: fc.Arbitrary<AnyValue> = fc.letrec<{ value: AnyValue; pair: KeyValue }>((tie) => ({
  pair: fc.record({ key: keys, value: fc.option(tie('value'), { freq: 8 }) }),
  value: fc.oneof(
    { maxDepth: 5, depthSize: 'small' },
    { weight: 5, arbitrary: fc.record({ kind: fc.constant('text' as const), value: texts }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('int' as const), value: ints }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('double' as const), value: doubles }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('bool' as const), value: fc.boolean() }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('bytes' as const), value: fc.uint8Array({ maxLength: 5 }) }) },
    { weight: 1, arbitrary: fc.constant({ kind: 'none' } as const) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('array' as const), values: fc.array(tie('value'), { maxLength: 3 }) }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('map' as const), values: fc.array(tie('pair'), { maxLength: 3 }) }) },
  ),
})).value
const pairs = fc.array(fc.record({ key: fc.oneof({ weight: 60, arbitrary: keys }, { weight: 1, arbitrary: badKeys }), value: fc.option(values, { freq: 10 }) }), { maxLength: 6 })
const now = BigInt(ACCEPTED_AT) * 1000n
const times = fc.oneof(
  { weight: 8, arbitrary: fc.bigInt({ min: -86_400_000_000_000n, max: 80_000_000_000_000n }).map((d) => now + d) },
  { weight: 1, arbitrary: fc.constantFrom(0n, 1n, 999n, now + 86_400_000_001_000n, now - 3_650n * 86_400_000_000_000n - 1n, (1n << 63n) - 1n, 1n << 63n, (1n << 64n) - 1n) },
)
const id = (bytes: number): fc.Arbitrary<Uint8Array> => fc.oneof(
  { weight: 5, arbitrary: fc.uint8Array({ minLength: bytes, maxLength: bytes }) },
  { weight: 1, arbitrary: fc.constantFrom(new Uint8Array(bytes), new Uint8Array(0), new Uint8Array(bytes - 1).fill(1), new Uint8Array(bytes + 1).fill(2)) },
)
const records: fc.Arbitrary<LogRecord> = fc.record({
  time: times, observedTime: times, severityNumber: fc.constantFrom(0, 9, 17, 24, 100, -1), severityText: texts, body: values,
  attributes: pairs, droppedAttributes: fc.constantFrom(0, 1, 4_294_967_295), flags: fc.nat(), traceId: id(16), spanId: id(8),
}, { requiredKeys: [] }) as fc.Arbitrary<LogRecord>
const requests: fc.Arbitrary<LogsRequest> = fc.record({
  resources: fc.array(fc.record({
    attributes: pairs,
    scopes: fc.array(fc.record({ name: texts, version: texts, records: fc.array(records, { maxLength: 4 }) }, { requiredKeys: ['records'] }), { maxLength: 3 }),
  }), { maxLength: 3 }),
}) as fc.Arbitrary<LogsRequest>
const styles: fc.Arbitrary<JsonStyle> = fc.record({
  snakeCase: fc.boolean(), bareIntegers: fc.boolean(), reversed: fc.boolean(), spaced: fc.boolean(), escaped: fc.boolean(), noisy: fc.boolean(),
})
const limits = fc.record({ flattenLevels: fc.constantFrom(1, 2, 3, 5), recordFieldsMax: fc.constantFrom(1000, 1000, 5), depthMax: fc.constantFrom(64, 64, 16) })

/** the body with some bytes changed, dropped, doubled or cut off */
function mutated(body: Uint8Array, changes: readonly { at: number; kind: number; byte: number }[]): Uint8Array {
  let out = Array.from(body)
  for (const { at, kind, byte } of changes) {
    if (out.length === 0) break
    const p = at % out.length
    if (kind === 0) out[p] = byte
    else if (kind === 1) out.splice(p, 1)
    else if (kind === 2) out.splice(p, 0, byte)
    else if (kind === 3) out = out.slice(0, p)
    else out.splice(p, 0, ...out.slice(p, p + byte))
  }
  return Uint8Array.from(out)
}
const changes = fc.array(fc.record({ at: fc.nat(100_000), kind: fc.nat(4), byte: fc.nat(255) }), { minLength: 1, maxLength: 4 })

/** a named error of the client's making, or a verdict that decoding agrees with */
function holds(body: Uint8Array, context: DecodeContext): void {
  let outcome: Outcome
  try {
    outcome = ingest(body, context)
  } catch (error) {
    if (!(error instanceof EngineError)) throw error
    expect(['invalid', 'too_large']).toContain(error.kind)
    return
  }
  const { verdict, rows } = outcome
  expect(rows.length).toBe(verdict.records - verdict.rejections.length)
}

describe('OTLP logs', { timeout: TIMEOUT_MS }, () => {
  test('a request becomes the rows and rejections that its objects say, in either encoding', () => {
    fc.assert(fc.property(requests, styles, limits, fc.boolean(), (request, style, changed, resourceLast) => {
      for (const format of ['protobuf', 'json'] as const) {
        const context = contextOf(format, changed)
        const expected = expectedOf(request, context)
        const body = format === 'protobuf' ? encodeProtobuf(request, resourceLast) : encodeJson(request, style)
        if (expected === null) {
          expect(() => ingest(body, context)).toThrow(expect.objectContaining({ slug: 'too_deep' }))
          continue
        }
        const { verdict, rows } = ingest(body, context)
        expect(rows).toEqual(expected.rows)
        expect(slugsOf(verdict)).toEqual(expected.rejections)
        expect(verdict.records).toBe(expected.rows.length + expected.rejections.length)
      }
    }), { numRuns: RUNS })
  })

  test('messages that share tables give the rows they give alone', () => {
    fc.assert(fc.property(fc.array(fc.tuple(requests, fc.boolean()), { minLength: 2, maxLength: 5 }), (messages) => {
      const shared = new Tables()
      const alone: Row[] = []
      messages.forEach(([request, isJson], message) => {
        const context = contextOf(isJson ? 'json' : 'protobuf')
        const body = isJson ? encodeJson(request) : encodeProtobuf(request)
        const { verdict, rows } = ingest(body, context)
        alone.push(...rows)
        FORMATS[context.format].decode(Buffer.from(body), context, verdict.rejections.map((r) => r.ordinal), message, shared)
      })
      expect(rowsOf(shared)).toEqual(alone)
    }), { numRuns: RUNS / 2 })
  })

  test('any bytes give a named error or a verdict that decoding agrees with', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), fc.constantFrom<Format>('protobuf', 'json'), (body, format) => {
      holds(body, contextOf(format))
    }), { numRuns: RUNS * 5 })
  })

  test('a damaged request gives a named error or a verdict that decoding agrees with', () => {
    fc.assert(fc.property(requests, changes, styles, (request, damage, style) => {
      holds(mutated(encodeProtobuf(request), damage), contextOf('protobuf'))
      holds(mutated(encodeJson(request, style), damage), contextOf('json'))
    }), { numRuns: RUNS * 2 })
  })
})
