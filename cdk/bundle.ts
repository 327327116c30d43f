// The functions as Lambda runs them: one ESM bundle for each folder of the deployment, with what it
// imports and nothing else. Reading and writing files only: `cdk synth` needs neither Docker nor, when
// DuckDB's binding is at hand, the network.
import { existsSync, readFileSync } from 'node:fs'
import { cp, mkdir, rm } from 'node:fs/promises'
import { isBuiltin } from 'node:module'
import { join } from 'node:path'
import { build, type BuildOptions, type Plugin } from 'esbuild'
import { ENTRIES, type EntryName } from '../lib/env.ts'
import { bindingPackage, findBinding, type Architecture } from './duckdb-binding.ts'

export interface BundledEntry {
  /** the folder to deploy */
  readonly dir: string
  /** as Lambda names it: file, dot, export */
  readonly handler: string
  /** why the folder cannot run SQL though the entry needs it; null: it can, or need not */
  readonly missing: string | null
}

/** folders whose functions answer people and senders: there the SDK's clients would be most of the wait */
const LEAN: ReadonlySet<string> = new Set(['ingest', 'query'])
const LEAN_CLIENTS = { '@aws-sdk/client-dynamodb': 'lib/aws/lean-dynamodb.ts', '@aws-sdk/client-sqs': 'lib/aws/lean-sqs.ts' } as const

/** entries that share a folder share their code; those of one folder also start with one another's size */
export const FOLDERS: Readonly<Record<string, readonly EntryName[]>> = {
  ingest: ['ingest'],
  write: ['writer', 'archiver'],
  query: ['query', 'leaf'],
  setup: ['setup'],
}
/** a file of its own beside the bundles: the pool starts it as a process */
const SANDBOX = { out: 'sandbox', file: 'lib/duckdb/sandbox.ts' } as const

const ROOT = join(import.meta.dirname, '..')

/**
 * What all bundles are made with. `mainFields`: the AWS clients' ES modules load in half the time of
 * their CommonJS twins. The web's classes are ours (lib/node/web.ts).
 */
export function bundleOptions(folder: string): BuildOptions {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }
  return {
    absWorkingDir: ROOT, bundle: true, platform: 'node', format: 'esm', target: 'node24', mainFields: ['module', 'main'],
    minify: true, sourcemap: 'linked', sourcesContent: false, splitting: true, legalComments: 'none', logLevel: 'error',
    outExtension: { '.js': '.mjs' }, chunkNames: 'chunk-[hash]',
    define: { NILOMETER_VERSION: JSON.stringify(version) },
    inject: [join(ROOT, 'lib/node/web.ts')],
    plugins: [builtins],
    ...(LEAN.has(folder) ? { alias: Object.fromEntries(Object.entries(LEAN_CLIENTS).map(([name, file]) => [name, join(ROOT, file)])) } : {}),
  }
}

/**
 * Node's own modules without `import`: that reads every export, and `node:http` has three whose getters
 * load the whole of fetch (60 ms of CPU).
 */
const builtins: Plugin = {
  name: 'builtins',
  setup(made) {
    made.onResolve({ filter: /^(?:node:)?[a-z_0-9/]+$/ }, ({ path }) => (isBuiltin(path) ? { path: path.replace(/^node:/, ''), namespace: 'builtin', sideEffects: false } : null))
    made.onLoad({ filter: /./, namespace: 'builtin' }, ({ path }) => ({ contents: `module.exports = process.getBuiltinModule('${path}')` }))
  },
}

/**
 * Bundles every entry below `outDir`.
 * @throws when a source does not compile, or a binding came damaged; one that cannot be had is `missing`
 */
export async function bundleFunctions(outDir: string, architecture: Architecture): Promise<Readonly<Record<EntryName, BundledEntry>>> {
  const binding = await findBinding(architecture)
  const bundled: [EntryName, BundledEntry][] = []
  for (const [folder, entries] of Object.entries(FOLDERS)) {
    const dir = join(outDir, folder)
    const sql = entries.some((entry) => ENTRIES[entry].sql)
    await bundleFolder(folder, dir, entries)
    if (sql) await bundleSandbox(dir, architecture)
    if (sql && 'dir' in binding) await copyBinding(binding.dir, dir, architecture)
    for (const entry of entries) {
      const missing = ENTRIES[entry].sql && 'missing' in binding ? binding.missing : null
      bundled.push([entry, { dir, handler: `${entry}.${ENTRIES[entry].handler}`, missing }])
    }
  }
  return Object.fromEntries(bundled) as Record<EntryName, BundledEntry>
}

async function bundleFolder(folder: string, dir: string, entries: readonly EntryName[]): Promise<void> {
  await rm(dir, { recursive: true, force: true })
  await mkdir(dir, { recursive: true })
  const points = entries.map((entry) => ({ out: entry as string, in: join(ROOT, ENTRIES[entry].file) }))
  await build({ ...bundleOptions(folder), entryPoints: points, outdir: dir })
}

/** Built for itself: a chunk shared with a handler would be more for it to read. */
async function bundleSandbox(dir: string, architecture: Architecture): Promise<void> {
  const options = bundleOptions(SANDBOX.out)
  await build({
    ...options, entryPoints: [{ out: SANDBOX.out, in: join(ROOT, SANDBOX.file) }], outdir: dir, plugins: [bindingFor(architecture), builtins],
    // A native module can only be required.
    banner: { js: "const require=process.getBuiltinModule('module').createRequire(import.meta.url);" },
  })
}

/** the package that picks a binding asks the machine which one; here the target is known */
const bindingFor = (architecture: Architecture): Plugin => ({
  name: 'binding',
  setup(made) {
    made.onResolve({ filter: /^@duckdb\/node-bindings$/ }, () => ({ path: `${bindingPackage(architecture)}/duckdb.node`, external: true }))
  },
})

async function copyBinding(from: string, dir: string, architecture: Architecture): Promise<void> {
  const to = join(dir, 'node_modules', bindingPackage(architecture))
  if (!existsSync(join(from, 'duckdb.node'))) throw new Error(`the binding of DuckDB in ${from} has no duckdb.node`)
  await cp(from, to, { recursive: true, filter: (path) => !path.endsWith('.md') })
}
