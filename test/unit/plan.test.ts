// The plan read off DuckDB's EXPLAIN texts, and pruning by it, as pure data.
import { describe, expect, test } from 'vitest'
import { conjunctsOf, markerOf, readPlan } from '../../lib/engine/query/plan.ts'
import { mayMatch, type ChunkStatistics, type GroupView } from '../../lib/engine/query/prune.ts'
import type { FieldType } from '../../lib/model/schema.ts'
import type { StreamTable } from '../../lib/engine/query/sql/contract.ts'

const types = new Map<string, FieldType>([['n', 'int'], ['d', 'double'], ['s', 'string'], ['b', 'bool']])
const table: StreamTable = { type: 'logs', name: 'app', fields: Object.fromEntries(types), fullText: [] }
const scan = (stream: number, projections: string[], filters: string[]): object =>
  ({ name: 'READ_PARQUET ', extra_info: { Projections: [...projections, markerOf(stream)], Filters: [...filters, `(${markerOf(stream)} IS NULL)`] } })
const explain = (...scans: object[]): string => JSON.stringify([{ name: 'PROJECTION', children: scans }])

describe('conjuncts', () => {
  test('simple comparisons are read, with their type', () => {
    expect(conjunctsOf(['n>=1 AND n<=3', "s='it''s AND more'", 'd>1.5', '(s IS NOT NULL)'], types)).toEqual([
      { column: 'n', op: '>=', value: '1', text: false }, { column: 'n', op: '<=', value: '3', text: false },
      { column: 's', op: '=', value: "it's AND more", text: true }, { column: 'd', op: '>', value: '1.5', text: false },
      { column: 's', op: 'not-null', value: '', text: false },
    ])
  })

  test('what is not a plain conjunct is left out', () => {
    for (const text of ["s='a' OR s='b'", "optional: s='a'", 'n!=4', 'b', "n='4'", 's=4', 'x=1', "lower(s)='a'", 'optional: Dynamic Filter (n)']) {
      expect([text, conjunctsOf([text], types)]).toEqual([text, []])
    }
  })
})

describe('reading a plan', () => {
  test('columns are those of every scan of the stream, filters one list a scan', () => {
    const plan = readPlan([table], explain(scan(0, ['_timestamp', 'n'], []), scan(0, ['s'], [])), explain(scan(0, [], ['n=1']), scan(0, [], ["s='x'"])))
    expect(plan.streams[0]!.columns).toEqual(expect.arrayContaining(['n', 's']))
    expect(plan.streams[0]!.scans.map((s) => s.length)).toEqual([1, 1])
  })

  test('a scan that the second plan does not show is pruned by nothing', () => {
    const plan = readPlan([table], explain(scan(0, ['n'], []), scan(0, ['n'], [])), explain(scan(0, [], ['n=1'])))
    expect(plan.streams[0]!.scans.some((s) => s.length === 0)).toBe(true)
  })

  test('a scan that names no stream may be any stream\'s: all of it is fetched, nothing pruned', () => {
    const nameless = { name: 'READ_PARQUET ', extra_info: { Projections: ['n'] } }
    expect(readPlan([table], explain(nameless), explain(nameless)).streams[0]).toMatchObject({ columns: ['n', 'd', 's', 'b'], scans: [[]] })
  })

  test('a stream that no scan reads has none', () => {
    expect(readPlan([table], explain(), explain()).streams[0]!.scans).toEqual([])
  })
})

describe('pruning', () => {
  const group = (columns: Record<string, ChunkStatistics>): GroupView => ({ column: (name) => columns[name] })
  const range = { startTime: 100, endTime: 200 }
  const time = (min: bigint, max: bigint): ChunkStatistics => ({ type: 'int', rows: 10, nulls: 0, min, max })
  const c = (column: string, op: '=' | '<' | '>=', value: string, text = false) => ({ column, op, value, text })

  test('time alone decides first, half open', () => {
    expect(mayMatch(group({ _timestamp: time(200n, 300n) }), range, [])).toBe(false)
    expect(mayMatch(group({ _timestamp: time(0n, 99n) }), range, [])).toBe(false)
    expect(mayMatch(group({ _timestamp: time(199n, 300n) }), range, [])).toBe(true)
    expect(mayMatch(group({ _timestamp: time(0n, 100n) }), range, [])).toBe(true)
  })

  test('a value outside the bounds drops the group, one on the bound keeps it', () => {
    const g = group({ _timestamp: time(100n, 150n), n: { type: 'int', rows: 10, nulls: 0, min: 5n, max: 9n } })
    expect(mayMatch(g, range, [[c('n', '=', '4')]])).toBe(false)
    expect(mayMatch(g, range, [[c('n', '=', '9')]])).toBe(true)
    expect(mayMatch(g, range, [[c('n', '<', '5')]])).toBe(false)
    expect(mayMatch(g, range, [[c('n', '>=', '9.5')]])).toBe(false)
    expect(mayMatch(g, range, [[c('n', '=', '4')], []])).toBe(true)
  })

  test('without statistics, or with another type in the file, the group stays', () => {
    expect(mayMatch(group({ n: { type: 'int', rows: 10 } }), range, [[c('n', '=', '4')]])).toBe(true)
    expect(mayMatch(group({ s: { type: 'int', rows: 10, min: 10n, max: 20n } }), range, [[c('s', '=', '5', true)]])).toBe(true)
  })

  test('a column that is missing or all null fulfils no comparison', () => {
    expect(mayMatch(group({}), range, [[c('n', '=', '4')]])).toBe(false)
    expect(mayMatch(group({ n: { type: 'int', rows: 10, nulls: 10 } }), range, [[c('n', '=', '4')]])).toBe(false)
  })

  test('text compares by its bytes', () => {
    const g = group({ s: { type: 'string', rows: 9, nulls: 0, min: Buffer.from('b'), max: Buffer.from('dz') } })
    expect(mayMatch(g, range, [[c('s', '=', 'a', true)]])).toBe(false)
    expect(mayMatch(g, range, [[c('s', '=', 'd', true)]])).toBe(true)
    expect(mayMatch(g, range, [[c('s', '=', 'é', true)]])).toBe(false)
  })
})
