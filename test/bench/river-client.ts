// The bench's sender: a process of its own beside the server it loads, told by messages what to do.
// Makes gzip OTLP protobuf requests once, then posts them over a few connections as fast as they are
// answered or at a rate, and reports what was answered.
import { Agent, request as httpRequest } from 'node:http'
import { AUTHORIZATION } from '../support/server-process.ts'
import { BenchLoad, type BenchRequest } from './river-load.ts'

export type ToClient =
  | { readonly kind: 'make'; readonly url: string; readonly requestBytes: number; readonly rawBytes: number }
  /** `bytesPerSecond` of uncompressed bodies; null: as fast as they are answered */
  | { readonly kind: 'push'; readonly seconds: number; readonly bytesPerSecond: number | null }

export interface Pushed {
  readonly seconds: number
  readonly requests: number
  readonly rawBytes: number
  /** not answered 200 */
  readonly refused: number
  /** from sending to the answer's end, milliseconds, of each request */
  readonly answersMs: readonly number[]
}
export type FromClient = { readonly kind: 'made' } | { readonly kind: 'pushed'; readonly pushed: Pushed }

const CONNECTIONS = 4
const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS })
let url = ''
let made: BenchRequest[] = []
/** requests sent in this process's life: the next push goes on where the last one stopped */
let sent = 0

function post({ stream, body }: BenchRequest): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = {
      Authorization: AUTHORIZATION, 'Content-Type': 'application/x-protobuf', 'Content-Encoding': 'gzip',
      'Content-Length': body.length, 'stream-name': stream,
    }
    const outgoing = httpRequest(`${url}/api/default/v1/logs`, { method: 'POST', agent, headers }, (answer) => {
      answer.resume()
      answer.on('end', () => resolve(answer.statusCode ?? 0))
      answer.on('error', reject)
    })
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}

async function push(seconds: number, bytesPerSecond: number | null): Promise<Pushed> {
  const began = performance.now()
  const until = began + seconds * 1_000
  const answersMs: number[] = []
  let rawBytes = 0
  let refused = 0
  const lane = async (): Promise<void> => {
    for (;;) {
      // At a rate, a request is due when all before it have been paid for by time.
      const due = bytesPerSecond === null ? 0 : began + (rawBytes / bytesPerSecond) * 1_000
      const now = performance.now()
      if (Math.max(now, due) >= until) return
      const request = made[sent++ % made.length]!
      rawBytes += request.raw.length
      if (due > now) await new Promise((resolve) => { setTimeout(resolve, due - now) })
      const from = performance.now()
      if (await post(request) !== 200) refused++
      answersMs.push(performance.now() - from)
    }
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, lane))
  return { seconds: (performance.now() - began) / 1_000, requests: answersMs.length, rawBytes, refused, answersMs }
}

process.on('message', (message: ToClient) => {
  const tell = (answer: FromClient): void => void process.send!(answer)
  if (message.kind === 'push') void push(message.seconds, message.bytesPerSecond).then((pushed) => tell({ kind: 'pushed', pushed }))
  else {
    url = message.url
    made = new BenchLoad('protobuf', message.requestBytes, Date.now() * 1_000).take(message.rawBytes)
    tell({ kind: 'made' })
  }
})
