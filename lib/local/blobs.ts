// Objects as files under `{dataDir}/objects`, each written once. An object shows under its name only
// when all its bytes are on the disk: write and sync a temporary file, link it to the final name
// (which fails if that is taken), sync the directory and those above it that are new. On a
// case-insensitive file system keys must not differ by case alone; ours never do.
import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { link, mkdir, open, readdir, stat, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { BlobInfo, Blobs, ByteRange } from '../engine/ports.ts'
import { checkPrefix, checkRange } from '../model/blob-key.ts'
import { EngineError } from '../model/errors.ts'
import { MICROS_PER_MS } from '../model/time.ts'
import { keyPartOfDirectory, keyPartOfFile, namesOfKey } from './blob-paths.ts'
import { makeDirectory } from './directories.ts'
import { fileCode, fileFailure } from './failures.ts'

const PAGE_KEYS = 1_000
/** directories remembered as synced; beyond, all are forgotten and synced again when met */
const KNOWN_DIRECTORIES_MAX = 10_000
/** a temporary file this old belongs to a process that died */
const TEMPORARY_MS_MAX = 3_600_000

/** @throws EngineError `unavailable` when the directories cannot be made */
export async function openBlobs(dataDir: string): Promise<Blobs> {
  const root = join(dataDir, 'objects')
  const temporaries = join(dataDir, 'objects-tmp')
  await told(async () => {
    makeDirectory(root)
    makeDirectory(temporaries)
    await removeOldTemporaries(temporaries)
  })
  /** directories whose own names are known to be on the disk */
  const durable = new Set<string>([root])

  /**
   * Syncs a directory, and once in this process's life those above it: another writer may have made
   * one and not synced it yet when we found it, and our object is only as durable as its path.
   */
  async function syncPath(directory: string): Promise<void> {
    await syncDirectory(directory)
    const unknown: string[] = []
    for (let path = directory; !durable.has(path); path = dirname(path)) unknown.push(path)
    for (const path of unknown) await syncDirectory(dirname(path))
    // Only now: a name counts as durable when all names above it are.
    if (durable.size >= KNOWN_DIRECTORIES_MAX) {
      durable.clear()
      durable.add(root)
    }
    for (const path of unknown) durable.add(path)
  }

  async function put(key: string, bytes: Uint8Array): Promise<'created' | 'exists'> {
    const path = join(root, ...namesOfKey(key))
    return told(async () => {
      const temporary = join(temporaries, `${process.pid}-${randomBytes(12).toString('hex')}`)
      try {
        await writeSynced(temporary, bytes)
        await mkdir(dirname(path), { recursive: true })
        const outcome = await linkIfAbsent(temporary, path)
        // Also when it exists: its writer may have died between its link and its sync.
        await syncPath(dirname(path))
        return outcome
      } finally {
        await unlinkIfPresent(temporary)
      }
    })
  }

  return {
    put,
    get: (key, range) => told(() => readObject(join(root, ...namesOfKey(key)), key, range)),
    list: (prefix, after = '') => told(() => listPage(root, checkPrefix(prefix), checkPrefix(after))),
    delete: (key) => told(async () => {
      const path = join(root, ...namesOfKey(key))
      await unlinkIfPresent(path)
      // Also when it was absent: the process that removed it may have died before its sync.
      await syncDirectory(dirname(path)).catch(ignoreAbsent)
    }),
  }
}

/** runs a step on the disk; what it throws is told in our words */
async function told<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw fileFailure(error)
  }
}

async function writeSynced(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'wx')
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
}

async function linkIfAbsent(from: string, to: string): Promise<'created' | 'exists'> {
  try {
    await link(from, to)
    return 'created'
  } catch (error) {
    if (fileCode(error) === 'EEXIST') return 'exists'
    throw error
  }
}

function ignoreAbsent(error: unknown): void {
  if (fileCode(error) !== 'ENOENT') throw error
}

const unlinkIfPresent = (path: string): Promise<void> => unlink(path).catch(ignoreAbsent)

async function syncDirectory(path: string): Promise<void> {
  // Windows opens no directories; NTFS journals names itself.
  if (process.platform === 'win32') return
  const directory = await open(path, constants.O_RDONLY)
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

async function removeOldTemporaries(directory: string): Promise<void> {
  const oldest = Date.now() - TEMPORARY_MS_MAX
  for (const name of await readdir(directory)) {
    const path = join(directory, name)
    const found = await stat(path).catch(ignoreAbsent)
    if (found !== undefined && found.mtimeMs < oldest) await unlinkIfPresent(path)
  }
}

async function readObject(path: string, key: string, range: ByteRange | undefined): Promise<Uint8Array> {
  if (range !== undefined) checkRange(range)
  const file = await open(path, 'r').catch((error: unknown) => {
    if (fileCode(error) !== 'ENOENT' && fileCode(error) !== 'ENOTDIR') throw error
    throw new EngineError('not_found', `the object ${key} does not exist`)
  })
  try {
    const size = (await file.stat()).size
    const { offset, length } = range ?? { offset: 0, length: size }
    // Before memory is taken for a length that a damaged slice table may have named.
    if (offset + length > size) throw truncated(key, offset, length, size)
    const bytes = new Uint8Array(length)
    let filled = 0
    while (filled < length) {
      const { bytesRead } = await file.read(bytes, filled, length - filled, offset + filled)
      if (bytesRead === 0) throw truncated(key, offset, length, offset + filled)
      filled += bytesRead
    }
    return bytes
  } finally {
    await file.close()
  }
}

const truncated = (key: string, offset: number, length: number, size: number): EngineError =>
  new EngineError('unavailable', `the object ${key} is truncated: ${length} bytes from ${offset} were asked for, it has ${size}`)

async function listPage(root: string, prefix: string, after: string): Promise<readonly BlobInfo[]> {
  const page: BlobInfo[] = []
  for await (const { key, path } of keysBelow(root, '', prefix, after)) {
    // Deleted since its directory was read: not there.
    const found = await stat(path).catch(ignoreAbsent)
    if (found === undefined) continue
    page.push({ key, bytes: found.size, modifiedAt: Math.floor(found.mtimeMs * MICROS_PER_MS) })
    if (page.length === PAGE_KEYS) break
  }
  return page
}

/** keys with the prefix after `after`, in order; goes only into directories that may hold some */
async function* keysBelow(
  directory: string, base: string, prefix: string, after: string,
): AsyncGenerator<{ readonly key: string; readonly path: string }> {
  const children = await readdir(directory, { withFileTypes: true }).catch(ignoreAbsent)
  const ordered = (children ?? [])
    .filter((child) => !child.name.startsWith('.') && (child.isFile() || child.isDirectory()))
    .map((child) => {
      const part = child.isDirectory() ? keyPartOfDirectory(child.name) : keyPartOfFile(child.name)
      return { key: base + part, path: join(directory, child.name), isDirectory: child.isDirectory() }
    })
    // By the whole part: `a-b/` comes before `a/`, though `a` comes before `a-b`.
    .sort((a, b) => (a.key < b.key ? -1 : 1))
  for (const { key, path, isDirectory } of ordered) {
    if (!isDirectory) {
      if (key.startsWith(prefix) && key > after) yield { key, path }
      continue
    }
    const maybePrefixed = key.startsWith(prefix) || prefix.startsWith(key)
    const maybeAfter = key > after || after.startsWith(key)
    if (maybePrefixed && maybeAfter) yield* keysBelow(path, key, prefix, after)
  }
}
