// One session in a sandbox child: serialises the caller's questions, watches memory and the
// deadline while one runs, and turns answers and failures into the words of the port Sql.
import { constants } from 'node:fs'
import { open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock, RowBounds, SqlPlans, SqlResult, SqlRows, SqlSession } from '../engine/ports.ts'
import { EngineError, assert } from '../model/errors.ts'
import type { Question, SandboxChild } from './child.ts'
import { faultOf, queryMemory, queryTimeout, sandboxGone } from './faults.ts'
import { isRecord, isStrings } from './protocol.ts'
import { watchMemory } from './watchdog.ts'

/** DuckDB stops within 3 ms of an interrupt when it listens at all; longer is not waited */
const INTERRUPT_GRACE_MS = 250
/** time for the child to end what runs and drop the instance; then it is replaced */
const CLOSE_GRACE_MS = 1_000
/** the longest delay a timer knows */
const TIMER_MS_MAX = 2 ** 31 - 1
/** a row cut at the byte bound is not sent, so anything beyond is not what was asked for */
const SLACK_BYTES = 1_024

export interface SessionOptions {
  readonly child: SandboxChild
  readonly dir: string
  readonly clock: Clock
  /** of clock.monotonicMs */
  readonly deadlineAt: number
  /** for the message */
  readonly deadlineMs: number
  readonly rssBytesMax: number
  onKill(reason: 'memory' | 'deadline' | 'close'): void
  /** the directory may go and the child has been told or killed */
  onClosed(): Promise<void>
}

export class SandboxSession implements SqlSession {
  readonly dir: string
  private readonly options: SessionOptions
  private readonly timers = new Set<NodeJS.Timeout>()
  /** the last question's end: the next one waits for it */
  private turn: Promise<unknown> = Promise.resolve()
  private expired = false
  private closing: Promise<void> | null = null

  constructor(options: SessionOptions) {
    this.options = options
    this.dir = options.dir
    this.after(options.deadlineAt - options.clock.monotonicMs(), () => this.expire())
  }

  /** the first question, asked by the pool */
  async open(memoryBytes: number): Promise<void> {
    await this.question({ op: 'open', dir: this.dir, memoryBytes })
  }

  async writeFile(name: string, parts: readonly Uint8Array[]): Promise<string> {
    const path = this.pathOf(name)
    if (this.closing !== null) throw sandboxGone('the session is closed')
    await writeFile(path, parts, { flag: 'wx', mode: 0o600 })
    return path
  }

  async prepare(statements: readonly string[]): Promise<void> {
    await this.question({ op: 'prepare', statements })
  }

  async ask(sql: string, parameters: readonly string[] = []): Promise<SqlResult> {
    return resultOf(await this.question({ op: 'ask', sql, parameters }))
  }

  async explain(sql: string): Promise<SqlPlans> {
    return plansOf(await this.question({ op: 'explain', sql }))
  }

  async copy(select: string, name: string): Promise<Uint8Array> {
    const path = this.pathOf(name)
    await this.question({ op: 'copy', select, path })
    // The child wrote it, and the child is not believed: what it left there may be a link.
    const file = await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0))
    try {
      return await file.readFile()
    } finally {
      await file.close()
    }
  }

  async rows(sql: string, bounds: RowBounds): Promise<SqlRows> {
    const pieces: Uint8Array[] = []
    let bytes = 0
    const value = await this.question({ op: 'rows', sql, ...bounds }, (piece) => {
      bytes += piece.length
      assert(bytes <= bounds.bytesMax + SLACK_BYTES, 'a sandbox sends no more rows than asked for')
      pieces.push(piece)
    })
    return rowsOf(value, Buffer.concat(pieces, bytes))
  }

  close(): Promise<void> {
    this.closing ??= this.end()
    return this.closing
  }

  private pathOf(name: string): string {
    assert(/^[\w-][\w.-]*$/.test(name), 'a session\'s file has a plain name')
    return join(this.dir, name)
  }

  private question(question: Question, onBytes?: (bytes: Uint8Array) => void): Promise<unknown> {
    const answer = this.turn.then(() => this.put(question, onBytes))
    this.turn = answer.catch(() => {})
    return answer
  }

  private async put(question: Question, onBytes?: (bytes: Uint8Array) => void): Promise<unknown> {
    const { child, dir, deadlineMs, rssBytesMax } = this.options
    if (this.closing !== null) throw sandboxGone('the session is closed')
    if (this.expired) throw queryTimeout(deadlineMs)
    const stop = watchMemory(child.pid, rssBytesMax, (bytes) => {
      this.options.onKill('memory')
      child.kill(queryMemory(`${bytes} bytes resident`))
    })
    try {
      const reply = await child.ask(question, onBytes)
      if (reply.kind === 'done') return reply.value
      if (this.expired && /interrupt/i.test(reply.message)) throw queryTimeout(deadlineMs)
      throw faultOf(reply.fault, reply.message, dir)
    } finally {
      stop()
    }
  }

  /** first politely: a child that stops by itself is kept */
  private expire(): void {
    const { child, deadlineMs } = this.options
    this.expired = true
    if (!child.busy) return
    child.interrupt()
    this.after(INTERRUPT_GRACE_MS, () => {
      if (!child.busy) return
      this.options.onKill('deadline')
      child.kill(queryTimeout(deadlineMs))
    })
  }

  private async end(): Promise<void> {
    const { child } = this.options
    for (const timer of this.timers) clearTimeout(timer)
    // The close itself interrupts what runs, and comes after it.
    const grace = setTimeout(() => {
      this.options.onKill('close')
      child.kill(sandboxGone('the session did not close'))
    }, CLOSE_GRACE_MS)
    if (child.busy) child.interrupt()
    await this.turn
    await child.ask({ op: 'close' }).catch((error: unknown) => assert(error instanceof EngineError, 'a child fails with an EngineError'))
    clearTimeout(grace)
    await this.options.onClosed()
  }

  private after(ms: number, act: () => void): void {
    this.timers.add(setTimeout(act, Math.min(Math.max(ms, 0), TIMER_MS_MAX)))
  }
}

function resultOf(value: unknown): SqlResult {
  assert(isRecord(value) && isStrings(value.columns) && isStrings(value.types) && Array.isArray(value.rows), 'a sandbox answers ask')
  return { columns: value.columns, types: value.types, rows: value.rows as SqlResult['rows'] }
}

function plansOf(value: unknown): SqlPlans {
  assert(isRecord(value) && typeof value.projections === 'string' && typeof value.filters === 'string', 'a sandbox answers explain')
  return { projections: value.projections, filters: value.filters }
}

function rowsOf(value: unknown, json: Uint8Array): SqlRows {
  assert(isRecord(value) && isStrings(value.columns) && isStrings(value.types), 'a sandbox answers rows')
  const { columns, types, rowCount, cut } = value
  assert(Number.isSafeInteger(rowCount) && (cut === null || cut === 'rows' || cut === 'bytes'), 'a sandbox answers rows')
  return { columns, types, rowCount: rowCount as number, json, cut }
}
