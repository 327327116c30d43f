// One process a data folder: two writers would each take the other's messages for lost. The lock is a
// transaction held open on a database of its own, so a killed process leaves nothing behind.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

export interface FolderLock {
  release(): void
}

/** how long a start waits for the process before it to let go, milliseconds */
const WAIT_MS = 3_000

/** @throws Error saying that another process serves the folder */
export function holdFolder(dataDir: string): FolderLock {
  mkdirSync(dataDir, { recursive: true })
  const db = new DatabaseSync(join(dataDir, 'lock.db'), { timeout: WAIT_MS })
  try {
    db.exec('BEGIN EXCLUSIVE')
  } catch (cause) {
    db.close()
    throw new Error(`the data folder ${dataDir} is in use by another nilometer: stop it, or choose another ZO_DATA_DIR`, { cause })
  }
  return { release: () => db.close() }
}
