// hostile.md D: SQL that slipped past every check of ours still meets a process that has nothing to
// take, cannot grow, and is gone at the deadline. Real children, small limits.
import { existsSync, readFileSync, readdirSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { SqlSession } from '../../lib/engine/ports.ts'
import { EngineError } from '../../lib/model/errors.ts'
import { BOUNDS, LIMITS, errorOf, parquetOf, sandboxPids, testPool, withSession } from '../support/sql-pool.ts'
import type { TestPool } from '../support/sql-pool.ts'

const RSS_BYTES_MAX = 350e6
/** memory runs out long before, on a busy machine too */
const MEMORY_DEADLINE_MS = 4_000
const TIME_DEADLINE_MS = 500
/** beyond the deadline: the grace of an interrupt, a look of the watchdog, and a busy machine */
const SLACK_MS = 1_500

const MEMORY = [
  `SELECT repeat('x', 1000000000) AS x`,
  `SELECT printf('%1000000000d', 1) AS x`,
  `SELECT format('{:>1000000000}', 1) AS x`,
  'SELECT len(range(500000000)) AS x',
  'SELECT list_resize([1], 500000000, 1) AS x',
  'SELECT list_sort(range(100000000)) AS x',
  `SELECT string_agg(range::VARCHAR || repeat('x', 100)) AS x FROM range(100000000)`,
  'SELECT range(100000)::VARCHAR AS x FROM range(100000)',
  'WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t, range(3)) SELECT count(*) AS x FROM t',
]
const TIME = [
  `SELECT length(lpad('x', 1000000000, 'y')) AS x`,
  `SELECT levenshtein(repeat('a', 100000), repeat('b', 100000)) AS x`,
  `SELECT regexp_matches(repeat('a', 100000), '((a?){500}){2}b') AS x`,
  'SELECT count(*) AS x FROM range(1000000) a, range(1000000) b WHERE a.range + b.range > 3',
  'WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT count(*) AS x FROM t',
]
/** enough for the watchdog alone; the rest differs in nothing but its function */
const WATCHED = MEMORY.filter((sql) => /list_resize|printf|::VARCHAR AS x/.test(sql))

interface End {
  readonly slug: string
  readonly ms: number
}

async function endOf(pool: TestPool, deadlineMs: number, act: (session: SqlSession) => Promise<unknown>): Promise<End> {
  let at = 0
  const slug = await withSession(pool, async (session) => {
    // Waiting for a child that replaces another is not the query's time.
    at = performance.now()
    return act(session).then(() => 'answered', (error: unknown) => (error instanceof EngineError ? error.slug : String(error)))
      .then((end) => ({ end, ms: performance.now() - at }))
  }, { deadlineMs })
  return { slug: slug.end, ms: slug.ms }
}

const ownMemory = (): number => {
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

describe('a query that takes too much', () => {
  // The kernel's limit makes most of these fail cleanly inside DuckDB; without it the watchdog acts.
  const limited = testPool({ rssBytesMax: RSS_BYTES_MAX })
  const watched = testPool({ rssBytesMax: RSS_BYTES_MAX, dataBytesMax: 2 ** 40 })
  beforeAll(async () => { await Promise.all([limited.warm(), watched.warm()]) })
  afterAll(async () => { await Promise.all([limited.close(), watched.close()]) })

  const check = async (pool: TestPool, deadlineMs: number, sql: string, wanted: readonly string[]): Promise<void> => {
    await pool.warm()
    const before = ownMemory()
    const ran = await endOf(pool, deadlineMs, (session) => session.rows(sql, BOUNDS))
    expect(wanted).toContain(ran.slug)
    expect(ran.ms).toBeLessThan(deadlineMs + SLACK_MS)
    // Planning folds constants: it may end the same way, or give a plan, but it ends.
    await pool.warm()
    const planned = await endOf(pool, deadlineMs, (session) => session.explain(sql))
    expect(['answered', ...wanted]).toContain(planned.slug)
    expect(planned.ms).toBeLessThan(deadlineMs + SLACK_MS)
    expect(ownMemory() - before).toBeLessThan(64e6)
    await pool.warm()
    expect((await withSession(pool, (session) => session.ask('SELECT 1'))).rows).toEqual([['1']])
  }

  test.each(MEMORY)('%s is 422, or 408 when it is slow', (sql) => check(limited, MEMORY_DEADLINE_MS, sql, ['query_memory', 'query_timeout']))
  test.each(TIME)('%s is 408', (sql) => check(limited, TIME_DEADLINE_MS, sql, ['query_timeout']))
  test.each(WATCHED)('%s is ended by the watchdog too', async (sql) => {
    await check(watched, MEMORY_DEADLINE_MS, sql, ['query_memory'])
    expect(watched.kills).toContain('memory')
  })

  test('a cell longer than any string is 422 or cut, never a dead server', async () => {
    const end = await endOf(watched, MEMORY_DEADLINE_MS, (session) => session.rows(`SELECT repeat('x', 600000000) AS x`, { rowsMax: 1, bytesMax: 1e6 }))
    expect(['query_memory', 'query_timeout']).toContain(end.slug)
  })
})

describe('a query that wants what is not its own', () => {
  const pool = testPool({ size: 2 })
  let session: SqlSession
  let neighbour: SqlSession
  let secret: string
  beforeAll(async () => {
    process.env['AWS_SECRET_ACCESS_KEY'] = 'hidden'
    process.env['ZO_ROOT_USER_PASSWORD'] = 'hidden'
    try {
      await pool.warm()
    } finally {
      delete process.env['AWS_SECRET_ACCESS_KEY']
      delete process.env['ZO_ROOT_USER_PASSWORD']
    }
    ;[session, neighbour] = await Promise.all([pool.open(LIMITS), pool.open(LIMITS)])
    secret = await neighbour.writeFile('secret.parquet', [await parquetOf(`SELECT 'theirs' AS body`)])
    await session.writeFile('own.parquet', [await parquetOf(`SELECT 'ours' AS body`)])
  })
  afterAll(async () => {
    await Promise.all([session.close(), neighbour.close()])
    await pool.close()
  })

  test.each([
    `SELECT * FROM read_text('/etc/passwd')`,
    `SELECT * FROM read_csv('/etc/passwd')`,
    `SELECT * FROM '/etc/passwd'`,
    `SELECT * FROM read_blob('/proc/self/environ')`,
    `SELECT * FROM read_text('/proc/self/environ')`,
    `SELECT * FROM glob('/etc/*')`,
    `SELECT * FROM glob('/**')`,
    `SELECT * FROM sniff_csv('/etc/passwd')`,
    `SELECT * FROM parquet_metadata('SECRET')`,
    `SELECT * FROM read_parquet('SECRET')`,
    `SELECT * FROM read_parquet(['OWN', 'SECRET'])`,
    `SELECT * FROM read_parquet('UP')`,
    `SELECT * FROM 'SECRET'`,
    `SELECT * FROM read_json('http://169.254.169.254/latest/meta-data/')`,
    `SELECT * FROM read_parquet('s3://bucket/key')`,
    `SELECT * FROM query('SELECT * FROM read_text(''/etc/passwd'')')`,
    `SELECT getenv('AWS_SECRET_ACCESS_KEY')`,
  ])('is denied %s', async (template) => {
    const up = join(session.dir, '..', secret.slice(pool.dir.length))
    const sql = template.replace('SECRET', secret).replace('OWN', join(session.dir, 'own.parquet')).replace('UP', up)
    const error = await errorOf(session.rows(sql, BOUNDS))
    expect(error.slug).toBe('invalid_query')
    expect(error.detail.detail).toMatch(/Permission Error|disabled|does not exist|needs to be loaded|Missing Extension/)
    expect(JSON.stringify(error.detail.detail)).not.toContain('theirs')
  })

  // Through `prepare`, which is ours alone: nothing but the sandbox stands in their way.
  test.each([
    `COPY (SELECT 1) TO 'OUTSIDE/x.csv'`,
    `COPY (SELECT 1) TO '/proc/self/comm'`,
    `ATTACH 'OUTSIDE/x.db'`,
    `EXPORT DATABASE 'OUTSIDE'`,
    'INSTALL httpfs',
    'LOAD httpfs',
    'SET threads = 8',
    `SET memory_limit = '8GB'`,
    'SET enable_external_access = true',
    `SET allowed_directories = ['/']`,
    `SET allowed_configs = ['threads']`,
    'SET lock_configuration = false',
    `SET temp_directory = '/tmp'`,
    'RESET memory_limit',
    `PRAGMA memory_limit = '8GB'`,
    `CREATE SECRET s (TYPE s3, KEY_ID 'a', SECRET 'b')`,
  ])('is denied %s', async (sql) => {
    expect((await errorOf(session.prepare([sql.replace('OUTSIDE', pool.dir)]))).slug).toBe('invalid_query')
    expect(existsSync(join(pool.dir, 'x.csv')) || existsSync(join(pool.dir, 'x.db'))).toBe(false)
  })

  test.each(['COPY (SELECT 1) TO \'OWN/x.csv\'', 'ATTACH \':memory:\' AS m', 'CREATE TABLE x(a INTEGER)', 'PREPARE p AS SELECT 1', 'CALL pragma_version()', 'VACUUM', 'SET disabled_optimizers = \'\''])(
    'is refused %s as no SELECT, though DuckDB would do it', async (sql) => {
      const error = await errorOf(session.rows(sql.replace('OWN', session.dir), BOUNDS))
      expect(['not_select', 'invalid_query']).toContain(error.slug)
      expect(readdirSync(session.dir)).toEqual(['own.parquet'])
    })

  test.runIf(process.platform === 'linux')('finds no environment, no files, no core dump and a bounded heap', () => {
    const pids = sandboxPids(pool.dir)
    expect(pids).toHaveLength(2)
    for (const pid of pids) {
      const names = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').map((line) => line.split('=')[0])
      expect(names.filter((name) => !['', 'TZ', 'PWD', 'LD_LIBRARY_PATH', 'UV_THREADPOOL_SIZE', 'MALLOC_ARENA_MAX'].includes(name ?? ''))).toEqual([])
      expect(readdirSync(readlinkSync(`/proc/${pid}/cwd`))).toEqual([])
      const limits = readFileSync(`/proc/${pid}/limits`, 'utf8')
      expect(limits).toMatch(/Max core file size\s+0\s+0/)
      expect(limits).not.toMatch(/Max data size\s+unlimited/)
      // Nothing of the server's is open in it: pipes, event loops, the library's own files.
      const open = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkOrEmpty(`/proc/${pid}/fd/${fd}`))
      expect(open.filter((path) => path.startsWith('/') && path !== '/dev/null' && !path.startsWith('/proc/'))).toEqual([])
    }
  })
})

function readlinkOrEmpty(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
