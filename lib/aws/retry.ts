// Repeating what may pass by itself: one decorator over any port. It waits with full jitter, doubling,
// so that those who failed together do not meet again; it has a budget of tries and a deadline, after
// which the last error rises: better an honest 503 than a function that is cut off while it sleeps.
import type { Clock, Ids, Telemetry } from '../engine/ports.ts'
import { asEngineError } from '../model/errors.ts'
import type { ErrorKind } from '../model/errors.ts'
import type { Deadline } from './deadline.ts'

export interface RetryOptions {
  readonly clock: Pick<Clock, 'sleep'>
  readonly ids: Pick<Ids, 'random'>
  readonly telemetry: Pick<Telemetry, 'count'>
  readonly deadline: Deadline
  /** the first included; default 4: a socket that died in a frozen function, then three waits */
  readonly triesMax?: number
  /** the longest wait before the second try, milliseconds; doubles with each; default 50 */
  readonly waitMs?: number
  /** no wait is longer; default 2,000 */
  readonly waitMsMax?: number
  /** what another try and the answer after it take: with less left, none begins; default 500 */
  readonly tryMs?: number
}

/** the caller of these may ask again, says the table of kinds; `timeout` is a query's and would fail again */
const REPEATED: ReadonlySet<ErrorKind> = new Set(['conflict', 'unavailable', 'limited'])

/**
 * Which methods may be repeated, the same request with the same effect however often it arrives:
 * - blobs.get, list: reads. delete: a missing key is no error. put: the first bytes stand, so a put whose
 *   answer was lost finds its own object and says `exists`. Our keys are named by an id of one attempt, or
 *   by a hash or a bid that names the bytes: `exists` is then as good as `created`, and no caller tells
 *   them apart but to count. The writer's pack is repeated by the engine (ingest/commit.ts) under the age
 *   check of its attempt, so its handler leaves `put` out.
 * - queue.send: two messages of one bid; their claim lets one in.
 * - catalog: reads; createStream and remember answer with what stands, their own item included; putSchema
 *   answers its own repetition with false, on which its callers read again and find their fields.
 *   Not commit: the engine repeats it under the age check. Not putDocument: a person would hear that
 *   somebody else changed what they changed themselves.
 * - parameters.get; putIfAbsent answers with what stands. deadLetters.done: as delete. Not
 *   deadLetters.receive: each hides other messages.
 * - leaves.scan may be repeated too, but is not here: the search sends a failed share to another leaf, in
 *   halves (query/scatter.ts).
 */
export const REPEATABLE = {
  blobs: ['get', 'list', 'put', 'delete'],
  queue: ['send'],
  catalog: ['list', 'stream', 'streams', 'createStream', 'schema', 'putSchema', 'remember', 'document', 'documents'],
  parameters: ['get', 'putIfAbsent'],
  deadLetters: ['done'],
} as const

type Asynchronous = (...args: readonly unknown[]) => Promise<unknown>

/** names of a port's methods that answer later */
export type MethodOf<P> = { readonly [K in keyof P]: P[K] extends (...args: never[]) => Promise<unknown> ? K : never }[keyof P] & string

/**
 * The port, with the named methods repeated on errors that say so.
 * @throws what the last try threw
 */
export function retried<P extends object>(port: P, methods: readonly MethodOf<P>[], options: RetryOptions): P {
  const names: ReadonlySet<string> = new Set(methods)
  return new Proxy(port, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name)
      if (typeof member !== 'function') return member
      const call: Asynchronous = (...args) => Reflect.apply(member, target, args) as Promise<unknown>
      return typeof name === 'string' && names.has(name) ? (...args: readonly unknown[]) => repeated(name, () => call(...args), options) : call
    },
  })
}

async function repeated<T>(operation: string, request: () => Promise<T>, options: RetryOptions): Promise<T> {
  const { clock, ids, telemetry, deadline, triesMax = 4, waitMs = 50, waitMsMax = 2_000, tryMs = 500 } = options
  for (let tries = 1; ; tries += 1) {
    try {
      return await request()
    } catch (error) {
      const { kind } = asEngineError(error)
      if (!REPEATED.has(kind) || tries >= triesMax) throw error
      const wait = ids.random() * Math.min(waitMs * 2 ** (tries - 1), waitMsMax)
      if (wait + tryMs > deadline.remainingMs()) throw error
      telemetry.count('request_repeated', 1, { operation, kind })
      await clock.sleep(wait)
    }
  }
}
