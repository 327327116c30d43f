// `_json` and `_multi` through both modes: rules of bodies, records, values, names and times.
import { describe, expect, test } from 'vitest'
import { check } from '../../lib/engine/ingest/decode/index.ts'
import type { DecodeContext } from '../../lib/engine/ingest/decode/contract.ts'
import { EngineError } from '../../lib/model/errors.ts'
import { contextOf, NOW, refusals, rowsIn, run } from '../support/decode.ts'
import type { Row } from '../support/decode.ts'

/** the slug that refuses the whole body */
function refusedAs(body: string | Uint8Array, changes: Partial<DecodeContext> = {}): string {
  try {
    check(Buffer.from(body as string), contextOf(changes))
  } catch (error) {
    if (error instanceof EngineError) return error.slug
    throw error
  }
  return 'none'
}

/** the fields of the one record's row */
function fieldsOf(record: string): Record<string, unknown> {
  const rows = rowsIn(`[${record}]`)
  expect(rows).toHaveLength(1)
  const { _timestamp, ...fields } = rows[0]!
  return fields
}

describe('a JSON body', () => {
  test('is an array of objects or one object', () => {
    expect(rowsIn('[{"a":1},{"a":2}]')).toEqual([{ _timestamp: NOW, a: 1n }, { _timestamp: NOW, a: 2n }])
    expect(rowsIn(' {"a":"x"} \n')).toEqual([{ _timestamp: NOW, a: 'x' }])
  })
  test.each(['', ' \n', '[]', ' [ ] ', '\ufeff', '\ufeff[]'])('that is %j holds no record and is no error', (body) => {
    const { verdict, rows } = run(body)
    expect([verdict.records, verdict.streams.size, rows.size]).toEqual([0, 0, 0])
  })
  test('that is {} is one record with nothing but a time', () => {
    const { verdict, rows } = run('{}')
    expect(rows.get('default')).toEqual([{ _timestamp: NOW }])
    expect(verdict.streams.get('default')).toEqual({ accepted: 1, rejected: 0, error: null })
  })
  test.each(['1', '-1.5', '"x"', 'null', 'true', ' false '])('that is the scalar %s is refused', (body) => expect(refusedAs(body)).toBe('not_an_object'))
  test.each(['x', '1 2', '{"a":1', '[{"a":1},]', '[{"a":1}] x', '{"a":1}{"a":2}', '{"a":1}\n{"a":2}', '[{"a":"\n"}]', 'nul'])('that is %j is malformed', (body) => {
    expect(refusedAs(body)).toBe('malformed')
  })
  test('may begin with a byte order mark', () => expect(fieldsOf('{"a":1}')).toEqual(rowsIn('\ufeff[{"a":1}]').map(({ _timestamp, ...f }) => f)[0]))
  test('must be UTF-8', () => {
    expect(refusedAs(Buffer.from('7b2261223a22ff227d', 'hex'))).toBe('malformed')
    expect(refusedAs(Buffer.from('\ufeff{"a":1}', 'utf16le'))).toBe('malformed')
    expect(refusedAs(Buffer.from('{"a":1}', 'utf16le'))).toBe('malformed')
    expect(refusedAs(Buffer.from('{"a":1}', 'utf16le').swap16())).toBe('malformed')
    expect(refusedAs(Buffer.from('{"a":"\xed\xa0\x80"}', 'latin1'))).toBe('malformed')
  })
  test('nested beyond the limit is refused whole, in fields that are kept as text too', () => {
    const nested = (n: number): string => `[{"a":${'['.repeat(n)}${']'.repeat(n)}}]`
    expect(refusedAs(nested(62))).toBe('none')
    expect(refusedAs(nested(63))).toBe('too_deep')
    const objects = (n: number): string => `${'{"a":'.repeat(n)}1${'}'.repeat(n)}`
    expect(refusedAs(objects(64))).toBe('none')
    expect(refusedAs(objects(65))).toBe('too_deep')
    expect(refusedAs('['.repeat(1_000_000))).toBe('too_deep')
    expect(refusedAs('{"a":'.repeat(10_000))).toBe('too_deep')
  })
  test('rejects elements that are no objects and stores the others', () => {
    const outcome = run('[{"a":1},2,"x",null,[],[{"b":1}],{"a":3}]')
    expect(refusals(outcome)).toEqual([1, 2, 3, 4, 5].map((i) => [i, 'not_an_object']))
    expect(outcome.rows.get('default')).toEqual([{ _timestamp: NOW, a: 1n }, { _timestamp: NOW, a: 3n }])
    expect(outcome.verdict.streams.get('default')).toEqual({ accepted: 2, rejected: 5, error: 'the record is not an object: send records as objects' })
  })
  test('may not hold more records than the limit', () => {
    expect(refusedAs('[{},{},{}]', { recordsMax: 3 })).toBe('none')
    expect(refusedAs('[{},1,{},{}]', { recordsMax: 3 })).toBe('too_many_records')
  })
  test('may not fall on more days than the limit', () => {
    const body = (days: number): string => JSON.stringify(Array.from({ length: days * 2 }, (_, i) => ({ _timestamp: NOW - (i % days) * 86_400_000_000 })))
    expect(refusedAs(body(4), { requestPartitionsMax: 4 })).toBe('none')
    expect(refusedAs(body(5), { requestPartitionsMax: 4 })).toBe('too_many_partitions')
  })
  test('needs a stream', () => expect(refusedAs('[]', { stream: null })).toBe('invalid_stream'))
})

describe('values', () => {
  test('keep their kind and every digit', () => {
    expect(fieldsOf('{"i":-5,"big":9007199254740993,"max":9223372036854775807,"min":-9223372036854775808,"d":150.0,"e":1e3,"t":true,"f":false,"s":"x"}')).toEqual({
      i: -5n, big: 9007199254740993n, max: 9223372036854775807n, min: -9223372036854775808n, d: 150, e: 1000, t: true, f: false, s: 'x',
    })
    expect(fieldsOf('{"over":12345678901234567890,"inf":1e999,"neg":-1e400,"long":' + '9'.repeat(400) + '}')).toEqual({
      over: '12345678901234567890', inf: '1e999', neg: '-1e400', long: '9'.repeat(400),
    })
    expect(Object.is(fieldsOf('{"z":-0}')['z'], -0)).toBe(true)
  })
  test('that are null are not there', () => expect(fieldsOf('{"a":null,"b":{"c":null},"d":1}')).toEqual({ d: 1n }))
  test('of text keep U+0000 and noncharacters; half a pair becomes U+FFFD', () => {
    expect(fieldsOf('{"nul":"a\\u0000b","ffff":"\uffff\ufffe\\uffff","high":"x\\ud800","low":"\\udc00y","pair":"\\ud83d\\ude00"}')).toEqual({
      nul: 'a\u0000b', ffff: '\uffff\ufffe\uffff', high: 'x\ufffd', low: '\ufffdy', pair: '😀',
    })
  })
  test('of text that repeat are themselves, escaped or not', () => {
    const texts = ['a', 'a', 'a\\', 'a\\', 'a\\"', 'a', 'a', '', '', 'a\n', 'a', 'ab', 'a', 'é', 'é', 'a\\', 'a', 'aaaaaaaaaa', 'aaaaaaaaaa', 'aaaaaaaaa']
    const rows = rowsIn(JSON.stringify(texts.map((s) => ({ s }))))
    expect(rows.map((r) => r['s'])).toEqual(texts)
    const tricky = ['zz', 'a\\', 'a"b', 'a\\', 'a\\', 'a"', 'a', 'a"', 'a\\"', 'a\\']
    expect(rowsIn(JSON.stringify(tricky.map((s) => ({ s })))).map((r) => r['s'])).toEqual(tricky)
    const escaped = `[${['a\\\\', 'a\\\\', 'a', '\\u0061', 'a', 'a\\"', 'a\\"'].map((t) => `{"s":"${t}"}`).join(',')}]`
    expect(rowsIn(escaped).map((r) => r['s'])).toEqual((JSON.parse(escaped) as Row[]).map((r) => r['s']))
  })
  test('of one field may be of any kind', () => {
    expect(rowsIn('[{"a":1},{"a":"1"},{"a":1.5},{"a":true},{"a":{"b":1}},{"a":[1]}]')).toEqual([
      { _timestamp: NOW, a: 1n }, { _timestamp: NOW, a: '1' }, { _timestamp: NOW, a: 1.5 }, { _timestamp: NOW, a: true }, { _timestamp: NOW, a_b: 1n }, { _timestamp: NOW, a: '[1]' },
    ])
  })
})

describe('flattening', () => {
  test('joins up to three names; what lies deeper is compact JSON text', () => {
    expect(fieldsOf('{"a":{"b":{"c":1}},"x":{"y":{"z":{"w": 1.50, "v" : [ 1 , "a b" ]}}}}')).toEqual({ a_b_c: 1n, x_y_z: '{"w":1.50,"v":[1,"a b"]}' })
  })
  test('follows the setting', () => {
    expect(rowsIn('{"a":{"b":{"c":1}}}', { flattenLevels: 1 })).toEqual([{ _timestamp: NOW, a: '{"b":{"c":1}}' }])
    expect(rowsIn('{"a":{"b":{"c":{"d":{"e":1}}}}}', { flattenLevels: 5 })).toEqual([{ _timestamp: NOW, a_b_c_d_e: 1n }])
  })
  test('keeps arrays as the text they came as, less white space between tokens', () => {
    expect(fieldsOf('{"e":[],"s":[ ],"n":[ 1.0 , 12345678901234567890,\t1e999 ],"t":["a \\" , b\\\\", "\\u00e9\\ud800"],"o":[ { "k" : null } ]}')).toEqual({
      e: '[]', s: '[]', n: '[1.0,12345678901234567890,1e999]', t: '["a \\" , b\\\\","\\u00e9\\ud800"]', o: '[{"k":null}]',
    })
  })
  test('drops empty objects at every level', () => {
    expect(fieldsOf('{"a":{},"b":{"c":{ }},"d":{"e":{"f":{\n}}},"g":1,"h":[{}]}')).toEqual({ g: 1n, h: '[{}]' })
  })
  test('cleans names, and the last of names that collide wins', () => {
    expect(fieldsOf('{"A.b":1,"a-B":2}')).toEqual({ a_b: 2n })
    expect(fieldsOf('{"a":{"b":"nested"},"a.b":"flat"}')).toEqual({ a_b: 'flat' })
    expect(fieldsOf('{"a.b":"flat","a":{"b":7}}')).toEqual({ a_b: 7n })
    expect(fieldsOf('{"k":"x","k":1,"k":true}')).toEqual({ k: true })
    expect(fieldsOf('{"k":1,"k":null}')).toEqual({ k: 1n })
    expect(fieldsOf('{"k":"same","K":"same"}')).toEqual({ k: 'same' })
    expect(fieldsOf('{"日本語":1,"Straße":2,"a\\u0000b":3,"q\\"":4,"\\ud800":5}')).toEqual({ 日本語: 1n, straße: 2n, a_b: 3n, q_: 4n, _: 5n })
  })
  test('repeated text that collides leaves one value', () => {
    expect(rowsIn('[{"k":"same"},{"k":1,"K":"same"},{"k":"same","K":"same"},{"k":"same","K":2}]').map((r) => r['k'])).toEqual(['same', 'same', 'same', 2n])
  })
  test('keeps what objects inherit out of it', () => {
    const fields = fieldsOf('{"__proto__":{"polluted":1},"constructor":"c","toString":2,"hasOwnProperty":true}')
    expect(Object.entries(fields)).toEqual([['__proto___polluted', 1n], ['constructor', 'c'], ['tostring', 2n], ['hasownproperty', true]])
    expect(fieldsOf('{"__proto__":5}')['__proto__' as string]).toBe(5n)
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })
  test('gives names that are ours a prefix', () => {
    expect(fieldsOf('{"_all":1,"_ORIGINAL":2,"_o2_id":3,"_rest":4,"__hash__":5,"_b":6,"_o2":{"id":7},"_c":8}')).toEqual({
      attr__all: 1n, attr__original: 2n, attr__o2_id: 7n, attr__rest: 4n, attr___hash__: 5n, attr__b: 6n, _c: 8n,
    })
  })
  test('guesses keys without mistaking one for another', () => {
    const records = [{ a: 1, ab: 2 }, { ab: 2, a: 1 }, { a: 1 }, { a: { a: { a: 1 } } }, { a: { ab: 1 }, ab: { a: 2 } }, { ab: 1, abc: 2, abcd: 3 }, { abcd: 1, abc: 2 }]
    const rows = rowsIn(JSON.stringify([...records, ...records]))
    expect(rows.slice(0, 7)).toEqual(rows.slice(7))
    expect(rows[4]).toEqual({ _timestamp: NOW, a_ab: 1n, ab_a: 2n })
    expect(rows[5]).toEqual({ _timestamp: NOW, ab: 1n, abc: 2n, abcd: 3n })
  })
})

describe('a record is rejected', () => {
  const slug = (record: string, changes: Partial<DecodeContext> = {}): string | undefined => run(`[{"ok":1},${record},{"ok":2}]`, changes).verdict.rejections[0]?.slug
  test('for an empty or long field name, at any flattened level', () => {
    expect(slug('{"":1}')).toBe('field_name')
    expect(slug('{"a":{"":1}}')).toBe('field_name')
    expect(slug('{"":null}')).toBe('field_name')
    expect(slug(`{"${'k'.repeat(256)}":1}`)).toBeUndefined()
    expect(slug(`{"${'k'.repeat(257)}":1}`)).toBe('field_name')
    expect(slug(`{"${'é'.repeat(129)}":1}`)).toBe('field_name')
    expect(slug('{"a":[{"":1}]}')).toBeUndefined()
  })
  test('and all of it is still read, whatever follows the fault', () => {
    const outcome = run('[{"a":{"x":1}},{"":1,"a":{"y":1,"z":2,"x":{"n":[1]}},"b":2,"c":{}},{"a":{"y":1}}]')
    expect(refusals(outcome)).toEqual([[1, 'field_name']])
    expect(outcome.rows.get('default')).toEqual([{ _timestamp: NOW, a_x: 1n }, { _timestamp: NOW, a_y: 1n }])
    expect(refusedAs('[{"":1,"a":{"y":1,"z":}}]')).toBe('malformed')
  })
  test('for too many fields, its time not counted', () => {
    const record = (n: number): string => `{"_timestamp":0,${Array.from({ length: n }, (_, i) => `"f${i}":1`).join()}}`
    expect(slug(record(1_000))).toBeUndefined()
    expect(slug(record(1_001))).toBe('too_many_fields')
    expect(slug('{"a":1,"b":null,"c":{},"d":[],"e":{"f":1}}', { recordFieldsMax: 3 })).toBeUndefined()
    expect(slug('{"a":1,"b":{"x":1,"y":2},"d":[]}', { recordFieldsMax: 3 })).toBe('too_many_fields')
  })
  test('for its size, counted in its own text', () => {
    const record = (n: number): string => `{"a":"${'x'.repeat(n - 8)}"}`
    expect(slug(record(2 ** 20))).toBeUndefined()
    expect(slug(record(2 ** 20 + 1))).toBe('record_too_large')
  })
  test('for fields beyond those a stream may have, which others then may use', () => {
    const record = (from: number, n: number): string => `{${Array.from({ length: n }, (_, i) => `"f${from + i}":1`).join()}}`
    const outcome = run(`[${record(0, 990)},${record(1_000, 999)},${record(2_000, 999)},${record(3_000, 999)},${record(4_000, 999)},${record(5_000, 100)},${record(6_000, 14)},{"f0":1}]`)
    expect(refusals(outcome)).toEqual([[5, 'too_many_fields']])
  })
  test('for fields beyond those of a stream, without its own counting for the others', () => {
    const record = (name: string, n: number): string => `{${Array.from({ length: n }, (_, i) => `"${name}${i}":1`).join()}}`
    const base = ['a', 'b', 'c', 'd', 'e'].map((name) => record(name, 997)).join()
    // 4,985 fields; 100 more are too many, and 15 of those still have their place.
    const outcome = run(`[${base},${record('g', 100)},${record('g', 15)},{"h":1},${record('g', 15)},${record('a', 997)}]`)
    expect(refusals(outcome)).toEqual([[5, 'too_many_fields'], [7, 'too_many_fields']])
    // So many names of rejected records that the tree lets go of them, and of no other.
    const many = Array.from({ length: 400 }, (_, i) => record(`x${i}_`, 20)).join()
    expect(refusals(run(`[${base},${many},${record('a', 997)},${record('g', 15)},{"h":1}]`)).map(([i]) => i)).toEqual([...Array.from({ length: 400 }, (_, i) => i + 5), 407])
  })
  test('and the others are stored', () => {
    const outcome = run('[{"a":1},{"":1},{"a":2},{"_timestamp":"x"},{"a":3}]')
    expect(refusals(outcome)).toEqual([[1, 'field_name'], [3, 'timestamp']])
    expect(outcome.rows.get('default')!.map((r) => r['a'])).toEqual([1n, 2n, 3n])
    const count = outcome.verdict.streams.get('default')!
    expect([count.accepted, count.rejected]).toEqual([3, 2])
    expect(count.error).toContain('empty')
  })
})

describe('the time', () => {
  const time = (record: string): unknown => {
    const { verdict, rows } = run(`[${record}]`)
    return verdict.rejections[0]?.slug ?? rows.get('default')![0]!['_timestamp']
  }
  const at = NOW - 3_600_000_000
  test.each([
    ['{}', NOW], ['{"_timestamp":null}', NOW], ['{"_timestamp":0}', NOW], ['{"_timestamp":-0}', NOW], ['{"_timestamp":"0"}', NOW],
    [`{"_timestamp":${at}}`, at], [`{"_timestamp":"${at}"}`, at], [`{"_timestamp":${at / 1e6}}`, at], [`{"_timestamp":${at}000}`, at], [`{"_timestamp":${at / 1000}.5}`, at + 500],
    ['{"_timestamp":"2026-11-21T11:00:00Z"}', at], ['{"_timestamp":"2026-11-21T11:00:00\\u005a"}', at], ['{"_timestamp":"Sat, 21 Nov 2026 11:00:00 GMT"}', at],
    [`{"@timestamp":${at}}`, at], [`{"_timestamp":null,"@timestamp":${at}}`, at], [`{"_timestamp":0,"@timestamp":${at}}`, at],
    [`{"@timestamp":"nonsense","_timestamp":${at}}`, at], [`{"_timestamp":${at},"@timestamp":{}}`, at], ['{"@timestamp":0}', NOW], [`{"_Timestamp":${at}}`, at],
    [`{"_timestamp":1,"_timestamp":${at}}`, at], [`{"timestamp":5,"a":{"_timestamp":6,"@timestamp":"x"}}`, NOW],
    ['{"_timestamp":""}', 'timestamp'], ['{"_timestamp":"x"}', 'timestamp'], ['{"_timestamp":true}', 'timestamp'], ['{"_timestamp":false}', 'timestamp'], ['{"_timestamp":{}}', 'timestamp'],
    ['{"_timestamp":[]}', 'timestamp'], ['{"_timestamp":-1}', 'timestamp'], ['{"_timestamp":"-1"}', 'timestamp'], ['{"_timestamp":1e999}', 'timestamp'], ['{"_timestamp":1}', 'timestamp'],
    ['{"@timestamp":[1]}', 'timestamp'], ['{"_timestamp":0,"@timestamp":"x"}', 'timestamp'],
  ])('of %s is %s', (record, expected) => expect(time(record)).toBe(expected))

  test('is no field', () => expect(rowsIn(`[{"_timestamp":${at},"@timestamp":${at},"a":1}]`)).toEqual([{ _timestamp: at, a: 1n }]))
  test('must lie in the window, ends included', () => {
    const { oldest, newest } = contextOf()
    for (const t of [oldest, newest]) expect(time(`{"_timestamp":${t}}`)).toBe(t)
    for (const t of [oldest - 1, newest + 1]) expect(time(`{"_timestamp":${t}}`)).toBe('timestamp')
  })
  test('that is refused is named, with what would be right', () => {
    const message = (record: string): string => run(`[${record}]`).verdict.rejections[0]!.message
    expect(message('{"_timestamp":"yesterday \\" evening"}')).toMatch(/^_timestamp "yesterday \\" evening" is not a time: give .*2026-01-31T12:00:00Z$/)
    expect(message('{"_timestamp":{"a":1}}')).toContain('_timestamp {"a":1} is not a time')
    expect(message('{"_timestamp":"1999-01-01"}')).toBe('_timestamp "1999-01-01" is outside the window: from 2016-11-23T12:00:00.000Z to 2026-11-22T12:00:00.000Z')
  })
})

describe('lines of JSON', () => {
  const multi = { route: 'multi' } as const
  test('are records, blank ones none, whatever ends them', () => {
    expect(rowsIn('{"a":1}\n\n{"a":2}\r\n  \t\r\n{"a":3}', multi).map((r) => r['a'])).toEqual([1n, 2n, 3n])
    expect(run('', multi).verdict.records).toBe(0)
    expect(run('\n \r\n', multi).verdict.streams.size).toBe(0)
    expect(rowsIn('\ufeff{"a":1}\n', multi)).toHaveLength(1)
  })
  test('are judged one by one', () => {
    const deep = '{"a":'.repeat(65) + '1' + '}'.repeat(65)
    const outcome = run(`{"a":1}\nx\n{"a":2\n[{"a":1}]\n3\n{"a":1} {"a":2}\n${deep}\n{"a":"\u0001"}\n{"a":4}`, multi)
    expect(refusals(outcome)).toEqual([[1, 'malformed'], [2, 'malformed'], [3, 'not_an_object'], [4, 'not_an_object'], [5, 'malformed'], [6, 'too_deep'], [7, 'malformed']])
    expect(outcome.rows.get('default')!.map((r) => r['a'])).toEqual([1n, 4n])
    expect(outcome.verdict.streams.get('default')!.error).toBe('the line is not valid JSON at byte 0: expected a value, found x')
  })
  test('count depth from their own root', () => {
    expect(rowsIn('{"a":'.repeat(64) + '1' + '}'.repeat(64), multi)).toHaveLength(1)
  })
  test('have invalid UTF-8 replaced', () => {
    const rows = rowsIn(Buffer.from('{"a":"x\xff\xe9y"}\n{"a":"\xed\xa0\x80"}\n', 'latin1'), multi)
    expect(rows.map((r) => r['a'])).toEqual(['x\ufffd\ufffdy', '\ufffd\ufffd\ufffd'])
    expect(rowsIn(Buffer.from('{"a\xff":1}', 'latin1'), multi)[0]).toEqual({ _timestamp: NOW, a_: 1n })
  })
  test('may not be more than the limit', () => {
    expect(refusedAs('{}\n{}\nx', { ...multi, recordsMax: 3 })).toBe('none')
    expect(refusedAs('{}\n{}\nx\nx', { ...multi, recordsMax: 3 })).toBe('too_many_records')
  })
})

test('bytes of text are counted per message, of stored records only', () => {
  const { tables } = run('[ {"a":1} , {"":1}, {"a" : 22} ]', {}, 7)
  expect([...tables.of('logs/default').rawBytes]).toEqual([[7, 7 + 10]])
})
