// Directories that last: a file is only as durable as every name on its path. For opening; what
// happens per request is asynchronous and lives in blobs.ts.
import { closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileFailure } from './failures.ts'

/**
 * Makes a directory and those above it; the names it made have reached the disk when it returns.
 * @throws EngineError `unavailable`
 */
export function makeDirectory(path: string): void {
  const full = resolve(path)
  try {
    const first = mkdirSync(full, { recursive: true })
    // Windows opens no directories; NTFS journals names itself.
    if (first === undefined || process.platform === 'win32') return
    for (let made = full; ; made = dirname(made)) {
      syncName(made)
      if (made === first || made === dirname(made)) return
    }
  } catch (error) {
    throw fileFailure(error)
  }
}

/** a name is data of the directory that holds it */
function syncName(path: string): void {
  const parent = openSync(dirname(path), 'r')
  try {
    fsyncSync(parent)
  } finally {
    closeSync(parent)
  }
}
