// The JSON decoders against a naive reading of the same records, and against any bytes at all.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { DecodeContext, Route } from '../../lib/engine/ingest/decode/contract.ts'
import { check, decode } from '../../lib/engine/ingest/decode/index.ts'
import { Scanner } from '../../lib/engine/ingest/decode/scanner.ts'
import { Source, Tables } from '../../lib/engine/store/columns.ts'
import { EngineError } from '../../lib/model/errors.ts'
import { contextOf, NOW, rowsOf, run } from '../support/decode.ts'
import type { Row, Value } from '../support/decode.ts'

const RUNS = Number(process.env['NILOMETER_RUNS'] ?? 1)
const runs = (few: number): { numRuns: number } => ({ numRuns: Math.ceil(few * RUNS) })

/** JSON as it is written: strings and numbers keep their text, objects their order and duplicates */
type Node = { readonly raw: string } | { readonly items: readonly Node[] } | { readonly members: readonly Member[] }
interface Member { readonly key: string; readonly value: Node }

/** `gap` gives the white space between tokens */
function render(node: Node, gap: () => string): string {
  if ('raw' in node) return node.raw
  if ('items' in node) return `[${gap()}${node.items.map((n) => render(n, gap)).join(`${gap()},${gap()}`)}${gap()}]`
  return `{${gap()}${node.members.map((m) => `${m.key}${gap()}:${gap()}${render(m.value, gap)}`).join(`${gap()},${gap()}`)}${gap()}}`
}
const compact = (node: Node): string => render(node, () => '')

// --- what a record should become, the slow way

const LIMITS = { recordFieldsMax: 12, keyBytesMax: 20 } as const
const AT = NOW - 3_600_000_000
/** texts of a time, and what they mean; NaN: nothing */
const TIMES: readonly (readonly [string, number])[] = [
  ['null', 0], ['0', 0], ['"0"', 0], [String(AT), AT], [`"${AT / 1e6}"`, AT], ['"2026-11-21T11:00:00Z"', AT], ['"2026-11-21 12:00:00.000000+01:00"', AT],
  ['"x"', NaN], ['true', NaN], ['[]', NaN], ['{"a":1}', NaN], ['-1', NaN], ['1', 1_000_000], ['""', NaN],
]
const timeOf = (raw: string): number => TIMES.find(([text]) => text === raw)?.[1] ?? NaN

const nameOf = (key: string): string => [...key.toWellFormed().toLowerCase()].map((c) => (/^[\p{L}\p{N}_]$/u.test(c) ? c : '_')).join('')

function leafValue(raw: string): Value {
  const parsed = JSON.parse(raw) as unknown
  if (typeof parsed === 'string') return parsed.toWellFormed()
  if (typeof parsed === 'boolean') return parsed
  if (/[.e]/i.test(raw)) return Number.isFinite(parsed) ? (parsed as number) : raw
  if (raw === '-0') return -0
  return BigInt.asIntN(64, BigInt(raw)) === BigInt(raw) ? BigInt(raw) : raw
}

interface Expected { readonly slug: string | null; readonly row: Row }

function expectedOf(record: Node): Expected {
  const row: Row = Object.assign(Object.create(null) as Row, { _timestamp: NaN })
  let fields = 0
  let badName = false
  const times = { first: 0, second: 0 }
  const walk = (node: Node, path: readonly string[]): void => {
    if (!('members' in node)) return
    for (const { key: rawKey, value } of node.members) {
      if (badName || fields > LIMITS.recordFieldsMax) return
      const key = (JSON.parse(rawKey) as string).toWellFormed()
      if (key === '' || Buffer.byteLength(key) > LIMITS.keyBytesMax) {
        badName = true
        return
      }
      const names = [...path, nameOf(key)]
      const name = names.join('_')
      if (name === '_timestamp') {
        if (compact(value) !== 'null') times[key.startsWith('_') ? 'first' : 'second'] = timeOf(compact(value))
      } else if ('members' in value && value.members.length === 0) continue
      else if ('members' in value && names.length < 3) walk(value, names)
      else if (!('raw' in value) || value.raw !== 'null') {
        fields++
        row[['_all', '_b'].includes(name) ? `attr_${name}` : name] = 'raw' in value ? leafValue(value.raw) : compact(value)
      }
    }
  }
  walk(record, [])
  if (badName) return { slug: 'field_name', row }
  if (fields > LIMITS.recordFieldsMax) return { slug: 'too_many_fields', row }
  const given = times.first !== 0 ? times.first : times.second
  const time = given === 0 ? NOW : given
  row['_timestamp'] = time
  return { slug: Number.isNaN(time) || time === 1_000_000 ? 'timestamp' : null, row }
}

// --- records

const escaped = (text: string): string => `"${[...text].flatMap((c) => c.split('')).map((c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')}"`
const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 12 }), fc.string({ maxLength: 12 }), fc.constantFrom('', 'same', 'same', 'a"b', 'a\\', '\ud800', 'x\u0000y', 'é'.repeat(9)))
const rawText = fc.tuple(text, fc.nat(3)).map(([t, how]) => (how === 0 ? escaped(t) : JSON.stringify(t)))
const digits = fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 1, maxLength: 22 }).map((d) => d.replace(/^0+(?=\d)/, ''))
const rawNumber = fc.oneof(
  fc.tuple(fc.constantFrom('', '-'), digits).map(([sign, d]) => sign + d),
  fc.tuple(fc.constantFrom('', '-'), digits, digits).map(([sign, a, b]) => `${sign}${a}.${b}`),
  fc.tuple(digits, fc.constantFrom('e', 'E', 'e+', 'E-'), fc.nat(400)).map(([a, e, n]) => `${a}${e}${n}`),
  fc.constantFrom('0', '-0', '-0.0', '9223372036854775807', '9223372036854775808', '-9223372036854775808', '-9223372036854775809', '9007199254740993'),
)
const rawKey = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom('a', 'b', 'ab', 'A', 'a.b', 'a_b', 'abc', '__proto__', 'constructor', '日本', 'É', '_all', '_b', 'k"q', 'same key').map((k) => JSON.stringify(k)) },
  { weight: 2, arbitrary: text.map((t) => JSON.stringify(t)) },
  { weight: 2, arbitrary: fc.constantFrom('a', 'é', 'a\nb').map(escaped) },
  { weight: 1, arbitrary: fc.constantFrom('"k123456789012345678901"', '"k1234567890123456789"') },
)
const leaf = fc.oneof(rawText, rawNumber, fc.constantFrom('true', 'false', 'null')).map((raw): Node => ({ raw }))
const value = fc.letrec<{ node: Node }>((tie) => ({
  node: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    fc.array(fc.record({ key: rawKey, value: tie('node') }), { maxLength: 4 }).map((members): Node => ({ members })),
    fc.array(tie('node'), { maxLength: 3 }).map((items): Node => ({ items })),
  ),
})).node
const timeMember = fc.record({
  key: fc.constantFrom('"_timestamp"', '"@timestamp"', '"_Timestamp"', '"\\u005ftimestamp"'),
  value: fc.constantFrom(...TIMES).map(([raw]): Node => (raw === '[]' ? { items: [] } : raw.startsWith('{') ? { members: [{ key: '"a"', value: { raw: '1' } }] } : { raw })),
})
const member = fc.oneof({ weight: 8, arbitrary: fc.record({ key: rawKey, value }) }, { weight: 1, arbitrary: timeMember })
const record = fc.array(member, { maxLength: 9 }).map((members): Node => ({ members }))
const gaps = fc.array(fc.constantFrom('', '', '', ' ', '\t', '  '), { minLength: 1, maxLength: 9 })
const cycling = (list: readonly string[]): (() => string) => {
  let i = 0
  return () => list[i++ % list.length]!
}

function compare(route: Route, body: string, records: readonly Node[]): void {
  const expected = records.map(expectedOf)
  const { verdict, rows } = run(body, { route, ...LIMITS })
  expect(verdict.records).toBe(records.length)
  expect(verdict.rejections.map((r) => [r.ordinal, r.slug])).toEqual(expected.flatMap((e, i) => (e.slug === null ? [] : [[i, e.slug]])))
  const wanted = expected.filter((e) => e.slug === null).map((e) => Object.entries(e.row).sort())
  expect((rows.get('default') ?? []).map((r) => Object.entries(r).sort())).toEqual(wanted)
}

describe('random nested records', () => {
  test('come out as a naive reading says, as an array', () => {
    fc.assert(fc.property(fc.array(record, { maxLength: 6 }), gaps, (records, ws) => {
      compare('json', render({ items: records }, cycling([...ws, '\n'])), records)
    }), runs(400))
  })
  test('come out the same as lines', () => {
    fc.assert(fc.property(fc.array(record, { maxLength: 6 }), gaps, fc.constantFrom('\n', '\r\n', '\n\n'), (records, ws, end) => {
      compare('multi', records.map((r) => render(r, cycling(ws)) + end).join(''), records)
    }), runs(200))
  })
  test('come out the same whatever was decoded before them into the same tables', () => {
    fc.assert(fc.property(fc.array(fc.array(record, { maxLength: 3 }), { maxLength: 5 }), (bodies) => {
      const context = contextOf(LIMITS)
      const shared = new Tables()
      const apart = bodies.flatMap((records, message) => {
        const body = compact({ items: records })
        const rejected = check(Buffer.from(body), context).rejections.map((r) => r.ordinal)
        decode(Buffer.from(body), context, rejected, message, shared)
        const own = new Tables()
        decode(Buffer.from(body), context, rejected, message, own)
        return rowsOf(own).get('default') ?? []
      })
      expect((rowsOf(shared).get('default') ?? []).map((r) => Object.entries(r).sort())).toEqual(apart.map((r) => Object.entries(r).sort()))
    }), runs(150))
  })
})

// --- any bytes

/** a valid body with some bytes changed, dropped or doubled */
const damaged = (source: fc.Arbitrary<string>): fc.Arbitrary<Buffer> =>
  fc.tuple(source, fc.array(fc.tuple(fc.nat(), fc.oneof(fc.nat(255), fc.constantFrom(...Buffer.from('{}[]",:\\\n \r0-.eu'))), fc.nat(3)), { maxLength: 3 })).map(([body, edits]) => {
    let bytes = Buffer.from(body)
    for (const [where, byte, how] of edits) {
      const at = where % (bytes.length + 1)
      if (how === 0 && at < bytes.length) bytes[at] = byte
      else if (how === 1) bytes = Buffer.concat([bytes.subarray(0, at), Buffer.of(byte), bytes.subarray(at)])
      else if (how === 2) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)])
      else bytes = bytes.subarray(0, at)
    }
    return bytes
  })

/** check and decode hold to their contract on these bytes; gives the verdict or the slug */
function holds(bytes: Buffer, changes: Partial<DecodeContext>): void {
  const context = contextOf({ ...LIMITS, ...changes })
  let verdict
  try {
    verdict = check(Buffer.from(bytes), context)
  } catch (error) {
    if (error instanceof EngineError && error.slug !== 'internal') return
    throw error
  }
  const ordinals = verdict.rejections.map((r) => r.ordinal)
  expect(ordinals).toEqual([...new Set(ordinals)].sort((a, b) => a - b))
  const tables = new Tables()
  decode(Buffer.from(bytes), context, ordinals, 3, tables)
  let accepted = 0
  for (const [stream, count] of verdict.streams) {
    const table = tables.byStream.get(`logs/${stream}`)
    expect(table?.rows ?? 0).toBe(count.accepted)
    expect(count.error === null).toBe(count.rejected === 0)
    accepted += count.accepted
    for (let i = 0; i < count.accepted; i++) {
      expect(table!.messages[i]).toBe(3)
      expect(table!.times[i]! >= context.oldest && table!.times[i]! <= context.newest).toBe(true)
    }
  }
  expect(accepted + verdict.rejections.length).toBe(verdict.records)
  if (context.route === 'bulk') expect(verdict.items.map((item) => item.error !== null)).toEqual(verdict.items.map((_, i) => ordinals.includes(i)))
}

const arrayBody = fc.array(record, { maxLength: 4 }).map((items) => compact({ items }))
const lineBody = fc.array(record, { maxLength: 4 }).map((items) => items.map(compact).join('\n'))
const action = fc.record({
  name: fc.constantFrom('create', 'index', 'update', 'delete'),
  index: fc.constantFrom(null, 'one', 'two', 'ONE', '../x', '', '_own'),
  id: fc.constantFrom(null, 'i', '\u0001', 'é'),
  source: fc.oneof({ weight: 8, arbitrary: record.map(compact) }, { weight: 1, arbitrary: fc.constantFrom('', 'x', '[]', '{"a":') }),
})
type Action = typeof action extends fc.Arbitrary<infer T> ? T : never
const bulkLines = ({ name, index, id, source }: Action): string => {
  const line = JSON.stringify({ [name]: { ...(index === null ? {} : { _index: index }), ...(id === null ? {} : { _id: id }) } })
  return name === 'delete' ? `${line}\n` : `${line}\n${name === 'update' ? `{"doc":${source}}` : source}\n`
}
const bulkBody = fc.array(action, { maxLength: 5 }).map((actions) => actions.map(bulkLines).join(''))

describe('any bytes', () => {
  const noise = fc.uint8Array({ maxLength: 60 }).map((b) => Buffer.from(b))
  test.each([['json', arrayBody], ['multi', lineBody], ['bulk', bulkBody]] as const)('as %s get a verdict both modes agree on, or an error with a name', (route, body) => {
    fc.assert(fc.property(fc.oneof(noise, damaged(body), damaged(body), body.map((b) => Buffer.from(b))), fc.constantFrom('default', null), (bytes, stream) => {
      holds(bytes, { route, stream: route === 'bulk' ? stream : 'default' })
    }), runs(300))
  })
  test('are JSON to the scanner exactly when they are to JSON.parse', () => {
    const spaced = fc.tuple(fc.array(record, { maxLength: 3 }), gaps).map(([items, ws]) => render({ items }, cycling(ws)))
    fc.assert(fc.property(fc.oneof(damaged(spaced), damaged(value.map(compact))), (bytes) => {
      const body = bytes.toString('utf8')
      let valid = true
      try {
        JSON.parse(body)
      } catch {
        valid = false
      }
      let accepted = true
      try {
        const scanner = new Scanner(new Source(Buffer.from(body)), 1_000)
        scanner.skipValue()
        scanner.finish()
      } catch (error) {
        expect((error as EngineError).slug).toBe('malformed')
        accepted = false
      }
      expect([body, accepted]).toEqual([body, valid])
    }), runs(600))
  })
})

test('bulk items are the actions in order, and rows the sources stored, in order', () => {
  fc.assert(fc.property(fc.array(action, { maxLength: 8 }), fc.constantFrom('path', null), (actions, stream) => {
    const { verdict, rows } = run(actions.map(bulkLines).join(''), { route: 'bulk', stream, ...LIMITS })
    expect(verdict.items.map((i) => [i.action, i.index, i.id])).toEqual(actions.map((a) => [a.name, a.index ?? stream ?? '', a.id]))
    const wanted = new Map<string, string[]>()
    actions.forEach((a, i) => {
      if (verdict.items[i]!.error !== null) return
      const name = (a.index ?? stream!).toLowerCase()
      wanted.set(name, [...(wanted.get(name) ?? []), a.id ?? ''])
    })
    const found = [...rows].filter(([, r]) => r.length > 0).map(([name, r]) => [name, r.map((row) => row['_id'] ?? '')] as const)
    expect(new Map(found)).toEqual(wanted)
  }), runs(300))
})
