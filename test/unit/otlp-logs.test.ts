// OTLP logs, rule by rule, in both encodings: which columns a record gets, which records and requests
// are refused, and how (wire.md "Logs (OTLP)"; hostile.md 32-49).
import { describe, expect, test } from 'vitest'
import type { DecodeContext } from '../../lib/engine/ingest/decode/contract.ts'
import { check } from '../../lib/engine/ingest/decode/index.ts'
import { microsOfNanos } from '../../lib/engine/ingest/decode/otlp-rows.ts'
import { MICROS_PER_DAY } from '../../lib/model/time.ts'
import { ingestBody, MESSAGE, slugs } from '../support/otlp-ingest.ts'
import type { Format, Outcome } from '../support/otlp-ingest.ts'
import { LogsLoad } from '../support/otlp-load.ts'
import { ACCEPTED_AT, contextOf, expectedOf } from '../support/otlp-oracle.ts'
import type { Cell } from '../support/otlp-oracle.ts'
import { array, bool, bytes, double, encodeJson, encodeProtobuf, field, int, keyValueBytes, kv, map, none, requestOf, text } from '../support/otlp.ts'
import type { AnyValue, KeyValue, LogRecord, LogsRequest } from '../support/otlp.ts'

const FORMATS = ['protobuf', 'json'] as const

const encode = (request: LogsRequest, format: Format): Buffer => (format === 'protobuf' ? encodeProtobuf(request) : encodeJson(request))
const ingest = (request: LogsRequest, format: Format, changes: Partial<DecodeContext> = {}): Outcome => ingestBody(encode(request, format), format, changes)

/** the fields of a request's only row */
function fieldsOf(record: LogRecord, format: Format, resource: readonly KeyValue[] = [], changes: Partial<DecodeContext> = {}): Record<string, Cell> {
  const { rows, verdict } = ingest(requestOf([record], resource), format, changes)
  expect(verdict.rejections).toEqual([])
  return { ...rows[0]!.fields }
}

const refused = (slug: string): object => expect.objectContaining({ slug })
const recordOf = (...attributes: KeyValue[]): LogRecord => ({ attributes })
const nanos = (micros: number): bigint => BigInt(micros) * 1000n

/** `levels` arrays or maps around a text */
function nested(levels: number, kind: 'array' | 'map'): AnyValue {
  let value: AnyValue = text('x')
  for (let i = 0; i < levels; i++) value = kind === 'array' ? array(value) : map(kv('k', value))
  return value
}

describe.each(FORMATS)('OTLP logs in %s', (format) => {
  test('a record has its own fields, its attributes, its resource\'s and its scope\'s', () => {
    const traceId = Buffer.from('0102030405060708090A0B0C0D0E0F10', 'hex')
    const request: LogsRequest = {
      resources: [{
        attributes: [kv('service.name', 'cart'), kv('process.pid', int(42))],
        scopes: [{
          name: 'lib', version: '1.2',
          records: [{
            time: nanos(ACCEPTED_AT) + 999n, observedTime: 1n, severityNumber: 9, severityText: 'INFO', body: text('hello'), droppedAttributes: 3, flags: 1,
            traceId, spanId: Buffer.from('00000000000000ff', 'hex'),
            attributes: [kv('Http.Status-Code', int(200)), kv('ratio', double(150)), kv('ok', bool(true)), kv('raw', bytes(Buffer.from([1, 2])))],
          }],
        }],
      }],
    }
    expect(ingest(request, format).rows).toEqual([{
      time: ACCEPTED_AT,
      fields: {
        service_name: 'cart', process_pid: 42n, severity: 'INFO', body: 'hello', trace_id: '0102030405060708090a0b0c0d0e0f10', span_id: '00000000000000ff',
        instrumentation_library_name: 'lib', instrumentation_library_version: '1.2', dropped_attributes_count: 3n,
        http_status_code: 200n, ratio: { double: 150 }, ok: true, raw: 'AQI=',
      },
    }])
  })

  test('the time is the record\'s, else when it was observed, else when it was accepted', () => {
    const now = nanos(ACCEPTED_AT)
    const records: LogRecord[] = [{ time: now - 1n, observedTime: now }, { time: 0n, observedTime: now - 1001n }, { time: 0n, observedTime: 0n }, {}]
    expect(ingest(requestOf(records), format).rows.map((r) => r.time)).toEqual([ACCEPTED_AT - 1, ACCEPTED_AT - 2, ACCEPTED_AT, ACCEPTED_AT])
  })

  test('a time outside the window rejects that record only', () => {
    const { oldest, newest } = contextOf(format)
    const times = [nanos(oldest), nanos(newest) + 999n, nanos(oldest) - 1n, nanos(newest + 1), 1n, (1n << 64n) - 1n]
    const { verdict, rows } = ingest(requestOf(times.map((time) => ({ time }))), format)
    expect(rows.map((r) => r.time)).toEqual([oldest, newest])
    expect(slugs(verdict)).toEqual(['2 timestamp', '3 timestamp', '4 timestamp', '5 timestamp'])
  })

  test('severity is the text, else the number, else nothing', () => {
    expect(fieldsOf({ severityText: 'warn', severityNumber: 13 }, format)).toEqual({ severity: 'warn' })
    expect(fieldsOf({ severityText: '', severityNumber: 13 }, format)).toEqual({ severity: '13' })
    expect(fieldsOf({ severityNumber: 0 }, format)).toEqual({})
    expect(fieldsOf({ severityNumber: -2 }, format)).toEqual({})
  })

  test('the body stays text, a map in it is flattened, an array is JSON text', () => {
    expect(fieldsOf({ body: int(-(1n << 63n)) }, format)).toEqual({ body: '-9223372036854775808' })
    expect(fieldsOf({ body: double(150) }, format)).toEqual({ body: '150' })
    expect(fieldsOf({ body: bool(false) }, format)).toEqual({ body: 'false' })
    expect(fieldsOf({ body: text('') }, format)).toEqual({ body: '' })
    expect(fieldsOf({ body: none }, format)).toEqual({})
    expect(fieldsOf({ body: map(kv('a', int(1)), kv('b', map(kv('c', 'd'), kv('e', map(kv('f', bool(true))))))) }, format))
      .toEqual({ body_a: 1n, body_b_c: 'd', body_b_e: '{"f":true}' })
    expect(fieldsOf({ body: array(int(1), text('é"\n'), none) }, format)).toEqual({ body: '[1,"é\\"\\n",null]' })
  })

  test('maps are flattened to three name parts, deeper ones and arrays are compact JSON text', () => {
    const third = map(kv('D', map(kv('e', int((1n << 62n) + 1n)))), kv('n', none), kv('x', null))
    const deep = map(kv('b', map(kv('c', third))), kv('list', array()))
    expect(fieldsOf(recordOf(kv('A', deep)), format)).toEqual({ a_b_c: '{"D":{"e":4611686018427387905},"n":null,"x":null}', a_list: '[]' })
    expect(fieldsOf(recordOf(kv('a', deep)), format, [], { flattenLevels: 1 })).toEqual({
      a: '{"b":{"c":{"D":{"e":4611686018427387905},"n":null,"x":null}},"list":[]}',
    })
    const mixed = array(double(-0), double(1.5), double(NaN), bytes(Buffer.from('hi')), bool(false), array(map(kv('k', 'v'))))
    expect(fieldsOf(recordOf(kv('m', mixed)), format)).toEqual({ m: '[-0,1.5,"NaN","aGk=",false,[{"k":"v"}]]' })
  })

  test('nulls and empty maps vanish, empty text stays', () => {
    expect(fieldsOf(recordOf(kv('a', none), kv('b', null), kv('c', map()), kv('d', ''), kv('e', map(kv('f', map(kv('g', map())))))), format)).toEqual({ d: '' })
  })

  test('record attributes win over the resource\'s, and of two equal names the last wins, whatever their kinds', () => {
    const resource = [kv('env', 'a'), kv('env', int(1)), kv('zone', 'z'), kv('zone.', none)]
    expect(fieldsOf(recordOf(kv('Zone', double(1)), kv('x', 'a'), kv('X', bool(true))), format, resource)).toEqual({ env: 1n, zone: { double: 1 }, x: true })
  })

  test('a resource\'s attributes fill the rows where no record has its own', () => {
    const records: LogRecord[] = [{}, recordOf(kv('pid', 'own')), {}, recordOf(kv('up', int(5))), {}]
    const resource = [kv('pid', int(7)), kv('up', bool(true)), kv('load', double(0.5)), kv('name', 'n')]
    const base = { pid: 7n, up: true, load: { double: 0.5 }, name: 'n' }
    expect(ingest(requestOf(records, resource), format).rows.map((r) => ({ ...r.fields })))
      .toEqual([base, { ...base, pid: 'own' }, base, { ...base, up: 5n }, base])
  })

  test('a record\'s own field wins over an attribute of its name; without it the attribute stands', () => {
    const attributes = ['body', 'severity', 'trace_id', 'span_id', 'instrumentation_library_name', 'dropped_attributes_count'].map((k) => kv(k, int(1)))
    const full: LogRecord = { body: text('b'), severityText: 's', traceId: Buffer.alloc(16, 1), spanId: Buffer.alloc(8, 1), droppedAttributes: 2, attributes }
    const request: LogsRequest = { resources: [{ attributes, scopes: [{ name: 'lib', records: [full, { attributes }] }, { records: [{ attributes }, {}] }] }] }
    const { rows } = ingest(request, format)
    const own = { body: 'b', severity: 's', trace_id: '01'.repeat(16), span_id: '01'.repeat(8), instrumentation_library_name: 'lib', dropped_attributes_count: 2n }
    const given = Object.fromEntries(attributes.map((a) => [a.key, 1n]))
    expect(rows.map((r) => ({ ...r.fields }))).toEqual([own, { ...given, instrumentation_library_name: 'lib' }, given, given])
  })

  test('a flattened body wins over attributes of its names', () => {
    expect(fieldsOf({ body: map(kv('x', int(1))), attributes: [kv('body.x', 'attribute'), kv('body', 'text')] }, format)).toEqual({ body_x: 1n, body: 'text' })
  })

  test('reserved names and _timestamp of attributes get the prefix attr_', () => {
    const keys = ['_timestamp', '_all', '_original', '_o2_id', '_rest', '__hash__', '_b', '@timestamp']
    const fields = fieldsOf(recordOf(...keys.map((k) => kv(k, k))), format)
    expect(fields).toEqual({
      attr__timestamp: '@timestamp', attr__all: '_all', attr__original: '_original', attr__o2_id: '_o2_id', attr__rest: '_rest', attr___hash__: '__hash__', attr__b: '_b',
    })
  })

  test('names keep letters of every script, and objects\' own names mean nothing', () => {
    expect(fieldsOf(recordOf(kv('Größe.名前', 'a'), kv('__proto__', 'b'), kv('constructor', 'c'), kv('a"b\n\u0000', 'd')), format))
      .toEqual(Object.assign(Object.create(null), { größe_名前: 'a', ['__proto__']: 'b', constructor: 'c', a_b__: 'd' }))
  })

  test('an id of another length or all zeros is dropped and the record kept', () => {
    for (const [traceId, spanId] of [[16, 8], [15, 7], [17, 9], [0, 0], [8, 16]] as const) {
      const zero = traceId === 16
      expect(fieldsOf({ traceId: Buffer.alloc(traceId, zero ? 0 : 1), spanId: Buffer.alloc(spanId, zero ? 0 : 1), body: text('kept') }, format)).toEqual({ body: 'kept' })
    }
  })

  test('an empty key or one over 256 bytes rejects the record, or every record of the resource', () => {
    const long = 'é'.repeat(129)
    const records = [recordOf(kv('ok', 'a')), recordOf(kv('', 'a')), recordOf(kv(long, null)), recordOf(kv('m', map(kv('', 'a')))), { body: map(kv('', none)) }, recordOf(kv('é'.repeat(128), 'a'))]
    const { verdict, rows } = ingest(requestOf(records), format)
    expect(slugs(verdict)).toEqual(['1 field_name', '2 field_name', '3 field_name', '4 field_name'])
    expect(rows).toHaveLength(2)
    const bad: LogsRequest = { resources: [{ attributes: [kv('', 'x')], scopes: [{ records: [{}, {}] }] }, { scopes: [{ records: [{}] }] }] }
    expect(slugs(ingest(bad, format).verdict)).toEqual(['0 field_name', '1 field_name'])
    expect(ingest(bad, format).rows).toHaveLength(1)
  })

  test('keys inside JSON text are values and may be anything', () => {
    expect(fieldsOf(recordOf(kv('a', array(map(kv('', 'x'))))), format)).toEqual({ a: '[{"":"x"}]' })
  })

  test('more fields than allowed reject the record; the resource\'s count', () => {
    const many = (n: number, prefix: string): KeyValue[] => Array.from({ length: n }, (_, i) => kv(`${prefix}${i}`, 'v'))
    const records = [recordOf(...many(990, 'r')), recordOf(...many(991, 'r')), recordOf(...many(989, 'r')), { body: map(...many(991, 'b')) }]
    const { verdict, rows } = ingest(requestOf(records, many(10, 'a')), format)
    expect(slugs(verdict)).toEqual(['1 too_many_fields', '3 too_many_fields'])
    expect(rows.map((r) => Object.keys(r.fields).length)).toEqual([1000, 999])
  })

  test('more different names than a stream can hold reject the records that bring them', () => {
    const records = Array.from({ length: 7 }, (_, r) => recordOf(...Array.from({ length: 900 }, (_, i) => kv(`k${r}_${i}`, 'v'))))
    const { verdict, rows } = ingest(requestOf([...records, recordOf(kv('k0_0', 'again'))]), format)
    expect(slugs(verdict)).toEqual(['5 too_many_fields', '6 too_many_fields'])
    expect(rows).toHaveLength(6)
    // What a rejected record names takes no room from others.
    expect(slugs(ingest(requestOf([...records.slice(0, 6), recordOf(...records[6]!.attributes!.slice(0, 499))]), format).verdict)).toEqual(['5 too_many_fields'])
  })

  test('a record or resource over the size limit is rejected, its neighbours are not', () => {
    const big = text('x'.repeat(2 ** 20))
    expect(slugs(ingest(requestOf([{ body: text('a') }, { body: big }, { body: text('b') }]), format).verdict)).toEqual(['1 record_too_large'])
    const request: LogsRequest = { resources: [{ attributes: [kv('big', big)], scopes: [{ records: [{}] }] }, { attributes: [kv('a', 'b')], scopes: [{ records: [{}] }] }] }
    const { verdict, rows } = ingest(request, format)
    expect(slugs(verdict)).toEqual(['0 record_too_large'])
    expect(rows.map((r) => ({ ...r.fields }))).toEqual([{ a: 'b' }])
  })

  test('a million attributes of one resource are refused and cost no more than reading them', () => {
    const pair = format === 'json' ? Buffer.from('{"key":"k0000000","value":{"intValue":1}},') : field(1, keyValueBytes(kv('k0000000', int(1))))
    const pairs = Buffer.alloc(1_000_000 * pair.length, pair)
    const digits = pair.indexOf('0')
    for (let i = 0; i < 1_000_000; i++) pairs.write(String(i).padStart(7, '0'), i * pair.length + digits)
    const body = format === 'json'
      ? Buffer.concat([Buffer.from('{"resourceLogs":[{"resource":{"attributes":['), pairs.subarray(0, -1), Buffer.from(']},"scopeLogs":[{"logRecords":[{},{}]}]}]}')])
      : field(1, Buffer.concat([field(1, pairs), field(2, Buffer.concat([field(2, Buffer.alloc(0)), field(2, Buffer.alloc(0))]))]))
    const { verdict, rows, tables } = ingestBody(body, format)
    expect(rows).toEqual([])
    expect(slugs(verdict)).toEqual(['0 record_too_large', '1 record_too_large'])
    expect(slugs(check(body, contextOf(format, { recordBytesMax: 2 ** 30 })))).toEqual(['0 too_many_fields', '1 too_many_fields'])
    expect([...tables.byStream.values()].flatMap((t) => t.fields).length).toBeLessThan(20)
  })

  test('too many records refuse the request', () => {
    const records = Array.from({ length: 4 }, () => ({}))
    expect(() => ingest(requestOf(records), format, { recordsMax: 3 })).toThrow(refused('too_many_records'))
    expect(ingest(requestOf(records), format, { recordsMax: 4 }).rows).toHaveLength(4)
  })

  test('accepted records on too many days refuse the request', () => {
    const records = [0, 1, 1, 2, 5000].map((days) => ({ time: nanos(ACCEPTED_AT - days * MICROS_PER_DAY) }))
    expect(() => ingest(requestOf(records), format, { requestPartitionsMax: 2 })).toThrow(refused('too_many_partitions'))
    expect(slugs(ingest(requestOf(records), format, { requestPartitionsMax: 3 }).verdict)).toEqual(['4 timestamp'])
  })

  test('values nested beyond depth 64 refuse the whole request, at the same level in both encodings', () => {
    // An attribute's value stands at depth 10; an array adds 3 levels and a map 4.
    for (const [kind, fits] of [['array', 18], ['map', 13]] as const) {
      expect(ingest(requestOf([recordOf(kv('a', nested(fits, kind)))]), format).rows).toHaveLength(1)
      expect(() => ingest(requestOf([recordOf(kv('a', nested(fits + 1, kind)))]), format)).toThrow(refused('too_deep'))
    }
    expect(() => ingest(requestOf([{ body: nested(20, 'array') }]), format)).toThrow(refused('too_deep'))
    expect(() => ingest(requestOf([{}], [kv('a', nested(20, 'array'))]), format)).toThrow(refused('too_deep'))
    expect(() => ingest(requestOf([{}], [kv('a', nested(1_000, 'map'))]), format)).toThrow(refused('too_deep'))
  })

  test('a list or map counts as deep as its list and what stands in it, also when that is little', () => {
    const tooDeep = (value: AnyValue, depthMax: number): void => void expect(() => ingest(requestOf([recordOf(kv('a', value))]), format, { depthMax })).toThrow(refused('too_deep'))
    const fits = (value: AnyValue, depthMax: number): void => void expect(ingest(requestOf([recordOf(kv('a', value))]), format, { depthMax }).rows).toHaveLength(1)
    for (const [value, depth] of [[int(1), 10], [array(), 12], [map(), 12], [array(none), 13], [map(kv('k', null)), 13], [map(kv('k', none)), 14]] as const) {
      fits(value, depth)
      tooDeep(value, depth - 1)
    }
  })

  test('an empty request stores nothing and names no stream', () => {
    for (const body of [Buffer.alloc(0), encode({ resources: [] }, format), encode({ resources: [{ scopes: [{ records: [] }] }] }, format)]) {
      const { verdict, rows } = ingestBody(body, format)
      expect(verdict).toEqual({ records: 0, rejections: [], streams: new Map(), items: [] })
      expect(rows).toEqual([])
    }
  })

  test('the verdict counts by stream, and raw bytes go by the share of accepted records', () => {
    const request = requestOf([{}, recordOf(kv('', 'x')), {}, {}])
    const { verdict, tables } = ingest(request, format, { stream: 'shop' })
    expect(verdict.streams).toEqual(new Map([['shop', { accepted: 3, rejected: 1, error: verdict.rejections[0]!.message }]]))
    const table = tables.byStream.get('logs/shop')!
    expect(table.rawBytes).toEqual(new Map([[MESSAGE, Math.floor((encode(request, format).length * 3) / 4)]]))
    expect(Array.from(table.messages.subarray(0, 3))).toEqual([MESSAGE, MESSAGE, MESSAGE])
  })

  test('a realistic load becomes the rows its objects say', () => {
    const load = new LogsLoad(3, nanos(ACCEPTED_AT))
    for (let i = 0; i < 3; i++) {
      const request = load.request(120)
      const { rows, verdict } = ingest(request, format)
      expect(verdict.rejections).toEqual([])
      expect(rows).toEqual(expectedOf(request, contextOf(format))!.rows)
    }
  })
})

test('nanoseconds become microseconds by cutting, exactly', () => {
  const micros = (n: bigint): number => microsOfNanos(Number(BigInt.asIntN(32, n)), Number(BigInt.asIntN(32, n >> 32n)))
  for (const n of [1n, 999n, 1000n, 4_294_967_295n, 4_294_967_296n, 1_763_000_000_123_456_999n, 1_763_000_000_123_457_000n, (1n << 62n) + 12_345n]) expect(BigInt(micros(n))).toBe(n / 1000n)
  expect(micros(0n)).toBe(-1)
  expect(micros((1n << 64n) - 1n)).toBeGreaterThan(1.8e16)
})
