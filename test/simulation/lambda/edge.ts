// The edge before the ingest function, and clients behind it: a request is answered within 29 seconds or
// with 504, an answer may be lost after its effect, and clients send again, with a key or without.
import { receive } from '../../../lib/engine/ingest/receive.ts'
import { asEngineError } from '../../../lib/model/errors.ts'
import type { OrgId } from '../../../lib/model/stream.ts'
import { MICROS_PER_DAY, MICROS_PER_SECOND } from '../../../lib/model/time.ts'
import { must } from '../invariants.ts'
import type { Cloud } from './cloud.ts'
import type { EnvironmentPorts } from './environment.ts'
import type { Handler, LambdaFunction } from './functions.ts'

export interface IngestEvent {
  readonly org: OrgId
  readonly stream: string
  readonly key: string | null
  readonly body: string
}

export interface IngestAnswer {
  readonly status: number
  readonly bid: string | null
}

/** API Gateway's integration timeout */
const EDGE_TIMEOUT = 29 * MICROS_PER_SECOND
const TRIES_MAX = 4

/** the ingest function, less HTTP and credentials: what is under test is the journey behind them */
export const ingestHandler = (cloud: Cloud) => ({ ports }: EnvironmentPorts): Handler<IngestEvent, IngestAnswer> => async ({ org, stream, key, body }) => {
  try {
    const { bid } = await receive(ports, cloud.world.settings, {
      org, route: 'json', format: 'json', stream, contentType: 'application/json', contentEncoding: null, idempotencyKey: key, body: Buffer.from(body),
    })
    return { status: 200, bid }
  } catch (error) {
    const { kind, message } = asEngineError(error)
    must(kind === 'unavailable', `a good request is refused: ${message}`)
    return { status: 503, bid: null }
  }
}

export class Clients {
  private readonly cloud: Cloud
  private readonly ingest: LambdaFunction<IngestEvent, IngestAnswer>
  private nextId = 0

  constructor(cloud: Cloud, ingest: LambdaFunction<IngestEvent, IngestAnswer>) {
    this.cloud = cloud
    this.ingest = ingest
  }

  send(org: OrgId, stream: string): void {
    const key = this.cloud.s.random.chance(0.5) ? `key-${this.nextId}` : null
    this.attempt({ org, stream, key, body: this.records() }, 1)
  }

  private records(): string {
    const { s } = this.cloud
    const { random } = s
    return JSON.stringify(Array.from({ length: 1 + random.int(3) }, () => ({
      id: this.nextId++,
      [random.pick(['a', 'b', 'c'])]: random.pick([1, 2.5, true, 'text', 'x'.repeat(random.int(200))]),
      ...(random.chance(0.2) ? { _timestamp: s.now - random.int(2) * MICROS_PER_DAY } : {}),
    })))
  }

  private attempt(event: IngestEvent, tries: number): void {
    const { cloud } = this
    const { s, world } = cloud
    let over = false
    const again = (): void => {
      if (over) return
      over = true
      if (tries >= TRIES_MAX) return
      cloud.probe(event.key === null ? 'retried without a key' : 'retried under a key')
      // Without a key a second request is a second message: the client means other rows by it.
      const next = event.key === null ? { ...event, body: this.records() } : event
      s.after(s.random.log(100_000, 60 * MICROS_PER_SECOND), () => this.attempt(next, tries + 1))
    }
    s.after(EDGE_TIMEOUT, () => {
      if (!over) cloud.probe('answered too late')
      again()
    })
    s.after(s.latency(0), () => this.ingest.invoke(event, (result) => {
      if (cloud.chance('answerLost')) {
        cloud.probe('answer of the edge lost')
        return
      }
      if (result.kind !== 'answer' || result.value.status !== 200) {
        // A throttle is 429, an error 502: the gateway turns both into what a client sends again.
        if (result.kind === 'throttled') cloud.probe('refused by the edge')
        again()
        return
      }
      // An answer that comes too late was nobody's: the client has sent again.
      if (over) return
      over = true
      const { bid } = result.value
      must(bid !== null, 'a good request was not queued')
      world.probe('accepted')
      world.check.accepted.add(bid)
      s.log(`accepted ${bid}`)
    }))
  }
}
