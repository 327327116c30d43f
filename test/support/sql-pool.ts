// Pools of sandboxes for tests: real children in a directory of the test's own, and what telemetry
// heard of them.
import { mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { createSqlPool } from '../../lib/duckdb/pool.ts'
import type { SqlPool, SqlPoolOptions } from '../../lib/duckdb/pool.ts'
import type { SqlLimits, SqlRows, SqlSession } from '../../lib/engine/ports.ts'
import { systemClock } from '../../lib/node/clock.ts'
import { EngineError } from '../../lib/model/errors.ts'

export const LIMITS: SqlLimits = { deadlineMs: 20_000, memoryBytes: 128 * 2 ** 20 }
export const BOUNDS = { rowsMax: 1_000_000, bytesMax: 2 ** 26 }

export interface TestPool extends SqlPool {
  readonly dir: string
  /** reasons of kills, in order */
  readonly kills: string[]
}

/** `close` removes its directory too */
export function testPool(options: Partial<SqlPoolOptions> = {}): TestPool {
  const dir = mkdtempSync(join(tmpdir(), 'nilometer-sql-'))
  const kills: string[] = []
  const telemetry = {
    count: (name: string, _n: number, labels?: Readonly<Record<string, string>>) => {
      if (name === 'sql_sandbox_kills') kills.push(labels?.['reason'] ?? '')
    },
    observe: () => {},
    log: () => {},
  }
  const pool = createSqlPool({ dir, telemetry, clock: systemClock, size: 1, ...options })
  return {
    dir,
    kills,
    open: (limits) => pool.open(limits),
    warm: () => pool.warm(),
    stats: () => pool.stats(),
    close: async () => {
      await pool.close()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

/** opens, uses and closes */
export async function withSession<T>(pool: Pick<SqlPool, 'open'>, use: (session: SqlSession) => Promise<T>, limits: Partial<SqlLimits> = {}): Promise<T> {
  const session = await pool.open({ ...LIMITS, ...limits })
  try {
    return await use(session)
  } finally {
    await session.close()
  }
}

export const textOf = (rows: SqlRows): string => Buffer.from(rows.json).toString()

/** the EngineError a promise fails with */
export async function errorOf(promise: Promise<unknown>): Promise<EngineError> {
  try {
    await promise
  } catch (error) {
    if (error instanceof EngineError) return error
    throw error
  }
  throw new Error('it did not fail')
}

/** a statement's rows as a Parquet file */
export async function parquetOf(sql: string): Promise<Uint8Array> {
  const dir = mkdtempSync(join(tmpdir(), 'nilometer-parquet-'))
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  try {
    await connection.run(`COPY (${sql}) TO '${dir}/x.parquet' (FORMAT parquet)`)
    return readFileSync(join(dir, 'x.parquet'))
  } finally {
    connection.closeSync()
    instance.closeSync()
    rmSync(dir, { recursive: true, force: true })
  }
}

/** pids of the processes that work in a pool's directory: its children (Linux) */
export function sandboxPids(dir: string): number[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name) && cwdOf(name).startsWith(dir)).map(Number)
}

/** empty when the process is gone or a zombie */
function cwdOf(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`)
  } catch {
    return ''
  }
}
