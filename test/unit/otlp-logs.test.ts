// OTLP logs, rule by rule, in both encodings: which columns a record gets, which records and requests
// are refused, and how (wire.md "Logs (OTLP)"; hostile.md 32-49).
import { describe, expect, test } from 'vitest'
import type { DecodeContext, Verdict } from '../../lib/engine/ingest/decode/contract.ts'
import { check, decode } from '../../lib/engine/ingest/decode/index.ts'
import { microsOfNanos } from '../../lib/engine/ingest/decode/otlp-rows.ts'
import { Tables } from '../../lib/engine/store/columns.ts'
import { MICROS_PER_DAY } from '../../lib/model/time.ts'
import { LogsLoad } from '../support/otlp-load.ts'
import { ACCEPTED_AT, contextOf, expectedOf, rowsOf } from '../support/otlp-oracle.ts'
import type { Cell, Row } from '../support/otlp-oracle.ts'
import {
  anyValueBytes, array, bool, bytes, double, encodeJson, encodeProtobuf, field, int, keyValueBytes, kv, map, none, recordBytes, requestOf, tag, text, varint,
  varintField,
} from '../support/otlp.ts'
import type { AnyValue, KeyValue, LogRecord, LogsRequest } from '../support/otlp.ts'

const FORMATS = ['protobuf', 'json'] as const
type Format = (typeof FORMATS)[number]

interface Outcome {
  readonly verdict: Verdict
  readonly rows: Row[]
  readonly tables: Tables
}

function ingestBody(body: Uint8Array, format: Format, changes: Partial<DecodeContext> = {}): Outcome {
  const context = contextOf(format, changes)
  const verdict = check(Buffer.from(body), context)
  const tables = new Tables()
  decode(Buffer.from(body), context, verdict.rejections.map((r) => r.ordinal), 7, tables)
  return { verdict, tables, rows: rowsOf(tables, context.stream ?? 'default') }
}

const encode = (request: LogsRequest, format: Format): Buffer => (format === 'protobuf' ? encodeProtobuf(request) : encodeJson(request))
const ingest = (request: LogsRequest, format: Format, changes: Partial<DecodeContext> = {}): Outcome => ingestBody(encode(request, format), format, changes)

/** the fields of a request's only row */
function fieldsOf(record: LogRecord, format: Format, resource: readonly KeyValue[] = [], changes: Partial<DecodeContext> = {}): Record<string, Cell> {
  const { rows, verdict } = ingest(requestOf([record], resource), format, changes)
  expect(verdict.rejections).toEqual([])
  return { ...rows[0]!.fields }
}

const slugs = (verdict: Verdict): string[] => verdict.rejections.map((r) => `${r.ordinal} ${r.slug}`)
const refused = (slug: string): object => expect.objectContaining({ slug })
const recordOf = (...attributes: KeyValue[]): LogRecord => ({ attributes })
const json = (record: string): Buffer => Buffer.from(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[${record}]}]}]}`)
const inRecord = (record: Uint8Array): Buffer => field(1, field(2, field(2, record)))
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
    expect(table.rawBytes).toEqual(new Map([[7, Math.floor((encode(request, format).length * 3) / 4)]]))
    expect(Array.from(table.messages.subarray(0, 3))).toEqual([7, 7, 7])
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

describe('OTLP logs in protobuf only', () => {
  const invalid = Buffer.from([0x61, 0xff, 0xe2, 0x82, 0x62])
  const repaired = 'a\ufffd\ufffdb'

  test('invalid UTF-8 is repaired wherever text is stored, and valid neighbours stay', () => {
    const pair = (key: Uint8Array, value: Uint8Array): Buffer => Buffer.concat([field(1, key), field(2, value)])
    const body = Buffer.concat([
      field(3, invalid), field(5, field(1, invalid)),
      field(6, pair(Buffer.from('plain'), field(1, Buffer.from('ünter')))),
      field(6, pair(invalid, field(1, Buffer.from('bad key')))),
      field(6, pair(Buffer.from('list'), field(5, field(1, field(1, invalid))))),
      field(6, pair(Buffer.from('cut'), field(1, Buffer.from([0xe2, 0x82])))),
      field(6, pair(Buffer.from('goes'), field(1, Buffer.from([0xac])))),
    ])
    const resource = field(1, field(1, pair(Buffer.from('res'), field(1, invalid))))
    const { rows } = ingestBody(field(1, Buffer.concat([resource, field(2, Buffer.concat([field(1, field(1, invalid)), field(2, body), field(2, field(5, field(1, Buffer.from('fine'))))]))])), 'protobuf')
    expect(rows.map((r) => ({ ...r.fields }))).toEqual([
      {
        severity: repaired, body: repaired, plain: 'ünter', a__b: 'bad key', list: `["${repaired}"]`, cut: '\ufffd', goes: '\ufffd', res: repaired,
        instrumentation_library_name: repaired,
      },
      { body: 'fine', res: repaired, instrumentation_library_name: repaired },
    ])
  })

  test('text cut between two values of a column is found, though the arena as a whole is valid', () => {
    const value = (b: number[]): Buffer => inRecord(field(5, field(1, Buffer.from(b))))
    const { rows } = ingestBody(Buffer.concat([value([0x61, 0xe2, 0x82]), value([0xac, 0x62])]), 'protobuf')
    expect(rows.map((r) => r.fields['body'])).toEqual(['a\ufffd', '\ufffdb'])
  })

  test('unknown fields and known ones of another wire type are passed over', () => {
    const odd = [varintField(99, 5n), field(100, Buffer.from('x')), Buffer.concat([tag(101, 1), Buffer.alloc(8)]), Buffer.concat([tag(102, 5), Buffer.alloc(4)])]
    const wrong = Buffer.concat([...odd, varintField(1, 5n), varintField(3, 1n), varintField(5, 1n), varintField(6, 1n), field(7, Buffer.from('x'))])
    const record = Buffer.concat([wrong, recordBytes({ body: text('b') }), wrong])
    const { rows } = ingestBody(Buffer.concat([...odd, field(1, Buffer.concat([...odd, field(2, Buffer.concat([...odd, field(2, record)]))]))]), 'protobuf')
    expect(rows).toEqual([{ time: ACCEPTED_AT, fields: { body: 'b' } }])
  })

  test('the resource may stand behind its records, twice too, and value before key', () => {
    const request = requestOf([recordOf(kv('a', 'b'))], [kv('r', 's')])
    expect(ingestBody(encodeProtobuf(request, true), 'protobuf').rows).toEqual(ingest(request, 'protobuf').rows)
    const swapped = Buffer.concat([field(2, anyValueBytes(text('v'))), field(1, Buffer.from('k'))])
    const resource = (key: string): Buffer => field(1, field(1, keyValueBytes(kv(key, key))))
    const body = field(1, Buffer.concat([resource('one'), field(2, field(2, field(6, swapped))), resource('two')]))
    expect(ingestBody(body, 'protobuf').rows.map((r) => ({ ...r.fields }))).toEqual([{ k: 'v', one: 'one', two: 'two' }])
  })

  test('of a repeated value the last counts', () => {
    const both = Buffer.concat([anyValueBytes(map(kv('x', 'y'))), anyValueBytes(int(5))])
    const record = Buffer.concat([field(5, anyValueBytes(text('first'))), field(5, both), field(3, Buffer.from('A')), field(3, Buffer.from('B'))])
    expect(ingestBody(inRecord(record), 'protobuf').rows[0]!.fields).toEqual({ body: '5', severity: 'B' })
    const pair = Buffer.concat([field(1, Buffer.from('k')), field(2, anyValueBytes(text('first'))), field(2, anyValueBytes(int(5)))])
    expect(ingestBody(inRecord(field(6, pair)), 'protobuf').rows[0]!.fields).toEqual({ k: 5n })
  })

  test('what is malformed at any level refuses the whole request', () => {
    const pieces = [
      Buffer.from([0x0a]), Buffer.from([0x0a, 5, 1]), tag(1, 3), Buffer.concat([tag(1, 4)]), Buffer.concat([tag(20, 6)]), Buffer.concat([tag(20, 7)]), Buffer.from([0x00]),
      Buffer.concat([tag(40, 2), varint(1n << 63n)]), Buffer.concat([tag(40, 2), varint(-1n)]), Buffer.concat([tag(40, 0), Buffer.alloc(11, 0x80)]),
    ]
    const levels: ((b: Buffer) => Buffer)[] = [
      (b) => b, (b) => field(1, b), (b) => field(1, field(1, b)), (b) => field(1, field(2, b)), (b) => field(1, field(2, field(1, b))), inRecord,
      (b) => inRecord(field(6, b)), (b) => inRecord(field(6, field(2, b))), (b) => inRecord(field(5, b)), (b) => inRecord(field(5, field(5, b))),
      (b) => inRecord(field(5, field(6, b))), (b) => inRecord(field(6, field(2, field(5, field(1, b))))),
    ]
    for (const piece of pieces) {
      for (const level of levels) expect(() => ingestBody(level(piece), 'protobuf')).toThrow(refused('malformed'))
    }
  })
})

describe('OTLP logs in JSON only', () => {
  const bodyOf = (value: string): unknown => ingestBody(json(`{"body":${value}}`), 'json').rows[0]!.fields['body']
  const attribute = (value: string): unknown => ingestBody(json(`{"attributes":[{"key":"a","value":${value}}]}`), 'json').rows[0]!.fields['a']
  const malformed = (record: string): void => void expect(() => ingestBody(json(record), 'json'), record).toThrow(refused('malformed'))

  test('64-bit integers are strings or numbers and keep every digit', () => {
    for (const shown of ['"9223372036854775807"', '9223372036854775807']) expect(attribute(`{"intValue":${shown}}`)).toBe(9_223_372_036_854_775_807n)
    expect(attribute('{"intValue":"-9223372036854775808"}')).toBe(-9_223_372_036_854_775_808n)
    for (const shown of ['1e3', '"1e3"', '1000.0', '"1000.00"', '"1000"']) expect(attribute(`{"intValue":${shown}}`)).toBe(1000n)
    expect(attribute('{"intValue":-0}')).toBe(0n)
    for (const shown of ['"9223372036854775808"', '1.5', '"x"', '""', '" 1"', '"0x1"', 'true', '{}', '1e400']) malformed(`{"attributes":[{"key":"a","value":{"intValue":${shown}}}]}`)
  })

  test('doubles are numbers, numbers in strings, or the three names', () => {
    for (const shown of ['150', '150.0', '"150"', '1.5e2']) expect(attribute(`{"doubleValue":${shown}}`)).toEqual({ double: 150 })
    expect(attribute('{"doubleValue":-0}')).toEqual({ double: -0 })
    expect(attribute('{"doubleValue":"NaN"}')).toEqual({ double: NaN })
    expect(attribute('{"doubleValue":"-Infinity"}')).toEqual({ double: -Infinity })
    expect(attribute('{"doubleValue":12345678901234567890}')).toEqual({ double: 12345678901234567890 })
    for (const shown of ['"nan"', '"inf"', '""', '1e999', 'NaN', 'false', '[]']) malformed(`{"attributes":[{"key":"a","value":{"doubleValue":${shown}}}]}`)
  })

  test('bytes are base64 of either alphabet, stored in the standard one', () => {
    for (const shown of ['-_8=', '-_8', '+/8=', '\\u002b/8']) expect(attribute(`{"bytesValue":"${shown}"}`)).toBe('+/8=')
    expect(attribute('{"arrayValue":{"values":[{"bytesValue":"-_8"}]}}')).toBe('["+/8="]')
    for (const shown of ['"a"', '"a==="', '"====" ', '"ab=c"', '"ab="', '"é"', '5']) malformed(`{"attributes":[{"key":"a","value":{"bytesValue":${shown}}}]}`)
  })

  test('ids are hex of either case; anything else is an encoding error', () => {
    const { rows } = ingestBody(json('{"traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"EEE19B7EC3C1B174"}'), 'json')
    expect(rows[0]!.fields).toEqual({ trace_id: '5b8efff798038103d269b633813fc60c', span_id: 'eee19b7ec3c1b174' })
    for (const id of ['', '5b8', 'abcdef', '0'.repeat(32)]) expect(ingestBody(json(`{"traceId":"${id}"}`), 'json').rows[0]!.fields).toEqual({})
    for (const id of ['"W47/95gDgQPSabYzgT/GDA=="', '"xyz"', '"5b8efff798038103d269b633813fc60g"', '5', '{}']) malformed(`{"traceId":${id}}`)
    malformed('{"spanId":"=="}')
  })

  test('enum names and numbers out of range are encoding errors', () => {
    expect(ingestBody(json('{"severityNumber":"9"}'), 'json').rows[0]!.fields).toEqual({ severity: '9' })
    for (const shown of ['"SEVERITY_NUMBER_INFO"', '5000000000', '1.5', 'true']) malformed(`{"severityNumber":${shown}}`)
    for (const shown of ['-1', '4294967296', '"x"']) malformed(`{"droppedAttributesCount":${shown}}`)
    for (const shown of ['-1', '"-1"', '"18446744073709551616"', '1.5', '"now"', 'false', '"2026-01-01T00:00:00Z"']) malformed(`{"timeUnixNano":${shown}}`)
  })

  test('values of another type than their member\'s are encoding errors', () => {
    for (const value of ['{"stringValue":5}', '{"boolValue":"true"}', '{"boolValue":1}', '"x"', '5', '[]', '{"arrayValue":[]}', '{"arrayValue":{"values":{}}}', '{"kvlistValue":[]}', '{"arrayValue":{"values":[null]}}', '{"arrayValue":{"values":["x"]}}']) {
      malformed(`{"body":${value}}`)
      malformed(`{"attributes":[{"key":"a","value":{"arrayValue":{"values":[${value}]}}}]}`)
    }
    for (const record of ['{"attributes":{}}', '{"attributes":[null]}', '{"attributes":[5]}', '{"severityText":5}', '{"attributes":[{"key":5}]}', 'null', '5', '[]']) malformed(record)
  })

  test('null is absent everywhere, and unknown members are passed over', () => {
    const record = '{"body":null,"attributes":null,"traceId":null,"timeUnixNano":null,"severityText":null,"severityNumber":null,"more":{"a":[1,{"b":null}]}}'
    expect(ingestBody(json(record), 'json').rows).toEqual([{ time: ACCEPTED_AT, fields: {} }])
    expect(bodyOf('{"stringValue":null,"intValue":5,"other":{"x":[]}}')).toBe('5')
    for (const shown of ['{"resourceLogs":null}', '{"resourceLogs":[{"resource":null,"scopeLogs":null,"x":1}]}', '{"resourceLogs":[{"scopeLogs":[{"scope":null,"logRecords":null}]}],"partial":true}']) {
      expect(ingestBody(Buffer.from(shown), 'json').verdict.records).toBe(0)
    }
    expect(attribute('{"kvlistValue":null}')).toBeUndefined()
    expect(attribute('{"arrayValue":{}}')).toBe('[]')
    expect(attribute('{"arrayValue":{"values":null,"x":[1]}}')).toBe('[]')
  })

  test('a member given twice is an error, never a guess', () => {
    for (const record of [
      '{"body":{"intValue":1},"body":{"intValue":2}}', '{"body":{"intValue":1,"stringValue":"x"}}', '{"attributes":[{"key":"a","key":"b"}]}',
      '{"attributes":[{"key":"a","value":{},"value":{}}]}', '{"body":{"arrayValue":{"values":[],"values":[]}}}',
    ]) malformed(record)
    expect(() => ingestBody(Buffer.from('{"resourceLogs":[{"resource":{},"scopeLogs":[],"resource":{}}]}'), 'json')).toThrow(refused('malformed'))
  })

  test('a resource behind its records is read first, even with escapes in its name and values', () => {
    const scopes = '"scopeLogs":[{"logRecords":[{"body":{"stringValue":"a\\nb"}},{"attributes":[{"value":{"stringValue":"\\u0041"},"key":"k\\u0065y"}]}]}]'
    const resource = '"\\u0072esource":{"attributes":[{"key":"a\\u002eb","value":{"stringValue":"\\"q\\""}}]}'
    const { rows, verdict } = ingestBody(Buffer.from(`{"resourceLogs":[{${scopes},"\\u0078":1,${resource}},{${scopes}}]}`), 'json')
    expect(rows.map((r) => ({ ...r.fields }))).toEqual([{ body: 'a\nb', a_b: '"q"' }, { key: 'A', a_b: '"q"' }, { body: 'a\nb' }, { key: 'A' }])
    expect(verdict.records).toBe(4)
    const late = (key: string): Buffer => Buffer.from(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{}]}],"resource":{"attributes":[{"key":"${key}"}]}}]}`)
    expect(slugs(ingestBody(late(''), 'json').verdict)).toEqual(['0 field_name'])
  })

  test('a key is taken as the expected one only where JSON writes it without escapes', () => {
    const good = '{"attributes":[{"key":"a\\"b","value":{"intValue":1}}]}'
    expect(ingestBody(json(`${good},${good}`), 'json').rows.map((r) => ({ ...r.fields }))).toEqual([{ a_b: 1n }, { a_b: 1n }])
    malformed(`${good},{"attributes":[{"key":"a"b","value":{"intValue":1}}]}`)
  })

  test('a container without its list is as deep as with it', () => {
    const deep = (value: string, depthMax: number): Outcome => ingestBody(json(`{"attributes":[{"key":"a","value":${value}}]}`), 'json', { depthMax })
    for (const value of ['{"arrayValue":{}}', '{"kvlistValue":{}}']) {
      expect(deep(value, 12).rows).toHaveLength(1)
      expect(() => deep(value, 11)).toThrow(refused('too_deep'))
    }
  })

  test('many lists of records before a resource are read once each', () => {
    for (const last of ['"resource":{}', '"x":1']) {
      expect(check(Buffer.from(`{"resourceLogs":[{${'"scopeLogs":[],'.repeat(100_000)}${last}}]}`), contextOf('json')).records).toBe(0)
    }
  })

  test('a byte order mark is skipped; invalid UTF-8, UTF-16 and other JSON are refused', () => {
    const good = json('{"body":{"stringValue":"x"}}')
    expect(ingestBody(Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), good]), 'json').rows).toHaveLength(1)
    expect(() => ingestBody(Buffer.from('{"a":"\xff"}', 'latin1'), 'json')).toThrow(refused('malformed'))
    expect(() => ingestBody(Buffer.from('\ufeff{}', 'utf16le'), 'json')).toThrow(refused('malformed'))
    expect(() => ingestBody(Buffer.concat([good, Buffer.from('}')]), 'json')).toThrow(refused('malformed'))
    expect(() => ingestBody(good.subarray(0, -1), 'json')).toThrow(refused('malformed'))
    for (const other of ['[]', '5', '"x"', 'null']) expect(() => ingestBody(Buffer.from(other), 'json')).toThrow(refused('not_an_object'))
  })

  test('depth bombs are refused without overflowing a stack', () => {
    for (const bomb of ['['.repeat(1_000_000), '{"a":'.repeat(10_000), `{"resourceLogs":${'['.repeat(100_000)}`, `{"x":${'[['.repeat(100_000)}`]) {
      expect(() => ingestBody(Buffer.from(bomb), 'json')).toThrow(expect.objectContaining({ kind: 'invalid' }))
    }
    expect(() => ingestBody(json(`{"body":${'{"arrayValue":{"values":['.repeat(5_000)}`), 'json')).toThrow(refused('too_deep'))
    expect(() => ingestBody(Buffer.from('['.repeat(1_000_000)), 'json')).toThrow(refused('too_deep'))
  })
})

test('nanoseconds become microseconds by cutting, exactly', () => {
  const micros = (n: bigint): number => microsOfNanos(Number(BigInt.asIntN(32, n)), Number(BigInt.asIntN(32, n >> 32n)))
  for (const n of [1n, 999n, 1000n, 4_294_967_295n, 4_294_967_296n, 1_763_000_000_123_456_999n, 1_763_000_000_123_457_000n, (1n << 62n) + 12_345n]) expect(BigInt(micros(n))).toBe(n / 1000n)
  expect(micros(0n)).toBe(-1)
  expect(micros((1n << 64n) - 1n)).toBeGreaterThan(1.8e16)
})
