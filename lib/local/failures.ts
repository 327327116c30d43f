// How the disk's and SQLite's failures are told: in our words, with the kind that makes callers do
// the right thing. What the machine refuses (full, locked, broken) is `unavailable`: clients retry
// and the queue redelivers. What only a bug can cause is `internal`. Paths stay in `cause`.
import { EngineError } from '../model/errors.ts'

/** seconds after which a retry makes sense: a lock passes at once, a full disk needs somebody */
const RETRY_SOON = 1
const RETRY_LATER = 30

/** primary result codes of SQLite (sqlite.org/rescode.html) that the machine, not our code, causes */
const SQLITE_REASONS: Readonly<Record<number, readonly [reason: string, retryAfterSeconds: number]>> = {
  5: ['is locked by another connection', RETRY_SOON],
  6: ['is locked by another connection', RETRY_SOON],
  7: ['has no memory left', RETRY_SOON],
  8: ['cannot be written', RETRY_LATER],
  10: ['met a disk error', RETRY_LATER],
  11: ['is damaged', RETRY_LATER],
  13: ['has no disk space left', RETRY_LATER],
  14: ['cannot be opened', RETRY_LATER],
  15: ['met a lock protocol error', RETRY_SOON],
  26: ['is not a database', RETRY_LATER],
}

const FILE_REASONS: Readonly<Record<string, string>> = {
  ENOSPC: 'has no disk space left',
  EDQUOT: 'is over its disk quota',
  EROFS: 'cannot be written',
  EACCES: 'cannot be accessed',
  EPERM: 'cannot be accessed',
  EMFILE: 'has no file handles left',
  ENFILE: 'has no file handles left',
}

/** the shape of what node:sqlite throws; `errcode` is the extended result code */
interface SqliteError extends Error {
  readonly code: 'ERR_SQLITE_ERROR'
  readonly errcode: number
}

const isSqliteError = (error: unknown): error is SqliteError =>
  error instanceof Error && (error as Partial<SqliteError>).code === 'ERR_SQLITE_ERROR'

/** what SQLite threw, as an EngineError; an EngineError passes through */
export function databaseFailure(error: unknown): EngineError {
  if (error instanceof EngineError) return error
  const row = isSqliteError(error) ? SQLITE_REASONS[error.errcode & 0xff] : undefined
  if (row === undefined) return new EngineError('internal', 'the database refused a statement', { cause: error })
  const [reason, retryAfterSeconds] = row
  return new EngineError('unavailable', `the database ${reason}`, { retryAfterSeconds, cause: error })
}

/** the `code` of a failed file call (`ENOENT`...), or '' */
export function fileCode(error: unknown): string {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined
  return typeof code === 'string' ? code : ''
}

/** what a file call threw, as an EngineError; an EngineError passes through */
export function fileFailure(error: unknown): EngineError {
  if (error instanceof EngineError) return error
  const code = fileCode(error)
  // Errno names are upper case and begin with E; anything else came from our own code.
  if (!/^E[A-Z0-9]+$/.test(code)) return new EngineError('internal', 'the object store failed', { cause: error })
  const reason = FILE_REASONS[code] ?? `met a disk error (${code})`
  return new EngineError('unavailable', `the object store ${reason}`, { retryAfterSeconds: RETRY_LATER, cause: error })
}
