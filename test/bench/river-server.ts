// The bench's second half: the real server process under a bounded rate of requests from another
// process. CPU and memory are read from /proc (Linux), of the server and its children; the event
// loop's delay is what the server says of itself in /metrics.
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AUTHORIZATION, flush, startServer, treeRssBytes, type ServerProcess } from '../support/server-process.ts'
import { quantileOf, spreadOf, type ServerFigures } from './river-figures.ts'
import type { FromClient, Pushed, ToClient } from './river-client.ts'

const REQUEST_BYTES = 524_288
/** of what it took and wrote at full speed: the rest is room for the client and the noise of the machine */
const RATE_SHARE = 0.65
const WINDOW_SECONDS = 5
const SAMPLE_MS = 100
/** Linux' USER_HZ, in which /proc counts: 100 wherever Node runs */
const TICKS_PER_SECOND = 100

export interface ServerPlan {
  /** uncompressed bytes of different requests */
  readonly rawBytes: number
  readonly burstSeconds: number
  readonly windows: number
}

export async function measureServer(plan: ServerPlan): Promise<ServerFigures> {
  const dataDir = mkdtempSync(join(tmpdir(), 'nilometer-bench-'))
  const client = fork(join(import.meta.dirname, 'river-client.ts'))
  const server = await startServer({ dataDir, env: { NILOMETER_LOG_LEVEL: 'warn' } })
  try {
    await ask(client, { kind: 'make', url: server.url, requestBytes: REQUEST_BYTES, rawBytes: plan.rawBytes })
    // The first burst warms both processes up, the second says what they can.
    await burst(server, client, plan.burstSeconds)
    const capacity = await burst(server, client, plan.burstSeconds)
    return await steady(server, client, plan.windows, capacity)
  } finally {
    client.kill()
    await server.stop()
    rmSync(dataDir, { recursive: true, force: true })
  }
}

/** raw bytes a second from the first request until all is searchable */
async function burst(server: ServerProcess, client: ChildProcess, seconds: number): Promise<number> {
  const began = performance.now()
  const { rawBytes } = await push(client, seconds, null)
  await flush(server.url)
  return rawBytes / ((performance.now() - began) / 1_000)
}

async function steady(server: ServerProcess, client: ChildProcess, windows: number, capacity: number): Promise<ServerFigures> {
  const rate = capacity * RATE_SHARE
  const memory = watchMemory(server.pid)
  const costs: number[] = []
  const all: Pushed[] = []
  await eventLoopDelays(server.url)
  for (let window = 0; window < windows; window++) {
    const before = treeCpuMs(server.pid)
    const pushed = await push(client, WINDOW_SECONDS, rate)
    // Part of a window's rows is written in the next one: what each window pays for.
    costs.push((treeCpuMs(server.pid) - before) / (pushed.rawBytes / 1e6))
    all.push(pushed)
  }
  const delays = await eventLoopDelays(server.url)
  const { peak, peakTree } = memory.stop()
  const answersMs = all.flatMap((pushed) => pushed.answersMs)
  const total = (value: (pushed: Pushed) => number): number => all.reduce((n, pushed) => n + value(pushed), 0)
  return {
    seconds: total((p) => p.seconds), rawBytes: total((p) => p.rawBytes), requests: total((p) => p.requests), refused: total((p) => p.refused),
    capacity, rate, cpu: spreadOf(costs), peakRssBytes: peak, peakTreeRssBytes: peakTree,
    delayP50Ms: delays.get('0.5') ?? NaN, delayP99Ms: delays.get('0.99') ?? NaN, delayMaxMs: delays.get('1') ?? NaN,
    answerP50Ms: quantileOf(answersMs, 0.5), answerP99Ms: quantileOf(answersMs, 0.99),
  }
}

async function ask(client: ChildProcess, message: ToClient): Promise<FromClient> {
  client.send(message)
  const ended = once(client, 'exit').then(() => {
    throw new Error('the client of the bench ended')
  })
  const [answer] = await Promise.race([once(client, 'message'), ended]) as [FromClient]
  return answer
}

async function push(client: ChildProcess, seconds: number, bytesPerSecond: number | null): Promise<Pushed> {
  const answer = await ask(client, { kind: 'push', seconds, bytesPerSecond })
  if (answer.kind !== 'pushed') throw new Error(`the client answered ${answer.kind}`)
  return answer.pushed
}

/** milliseconds by quantile, since the last call */
async function eventLoopDelays(url: string): Promise<Map<string, number>> {
  const response = await fetch(`${url}/metrics`, { headers: { Authorization: AUTHORIZATION } })
  if (!response.ok) throw new Error(`/metrics answered ${response.status}`)
  const found = (await response.text()).matchAll(/^nilometer_event_loop_delay_ms\{quantile="([\d.]+)"\} (\S+)$/gm)
  return new Map([...found].map((m) => [m[1]!, Number(m[2])]))
}

/** user and system time of a process, its threads and all that descends from it, the ended children included */
function treeCpuMs(pid: number): number {
  const parents = new Map<number, number>()
  const ticks = new Map<number, number>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      parents.set(Number(name), Number(fields[1]))
      // utime, stime, cutime, cstime: fields 14 to 17 of proc(5), counted here from the third
      ticks.set(Number(name), [11, 12, 13, 14].reduce((n, i) => n + Number(fields[i]), 0))
    } catch { /* it ended meanwhile */ }
  }
  const belongs = (id: number | undefined): boolean => id !== undefined && id !== 0 && (id === pid || belongs(parents.get(id)))
  let sum = 0
  for (const [id, used] of ticks) if (belongs(id)) sum += used
  return (sum * 1_000) / TICKS_PER_SECOND
}

function watchMemory(pid: number): { stop(): { peak: number; peakTree: number } } {
  let peakTree = 0
  const timer = setInterval(() => { peakTree = Math.max(peakTree, treeRssBytes(pid)) }, SAMPLE_MS)
  return {
    stop() {
      clearInterval(timer)
      const own = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
      return { peak: Number(own?.[1] ?? NaN) * 1024, peakTree }
    },
  }
}
