// DuckDB's native binding for the machine a function runs on, which is seldom the one that deploys:
// what npm has installed when it fits, else the package from the registry, exactly the one that
// package-lock.json names, by its hash.
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

export type Architecture = 'arm64' | 'x86_64'
/** a folder with the package's files; or why there is none */
export type Binding = { readonly dir: string } | { readonly missing: string }

const ROOT = join(import.meta.dirname, '..')
const run = promisify(execFile)
/** 25 MB over a slow line */
const FETCH_MS_MAX = 300_000

/** Lambda's Amazon Linux has glibc */
export const bindingPackage = (architecture: Architecture): string => `@duckdb/node-bindings-linux-${architecture === 'arm64' ? 'arm64' : 'x64'}`

export interface BindingPlaces {
  /** where npm installs */
  readonly modules: string
  /** where fetched ones are kept */
  readonly cache: string
  /** of npm, beside those of the user's configuration */
  readonly npmOptions?: readonly string[]
}
const PLACES: BindingPlaces = { modules: join(ROOT, 'node_modules'), cache: join(ROOT, 'node_modules/.cache/nilometer') }

interface Locked {
  readonly version: string
  /** `sha512-` and base64 */
  readonly integrity: string
}

function lockedOf(name: string): Locked {
  const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as { packages: Record<string, Locked | undefined> }
  const found = lock.packages[`node_modules/${name}`]
  if (found === undefined) throw new Error(`package-lock.json names no ${name}`)
  return found
}

/** @throws when what came is not what the lockfile names: that is no lack of network */
export async function findBinding(architecture: Architecture, { modules, cache, npmOptions = [] }: BindingPlaces = PLACES): Promise<Binding> {
  const name = bindingPackage(architecture)
  const { version, integrity } = lockedOf(name)
  const installed = join(modules, name)
  if (versionIn(installed) === version) return { dir: installed }
  const kept = join(cache, `${name.replace('/', '+')}@${version}`)
  if (versionIn(kept) === version) return { dir: kept }
  await mkdir(cache, { recursive: true })
  const work = await mkdtemp(join(cache, 'fetch-'))
  try {
    const tarball = await fetchTarball(`${name}@${version}`, work, npmOptions)
    if (tarball === null) return { missing: `${name}@${version} is not installed and could not be fetched: run once with network, or npm pack it into reach` }
    await verify(tarball, integrity, name)
    await run('tar', ['-xzf', tarball, '-C', work])
    // Whole or not at all; whoever was first has put the same there.
    await rename(join(work, 'package'), kept).catch((error: unknown) => {
      if (versionIn(kept) !== version) throw error
    })
    return { dir: kept }
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

function versionIn(dir: string): string | null {
  const manifest = join(dir, 'package.json')
  return existsSync(manifest) ? (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version : null
}

/** by npm, which knows the registry, the proxy and the credentials; null: it could not */
async function fetchTarball(spec: string, to: string, npmOptions: readonly string[]): Promise<string | null> {
  const shell = process.platform === 'win32'
  try {
    const { stdout } = await run('npm', ['pack', spec, '--pack-destination', to, '--json', '--fetch-retries=1', '--fetch-retry-mintimeout=500', ...npmOptions], { cwd: to, timeout: FETCH_MS_MAX, shell })
    const [packed] = JSON.parse(stdout) as { filename: string }[]
    return join(to, packed!.filename.replace('@', '').replace('/', '-'))
  } catch {
    return null
  }
}

async function verify(tarball: string, integrity: string, name: string): Promise<void> {
  const got = `sha512-${createHash('sha512').update(await readFile(tarball)).digest('base64')}`
  if (got !== integrity) throw new Error(`the package ${name} that came has the hash ${got}, package-lock.json says ${integrity}`)
}
