// The documents agree with the tables of the code, and name what exists.
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { TABLES, withTables } from '../scripts/docs.ts'

const ROOT = join(import.meta.dirname, '..')
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8')

test('the tables in docs/ are those of the code (node scripts/docs.ts writes them)', () => {
  for (const file of new Set(Object.keys(TABLES).map((key) => key.split('#')[0]!))) {
    const text = read(`docs/${file}`)
    expect(text).toBe(withTables(file, text))
    for (const key of Object.keys(TABLES).filter((k) => k.startsWith(`${file}#`))) expect(text).toContain(`<!-- table: ${key.split('#')[1]} -->`)
  }
})

test('every path that a document names exists', () => {
  const documents = ['README.md', 'ARCHITECTURE.md', 'STYLE.md', 'CONTRIBUTING.md', ...readdirSync(join(ROOT, 'docs')).filter((f) => f.endsWith('.md')).map((f) => `docs/${f}`)]
  const missing = documents.flatMap((d) => [...read(d).matchAll(/`((?:lib|functions|server|scripts|test|docs|examples)\/[\w./-]+)`/g)]
    .map((m) => m[1]!).filter((p) => !existsSync(join(ROOT, p))).map((p) => `${d}: ${p}`))
  expect(missing).toEqual([])
})

test('every npm script that a document names exists', () => {
  const scripts = Object.keys((JSON.parse(read('package.json')) as { scripts: Record<string, string> }).scripts)
  for (const d of ['README.md', 'CONTRIBUTING.md', '.ci/run']) {
    const named = [...read(d).matchAll(/npm run (?:--silent )?([\w:]+)/g)].map((m) => m[1]!)
    expect([d, named.filter((n) => !scripts.includes(n))]).toEqual([d, []])
  }
})
