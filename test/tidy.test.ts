// The house keeps itself: reads source text and holds the import rule, the bans, sizes and rings.
// Style that matters is a test, and only tightens.
import { readFileSync, readdirSync, statSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import { expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '..')
const ROOMS = ['lib', 'functions', 'server', 'cdk', 'test', 'scripts']
const EXEMPT = ['test/model/']

function filesUnder(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((e) =>
    e.name === 'node_modules' ? [] : e.isDirectory() ? filesUnder(`${folder}/${e.name}`) : e.name.endsWith('.ts') ? [`${folder}/${e.name}`] : [])
}

const exists = (folder: string): boolean => statSync(join(ROOT, folder), { throwIfNoEntry: false }) !== undefined
const files = ROOMS.filter(exists).flatMap(filesUnder).filter((f) => !EXEMPT.some((e) => f.startsWith(e)))
const text = new Map(files.map((f) => [f, readFileSync(join(ROOT, f), 'utf8')]))
const source = files.filter((f) => !f.startsWith('test/'))

interface Import { readonly from: string; readonly to: string }

/** relative imports resolved to paths from the root; packages as they stand */
function importsOf(file: string): Import[] {
  const found = text.get(file)!.matchAll(/(?:^|\n)\s*(?:import|export)\s[^'"`;]*?from\s+'([^']+)'|import\('([^']+)'\)|(?:^|\n)import '([^']+)'/g)
  return [...found].map((m) => m[1] ?? m[2] ?? m[3]!).map((to) => ({
    from: file, to: to.startsWith('.') ? relative(ROOT, normalize(join(ROOT, dirname(file), to))) : to,
  }))
}
const imports = source.flatMap(importsOf)

/** the room of a path: the longest prefix in the table */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'lib/model': ['lib/model'],
  'lib/api': ['lib/api', 'lib/model'],
  'lib/engine/ingest': ['lib/engine/ingest', 'lib/engine/store', 'lib/engine/ports.ts', 'lib/engine/settings.ts', 'lib/model'],
  'lib/engine/query': ['lib/engine/query', 'lib/engine/store', 'lib/engine/ports.ts', 'lib/engine/settings.ts', 'lib/model', 'lib/api'],
  'lib/engine/access': ['lib/engine/access', 'lib/engine/store', 'lib/engine/ports.ts', 'lib/engine/settings.ts', 'lib/model'],
  'lib/engine/store': ['lib/engine/store', 'lib/engine/ports.ts', 'lib/engine/settings.ts', 'lib/model'],
  'lib/engine/ports.ts': ['lib/model'],
  'lib/engine/settings.ts': ['lib/model'],
  'lib/node': ['lib/node', 'lib/engine/ports.ts', 'lib/model'],
  'lib/local': ['lib/local', 'lib/engine/ports.ts', 'lib/engine/settings.ts', 'lib/model'],
  'lib/duckdb': ['lib/duckdb', 'lib/engine/ports.ts', 'lib/engine/settings.ts', 'lib/model'],
  'lib/aws': ['lib/aws', 'lib/node', 'lib/engine/ports.ts', 'lib/engine/settings.ts', 'lib/model'],
  'lib/env.ts': ['lib/model'],
  functions: ['functions', 'lib/api', 'lib/engine', 'lib/aws', 'lib/duckdb', 'lib/node', 'lib/env.ts', 'lib/model'],
  cdk: ['cdk', 'functions/routes.ts', 'lib/env.ts', 'lib/model'],
  server: ['server', 'functions', 'lib/api', 'lib/engine', 'lib/local', 'lib/duckdb', 'lib/node', 'lib/model'],
  scripts: ['scripts', 'lib', 'server', 'functions', 'test'],
}

const roomOf = (path: string): string | undefined =>
  Object.keys(MAY_IMPORT).filter((r) => path === r || path.startsWith(`${r}/`)).sort((a, b) => b.length - a.length)[0]

test('every file imports downwards only', () => {
  const wrong = imports.filter(({ from, to }) => {
    if (!/^(lib|functions|server|cdk|scripts|test)\//.test(to)) return false
    const room = roomOf(from)
    return room === undefined || !MAY_IMPORT[room]!.some((r) => to === r || to.startsWith(`${r}/`))
  })
  expect(wrong).toEqual([])
})

const PACKAGES: readonly (readonly [RegExp, readonly string[]])[] = [
  [/^@duckdb\//, ['lib/duckdb']],
  [/^@aws-sdk\//, ['lib/aws']],
  [/^(hono|@hono)(\/|$)/, ['functions', 'server']],
  [/^(aws-cdk-lib|cdk-nag|constructs)/, ['cdk']],
  [/^esbuild$/, ['cdk']],
  [/^hyparquet/, ['lib/engine/store']],
  [/^node:sqlite$/, ['lib/local']],
]

test('each package is imported by its own room only', () => {
  const wrong = imports.filter(({ from, to }) =>
    PACKAGES.some(([name, rooms]) => name.test(to) && !rooms.some((r) => from.startsWith(`${r}/`))))
  expect(wrong).toEqual([])
})

test('runtime packages are declared and pinned exactly', () => {
  const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Record<string, Record<string, string>>
  const all = { ...manifest['dependencies'], ...manifest['devDependencies'], ...manifest['optionalDependencies'] }
  expect(Object.entries(all).filter(([, v]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(v))).toEqual([])
  expect(Object.keys(manifest['dependencies']!).length).toBeLessThanOrEqual(15)
  // What deploys and what measures runs on a developer's machine.
  const shipped = imports.filter((i) => !/^(cdk|scripts)\//.test(i.from))
  const used = new Set(shipped.map((i) => i.to).filter((t) => !t.startsWith('node:') && !/^(lib|functions|server|cdk|scripts|test)\//.test(t))
    .map((t) => t.split('/').slice(0, t.startsWith('@') ? 2 : 1).join('/')))
  expect([...used].filter((p) => !(p in manifest['dependencies']!))).toEqual([])
  const reasons = readFileSync(join(ROOT, 'docs/decisions/dependencies.md'), 'utf8')
  expect(Object.keys(all).filter((p) => !reasons.includes(`\`${p}\``))).toEqual([])
})

const BANNED_IN_ENGINE: readonly RegExp[] = [
  /\bDate\.now\b/, /\bnew Date\(\s*\)/, /\bMath\.random\b/, /\brandomUUID\b/, /\brandomBytes\b/, /\bsetTimeout\b/, /\bsetInterval\b/,
  /\bfetch\(/, /\bprocess\.env\b/, /\bconsole\./, /from 'node:(fs|http|https|net|child_process|worker_threads|os)/, /\bperformance\.now\b/,
]

/** comments may name what code may not use */
const withoutComments = (code: string): string => code.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '')

test('the engine knows no clock, chance, network, disk or environment', () => {
  const wrong = source.filter((f) => f.startsWith('lib/engine/') || f.startsWith('lib/model/')).flatMap((f) =>
    BANNED_IN_ENGINE.filter((ban) => ban.test(withoutComments(text.get(f)!))).map((ban) => `${f}: ${ban.source}`))
  expect(wrong).toEqual([])
})

test('only the environment table reads process.env', () => {
  const readers = source.filter((f) => /\bprocess\.env\b/.test(withoutComments(text.get(f)!)))
  expect(readers.filter((f) => !['server/main.ts', 'functions/start.ts', 'lib/duckdb/pool.ts', 'lib/duckdb/child.ts'].includes(f) && !f.startsWith('scripts/'))).toEqual([])
})

const LINES_MAX = 400
const GLUE_LINES_MAX = 100

test('files are small, and each says first what it is', () => {
  const long = files.filter((f) => text.get(f)!.split('\n').length > LINES_MAX + 1)
  expect(long).toEqual([])
  expect(files.filter((f) => !/^(#!.*\n)?\/\/ \S/.test(text.get(f)!))).toEqual([])
  const glue = source.filter((f) => f.startsWith('functions/') && text.get(f)!.split('\n').length > GLUE_LINES_MAX + 1)
  expect(glue).toEqual([])
})

const FUNCTION_LINES_MAX = 70

test('functions are short', () => {
  const long = source.flatMap((f) => longFunctions(f, text.get(f)!))
  expect(long).toEqual([])
})

/**
 * Functions and methods by their indentation: from the line that opens the body to the brace below it.
 * Named functions inside one (a factory's closures) count for themselves, not for it.
 */
function longFunctions(file: string, code: string): string[] {
  const lines = code.split('\n')
  const spans: { from: number; to: number }[] = []
  for (const [i, line] of lines.entries()) {
    const open = /^(\s*)(?:export )?(?:async )?(?:function\*? \w+|(?:static |private |async |get |set )*#?\w+\([^)]*\)(?:: [^={]+)? \{$|const \w+ = (?:async )?\(.*=> \{$)/.exec(line)
    if (open === null || /^\s*(if|for|while|switch|catch|return)\b/.test(line)) continue
    spans.push({ from: i, to: lines.findIndex((l, j) => j > i && l.startsWith(`${open[1]}}`)) })
  }
  return spans.flatMap((span) => {
    const inner = spans.filter((s) => s.from > span.from && s.to < span.to)
    const outermost = inner.filter((s) => !inner.some((o) => o.from < s.from && o.to > s.to))
    const own = outermost.reduce((n, s) => n - (s.to - s.from + 1), span.to - span.from + 1)
    return own > FUNCTION_LINES_MAX ? [`${file}:${span.from + 1} has ${own} lines of its own`] : []
  })
}

test('nothing imports in a ring', () => {
  const edges = new Map<string, string[]>()
  for (const { from, to } of imports) if (to.endsWith('.ts')) edges.set(from, [...(edges.get(from) ?? []), to])
  const done = new Set<string>()
  const rings: string[] = []
  const visit = (file: string, path: string[]): void => {
    if (path.includes(file)) rings.push([...path.slice(path.indexOf(file)), file].join(' -> '))
    if (done.has(file) || path.includes(file)) return
    for (const next of edges.get(file) ?? []) visit(next, [...path, file])
    done.add(file)
  }
  for (const file of source) visit(file, [])
  expect(rings).toEqual([])
})

test('no default exports, enums, namespaces, any, or notes to self', () => {
  const bans: readonly RegExp[] = [/\bexport default\b/, /^\s*(export )?(const )?enum /m, /^\s*(export )?namespace /m, /: any\b|<any>|as any\b/]
  const wrong = source.flatMap((f) => bans.filter((b) => b.test(withoutComments(text.get(f)!))).map((b) => `${f}: ${b.source}`))
  const notes = files.filter((f) => f !== 'test/tidy.test.ts' && /\b(TODO|FIXME|XXX|HACK)\b/.test(text.get(f)!))
  expect([...wrong, ...notes]).toEqual([])
})

test('no file names a machine\'s paths', () => {
  const own = files.filter((f) => f !== 'test/tidy.test.ts')
  expect(own.filter((f) => /\/work\/(main|shared)|\/tmp\/nilo/.test(text.get(f)!))).toEqual([])
})
