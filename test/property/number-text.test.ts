// A number joined to text reads the same in SQL as in the decoder: its shortest JS form.
import { DuckDBInstance } from '@duckdb/node-api'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { NUMBER_TEXT_MACROS } from '../../lib/engine/query/views.ts'

const RUNS = 40 * Number(process.env['NILOMETER_RUNS'] ?? 1)

test('nilometer_number_text(x) is String(x) for every double', async () => {
  const connection = await (await DuckDBInstance.create(':memory:')).connect()
  for (const macro of NUMBER_TEXT_MACROS) await connection.run(macro)
  const textOf = async (values: readonly number[]): Promise<unknown[]> => {
    const list = values.map((x) => (Number.isNaN(x) ? "'nan'" : x === Infinity ? "'inf'" : x === -Infinity ? "'-inf'" : Object.is(x, -0) ? "'-0.0'" : `'${x}'`))
    const result = await connection.runAndReadAll(`SELECT nilometer_number_text(v::DOUBLE) FROM (VALUES ${list.map((v) => `(${v})`).join(',')}) t(v)`)
    return result.getRows().map((r) => r[0])
  }
  const known = [0, -0, 1, -1, 5, 1.5, 0.1, 1e15, 1e16, 123456789012345680000, 1e20, 1e21, 1.5e300, 5e-324, 1e-5, 1e-6, 1e-7, 1.25e-7, -2.5e-8, 2 ** 53, NaN, Infinity, -Infinity, Number.MAX_VALUE]
  expect(await textOf(known)).toEqual(known.map(String))
  await fc.assert(fc.asyncProperty(fc.array(fc.double(), { minLength: 1, maxLength: 200 }), async (values) => {
    expect(await textOf(values)).toEqual(values.map(String))
  }), { numRuns: RUNS })
})
