// What is embedded mode's alone, beyond the contract suites: what the disk holds and when, that a
// send is acknowledged only after its commit, how the machine's failures are told.
import { spawnSync } from 'node:child_process'
import { readdirSync, readlinkSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { join, relative } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import type { Worker } from 'node:worker_threads'
import { describe, expect, test } from 'vitest'
import { openBlobs } from '../../lib/local/blobs.ts'
import { openCatalog } from '../../lib/local/catalog.ts'
import { DATABASE_VERSION, inTransaction, openDatabase } from '../../lib/local/database.ts'
import { openDelivery } from '../../lib/local/delivery.ts'
import { messageInserter } from '../../lib/local/queue-table.ts'
import { createTelemetry } from '../../lib/node/telemetry.ts'
import { EngineError } from '../../lib/model/errors.ts'
import type { OrgId } from '../../lib/model/stream.ts'
import { START, localDirectories, movableClock } from '../support/local.ts'
import { packEntry } from './catalog.suite.ts'

const ORG = 'acme' as OrgId
const LIMITS = { bytesMax: 1e9, messagesMax: 1_000, visibilityMs: 30_000 }

const { freshDir, database, queueIn } = localDirectories({ each: true })
const { clock } = movableClock()

const message = (bid: string, bytes = new Uint8Array(100)) => ({ org: ORG, bid, bytes })
const countOf = (db: DatabaseSync, table: string): number => Number(db.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.['n'])

describe('the database', () => {
  test('every connection syncs the log at each commit', () => {
    const db = database(freshDir())
    expect(db.prepare('PRAGMA journal_mode').get()).toMatchObject({ journal_mode: 'wal' })
    expect(db.prepare('PRAGMA synchronous').get()).toMatchObject({ synchronous: 2 })
  })

  test('a file of a newer version is refused and left as it is', () => {
    const dataDir = freshDir()
    const db = database(dataDir)
    db.exec(`PRAGMA user_version = ${DATABASE_VERSION + 1}`)
    expect(() => openDatabase(dataDir)).toThrow(`the database has version ${DATABASE_VERSION + 1}`)
    expect(db.prepare('PRAGMA user_version').get()).toMatchObject({ user_version: DATABASE_VERSION + 1 })
  })

  test('a file that is no database is refused in our words, without its path', () => {
    const dataDir = freshDir()
    database(dataDir).close()
    writeFileSync(join(dataDir, 'nilometer.db'), 'this is no database, and long enough to be read as one'.repeat(100))
    expect(() => openDatabase(dataDir)).toThrow(/^the database is not a database$/)
  })

  test('a transaction whose work throws changes nothing, and its connection works on', () => {
    const db = database(freshDir())
    const put = (pk: string): void => db.exec(`INSERT INTO item VALUES ('${pk}', '-', x'00', NULL)`)
    expect(() => inTransaction(db, 'write', () => { put('a'); throw new EngineError('conflict', 'no') })).toThrow('no')
    inTransaction(db, 'write', () => put('b'))
    expect(db.prepare('SELECT pk FROM item').all().map((row) => row['pk'])).toEqual(['b'])
  })

  test('what no machine causes is a bug, not an excuse to retry', () => {
    const db = database(freshDir())
    expect(() => inTransaction(db, 'write', () => db.exec('INSERT INTO nothing VALUES (1)')))
      .toThrow(expect.objectContaining({ slug: 'internal', message: 'the database refused a statement' }))
  })

  test('ten threads may open a new database at once', async () => {
    const dataDir = freshDir()
    const queues = await Promise.all(Array.from({ length: 10 }, () => queueIn(dataDir)))
    await Promise.all(queues.map((queue, i) => queue.send(message(`B${i}`))))
    expect(countOf(database(dataDir), 'queue')).toBe(10)
  })
})

describe('a send', () => {
  test('is not acknowledged before its commit', async () => {
    const dataDir = freshDir()
    const [queue, impatient] = [await queueIn(dataDir), await queueIn(dataDir, { busyTimeoutMs: 100 })]
    const db = database(dataDir)
    db.exec('BEGIN IMMEDIATE')
    let acknowledged = 0
    const sends = ['B1', 'B2'].map((bid) => queue.send(message(bid)).then(() => { acknowledged += 1 }))
    // Another sender's patience measures that the lock was held long enough for an answer to come.
    await expect(impatient.send(message('B3'))).rejects.toMatchObject({ slug: 'unavailable' })
    expect(acknowledged).toBe(0)
    expect(countOf(db, 'queue')).toBe(0)
    db.exec('COMMIT')
    await Promise.all(sends)
    expect(acknowledged).toBe(2)
    expect(countOf(db, 'queue')).toBe(2)
  })

  test('shares its commit with those that wait: 100 at once take few', async () => {
    const dataDir = freshDir()
    const telemetry = createTelemetry({ clock, level: 'error' })
    const queue = await queueIn(dataDir, { telemetry })
    const db = database(dataDir)
    // While the lock is held all gather behind the first.
    db.exec('BEGIN IMMEDIATE')
    const sends = Array.from({ length: 100 }, (_, i) => queue.send(message(`B${i}`)))
    db.exec('COMMIT')
    await Promise.all(sends)
    expect(countOf(db, 'queue')).toBe(100)
    const commits = Number(/nilometer_queue_commits_total (\d+)/.exec(telemetry.renderPrometheus())?.[1])
    expect(commits).toBeGreaterThanOrEqual(1)
    expect(commits).toBeLessThanOrEqual(10)
  })

  test('never fills one transaction beyond its bytes', async () => {
    const dataDir = freshDir()
    const telemetry = createTelemetry({ clock, level: 'error' })
    const queue = await queueIn(dataDir, { telemetry, transactionBytesMax: 1_000 })
    await Promise.all(Array.from({ length: 100 }, (_, i) => queue.send(message(`B${i}`))))
    const commits = Number(/nilometer_queue_commits_total (\d+)/.exec(telemetry.renderPrometheus())?.[1])
    expect(commits).toBeGreaterThanOrEqual(10)
    expect(countOf(database(dataDir), 'queue')).toBe(100)
  })

  test('is refused, and its message not in, when the lock does not come free', async () => {
    const dataDir = freshDir()
    const queue = await queueIn(dataDir, { busyTimeoutMs: 20 })
    const db = database(dataDir)
    db.exec('BEGIN IMMEDIATE')
    await expect(queue.send(message('B1'))).rejects.toMatchObject({
      slug: 'unavailable', message: 'the database is locked by another connection', detail: { retryAfterSeconds: 1 },
    })
    db.exec('COMMIT')
    expect(countOf(db, 'queue')).toBe(0)
    await queue.send(message('B1'))
    expect(countOf(db, 'queue')).toBe(1)
  })

  test('beyond the backlog is refused at once with a time to come again', async () => {
    const dataDir = freshDir()
    const queue = await queueIn(dataDir, { backlogBytesMax: 1_000, backlogMessagesMax: 3 })
    const db = database(dataDir)
    db.exec('BEGIN IMMEDIATE')
    const first = queue.send(message('B1', new Uint8Array(600)))
    const refusal = { slug: 'unavailable', detail: { retryAfterSeconds: 1 } }
    await expect(queue.send(message('B2', new Uint8Array(600)))).rejects.toMatchObject(refusal)
    const others = [queue.send(message('B3', new Uint8Array(400))), queue.send(message('B4', new Uint8Array(0)))]
    await expect(queue.send(message('B5', new Uint8Array(0)))).rejects.toMatchObject(refusal)
    db.exec('COMMIT')
    await Promise.all([first, ...others])
    await queue.send(message('B2', new Uint8Array(600)))
    expect(countOf(db, 'queue')).toBe(4)
  })

  test('is seen by another process once acknowledged', async () => {
    const dataDir = freshDir()
    const queue = await queueIn(dataDir)
    await Promise.all(Array.from({ length: 50 }, (_, i) => queue.send(message(`B${i}`))))
    const script = `const { DatabaseSync } = require('node:sqlite')
      const db = new DatabaseSync(process.argv[1], { readOnly: true })
      process.stdout.write(String(db.prepare('SELECT count(*) AS n FROM queue').get().n))`
    const seen = spawnSync(process.execPath, ['-e', script, join(dataDir, 'nilometer.db')], { encoding: 'utf8' })
    expect(seen.stdout).toBe('50')
  })

  test('after close is refused, and close waits for those before it', async () => {
    const dataDir = freshDir()
    const queue = await queueIn(dataDir)
    const sends = Array.from({ length: 20 }, (_, i) => queue.send(message(`B${i}`)))
    const closed = queue.close()
    await expect(queue.send(message('late'))).rejects.toMatchObject({ slug: 'unavailable' })
    await Promise.all([...sends, closed])
    expect(countOf(database(dataDir), 'queue')).toBe(20)
  })

  test('whose thread dies is refused, and the next starts another thread', async () => {
    const dataDir = freshDir()
    const threads: Worker[] = []
    const seen = (worker: Worker): void => { threads.push(worker) }
    process.on('worker', seen)
    const queue = await queueIn(dataDir)
    const db = database(dataDir)
    db.exec('BEGIN IMMEDIATE')
    const lost = expect(queue.send(message('B1'))).rejects.toMatchObject({ slug: 'unavailable', message: 'the queue stopped before it answered' })
    await threads[0]?.terminate()
    await lost
    db.exec('COMMIT')
    await Promise.all([queue.send(message('B2')), queue.send(message('B3'))])
    process.off('worker', seen)
    expect(threads).toHaveLength(2)
    // B1 may or may not be in; what was acknowledged is.
    expect(db.prepare("SELECT bid FROM queue WHERE bid > 'B1' ORDER BY bid").all().map((row) => row['bid'])).toEqual(['B2', 'B3'])
  })

  test('cannot begin on a database of a newer version', async () => {
    const dataDir = freshDir()
    database(dataDir).exec(`PRAGMA user_version = ${DATABASE_VERSION + 1}`)
    await expect(queueIn(dataDir)).rejects.toMatchObject({ slug: 'internal', message: expect.stringContaining('newer nilometer') })
  })
})

describe('a commit', () => {
  test('takes its claimed messages out of the queue in the same transaction, and only those', async () => {
    const dataDir = freshDir()
    const queue = await queueIn(dataDir)
    for (const bid of ['B1', 'B2', 'B3']) await queue.send(message(bid))
    await queue.send({ ...message('B4'), org: 'beta' as OrgId })
    const db = database(dataDir)
    const catalog = openCatalog(db, clock)
    const claim = (bid: string, fid: string) => ({ kind: 'put-claim', bid, fid, expiresAt: START * 2 }) as const
    await catalog.commit(ORG, 't1', [{ kind: 'put-entry', entry: packEntry('F1') }, claim('B1', 'F1'), claim('B4', 'F1')])
    const left = (): unknown[] => db.prepare('SELECT bid FROM queue ORDER BY bid').all().map((row) => row['bid'])
    expect(left()).toEqual(['B2', 'B3', 'B4'])
    await catalog.commit(ORG, 't2', [claim('B1', 'F2'), claim('B2', 'F2')])
    expect(left()).toEqual(['B2', 'B3', 'B4'])
  })

  test('on a full disk is unavailable and leaves nothing', async () => {
    const db = database(freshDir())
    const catalog = openCatalog(db, clock)
    await catalog.commit(ORG, 't1', [{ kind: 'put-entry', entry: packEntry('F1') }])
    db.exec('PRAGMA max_page_count = 1')
    const days = Array.from({ length: 500 }, () => '2026-11-21')
    await expect(catalog.commit(ORG, 't2', [
      { kind: 'put-claim', bid: 'B1', fid: 'F2', expiresAt: START * 2 }, { kind: 'put-entry', entry: packEntry('F2', days) },
    ])).rejects.toMatchObject({ slug: 'unavailable', message: 'the database has no disk space left' })
    expect(db.isTransaction).toBe(false)
    expect((await catalog.list(ORG, [])).map((entry) => entry.fid)).toEqual(['F1'])
    db.exec('PRAGMA max_page_count = 1000000')
    expect(await catalog.commit(ORG, 't3', [{ kind: 'put-claim', bid: 'B1', fid: 'F3', expiresAt: START * 2 }])).toEqual({ kind: 'committed' })
  })

  test('that waits for the lock too long is unavailable', async () => {
    const dataDir = freshDir()
    const catalog = openCatalog(database(dataDir, 10), clock)
    const holder = database(dataDir)
    holder.exec('BEGIN IMMEDIATE')
    await expect(catalog.createStream({ org: ORG, type: 'logs', name: 'a', id: '0'.repeat(16), inc: 1, history: [], settings: {}, state: 'live' }))
      .rejects.toMatchObject({ slug: 'unavailable' })
    holder.exec('ROLLBACK')
    expect(await catalog.streams(ORG)).toEqual([])
  })

  test('removes claims that expired, a few at a time, and no others', async () => {
    const db = database(freshDir())
    const time = movableClock()
    const catalog = openCatalog(db, time.clock)
    const claim = (bid: string, days: number) => ({ kind: 'put-claim', bid, fid: 'F1', expiresAt: START + days * 86_400e6 }) as const
    await catalog.commit(ORG, 't1', [claim('B1', 1), claim('B2', 3), { kind: 'put-entry', entry: packEntry('F1') }])
    time.advance(2 * 86_400e3)
    await catalog.commit(ORG, 't2', [claim('B3', 9)])
    expect(db.prepare('SELECT pk FROM item ORDER BY pk').all().map((row) => row['pk'])).toEqual(['C#acme#B2', 'C#acme#B3', 'F#acme'])
  })
})

describe('sending to a full disk', () => {
  test('refuses the whole transaction and works again once there is room', () => {
    const db = database(freshDir())
    const insert = messageInserter(db)
    const batch = [1, 2, 3].map((i) => ({ bid: `B${i}`, org: ORG, sentAt: START, bytes: new Uint8Array(100_000) }))
    db.exec('PRAGMA max_page_count = 20')
    expect(() => insert(batch)).toThrow('the database has no disk space left')
    expect(countOf(db, 'queue')).toBe(0)
    db.exec('PRAGMA max_page_count = 1000000')
    insert(batch)
    expect(countOf(db, 'queue')).toBe(3)
  })
})

describe('handing out', () => {
  test('does not write a message\'s body again', async () => {
    const dataDir = freshDir()
    const queue = await queueIn(dataDir)
    for (let i = 0; i < 10; i += 1) await queue.send(message(`B${i}`, new Uint8Array(150_000).fill(7)))
    const db = database(dataDir)
    db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    expect(await openDelivery(db, { clock }).receive(LIMITS)).toHaveLength(10)
    const frames = Number(db.prepare('PRAGMA wal_checkpoint(PASSIVE)').get()?.['log'])
    // Ten bodies take 190 pages; ten rows' first pages and the index take fewer than 20.
    expect(frames).toBeLessThan(20)
  })
})

/** what `work` synced to the disk, in order, as paths below `dataDir` (Linux names open files) */
async function syncedBy(dataDir: string, work: () => Promise<unknown>): Promise<string[]> {
  const probe = await open(dataDir)
  const methods = Object.getPrototypeOf(probe) as { sync: (this: FileHandle) => Promise<void> }
  await probe.close()
  const real = methods.sync
  const synced: string[] = []
  methods.sync = function (this: FileHandle) {
    synced.push(relative(dataDir, readlinkSync(`/proc/self/fd/${this.fd}`)))
    return real.call(this)
  }
  try {
    await work()
  } finally {
    methods.sync = real
  }
  return synced
}

describe.runIf(process.platform === 'linux')('an object is on the disk by its name', () => {
  const tmp = expect.stringMatching(/^objects-tmp\/./)

  test('a put syncs the bytes, then the directory, then each above it that it meets first', async () => {
    const dataDir = freshDir()
    const blobs = await openBlobs(dataDir)
    const put = (key: string) => syncedBy(dataDir, () => blobs.put(key, new Uint8Array(1)))
    expect(await put('a/b/k1')).toEqual([tmp, 'objects/a/b', 'objects/a', 'objects'])
    expect(await put('a/b/k2')).toEqual([tmp, 'objects/a/b'])
    expect(await put('a/c/k1')).toEqual([tmp, 'objects/a/c', 'objects/a'])
  })

  test('a put that finds the key taken syncs as well: its writer may have died before it could', async () => {
    const dataDir = freshDir()
    await (await openBlobs(dataDir)).put('a/k', new Uint8Array(1))
    const restarted = await openBlobs(dataDir)
    expect(await syncedBy(dataDir, () => restarted.put('a/k', new Uint8Array(1)))).toEqual([tmp, 'objects/a', 'objects'])
  })

  test('a delete syncs the directory, also when the object is gone already', async () => {
    const dataDir = freshDir()
    const blobs = await openBlobs(dataDir)
    await blobs.put('a/k', new Uint8Array(1))
    expect(await syncedBy(dataDir, () => blobs.delete('a/k'))).toEqual(['objects/a'])
    expect(await syncedBy(dataDir, () => blobs.delete('a/k'))).toEqual(['objects/a'])
  })
})

describe('objects on disk', () => {
  test('no temporary file stays, whether the key was free or taken', async () => {
    const dataDir = freshDir()
    const blobs = await openBlobs(dataDir)
    await blobs.put('a/k', new Uint8Array(10))
    await blobs.put('a/k', new Uint8Array(10))
    expect(readdirSync(join(dataDir, 'objects-tmp'))).toEqual([])
  })

  test('an object cut short by the disk is unavailable by range', async () => {
    const dataDir = freshDir()
    const blobs = await openBlobs(dataDir)
    await blobs.put('a/k', new Uint8Array(1_000))
    truncateSync(join(dataDir, 'objects', 'a', 'k'), 500)
    await expect(blobs.get('a/k', { offset: 400, length: 200 })).rejects.toMatchObject({
      slug: 'unavailable', message: expect.stringContaining('truncated'),
    })
  })

  test('a disk that refuses is unavailable, and the message names no path', async () => {
    const dataDir = freshDir()
    const blobs = await openBlobs(dataDir)
    rmSync(join(dataDir, 'objects'), { recursive: true })
    writeFileSync(join(dataDir, 'objects'), 'a file where the directory was')
    for (const call of [() => blobs.put('a/k', new Uint8Array(1)), () => blobs.delete('a/k'), () => blobs.list('')]) {
      await expect(call()).rejects.toMatchObject({ slug: 'unavailable', message: 'the object store met a disk error (ENOTDIR)' })
    }
  })

  test('files that are no objects are not listed', async () => {
    const dataDir = freshDir()
    const blobs = await openBlobs(dataDir)
    await blobs.put('a/k', new Uint8Array(1))
    writeFileSync(join(dataDir, 'objects', 'a', '.hidden'), '')
    expect((await blobs.list('')).map((info) => info.key)).toEqual(['a/k'])
  })
})
