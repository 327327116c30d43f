// The sandboxes under the port's suite, and what only a pool of processes must show: neighbours,
// the line, replacement, warmth, and children that never outlive their parent.
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest'
import { BOUNDS, LIMITS, errorOf, sandboxPids, testPool, withSession } from '../support/sql-pool.ts'
import type { TestPool } from '../support/sql-pool.ts'
import { sqlSuite } from './sql.suite.ts'

sqlSuite('duckdb', async () => {
  const pool = testPool({ size: 2 })
  await pool.warm()
  return pool
})

const ENDLESS = 'SELECT count(*) FROM range(100000000000) a'
/** DuckDB hears no interrupt in it */
const DEAF = `SELECT levenshtein(repeat('a', 100000), repeat('b', 100000))`

describe('a pool of sandboxes', () => {
  // A start takes time: what needs no options of its own shares children.
  const one = testPool({ size: 1 })
  const two = testPool({ size: 2 })
  const pools: TestPool[] = []
  const poolOf = (...args: Parameters<typeof testPool>): TestPool => {
    const pool = testPool(...args)
    pools.push(pool)
    return pool
  }
  afterEach(async () => { await Promise.all(pools.splice(0).map((pool) => pool.close())) })
  afterAll(async () => { await Promise.all([one.close(), two.close()]) })

  test('starts nothing before it is needed, and all when warmed', async () => {
    const pool = two
    expect(pool.stats()).toMatchObject({ starting: 0, idle: 0, busy: 0, started: 0 })
    await pool.warm()
    expect(pool.stats()).toMatchObject({ starting: 0, idle: 2, busy: 0, started: 2 })
  })

  test('serves eight sessions on two children, each its own rows', async () => {
    const pool = two
    await pool.warm()
    const answers = await Promise.all(Array.from({ length: 8 }, (_, n) => withSession(pool, async (session) => {
      await session.prepare([`CREATE TABLE t AS SELECT ${n} AS n`])
      return Buffer.from((await session.rows('SELECT n FROM t', BOUNDS)).json).toString()
    })))
    expect(answers).toEqual(Array.from({ length: 8 }, (_, n) => `{"n":${n}}`))
    expect(pool.stats()).toMatchObject({ started: 2, sessions: 8, killed: 0, waiting: 0 })
  })

  test('a kill disturbs no neighbour, and the dead are replaced', async () => {
    const pool = two
    await pool.warm()
    const before = pool.stats()
    const [victim, neighbour] = await Promise.all([pool.open({ ...LIMITS, deadlineMs: 300 }), pool.open(LIMITS)])
    await neighbour.prepare(['CREATE TABLE t AS SELECT 42 AS x'])
    const error = errorOf(victim.rows(DEAF, BOUNDS))
    const sum = neighbour.ask('SELECT sum(hash(a.range)) FROM range(20000000) a, t')
    expect((await error).slug).toBe('query_timeout')
    expect(pool.kills).toEqual(['deadline'])
    await victim.close()
    expect((await sum).rows).toHaveLength(1)
    expect((await neighbour.ask('SELECT x FROM t')).rows).toEqual([['42']])
    await neighbour.close()
    await Promise.all([1, 2].map(() => withSession(pool, (session) => session.ask('SELECT 1'))))
    expect(pool.stats()).toMatchObject({ started: before.started + 1, killed: before.killed + 1 })
  })

  test('queues 32, refuses the 33rd with 429 and code 20012, and serves those who waited', async () => {
    const pool = one
    const first = await pool.open(LIMITS)
    const waiting = Array.from({ length: 32 }, () => withSession(pool, (session) => session.ask('SELECT 1')))
    expect(pool.stats()).toMatchObject({ busy: 1, waiting: 32 })
    const error = await errorOf(pool.open(LIMITS))
    expect(error).toMatchObject({ slug: 'limited', kind: 'limited', detail: { code: 20012 } })
    expect(error.detail.retryAfterSeconds).toBeGreaterThan(0)
    await first.close()
    expect(await Promise.all(waiting)).toHaveLength(32)
    expect(pool.stats().waiting).toBe(0)
  })

  test('who waits is told at the deadline', async () => {
    const pool = one
    const first = await pool.open(LIMITS)
    expect((await errorOf(pool.open({ ...LIMITS, deadlineMs: 50 }))).slug).toBe('query_timeout')
    expect(pool.stats().waiting).toBe(0)
    await first.close()
  })

  test('replaces a child after so many sessions', async () => {
    const pool = poolOf({ size: 1, queriesPerChild: 2 })
    for (let n = 0; n < 5; n++) await withSession(pool, (session) => session.ask('SELECT 1'))
    expect(pool.stats()).toMatchObject({ sessions: 5, started: 3, killed: 0 })
  })

  test('a child that dies by itself fails its query and is replaced', async () => {
    const pool = one
    await pool.warm()
    await withSession(pool, async (session) => {
      const running = errorOf(session.ask(ENDLESS))
      process.kill(sandboxPids(pool.dir)[0]!, 'SIGSEGV')
      expect(await running).toMatchObject({ slug: 'unavailable' })
      expect((await errorOf(session.ask('SELECT 1'))).slug).toBe('unavailable')
    })
    expect((await withSession(pool, (session) => session.ask('SELECT 1'))).rows).toEqual([['1']])
  })

  test('the kernel\'s out-of-memory killer is a query that took too much', async () => {
    const pool = one
    await pool.warm()
    await withSession(pool, async (session) => {
      const running = errorOf(session.ask(ENDLESS))
      process.kill(sandboxPids(pool.dir)[0]!, 'SIGKILL')
      expect((await running).slug).toBe('query_memory')
    })
  })

  test('an idle child that dies is replaced before anyone asks', async () => {
    const pool = one
    await pool.warm()
    const { started } = pool.stats()
    process.kill(sandboxPids(pool.dir)[0]!, 'SIGTERM')
    await vi.waitFor(() => expect(pool.stats()).toMatchObject({ idle: 1, started: started + 1 }), { timeout: 5_000, interval: 20 })
  })

  test('close ends sessions, those who wait and every child, and leaves no directory', async () => {
    const pool = poolOf({ size: 1 })
    const session = await pool.open(LIMITS)
    const running = errorOf(session.ask(DEAF))
    const waiting = errorOf(pool.open(LIMITS))
    const listing = readdirSync(pool.dir)
    expect(listing.filter((name) => name.startsWith('q-'))).toHaveLength(1)
    await pool.close()
    expect([(await running).kind, (await waiting).kind, (await errorOf(pool.open(LIMITS))).kind]).toEqual(Array(3).fill('unavailable'))
    expect(sandboxPids(pool.dir)).toEqual([])
  })

  test('sweeps what a dead process left, and nothing else', async () => {
    const pool = poolOf({ size: 1 })
    const names = ['q-999999999-gone', 'c-999999999-gone', `q-${process.ppid}-alive`, `q-${process.pid}-mine`, 'other']
    for (const name of names) mkdirSync(join(pool.dir, name))
    utimesSync(join(pool.dir, 'other'), 0, 0)
    await pool.warm()
    expect(readdirSync(pool.dir).filter((name) => names.includes(name)).sort()).toEqual(['other', `q-${process.pid}-mine`, `q-${process.ppid}-alive`].sort())
  })

  test('children die with a parent that is killed, even in the middle of a query', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'nilometer-orphan-'))
    const url = (path: string): string => pathToFileURL(join(import.meta.dirname, '../..', path)).href
    const parent = spawn(process.execPath, ['--input-type=module', '-e', `
      const { createSqlPool } = await import('${url('lib/duckdb/pool.ts')}')
      const { systemClock } = await import('${url('lib/node/clock.ts')}')
      const pool = createSqlPool({ dir: ${JSON.stringify(dir)}, size: 2, clock: systemClock, telemetry: { count() {}, observe() {}, log() {} } })
      await pool.warm()
      const session = await pool.open({ deadlineMs: 60000, memoryBytes: 1e8 })
      session.ask(${JSON.stringify(DEAF)}).catch(() => {})
      process.stdout.write('running')
    `], { stdio: ['ignore', 'pipe', 'inherit'] })
    try {
      await new Promise<void>((resolve, reject) => {
        parent.stdout.once('data', () => resolve())
        parent.once('exit', (code) => reject(new Error(`the parent ended with ${code}`)))
      })
      expect(sandboxPids(dir)).toHaveLength(2)
      parent.kill('SIGKILL')
      await vi.waitFor(() => expect(sandboxPids(dir)).toEqual([]), { timeout: 3_000, interval: 20 })
    } finally {
      parent.kill('SIGKILL')
      rmSync(dir, { recursive: true, force: true })
    }
  })
})
