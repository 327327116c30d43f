// The server's end of one sandbox child: starts it poor and confined, asks it one thing at a time,
// kills it, and says how it ended. What it answers is believed only after decodeReply.
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { EngineError } from '../model/errors.ts'
import { endOf, sandboxGone } from './faults.ts'
import { FrameReader, decodeReply, jsonFrame } from './protocol.ts'
import type { Call, Reply } from './protocol.ts'

export interface ChildOptions {
  /** its working directory: empty, its own */
  readonly cwd: string
  /** DuckDB's worker threads */
  readonly threads: number
  /** `ulimit -d`: what the kernel lets it allocate, whether the watchdog looks or not */
  readonly dataBytesMax: number
}

export interface ChildEvents {
  /** a fresh instance stands by: after the start, and after each close */
  onReady(): void
  /** the process is gone; what it was asked has been answered with an error */
  onExit(): void
}

/** `id` is given here */
export type Question = Call extends infer C ? (C extends Call ? Omit<C, 'id'> : never) : never

interface Pending {
  readonly id: number
  readonly resolve: (reply: Extract<Reply, { kind: 'done' | 'failed' }>) => void
  readonly reject: (error: EngineError) => void
  readonly onBytes: (bytes: Uint8Array) => void
}

/** the child's program: beside this source, or beside the bundle this has become a part of */
const PROGRAM = join(import.meta.dirname, import.meta.filename.endsWith('.ts') ? 'sandbox.ts' : 'sandbox.mjs')
const SHELL = '/bin/sh'
const STDERR_CHARS_MAX = 4_096
/** JS in the child only prints: what needs more heap is a value no client wants */
const NODE_FLAGS = ['--max-old-space-size=192', '--max-semi-space-size=8', '--v8-pool-size=1']

export class SandboxChild {
  readonly pid: number
  private readonly process: ChildProcess
  private readonly reader = new FrameReader()
  private readonly events: ChildEvents
  private pending: Pending | null = null
  private lastId = 0
  private stderr = ''
  /** why it is gone or going; from then on every question is answered with it */
  private end: EngineError | null = null
  private exited = false

  constructor(options: ChildOptions, events: ChildEvents) {
    this.events = events
    this.process = start(options)
    this.pid = this.process.pid ?? -1
    // Where not even pipes can be had there are none, and the error says so.
    const answers = this.process.stdio?.[3] as Readable | undefined
    answers?.on('data', (chunk: Buffer) => this.receive(chunk))
    this.process.stderr?.on('data', (chunk: Buffer) => {
      this.stderr = (this.stderr + chunk.toString('latin1')).slice(-STDERR_CHARS_MAX)
    })
    // A pipe that breaks is followed by the exit, which says more.
    for (const pipe of [answers, this.process.stdin, this.process.stderr]) pipe?.on('error', () => {})
    this.process.on('error', (error) => this.finish(sandboxGone(error)))
    this.process.on('close', (code, signal) => this.finish(endOf(code, signal, this.stderr)))
  }

  get busy(): boolean {
    return this.pending !== null
  }

  get ended(): EngineError | null {
    return this.end
  }

  /**
   * One question at a time; the session sees to it. Rows arrive at `onBytes` before the answer.
   * @throws what the child ended with, when it does
   */
  ask(question: Question, onBytes: (bytes: Uint8Array) => void = () => {}): Promise<Extract<Reply, { kind: 'done' | 'failed' }>> {
    return new Promise((resolve, reject) => {
      if (this.end !== null) return reject(this.end)
      const id = ++this.lastId
      this.pending = { id, resolve, reject, onBytes }
      this.process.stdin?.write(jsonFrame({ ...question, id }))
    })
  }

  /** asks DuckDB to stop what it does; it may not listen */
  interrupt(): void {
    if (this.end === null) this.process.stdin?.write(jsonFrame({ op: 'interrupt' }))
  }

  /** at once, and the open question fails with `reason` at once: freeing gigabytes takes a while */
  kill(reason: EngineError): void {
    this.end ??= reason
    this.process.kill('SIGKILL')
    this.fail(this.end)
  }

  private receive(chunk: Buffer): void {
    if (this.end !== null) return
    try {
      for (const frame of this.reader.push(chunk)) {
        if (frame.kind === 'bytes') this.pending?.onBytes(frame.bytes)
        else this.answer(decodeReply(frame.text))
      }
    } catch (error) {
      // It talks nonsense, or sends more than was asked for: nothing it says can be trusted.
      this.kill(error instanceof EngineError ? error : sandboxGone(error))
    }
  }

  private answer(reply: Reply): void {
    if (reply.kind === 'ready') return this.events.onReady()
    const pending = this.pending
    // The answer to a question that close() took back.
    if (pending === null || pending.id !== reply.id) return
    this.pending = null
    pending.resolve(reply)
  }

  private fail(error: EngineError): void {
    const pending = this.pending
    this.pending = null
    pending?.reject(error)
  }

  private finish(error: EngineError): void {
    if (this.exited) return
    this.exited = true
    this.end ??= error
    this.fail(this.end)
    this.events.onExit()
  }
}

/**
 * Started through a shell where there is one, for Node cannot set limits: `-d` bounds what it may
 * allocate (`-v` would count address space that V8 only reserves), `-c` leaves no core dump with
 * a tenant's rows. `exec` keeps the pid. In its own session, so that Ctrl-C lets the server finish.
 */
function start(options: ChildOptions): ChildProcess {
  const node = [...NODE_FLAGS, PROGRAM, String(options.threads)]
  const settings = {
    cwd: options.cwd,
    env: environment(),
    stdio: ['pipe', 'ignore', 'pipe', 'pipe'] as ('pipe' | 'ignore')[],
    detached: process.platform !== 'win32',
    windowsHide: true,
  }
  if (!existsSync(SHELL)) return spawn(process.execPath, node, settings)
  const limits = `ulimit -c 0; ulimit -d ${Math.floor(options.dataBytesMax / 1024)} 2>/dev/null; exec "$0" "$@"`
  return spawn(SHELL, ['-c', limits, process.execPath, ...node], settings)
}

/** Nothing of the server's but what the loader needs to find Node's own libraries. */
function environment(): Record<string, string> {
  const own: Record<string, string> = { TZ: 'UTC', UV_THREADPOOL_SIZE: '2', MALLOC_ARENA_MAX: '2' }
  for (const name of ['LD_LIBRARY_PATH', 'SystemRoot']) {
    const value = process.env[name]
    if (value !== undefined) own[name] = value
  }
  return own
}
