// Writes the tables of docs/errors.md, docs/settings.md and docs/api.md from the tables of the code,
// between their markers; test/docs.test.ts holds that they agree. `node scripts/docs.ts`.
import { readFileSync, writeFileSync } from 'node:fs'
import { ROUTES } from '../lib/engine/access/permit.ts'
import { DEFAULT_SETTINGS } from '../lib/engine/settings.ts'
import { ERROR_KINDS, ERROR_SLUGS, type ErrorSlug } from '../lib/model/errors.ts'
import { settingsOnAws } from '../functions/settings.ts'
import { ENTRIES, ENV, type EnvKey, type Variable } from '../lib/env.ts'
import { VARIABLES } from '../server/environment.ts'

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n')

const onAws = Object.entries(settingsOnAws({ retentionDays: DEFAULT_SETTINGS.retentionDays }))
const fallbackOf = (variable: Variable<unknown>): string => ('fallback' in variable ? `\`${String(variable.fallback)}\`` : '(set by the stack)')

export const TABLES: Readonly<Record<string, string>> = {
  'errors.md#kinds': table(['kind', 'status', 'on ingestion', 'client retries', 'message in the queue'],
    Object.entries(ERROR_KINDS).map(([kind, k]) => [
      `\`${kind}\``, String(k.status), String(k.ingestStatus ?? k.status), [429, 503, 409].includes(k.status) ? 'yes' : 'no', k.onQueue,
    ])),
  'errors.md#slugs': table(['error', 'kind', 'status'],
    (Object.keys(ERROR_SLUGS) as ErrorSlug[]).map((slug) => [`\`${slug}\``, ERROR_SLUGS[slug], String(ERROR_KINDS[ERROR_SLUGS[slug]].status)])),
  'settings.md#environment': table(['variable', 'meaning', 'default'], VARIABLES.map((v) => [`\`${v.name}\``, v.meaning, `\`${v.fallback}\``])),
  'settings.md#settings': table(['setting', 'default'], Object.entries(DEFAULT_SETTINGS).map(([name, value]) => [`\`${name}\``, String(value)])),
  'settings.md#aws': table(['setting', 'on AWS'],
    onAws.filter(([name, value]) => DEFAULT_SETTINGS[name as keyof typeof DEFAULT_SETTINGS] !== value).map(([name, value]) => [`\`${name}\``, String(value)])),
  'settings.md#functions': table(['function', 'MB', 'seconds', '/tmp MB', 'variables'], Object.entries(ENTRIES).map(([name, entry]) => [
    name, String(entry.memoryMb), String(entry.timeoutSeconds), String(entry.diskMb), entry.env.map((key) => `\`${ENV[key].name}\``).join(' '),
  ])),
  'settings.md#variables': table(['variable of a function', 'meaning', 'default'],
    (Object.keys(ENV) as EnvKey[]).map((key) => [`\`${ENV[key].name}\``, ENV[key].meaning, fallbackOf(ENV[key])])),
  'api.md#routes': table(['method', 'path', 'permission'], ROUTES.map((r) => [r.methods.join(' '), `\`${r.path}\``, r.need ?? 'none (public)'])),
}

/** the text with each table between its markers */
export function withTables(file: string, text: string): string {
  return text.replaceAll(/<!-- table: (\w+) -->\n[\s\S]*?<!-- end -->/g, (whole, name: string) => {
    const made = TABLES[`${file}#${name}`]
    return made === undefined ? whole : `<!-- table: ${name} -->\n${made}\n<!-- end -->`
  })
}

if (import.meta.main) {
  for (const file of new Set(Object.keys(TABLES).map((key) => key.split('#')[0]!))) {
    const url = new URL(`../docs/${file}`, import.meta.url)
    writeFileSync(url, withTables(file, readFileSync(url, 'utf8')))
  }
}
