// Rows as JSON: the general printer and the quick one in SQL say the same, lose no digit, and what
// they print is read back as what DuckDB holds.
import { DuckDBInstance } from '@duckdb/node-api'
import type { DuckDBConnection, DuckDBType } from '@duckdb/node-api'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { rowSql } from '../../lib/duckdb/row-sql.ts'
import { jsonRows, plainOf, uniqueNames } from '../../lib/duckdb/serialize.ts'

const RUNS = Math.ceil(60 * Number(process.env['NILOMETER_RUNS'] ?? 1))

let instance: DuckDBInstance
let connection: DuckDBConnection

beforeAll(async () => {
  instance = await DuckDBInstance.create(':memory:', { threads: '1' })
  connection = await instance.connect()
  await connection.run("SET TimeZone='UTC'")
})

afterAll(() => {
  connection.closeSync()
  instance.closeSync()
})

interface Columns {
  readonly names: string[]
  readonly types: DuckDBType[]
}

async function columnsOf(sql: string): Promise<Columns> {
  const prepared = await connection.prepare(sql)
  const indexes = [...Array(prepared.columnCount).keys()]
  return { names: uniqueNames(indexes.map((i) => prepared.columnName(i))), types: indexes.map((i) => prepared.columnType(i)) }
}

async function general(sql: string): Promise<string[]> {
  const { names, types } = await columnsOf(sql)
  const chunks = await (await connection.run(sql)).fetchAllChunks()
  return chunks.flatMap((chunk) => jsonRows(chunk, types, names.map((name) => `${JSON.stringify(name)}:`)))
}

/** pads with null columns, which leave no trace, so that the quick way takes it */
async function quick(sql: string): Promise<string[] | null> {
  const { names, types } = await columnsOf(sql)
  const wide = rowSql(sql, [...names, ...PADS], [...types, ...PADS.map(() => types[0]!)])
  if (wide === null) return null
  const padded = `SELECT *, ${PADS.map(() => 'NULL').join(', ')} FROM (${sql})`
  const text = wide.replace(`(\n${sql}\n)`, () => `(\n${padded}\n)`)
  const rows = await (await connection.run(text)).getColumns()
  return (rows[0] ?? []).map((blob) => `{${Buffer.from((blob as { bytes: Uint8Array }).bytes).toString().slice(1)}}`)
}
const PADS = ['p1', 'p2', 'p3', 'p4', 'p5', 'p6', 'p7', 'p8']

const CASES: readonly (readonly [string, string])[] = [
  ['true', 'true'],
  ['(-128)::TINYINT', '-128'],
  ['9007199254740993::BIGINT', '9007199254740993'],
  ['(-9223372036854775808)::BIGINT', '-9223372036854775808'],
  ['18446744073709551615::UBIGINT', '18446744073709551615'],
  ['170141183460469231731687303715884105727::HUGEINT', '170141183460469231731687303715884105727'],
  ['1.50::DECIMAL(10,2)', '1.50'],
  ['0.5::DECIMAL(3,3)', '0.500'],
  ['(-0.5)::DECIMAL(3,3)', '-0.500'],
  ['12345678901234567890123456789012345678::DECIMAL(38,0)', '12345678901234567890123456789012345678'],
  ['1::DOUBLE', '1'],
  ['0.1::DOUBLE', '0.1'],
  ["'-0.0'::DOUBLE", '0'],
  ['1e300::DOUBLE', '1e+300'],
  ["'nan'::DOUBLE", '"NaN"'],
  ["'inf'::DOUBLE", '"Infinity"'],
  ["'-inf'::DOUBLE", '"-Infinity"'],
  [`'a"b\\c/é' || chr(10) || chr(1) || chr(0) || '😀'`, JSON.stringify('a"b\\c/é\n\u0001\u0000😀')],
  // A U+FEFF is a character like any other, also where a byte order mark could stand.
  [`chr(65279) || 'short'`, JSON.stringify('\ufeffshort')],
  [`chr(65279) || 'longer than twelve bytes'`, JSON.stringify('\ufefflonger than twelve bytes')],
  [`'{"a":1}'::JSON`, JSON.stringify('{"a":1}')],
  [`'b'::ENUM('a','b')`, '"b"'],
  [`DATE '2026-02-03'`, '"2026-02-03"'],
  [`TIMESTAMP '2026-02-03 04:05:06'`, '"2026-02-03T04:05:06"'],
  [`TIMESTAMP '2026-02-03 04:05:06.000700'`, '"2026-02-03T04:05:06.0007"'],
  [`TIMESTAMPTZ '2026-02-03 04:05:06+01'`, '"2026-02-03T03:05:06"'],
  [`TIMESTAMP_NS '2026-02-03 04:05:06.123456789'`, '"2026-02-03T04:05:06.123456789"'],
  [`TIMESTAMP 'infinity'`, '"infinity"'],
  [`TIME '04:05:06.5'`, '"04:05:06.5"'],
  [`INTERVAL '1 day 2 hours'`, '"1 day 02:00:00"'],
  [`UUID '12345678-1234-1234-1234-123456789abc'`, '"12345678-1234-1234-1234-123456789abc"'],
]

const GENERAL_ONLY: readonly (readonly [string, string])[] = [
  ['16777216::FLOAT', '16777216'],
  ['0.1::FLOAT', '0.1'],
  [`'\\x00ab'::BLOB`, String.raw`"\\x00ab"`],
  [`'101'::BIT`, '"101"'],
  ['[1, NULL, 9007199254740993]', '[1,null,9007199254740993]'],
  [`['nan'::DOUBLE, 0.5]`, '["NaN",0.5]'],
  [`{'a': 1, 'b"': ['x'], '__proto__': TIMESTAMP '2026-02-03 04:05:06'}`, String.raw`{"a":1,"b\"":["x"],"__proto__":"2026-02-03T04:05:06"}`],
  [`MAP {'k': 1.5, 'l': NULL}`, '{"k":1.5,"l":null}'],
  [`{'k': [chr(65279)]}`, JSON.stringify({ k: ['\ufeff'] })],
  ['MAP {7: true}', '{"7":true}'],
  [`[1, 2]::INTEGER[2]`, '[1,2]'],
]

describe('a value as JSON', () => {
  test.each([...CASES, ...GENERAL_ONLY])('%s is %s', async (sql, json) => {
    expect(await general(`SELECT ${sql} AS x`)).toEqual([`{"x":${json}}`])
  })

  test.each(CASES)('the quick way prints %s as %s too', async (sql, json) => {
    expect(await quick(`SELECT ${sql} AS x`)).toEqual([`{"x":${json}}`])
  })

  test.each(GENERAL_ONLY)('the quick way leaves %s to the general one', async (sql) => {
    expect(await quick(`SELECT ${sql} AS x`)).toBeNull()
  })

  test('is the same both ways for any row', async () => {
    const row = fc.record({
      big: fc.option(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
      text: fc.option(fc.string({ unit: 'binary', maxLength: 30 })),
      double: fc.option(fc.double()),
      // From year 1 on: the binding counts the years before otherwise than DuckDB.
      micros: fc.option(fc.bigInt({ min: -62_135_596_800_000_000n, max: 10n ** 18n })),
      days: fc.option(fc.integer({ min: -719_162, max: 3_000_000 })),
      cents: fc.option(fc.bigInt({ min: -(10n ** 17n), max: 10n ** 17n })),
    })
    await fc.assert(fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 5 }), async (rows) => {
      const values = rows.map((r) => `(${number(r.big)}::BIGINT, ${text(r.text)}::VARCHAR, ${floating(r.double)}::DOUBLE,
        make_timestamp(${number(r.micros)}::BIGINT), DATE '1970-01-01' + ${number(r.days)}::INTEGER, (${number(r.cents)}::DECIMAL(20,0) / 100)::DECIMAL(20,2))`)
      const sql = `SELECT * FROM (VALUES ${values.join(',')}) AS t(big, "te""xt", dbl, stamp, dated, price)`
      const printed = await general(sql)
      expect((await quick(sql))?.map(lowerEscapes)).toEqual(printed.map(lowerEscapes))
      for (const [i, line] of printed.entries()) {
        const parsed = JSON.parse(line) as Record<string, unknown>
        const wanted = rows[i]!
        expect(parsed['te"xt'] ?? null).toBe(wanted.text === null ? null : wanted.text.toWellFormed())
        if (wanted.big !== null) expect(line).toContain(`"big":${wanted.big}`)
        else expect(line).not.toContain('"big"')
        if (wanted.double !== null) expect(Number(parsed['dbl'])).toBe(wanted.double + 0 === 0 ? 0 : wanted.double)
      }
    }), { numRuns: RUNS })
  })

  test('reads back as the same FLOAT', async () => {
    await fc.assert(fc.asyncProperty(fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 50 }), async (values) => {
      const rows = await general(`SELECT unnest([${values.map(floating).join(',')}]::FLOAT[]) AS x`)
      expect(rows.map((row) => Math.fround((JSON.parse(row) as { x: number }).x))).toEqual(values.map((value) => value + 0 === 0 ? 0 : value))
    }), { numRuns: RUNS })
  })

  test('leaves null columns out, and a row of nulls is an empty object', async () => {
    expect(await general('SELECT NULL::INTEGER AS a, 1 AS b UNION ALL SELECT NULL, NULL')).toEqual(['{"b":1}', '{}'])
    expect(await quick("SELECT NULL::INTEGER AS a, 'x' AS b UNION ALL SELECT NULL, NULL")).toEqual(['{"b":"x"}', '{}'])
  })

  test('is not led astray by macros that bear the names of functions', async () => {
    const names = ['encode', 'concat', 'to_json', 'replace', 'isnan', 'trunc', 'abs']
    for (const name of names) await connection.run(`CREATE MACRO ${name}(a) AS 'shadow'`)
    try {
      expect(await quick(`SELECT 'x' AS a, 1.5::DOUBLE AS b, TIMESTAMP '2026-02-03 04:05:06' AS c`))
        .toEqual(['{"a":"x","b":1.5,"c":"2026-02-03T04:05:06"}'])
    } finally {
      for (const name of names) await connection.run(`DROP MACRO ${name}`)
    }
  })
})

describe('column names', () => {
  test('that come twice get the first free number', () => {
    expect(uniqueNames(['a', 'a', 'a_1', 'a', 'A'])).toEqual(['a', 'a_2', 'a_1', 'a_3', 'A'])
  })

  test('are kept apart both ways, also when only case tells them apart', async () => {
    const sql = `SELECT 1 AS a, 2 AS a, 3 AS "A", 4 AS "it's ""x"`
    const row = String.raw`{"a":1,"a_1":2,"A":3,"it's \"x":4}`
    expect(await general(sql)).toEqual([row])
    const { names, types } = await columnsOf(`${sql}, 5 AS e, 6 AS f, 7 AS g, 8 AS h`)
    const rows = await (await connection.run(rowSql(`${sql}, 5 AS e, 6 AS f, 7 AS g, 8 AS h -- and a comment`, names, types)!)).getColumns()
    expect(`{${Buffer.from((rows[0]![0] as { bytes: Uint8Array }).bytes).toString().slice(1)}}`)
      .toBe(row.replace('}', ',"e":5,"f":6,"g":7,"h":8}'))
  })
})

describe('a cell as text', () => {
  test.each([...CASES.map(([sql]) => sql), '1e15::DOUBLE', '1e16::DOUBLE', '0.0001::DOUBLE', '0.00001::DOUBLE', '5e-324::DOUBLE'])(
    '%s is what DuckDB prints', async (sql) => {
      const result = await connection.run(`SELECT x, x::VARCHAR FROM (SELECT ${sql} AS x)`)
      const [value, printed] = (await result.getRows())[0]!
      const cell = plainOf(value!, result.columnType(0))
      expect(String(cell)).toBe(decimalPoint(String(printed)))
    })

  test('is what DuckDB prints for any double', async () => {
    await fc.assert(fc.asyncProperty(fc.array(fc.double(), { minLength: 1, maxLength: 50 }), async (values) => {
      const result = await connection.run(`SELECT x, x::VARCHAR FROM (SELECT unnest([${values.map(floating).join(',')}]::DOUBLE[]) AS x)`)
      for (const [value, printed] of await result.getRows()) expect(plainOf(value!, result.columnType(0))).toBe(printed)
    }), { numRuns: RUNS })
  })
})

/** DuckDB writes `\u000B` where JS writes `\u000b` */
const lowerEscapes = (json: string): string => json.replace(/\\(u[0-9a-fA-F]{4}|[^u])/g, (escape) => (escape.startsWith('\\u') ? escape.toLowerCase() : escape))
/** the binding prints DECIMAL(n,n) with a zero before the point, which reads the same */
const decimalPoint = (text: string): string => text.replace(/^(-?)\./, '$10.')
const number = (value: bigint | number | null): string => (value === null ? 'NULL' : `(${value})`)
const floating = (value: number | null): string => (value === null ? 'NULL' : `'${Object.is(value, -0) ? '-0.0' : value}'`)
/** NUL cannot stand in SQL text */
const text = (value: string | null): string =>
  (value === null ? 'NULL' : `('${value.toWellFormed().replaceAll("'", "''").replaceAll('\0', "' || chr(0) || '")}')`)
