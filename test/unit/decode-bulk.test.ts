// `_bulk` through both modes: actions, sources, items, and what is whose fault.
import { describe, expect, test } from 'vitest'
import { check } from '../../lib/engine/ingest/decode/index.ts'
import type { DecodeContext } from '../../lib/engine/ingest/decode/contract.ts'
import { EngineError } from '../../lib/model/errors.ts'
import { contextOf, NOW, refusals, run as runBody } from '../support/decode.ts'

const run = (body: string | Uint8Array, changes: Partial<DecodeContext> = {}) => runBody(body, { route: 'bulk', stream: null, ...changes })

function refusal(body: string, changes: Partial<DecodeContext> = {}): EngineError | null {
  try {
    check(Buffer.from(body), contextOf({ route: 'bulk', stream: null, ...changes }))
    return null
  } catch (error) {
    if (error instanceof EngineError) return error
    throw error
  }
}

describe('a bulk body', () => {
  test('stores each source under its index, in order', () => {
    const { verdict, rows } = run('{"create":{"_index":"one"}}\n{"a":1}\n{"index":{"_index":"Two.x","_id":"7"}}\n{"a":2}\n{"update":{"_index":"one","_id":8}}\n{"doc":{"a":3},"doc_as_upsert":true}\n')
    expect(verdict.items).toEqual([
      { action: 'create', index: 'one', id: null, error: null },
      { action: 'index', index: 'Two.x', id: '7', error: null },
      { action: 'update', index: 'one', id: '8', error: null },
    ])
    expect(verdict.records).toBe(3)
    expect(rows.get('one')).toEqual([{ _timestamp: NOW, a: 1n }, { _timestamp: NOW, a: 3n, _id: '8' }])
    expect(rows.get('two_x')).toEqual([{ _timestamp: NOW, a: 2n, _id: '7' }])
  })
  test('takes the stream of the path where an action names none', () => {
    const { verdict, rows } = run('{"index":{}}\n{"a":1}\n{"index":{"_index":null}}\n{"a":2}\n{"index":{"_index":"other"}}\n{"a":3}', { stream: 'path' })
    expect([...rows].map(([name, r]) => [name, r.map((x) => x['a'])])).toEqual([['path', [1n, 2n]], ['other', [3n]]])
    expect(verdict.items.map((i) => i.index)).toEqual(['path', 'path', 'other'])
  })
  test('may be empty, end without a line feed, have blank lines between actions, and CRLF', () => {
    for (const body of ['', '\n\n', '\ufeff']) expect(run(body).verdict).toMatchObject({ records: 0, items: [] })
    const { rows } = run('\r\n{"index":{"_index":"x"}}\r\n{"a":1}\r\n\r\n \n{"index":{"_index":"x"}}\n{"a":2}')
    expect(rows.get('x')!.map((r) => r['a'])).toEqual([1n, 2n])
  })
  test('may name other parameters, which are passed over', () => {
    const { verdict } = run('{ "index" : { "_type":"_doc", "routing":{"a":[1]}, "_index" : "x", "require_alias":false, "_id":"a\\u0062" } }\n{"a":1}\n')
    expect(verdict.items).toEqual([{ action: 'index', index: 'x', id: 'ab', error: null }])
  })
  test('reads the same action line again as it read it first', () => {
    const line = '{"create":{"_index":"x","_id":"i"}}'
    const other = '{"create":{"_index":"y","_id":"\\u0069"}}'
    const { verdict, rows } = run([line, '{"a":1}', line, '{"a":2}', other, '{"a":3}', other, '{"a":4}', line, '{"a":5}', '{"delete":{"_index":"x"}}', '{"delete":{"_index":"x"}}', line, '{"a":6}'].join('\n'))
    expect(rows.get('x')).toEqual([1n, 2n, 5n, 6n].map((a) => ({ _timestamp: NOW, a, _id: 'i' })))
    expect(rows.get('y')).toEqual([3n, 4n].map((a) => ({ _timestamp: NOW, a, _id: 'i' })))
    expect(verdict.items.map((i) => i.error === null)).toEqual([true, true, true, true, true, false, false, true])
  })
  test('does not take an action line for one that became like it when its escapes were undone', () => {
    const { verdict } = run('{"index":{"_index":"x","_id":"\\u0069"}}\n{"a":1}\n{"index":{"_index":"x","_id":"iu0069"}}\n{"a":2}\n')
    expect(verdict.items.map((i) => i.id)).toEqual(['i', 'iu0069'])
  })
  test('is refused whole for a line that should be an action and is not', () => {
    const bad = ['x', '1', '[]', 'null', '{}', '{"index":1}', '{"index":"x"}', '{"upsert":{}}', '{"INDEX":{}}', '{"index":{}', '{"index":{}} x', '{"index":{},"create":{}}', '{"index":{"_index":1}}',
      '{"index":{"_index":{}}}', '{"index":{"_id":true}}', '{"index":{"_id":[]}}', '{"a":1}', '{"indexx":{}}', '{"__proto__":{}}', '{"index":{"a":"\u0001"}}']
    for (const line of bad) {
      const error = refusal(`{"index":{"_index":"x"}}\n{"a":1}\n${line}\n{"a":2}\n`)
      expect([line, error?.slug]).toEqual([line, 'malformed'])
      expect(error!.message).toMatch(/^line 3 should be an action such as/)
    }
    expect(refusal(`{"index":{"a":${'['.repeat(70)}\n`)?.slug).toBe('too_deep')
  })
  test('gives a bad source to its own item', () => {
    const { verdict, rows } = run(['x', '[1]', '{"a":', '{"a":1}x', '', '{"":1}', '{"_timestamp":"x"}', '{"ok":1}'].map((source) => `{"index":{"_index":"s"}}\n${source}\n`).join(''))
    expect(verdict.items.map((i) => i.error?.slug ?? null)).toEqual(['malformed', 'not_an_object', 'malformed', 'malformed', 'malformed', 'field_name', 'timestamp', null])
    expect(verdict.streams.get('s')).toMatchObject({ accepted: 1, rejected: 7 })
    expect(rows.get('s')).toEqual([{ _timestamp: NOW, ok: 1n }])
  })
  test('gives a missing source at the end to its item', () => {
    const { verdict } = run('{"index":{"_index":"s"}}\n{"a":1}\n{"index":{"_index":"s"}}')
    expect(verdict.items.map((i) => i.error?.slug ?? null)).toEqual([null, 'malformed'])
  })
  test('answers delete with an item error and goes on', () => {
    const { verdict, rows } = run('{"delete":{"_index":"x","_id":"1"}}\n{"index":{"_index":"x"}}\n{"a":1}\n')
    expect(verdict.items.map((i) => [i.action, i.id, i.error === null])).toEqual([['delete', '1', false], ['index', null, true]])
    expect(rows.get('x')).toHaveLength(1)
  })
  test('gives a missing or unusable index to its item', () => {
    const names = ['../x', '', '..', '_own', '/', '\\u0000', 'n'.repeat(101)]
    const outcome = run('{"index":{}}\n{"a":0}\n' + names.map((n) => `{"index":{"_index":"${n}"}}\n{"a":1}\n`).join('') + '{"index":{"_index":"fine"}}\n{"a":2}\n')
    expect(refusals(outcome)).toEqual([0, ...names.keys()].map((_, i) => [i, 'invalid_stream']))
    expect([...outcome.rows.keys()]).toEqual(['fine'])
    expect(outcome.verdict.items[1]).toMatchObject({ index: '../x', error: { slug: 'invalid_stream' } })
  })
  test('stores the doc of an update, and rejects an update without one', () => {
    const sources = ['{"doc":{"a":{"b":1}}}', '{"script":{"source":"x"}}', '{"doc":1}', '{"doc":{"a":1},"doc":2}', '{"doc":{"a":1}', '{}', '[1]', '{"upsert":{"doc":{"x":1}},"doc":{"a":2}}', '{"doc":{"":1}}', '{"doc":{"a":1}} x']
    const { verdict, rows } = run(sources.map((s) => `{"update":{"_index":"u","_id":"1"}}\n${s}\n`).join(''))
    expect(verdict.items.map((i) => i.error?.slug ?? null)).toEqual([null, 'malformed', 'malformed', 'malformed', 'malformed', 'malformed', 'malformed', null, 'field_name', 'malformed'])
    expect(rows.get('u')).toEqual([{ _timestamp: NOW, a_b: 1n, _id: '1' }, { _timestamp: NOW, a: 2n, _id: '1' }])
  })
  test('counts depth from the root of a line, the doc being one level down', () => {
    const nested = (n: number): string => '{"a":'.repeat(n) + '1' + '}'.repeat(n)
    const update = (n: number): string | null => run(`{"update":{"_index":"u"}}\n{"doc":${nested(n)}}\n`).verdict.items[0]!.error?.slug ?? null
    expect([update(63), update(64)]).toEqual([null, 'too_deep'])
    const index = (n: number): string | null => run(`{"index":{"_index":"u"}}\n${nested(n)}\n`).verdict.items[0]!.error?.slug ?? null
    expect([index(64), index(65)]).toEqual([null, 'too_deep'])
  })
  test('takes the action\'s id over one in the source, and counts it as a field', () => {
    expect(run('{"index":{"_index":"x","_id":"meta"}}\n{"_id":"own","a":1}\n').rows.get('x')).toEqual([{ _timestamp: NOW, a: 1n, _id: 'meta' }])
    expect(run('{"index":{"_index":"x"}}\n{"_id":"own"}\n').rows.get('x')).toEqual([{ _timestamp: NOW, _id: 'own' }])
    expect(run('{"index":{"_index":"x","_id":"1"}}\n{"a":1,"b":2}\n', { recordFieldsMax: 2 }).verdict.items[0]!.error?.slug).toBe('too_many_fields')
    expect(run(`{"index":{"_index":"x","_id":"${'i'.repeat(513)}"}}\n{"a":1}\n`).verdict.items[0]!.error?.slug).toBe('malformed')
  })
  test('reads the time of every source', () => {
    const { rows } = run('{"index":{"_index":"x"}}\n{"@timestamp":"2026-11-21T11:00:00Z"}\n{"index":{"_index":"x"}}\n{"@timestamp":1795258800}\n')
    expect(rows.get('x')!.map((r) => r['_timestamp'])).toEqual([NOW - 3_600_000_000, NOW - 3_600_000_000])
  })
  test('has invalid UTF-8 replaced', () => {
    const { rows } = run(Buffer.from('{"index":{"_index":"x","_id":"\xff"}}\n{"a":"\xc3"}\n', 'latin1'))
    expect(rows.get('x')).toEqual([{ _timestamp: NOW, a: '\ufffd', _id: '\ufffd' }])
  })
  test('may name no more streams than the limit, spellings of one counted once', () => {
    const body = (names: string[]): string => names.map((n) => `{"index":{"_index":"${n}"}}\n{"a":1}\n`).join('')
    expect(refusal(body(['a', 'b', 'A', 'a', 'b']), { requestStreamsMax: 2 })).toBeNull()
    expect(refusal(body(['a', 'b', 'c']), { requestStreamsMax: 2 })?.slug).toBe('too_many_streams')
  })
  test('may fall on no more pairs of stream and day than the limit', () => {
    const body = (n: number): string => Array.from({ length: n }, (_, i) => `{"index":{"_index":"s${i % 2}"}}\n{"_timestamp":${NOW - Math.floor(i / 2) * 86_400_000_000}}\n`).join('')
    expect(refusal(body(6), { requestPartitionsMax: 6 })).toBeNull()
    expect(refusal(body(7), { requestPartitionsMax: 6 })?.slug).toBe('too_many_partitions')
  })
  test('may hold no more actions than the limit', () => {
    const body = '{"delete":{"_index":"x"}}\n'.repeat(3)
    expect(refusal(body, { recordsMax: 3 })).toBeNull()
    expect(refusal(body, { recordsMax: 2 })?.slug).toBe('too_many_records')
  })
  test('has one line as long as it likes', () => {
    const { rows } = run(`{"index":{"_index":"x"}}\n{"a":"${'y'.repeat(1_000_000)}"}`)
    expect((rows.get('x')![0]!['a'] as string).length).toBe(1_000_000)
  })
})
