// What is in the bundles and what is not, how large they are, and where DuckDB's binding comes from.
import { execFileSync } from 'node:child_process'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { build, type Metafile } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bundleOptions, FOLDERS } from '../../cdk/bundle.ts'
import { bindingPackage, findBinding } from '../../cdk/duckdb-binding.ts'
import { ENTRIES, type EntryName } from '../../lib/env.ts'

const work = mkdtempSync(join(tmpdir(), 'nilometer-bundle-'))
afterAll(() => rmSync(work, { recursive: true, force: true }))

interface Bundle {
  /** minified bytes of all files */
  readonly bytes: number
  /** of the files that are read before the first event */
  readonly firstBytes: number
  /** sources in those files */
  readonly first: readonly string[]
  readonly all: readonly string[]
}

function read({ outputs }: Metafile, entry: string): Bundle {
  const files = Object.entries(outputs).filter(([name]) => name.endsWith('.mjs'))
  const byName = new Map(files)
  const first = new Set<string>()
  const visit = (name: string): void => {
    if (first.has(name)) return
    first.add(name)
    for (const { path, kind } of byName.get(name)!.imports) if (kind === 'import-statement' && byName.has(path)) visit(path)
  }
  visit(files.find(([, output]) => output.entryPoint === entry)![0])
  const sources = (names: readonly string[]): string[] => names.flatMap((name) => Object.entries(byName.get(name)!.inputs).filter(([, { bytesInOutput }]) => bytesInOutput > 0).map(([path]) => path))
  const sum = (names: readonly string[]): number => names.reduce((n, name) => n + byName.get(name)!.bytes, 0)
  return { bytes: sum(files.map(([name]) => name)), firstBytes: sum([...first]), first: sources([...first]), all: sources(files.map(([name]) => name)) }
}

const bundles = new Map<EntryName, Bundle>()
beforeAll(async () => {
  for (const [folder, name] of Object.entries(FOLDERS).flatMap(([folder, names]) => names.map((name) => [folder, name] as const))) {
    const { metafile } = await build({ ...bundleOptions(folder), entryPoints: [ENTRIES[name].file], outdir: join(work, name), write: false, metafile: true })
    bundles.set(name, read(metafile, ENTRIES[name].file))
  }
}, 30_000)

const KB = 1_000
/** minified bytes of all files, and of what is read before the first event; they may shrink */
const BYTES_MAX: Readonly<Record<EntryName, readonly [all: number, first: number]>> = {
  ingest: [680 * KB, 180 * KB],
  writer: [710 * KB, 580 * KB],
  archiver: [630 * KB, 490 * KB],
  query: [660 * KB, 230 * KB],
  leaf: [610 * KB, 470 * KB],
  setup: [530 * KB, 370 * KB],
}

test.each(Object.keys(ENTRIES) as EntryName[])('%s is no larger than it was', (name) => {
  const { bytes, firstBytes } = bundles.get(name)!
  const [all, first] = BYTES_MAX[name]
  expect([bytes < all, firstBytes < first], `${name}: ${bytes} bytes, ${firstBytes} of them first`).toEqual([true, true])
  expect(all).toBeLessThanOrEqual(1_000 * KB)
})

const holding = (sources: readonly string[], what: RegExp): string[] => sources.filter((path) => what.test(path))

test('the ingest function has neither DuckDB nor the Parquet reader, and the SDK with S3 only behind an import', () => {
  const { first, all } = bundles.get('ingest')!
  expect(holding(all, /duckdb|hyparquet|lib\/engine\/query|client-(?:lambda|ssm|sqs|dynamodb)/)).toEqual([])
  expect(holding(first, /@aws-sdk|@smithy|lib\/aws\/blobs/)).toEqual([])
  expect(holding(all, /client-s3/)).not.toEqual([])
})

test('routes without SQL load nothing of the SDK', () => {
  expect(holding(bundles.get('query')!.first, /@aws-sdk|@smithy|node_modules\/@duckdb/)).toEqual([])
})

test('no bundle holds DuckDB itself: it stands beside, for the sandbox alone', () => {
  for (const [, { all }] of bundles) expect(holding(all, /node_modules\/@duckdb/)).toEqual([])
})

test('the classes of the web are ours, and node:http is not imported', async () => {
  const { outputFiles } = await build({ ...bundleOptions('ingest'), entryPoints: [ENTRIES.ingest.file], outdir: work, write: false })
  const code = outputFiles.filter(({ path }) => path.endsWith('.mjs')).map(({ text }) => text).join('\n')
  expect(code).not.toMatch(/\bnew (?:Response|Request|Headers)\b/)
  expect(code).not.toMatch(/from\s*"(?:node:)?https?"/)
  expect(code).toContain('getBuiltinModule("http")')
})

describe('DuckDB\'s binding', () => {
  const lock = JSON.parse(readFileSync(join(import.meta.dirname, '../../package-lock.json'), 'utf8')) as { packages: Record<string, { version: string }> }
  const name = bindingPackage('arm64')
  const { version } = lock.packages[`node_modules/${name}`]!
  const fresh = (): { modules: string; cache: string } => {
    const dir = mkdtempSync(join(work, 'places-'))
    return { modules: join(dir, 'modules'), cache: join(dir, 'cache') }
  }
  const put = (dir: string, as: string): void => {
    mkdirSync(dir, { recursive: true })
    writeFileSync(join(dir, 'package.json'), JSON.stringify({ name, version: as }))
  }
  const npm = (registry: string, cache: string): string[] => [`--registry=${registry}`, '--fetch-retries=0', `--cache=${join(cache, 'npm')}`]

  test('is what npm installed, when it is of the right version', async () => {
    const places = fresh()
    put(join(places.modules, name), version)
    expect(await findBinding('arm64', places)).toEqual({ dir: join(places.modules, name) })
  })

  test('is the one fetched before, when it is of the right version', async () => {
    const places = fresh()
    put(join(places.modules, name), '0.0.1')
    const kept = join(places.cache, `${name.replace('/', '+')}@${version}`)
    put(kept, version)
    expect(await findBinding('arm64', places)).toEqual({ dir: kept })
  })

  test('is missing, and says what to do, when there is no network', async () => {
    const places = fresh()
    const found = await findBinding('arm64', { ...places, npmOptions: npm('http://127.0.0.1:9', places.cache) })
    expect(found).toEqual({ missing: expect.stringContaining(`${name}@${version} is not installed and could not be fetched`) as string })
  })

  test('is refused when it is not the one that the lockfile names', async () => {
    const places = fresh()
    put(join(work, 'package'), version)
    const tarball = join(work, 'other.tgz')
    execFileSync('tar', ['-czf', tarball, '-C', work, 'package'])
    const server = createServer(({ url = '' }, response) => {
      const { port } = server.address() as AddressInfo
      if (url.endsWith('.tgz')) return response.end(readFileSync(tarball))
      const dist = { tarball: `http://127.0.0.1:${port}/${basename(tarball)}` }
      return response.end(JSON.stringify({ name, 'dist-tags': { latest: version }, versions: { [version]: { name, version, dist } } }))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    try {
      const registry = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
      await expect(findBinding('arm64', { ...places, npmOptions: npm(registry, places.cache) })).rejects.toThrow(/has the hash sha512-.* package-lock\.json says/)
    } finally {
      server.closeAllConnections()
      server.close()
    }
  })
})
