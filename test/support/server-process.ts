// The server as a user runs it: `node server/main.ts` in a process of its own, on loopback, with a
// data folder of its own; started, killed and measured from outside.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, readdirSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'

export const ROOT = join(import.meta.dirname, '..', '..')
export const PASSWORD = 'a-password-for-tests'
export const AUTHORIZATION = `Basic ${Buffer.from(`root@example.com:${PASSWORD}`).toString('base64')}`

export interface ServerProcess {
  readonly url: string
  readonly pid: number
  /** all it wrote so far, to both streams */
  output(): string
  /** SIGKILL, and gone when it resolves */
  kill(): Promise<void>
  /** SIGTERM; the exit code */
  stop(): Promise<number | null>
  readonly exited: Promise<void>
}

/** a port that was free a moment ago */
export async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

export interface ServerOptions {
  readonly dataDir: string
  readonly port?: number
  readonly env?: Readonly<Record<string, string>>
}

/** resolves when it answers; the milliseconds that took stand in `startedMs` */
export async function startServer(options: ServerOptions): Promise<ServerProcess & { readonly startedMs: number }> {
  const port = options.port ?? await freePort()
  const began = performance.now()
  const child = spawn(process.execPath, [join(ROOT, 'server/main.ts')], {
    env: { PATH: process.env['PATH'] ?? '', ZO_HTTP_PORT: String(port), ZO_DATA_DIR: options.dataDir, ZO_ROOT_USER_PASSWORD: PASSWORD, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  child.stdout.on('data', (d: Buffer) => { text = (text + d.toString()).slice(-200_000) })
  child.stderr.on('data', (d: Buffer) => { text = (text + d.toString()).slice(-200_000) })
  const exited = once(child, 'exit').then(() => undefined)
  const url = `http://127.0.0.1:${port}`
  await answering(url, child, () => text)
  return {
    url, pid: child.pid!, output: () => text, exited, startedMs: performance.now() - began,
    async kill() {
      child.kill('SIGKILL')
      await exited
    },
    async stop() {
      child.kill('SIGTERM')
      await exited
      return child.exitCode
    },
  }
}

const START_WAIT_MS = 20_000

async function answering(url: string, child: ChildProcess, output: () => string): Promise<void> {
  const until = performance.now() + START_WAIT_MS
  while (performance.now() < until) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`the server ended at its start:\n${output()}`)
    try {
      if ((await fetch(`${url}/healthz`)).ok) return
    } catch {
      await new Promise((resolve) => { setTimeout(resolve, 20) })
    }
  }
  throw new Error(`the server does not answer:\n${output()}`)
}

/** resident bytes of a process and all its descendants (Linux; elsewhere 0) */
export function treeRssBytes(pid: number): number {
  try {
    const parents = new Map<number, number[]>()
    const rss = new Map<number, number>()
    for (const name of readdirSync('/proc')) {
      if (!/^\d+$/.test(name)) continue
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
        const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
        const parent = Number(fields[1])
        parents.set(parent, [...(parents.get(parent) ?? []), Number(name)])
        rss.set(Number(name), Number(fields[21]) * 4_096)
      } catch { /* it ended meanwhile */ }
    }
    const sum = (id: number): number => (rss.get(id) ?? 0) + (parents.get(id) ?? []).reduce((s, c) => s + sum(c), 0)
    return sum(pid)
  } catch {
    return 0
  }
}

export interface Hit { readonly [column: string]: unknown }
export interface SearchReply {
  readonly hits: readonly Hit[]
  readonly total: number
  readonly [other: string]: unknown
}

/** a search over all time; throws with the answer's text when it is not 200 */
export async function search(url: string, sql: string, query: Readonly<Record<string, unknown>> = {}): Promise<SearchReply> {
  const response = await fetch(`${url}/api/default/_search`, {
    method: 'POST',
    headers: { Authorization: AUTHORIZATION, 'Content-Type': 'application/json' },
    body: JSON.stringify({ query: { sql, start_time: 0, end_time: 2_082_758_400_000_000, size: -1, ...query } }),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`search answered ${response.status}: ${text}`)
  return JSON.parse(text) as SearchReply
}

export async function flush(url: string): Promise<void> {
  const response = await fetch(`${url}/node/flush`, { method: 'PUT', headers: { Authorization: AUTHORIZATION } })
  if (!response.ok) throw new Error(`flush answered ${response.status}: ${await response.text()}`)
}
