// A small Lambda: bundled functions in processes of plain Node, invoked by the test or, as one another,
// over the Invoke API. Payloads cross as JSON and are held to Lambda's 6 MB both ways.
import { fork, type ChildProcess } from 'node:child_process'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { assert } from '../../lib/model/errors.ts'

export interface HostedFunction {
  readonly dir: string
  /** file, dot, export */
  readonly handler: string
  readonly env: Readonly<Record<string, string>>
}

export interface LambdaHost {
  /** of the Invoke API */
  readonly endpoint: string
  /** names and what runs them; processes start with the first event */
  deploy(name: string, made: HostedFunction): void
  /** @throws Error with what the function threw */
  invoke(name: string, event: unknown, remainingMs?: number): Promise<unknown>
  /** events so far, by function */
  readonly invocations: ReadonlyMap<string, number>
  /** all that the functions wrote to their logs */
  logs(): string
  close(): Promise<void>
}

const PAYLOAD_BYTES_MAX = 6 * 2 ** 20
const RUNNER = join(import.meta.dirname, 'lambda-runner.mjs')
const INVOKE = /^\/2015-03-31\/functions\/([\w-]+)\/invocations$/

interface Reply {
  readonly id?: number
  readonly result?: unknown
  readonly error?: { readonly errorType: string; readonly errorMessage: string; readonly trace: string }
}

export async function startLambdaHost(): Promise<LambdaHost> {
  const functions = new Map<string, HostedFunction>()
  const running = new Map<string, ChildProcess>()
  const waiting = new Map<number, (reply: Reply) => void>()
  const invocations = new Map<string, number>()
  let lastId = 0
  let log = ''

  function environmentOf(name: string): ChildProcess {
    const warm = running.get(name)
    if (warm !== undefined) return warm
    const { dir, handler, env } = functions.get(name)!
    const [file, exported] = handler.split('.') as [string, string]
    // Nothing of this process's environment but what the dynamic loader may need.
    const child = fork(RUNNER, [join(dir, `${file}.mjs`), exported], { env: { ...env, LD_LIBRARY_PATH: process.env['LD_LIBRARY_PATH'] ?? '' }, execArgv: [], stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
    for (const pipe of [child.stdout, child.stderr]) pipe?.on('data', (chunk: Buffer) => { log += chunk.toString() })
    child.on('message', (reply: Reply) => {
      if (reply.id !== undefined) waiting.get(reply.id)?.(reply)
    })
    child.on('exit', (code) => {
      running.delete(name)
      for (const [id, tell] of waiting) tell({ id, error: { errorType: 'Runtime.ExitError', errorMessage: `${name} ended with ${code}: ${log.slice(-2_000)}`, trace: '' } })
    })
    running.set(name, child)
    return child
  }

  async function reply(name: string, event: unknown, remainingMs: number): Promise<Reply> {
    assert(functions.has(name), `the function ${name} is deployed`)
    assert(Buffer.byteLength(JSON.stringify(event)) <= PAYLOAD_BYTES_MAX, 'an event has at most 6 MB')
    invocations.set(name, (invocations.get(name) ?? 0) + 1)
    const id = (lastId += 1)
    const answered = new Promise<Reply>((resolve) => waiting.set(id, resolve))
    environmentOf(name).send({ id, event, remainingMs })
    const got = await answered
    waiting.delete(id)
    assert(Buffer.byteLength(JSON.stringify(got.result ?? null)) <= PAYLOAD_BYTES_MAX, 'an answer has at most 6 MB')
    return got
  }

  const server = createServer((request, response) => {
    void (async () => {
      const name = INVOKE.exec(request.url ?? '')?.[1] ?? ''
      const { result, error } = await reply(name, JSON.parse(await bodyOf(request)), 300_000)
      response.writeHead(200, error === undefined ? {} : { 'X-Amz-Function-Error': 'Unhandled' }).end(JSON.stringify(error ?? result ?? null))
    })().catch((error: unknown) => response.writeHead(500).end(String(error)))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))

  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    deploy: (name, made) => void functions.set(name, made),
    async invoke(name, event, remainingMs = 29_000) {
      const { result, error } = await reply(name, event, remainingMs)
      if (error !== undefined) throw new Error(`${error.errorType}: ${error.errorMessage}\n${error.trace}`)
      return result
    },
    invocations,
    logs: () => log,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => { server.close(resolve) })
      await Promise.all([...running.values()].map((child) => new Promise((resolve) => { child.once('exit', resolve).kill('SIGKILL') })))
    },
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return text
}
