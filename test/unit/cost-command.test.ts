// The command as one runs it: a tiny load through the engine, the bill of it, and the idle bill of the
// stack as it is synthesised.
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { assumptionsTable, pricesTable, withTables } from '../../scripts/cost/table.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const run = (...args: string[]): Promise<{ stdout: string }> => promisify(execFile)(process.execPath, [join(ROOT, 'scripts', 'cost.ts'), ...args])

test('the command prints a bill whose lines make its total, and the idle bill', async () => {
  const { stdout } = await run('--gb-per-day', '1', '--request-mb', '0.02', '--streams', '2', '--rounds', '1', '--queries-per-day', '10')
  expect(stdout).toMatch(/^1 GB\/day of raw requests of 0\.0\d+ MB/)
  const figures = [...stdout.matchAll(/^(\S.*?) {2,}(\d+\.\d{5}) /gm)].map(([, item, dollars]) => [item!, Number(dollars)] as const)
  const total = figures.find(([item]) => item === 'total')![1]
  const lines = figures.filter(([item]) => item !== 'total')
  expect(lines.length).toBeGreaterThanOrEqual(20)
  expect(lines.reduce((n, [, dollars]) => n + dollars, 0)).toBeCloseTo(total, 3)
  expect(stdout).toMatch(/idle, USD per month[\s\S]*total +0\.\d{4}/)
})

test('a wrong option is told in one line', async () => {
  await expect(run('--edge', 'cdn')).rejects.toMatchObject({ code: 1, stderr: "--edge is 'cdn': it must be one of rest, http, function-url\n" })
})

test('prices and assumptions in docs/cost.md are those of the code (`npm run cost -- --write-docs` writes them)', () => {
  const text = readFileSync(join(ROOT, 'docs', 'cost.md'), 'utf8')
  expect(text).toBe(withTables(text, { prices: pricesTable(), assumptions: assumptionsTable() }))
  for (const name of ['made', 'standard', 'window', 'goals', 'levers', 'spill', 'idle', 'prices', 'assumptions']) expect(text).toContain(`<!-- cost: ${name} -->`)
})
