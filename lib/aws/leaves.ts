// The port Leaves on Lambda: one share is one invocation that is waited for. It is asked once; scatter
// (engine/query/scatter.ts) decides what is sent again, and to whom.
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda'
import type { Blobs, Leaves } from '../engine/ports.ts'
import { assert, EngineError } from '../model/errors.ts'
import { clientConfig } from './client-options.ts'
import type { ClientLimits, ClientOptions } from './client-options.ts'
import { asked } from './failures.ts'
import { encodeShare, readReply } from './leaf-wire.ts'

/** a leaf answers when it has scanned, so the longest silence is the longest query; a socket for each leaf of one, and of its hedges */
const LIMITS: ClientLimits = { connectionTimeoutMs: 2_000, requestTimeoutMs: 310_000, silenceTimeoutMs: 310_000, socketsMax: 128 }
/** of an invocation's payload, bytes: lambda limits, 6 MB */
const PAYLOAD_BYTES_MAX = 6 * 2 ** 20
/** what an answer may need on its way when the leaf has used all of its time, milliseconds */
const GRACE_MS = 1_000

export interface LeavesOptions {
  readonly functionName: string
  readonly client: LambdaClient
  /** where leaves put answers that do not fit a reply */
  readonly blobs: Pick<Blobs, 'get'>
}

export const lambdaClient = (options: ClientOptions = {}): LambdaClient => new LambdaClient(clientConfig(options, LIMITS))

export function createLeaves({ functionName, client, blobs }: LeavesOptions): Leaves {
  return {
    async scan(share) {
      const Payload = Buffer.from(encodeShare(share))
      assert(Payload.length <= PAYLOAD_BYTES_MAX, 'a share fits an invocation: it has at most shareSlicesMax slices')
      const command = new InvokeCommand({ FunctionName: functionName, InvocationType: 'RequestResponse', Payload })
      const abortSignal = AbortSignal.timeout(share.deadlineMs + GRACE_MS)
      const answer = await asked('lambda:InvokeFunction', () => client.send(command, { abortSignal }))
      const reply = parsed(answer.Payload)
      if (answer.FunctionError !== undefined) throw ended(reply)
      return readReply(reply, share, blobs)
    },
  }
}

function parsed(payload: Uint8Array | undefined): unknown {
  try {
    return JSON.parse(Buffer.from(payload ?? []).toString('utf8')) as unknown
  } catch {
    // readReply says what is wrong with it.
    return null
  }
}

/** Lambda's own words for a function that ran out of time or memory, answered too much, or broke */
function ended(reply: unknown): EngineError {
  const type = typeof reply === 'object' && reply !== null && 'errorType' in reply ? String(reply.errorType).slice(0, 100) : 'unknown'
  return new EngineError('unavailable', `a leaf ended before it answered (${type})`, { retryAfterSeconds: 1, cause: reply })
}
