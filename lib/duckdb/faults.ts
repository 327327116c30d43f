// What went wrong in a sandbox, told in the words of lib/model/errors.ts. DuckDB's own text goes
// into `detail` for people who write SQL, without the paths of this machine.
import { EngineError } from '../model/errors.ts'
import type { Fault } from './protocol.ts'

const MEMORY_HINT = 'narrow the time range, select fewer columns, group by fewer values or add a LIMIT'
const TIMEOUT_HINT = 'narrow the time range or the filter, or ask for fewer rows'

/** OpenObserve's codes for searches */
const CODE_TIMEOUT = 20010
const CODE_LIMITED = 20012
const CODE_NOT_SELECT = 20001

/** how DuckDB, the C++ runtime and V8 say that an allocation failed */
const OUT_OF_MEMORY = /out of memory|bad_?alloc|allocation fail|failed to allocate|cannot allocate|heap limit|too much memory/i

export function queryMemory(cause?: unknown): EngineError {
  return new EngineError('query_memory', 'the query needs more memory than one query may take', { hint: MEMORY_HINT, cause })
}

export function queryTimeout(deadlineMs: number): EngineError {
  return new EngineError('query_timeout', `the query took longer than ${deadlineMs} ms`, { code: CODE_TIMEOUT, hint: TIMEOUT_HINT })
}

export function tooManyWaiting(waiting: number, retryAfterSeconds: number): EngineError {
  return new EngineError('limited', `${waiting} queries wait already; try again later`, { code: CODE_LIMITED, retryAfterSeconds })
}

export function sandboxGone(cause?: unknown): EngineError {
  return new EngineError('unavailable', 'the query process ended before it answered', { retryAfterSeconds: 1, cause })
}

/** `dir` is the session's directory: its path never leaves the server */
export function faultOf(fault: Fault, message: string, dir: string): EngineError {
  if (fault === 'multiple_statements') return new EngineError('multiple_statements', message, { code: CODE_NOT_SELECT })
  if (fault === 'not_select') return new EngineError('not_select', message, { code: CODE_NOT_SELECT })
  if (fault === 'too_large') return queryMemory(message)
  if (OUT_OF_MEMORY.test(message)) return queryMemory(message)
  if (/^(INTERNAL|FATAL) Error/i.test(message)) {
    return new EngineError('internal', 'the query hit a fault inside the SQL engine', { cause: message })
  }
  // Only our own files lie in the session's directory: an error that names one is not the caller's.
  if (/^(IO|Invalid Input) Error/.test(message) && message.includes(dir)) {
    return new EngineError('file_unreadable', 'a data file cannot be read', { retryAfterSeconds: 1, cause: message })
  }
  const detail = message.replaceAll(`${dir}/`, '').replaceAll(dir, '.')
  return new EngineError('invalid_query', 'the query is refused by the SQL engine', { detail })
}

/** a child that ended without being told to: by its memory limit (the kernel's or `ulimit`'s), or by a crash */
export function endOf(code: number | null, signal: string | null, stderr: string): EngineError {
  const cause = `exit code ${code}, signal ${signal}: ${stderr}`
  return signal === 'SIGKILL' || OUT_OF_MEMORY.test(stderr) ? queryMemory(cause) : sandboxGone(cause)
}
