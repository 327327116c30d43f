// OTLP logs, what only one encoding can get wrong: UTF-8, field order and damage in protobuf; the proto3
// JSON mapping, escapes and member order in JSON (wire.md "Logs (OTLP)"; hostile.md 32-49).
import { describe, expect, test } from 'vitest'
import { check } from '../../lib/engine/ingest/decode/index.ts'
import { ingestBody, slugs } from '../support/otlp-ingest.ts'
import type { Outcome } from '../support/otlp-ingest.ts'
import { ACCEPTED_AT, contextOf } from '../support/otlp-oracle.ts'
import { anyValueBytes, encodeProtobuf, field, int, keyValueBytes, kv, map, recordBytes, requestOf, tag, text, varint, varintField } from '../support/otlp.ts'
import type { KeyValue, LogRecord } from '../support/otlp.ts'

const refused = (slug: string): object => expect.objectContaining({ slug })
const recordOf = (...attributes: KeyValue[]): LogRecord => ({ attributes })
const json = (record: string): Buffer => Buffer.from(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[${record}]}]}]}`)
const inRecord = (record: Uint8Array): Buffer => field(1, field(2, field(2, record)))

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
    expect(ingestBody(encodeProtobuf(request, true), 'protobuf').rows).toEqual(ingestBody(encodeProtobuf(request), 'protobuf').rows)
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
    expect(attribute('{"doubleValue":12345678901234567890}')).toEqual({ double: 12345678901234567000 })
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
    // A resource comes first here, so that nothing looks ahead over the records.
    const bad = `{"resourceLogs":[{"resource":{},"scopeLogs":[{"logRecords":[${good},{"attributes":[{"key":"a"b","value":{"intValue":1}}]}]}]}]}`
    expect(() => ingestBody(Buffer.from(bad), 'json')).toThrow(refused('malformed'))
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
