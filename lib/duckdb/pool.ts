// The port Sql on a pool of sandbox children: one session has one child, and in it one fresh DuckDB.
// Children are kept warm (a start costs 0.2 s), replaced when they were killed, grew or have served
// long enough; who finds none free waits in line, and the line has an end.
import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import type { Clock, Sql, SqlLimits, SqlSession, Telemetry } from '../engine/ports.ts'
import { EngineError } from '../model/errors.ts'
import { SandboxChild } from './child.ts'
import { queryTimeout, sandboxGone, tooManyWaiting } from './faults.ts'
import { makePrivateDir, makePrivateDirSync, removePrivateDir, sweepPrivateDirs } from './private-dirs.ts'
import { SandboxSession } from './session.ts'
import { residentBytes } from './watchdog.ts'

export interface SqlPoolOptions {
  /** where sessions' and children's directories are made; others may live here too */
  readonly dir: string
  readonly telemetry: Telemetry
  readonly clock: Clock
  /** children; default: the cores */
  readonly size?: number | undefined
  /** sessions that may wait for a child, default 32 */
  readonly queueMax?: number | undefined
  /** resident memory of a child at which its query ends, default 600 MB */
  readonly rssBytesMax?: number | undefined
  /** what the kernel lets a child allocate, default rssBytesMax and 1 GiB (stacks and V8's reserve count) */
  readonly dataBytesMax?: number | undefined
  /** sessions after which a child is replaced, default 200 */
  readonly queriesPerChild?: number | undefined
  /** DuckDB's worker threads in a child, default 1: with more, sums of DOUBLE vary in their last digits */
  readonly threads?: number | undefined
}

export interface SqlPoolStats {
  readonly starting: number
  readonly idle: number
  readonly busy: number
  readonly waiting: number
  /** since the pool was made */
  readonly started: number
  readonly sessions: number
  readonly killed: number
}

export interface SqlPool extends Sql {
  /** resolves when all children have been started and are ready or at work */
  warm(): Promise<void>
  /** ends every child and every session; idempotent */
  close(): Promise<void>
  stats(): SqlPoolStats
}

interface Slot {
  readonly child: SandboxChild
  state: 'starting' | 'idle' | 'busy'
  sessions: number
  /** rejects when the child ends before it was ready once */
  readonly ready: Promise<void>
  /** the process is gone, and its directory too */
  readonly gone: Promise<void>
}

interface Waiter {
  readonly resolve: (slot: Slot) => void
  readonly reject: (error: EngineError) => void
}

/** starts that fail in a row before those who wait are told; the next open() tries again */
const START_FAILURES_MAX = 3
/** of rssBytesMax: what an idle child may hold; glibc gives memory back late */
const IDLE_SHARE_MAX = 0.5
const RETRY_AFTER_SECONDS = 2
/** the longest delay a timer knows */
const TIMER_MS_MAX = 2 ** 31 - 1

export function createSqlPool(options: SqlPoolOptions): SqlPool {
  return new Pool(options)
}

class Pool implements SqlPool {
  private readonly dir: string
  private readonly telemetry: Telemetry
  private readonly clock: Clock
  private readonly size: number
  private readonly queueMax: number
  private readonly rssBytesMax: number
  private readonly dataBytesMax: number
  private readonly queriesPerChild: number
  private readonly threads: number
  private readonly slots = new Set<Slot>()
  private readonly waiters: Waiter[] = []
  private readonly openSessions = new Set<SandboxSession>()
  private swept = false
  private closing: Promise<void> | null = null
  private failures = 0
  private started = 0
  private sessions = 0
  private killed = 0

  constructor(options: SqlPoolOptions) {
    this.dir = resolve(options.dir)
    this.telemetry = options.telemetry
    this.clock = options.clock
    this.size = options.size ?? availableParallelism()
    this.queueMax = options.queueMax ?? 32
    this.rssBytesMax = options.rssBytesMax ?? 600e6
    this.dataBytesMax = options.dataBytesMax ?? this.rssBytesMax + 2 ** 30
    this.queriesPerChild = options.queriesPerChild ?? 200
    this.threads = options.threads ?? 1
  }

  async open(limits: SqlLimits): Promise<SqlSession> {
    const startedAt = this.clock.monotonicMs()
    const slot = await this.acquire(limits.deadlineMs)
    this.telemetry.observe('sql_wait_ms', this.clock.monotonicMs() - startedAt)
    this.sessions++
    slot.sessions++
    const session: SandboxSession = new SandboxSession({
      child: slot.child,
      dir: await makePrivateDir(this.dir, 'q'),
      clock: this.clock,
      deadlineAt: startedAt + limits.deadlineMs,
      deadlineMs: limits.deadlineMs,
      rssBytesMax: this.rssBytesMax,
      onKill: (reason) => this.noteKill(reason),
      onClosed: async () => {
        await removePrivateDir(session.dir)
        this.openSessions.delete(session)
      },
    })
    this.openSessions.add(session)
    try {
      await session.open(limits.memoryBytes)
      return session
    } catch (error) {
      await session.close()
      throw error
    }
  }

  async warm(): Promise<void> {
    if (this.closing !== null) throw sandboxGone('the pool is closed')
    for (;;) {
      while (this.slots.size < this.size) this.start()
      // A child that was killed is a slot until it is gone, and another comes in its place.
      const awaited = [...this.slots].filter((slot) => slot.state === 'starting' || slot.child.ended !== null)
      if (awaited.length === 0) return
      await Promise.all(awaited.map((slot) => (slot.child.ended === null ? slot.ready : slot.gone)))
    }
  }

  close(): Promise<void> {
    this.closing ??= this.end()
    return this.closing
  }

  stats(): SqlPoolStats {
    return {
      starting: this.count('starting'), idle: this.count('idle'), busy: this.count('busy'), waiting: this.waiters.length,
      started: this.started, sessions: this.sessions, killed: this.killed,
    }
  }

  /** a child of one's own, now or when it is one's turn */
  private acquire(deadlineMs: number): Promise<Slot> {
    if (this.closing !== null) return Promise.reject(sandboxGone('the pool is closed'))
    for (const slot of this.slots) {
      if (slot.state !== 'idle') continue
      slot.state = 'busy'
      return Promise.resolve(slot)
    }
    if (this.slots.size < this.size) this.start()
    // Who waits for a child that is only starting is served in a moment and does not count.
    const inLine = this.waiters.length - this.count('starting')
    if (inLine >= this.queueMax) return Promise.reject(tooManyWaiting(this.waiters.length, RETRY_AFTER_SECONDS))
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        resolve: (slot) => { clearTimeout(timer); resolve(slot) },
        reject: (error) => { clearTimeout(timer); reject(error) },
      }
      const timer = setTimeout(() => {
        this.waiters.splice(this.waiters.indexOf(waiter), 1)
        reject(queryTimeout(deadlineMs))
      }, Math.min(deadlineMs, TIMER_MS_MAX))
      this.waiters.push(waiter)
    })
  }

  private start(): void {
    if (!this.swept) sweepPrivateDirs(this.dir)
    this.swept = true
    const cwd = makePrivateDirSync(this.dir, 'c')
    const ready = Promise.withResolvers<void>()
    const gone = Promise.withResolvers<void>()
    // Whoever did not ask for warmth hears of a failed start elsewhere.
    ready.promise.catch(() => {})
    const child = new SandboxChild({ cwd, threads: this.threads, dataBytesMax: this.dataBytesMax }, {
      onReady: () => {
        ready.resolve()
        this.offer(slot)
      },
      onExit: () => {
        ready.reject(child.ended)
        this.replace(slot)
        void removePrivateDir(cwd).then(gone.resolve, gone.reject)
      },
    })
    const slot: Slot = { child, state: 'starting', sessions: 0, ready: ready.promise, gone: gone.promise }
    this.slots.add(slot)
    this.started++
    this.telemetry.count('sql_sandbox_starts', 1)
  }

  /** a child with a fresh instance: to the next in line, or aside; or away when it has served */
  private offer(slot: Slot): void {
    this.failures = 0
    const worn = slot.sessions >= this.queriesPerChild || (residentBytes(slot.child.pid) ?? 0) > this.rssBytesMax * IDLE_SHARE_MAX
    if (worn) return slot.child.kill(sandboxGone('the child has served'))
    const next = this.waiters.shift()
    slot.state = next === undefined ? 'idle' : 'busy'
    next?.resolve(slot)
  }

  private replace(slot: Slot): void {
    this.slots.delete(slot)
    if (this.closing !== null) return
    if (slot.state === 'starting' && ++this.failures >= START_FAILURES_MAX) {
      this.telemetry.log('error', 'sandbox children do not start', { reason: String(slot.child.ended?.detail.cause) })
      for (const waiter of this.waiters.splice(0)) waiter.reject(sandboxGone(slot.child.ended))
      return
    }
    this.start()
  }

  private noteKill(reason: string): void {
    this.killed++
    this.telemetry.count('sql_sandbox_kills', 1, { reason })
  }

  private async end(): Promise<void> {
    const reason = sandboxGone('the pool is closed')
    for (const waiter of this.waiters.splice(0)) waiter.reject(reason)
    for (const slot of this.slots) slot.child.kill(reason)
    await Promise.all([...this.openSessions].map((session) => session.close()))
    await Promise.all([...this.slots].map((slot) => slot.gone))
  }

  private count(state: Slot['state']): number {
    let n = 0
    for (const slot of this.slots) if (slot.state === state) n++
    return n
  }
}
