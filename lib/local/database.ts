// The one SQLite file of embedded mode: `{dataDir}/nilometer.db`, with the catalog's items, the
// write-ahead queue and its dead letters. Every thread opens its own connection here. What a
// connection commits has reached the disk: WAL with synchronous=FULL syncs the log at every commit.
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { EngineError } from '../model/errors.ts'
import { makeDirectory } from './directories.ts'
import { databaseFailure } from './failures.ts'

/** kept in `user_version`; a file with a higher one belongs to a newer nilometer */
export const DATABASE_VERSION = 1

/**
 * `item` is commit-protocol section 3's one table. `exp` and the times of the queue are in
 * microseconds. `queue_order` covers what `receive` and `depth` ask, so that neither walks bodies;
 * `item_exp` holds only what expires.
 */
const TABLES = `
  CREATE TABLE item(pk TEXT, sk TEXT, v BLOB, exp INT, PRIMARY KEY(pk, sk)) WITHOUT ROWID;
  CREATE INDEX item_exp ON item(exp) WHERE exp IS NOT NULL;
  CREATE TABLE queue(bid TEXT PRIMARY KEY, org TEXT, sent_at INT, visible_at INT, receives INT, body BLOB);
  CREATE INDEX queue_order ON queue(sent_at, visible_at, receives, length(body));
  CREATE TABLE dead(bid TEXT PRIMARY KEY, org TEXT, sent_at INT, died_at INT, receives INT, reason TEXT, body BLOB);
`

export interface DatabaseOptions {
  /** how long a statement waits for another connection's lock, milliseconds */
  readonly busyTimeoutMs?: number
}

/**
 * Opens (and on first use makes) the database.
 * @throws EngineError `unavailable` when the disk or a lock is in the way, `internal` when the file
 * is from a newer nilometer
 */
export function openDatabase(dataDir: string, options: DatabaseOptions = {}): DatabaseSync {
  makeDirectory(dataDir)
  let db: DatabaseSync | null = null
  try {
    db = new DatabaseSync(join(dataDir, 'nilometer.db'), { timeout: options.busyTimeoutMs ?? 5_000 })
    // Before anything is written: a newer file must stay as it is.
    checkVersion(versionOf(db))
    // Bodies fill many pages: pages of 8 KiB take a quarter less CPU a megabyte than 4 KiB; larger
    // ones gain little more and make small commits dearer. Only a new file takes it.
    db.exec('PRAGMA page_size = 8192')
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
    // macOS' fsync does not empty the drive's cache; the pragma does nothing elsewhere.
    if (process.platform === 'darwin') db.exec('PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON')
    // The log shrinks again after a burst; copying it back every 16 MiB, not 4, syncs less often.
    db.exec('PRAGMA wal_autocheckpoint = 2048; PRAGMA journal_size_limit = 67108864')
    if (versionOf(db) < DATABASE_VERSION) createTables(db)
    return db
  } catch (error) {
    if (db?.isOpen) db.close()
    throw databaseFailure(error)
  }
}

/**
 * Runs `work` in one transaction: committed (and on disk) when it returns, rolled back when it
 * throws. `write` takes the only writer's lock at once, so that what was read stays true.
 * @throws EngineError `unavailable`; after a failed COMMIT the outcome is unknown
 */
export function inTransaction<T>(db: DatabaseSync, kind: 'read' | 'write', work: () => T): T {
  try {
    db.exec(kind === 'write' ? 'BEGIN IMMEDIATE' : 'BEGIN')
    const result = work()
    db.exec('COMMIT')
    return result
  } catch (error) {
    // A full disk makes SQLite roll back by itself; a second ROLLBACK would hide the cause.
    if (db.isTransaction) db.exec('ROLLBACK')
    throw databaseFailure(error)
  }
}

function createTables(db: DatabaseSync): void {
  inTransaction(db, 'write', () => {
    // Another thread may have made them while we waited for the lock.
    if (versionOf(db) >= DATABASE_VERSION) return
    db.exec(`${TABLES}; PRAGMA user_version = ${DATABASE_VERSION}`)
  })
}

function versionOf(db: DatabaseSync): number {
  return Number(db.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0)
}

function checkVersion(version: number): void {
  if (version <= DATABASE_VERSION) return
  throw new EngineError('internal', `the database has version ${version}, this nilometer knows versions up to ${DATABASE_VERSION}: start the newer nilometer that wrote it`)
}
