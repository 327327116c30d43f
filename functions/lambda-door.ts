// The door on Lambda: event -> request -> app -> result. It always answers, in the caller's protocol,
// and before Lambda would end the invocation; nothing is begun after the answer, for then Lambda freezes.
import type { InvocationDeadline } from '../lib/aws/deadline.ts'
import type { Telemetry } from '../lib/engine/ports.ts'
import { EngineError } from '../lib/model/errors.ts'
import { refusalOf } from './lambda-refusal.ts'
import { requestOf } from './lambda-event.ts'
import { resultOf } from './lambda-result.ts'
import type { LambdaContext, LambdaResult } from './lambda.ts'

export interface LambdaDoorOptions {
  readonly app: { fetch(request: Request): Response | Promise<Response> }
  readonly deadline: InvocationDeadline
  readonly telemetry: Telemetry
  /** sees each request before the app does; must not throw */
  readonly onRequest?: (request: Request) => void
}

/** what is left of an invocation for writing its answer */
const MARGIN_MS = 500
const RETRY = { retryAfterSeconds: 5 } as const

export function lambdaDoor({ app, deadline, telemetry, onRequest }: LambdaDoorOptions) {
  return async (event: unknown, context: LambdaContext): Promise<LambdaResult> => {
    deadline.begin(context.getRemainingTimeInMillis())
    const { version, request } = requestOf(event) ?? { version: 2 as const, request: null }
    const tell = async (error: EngineError): Promise<LambdaResult> => (await resultOf(version, null, refusalOf(request, error, context.awsRequestId)))!
    if (request === null) return tell(new EngineError('malformed', 'the event is no request of API Gateway or of a function URL'))
    try {
      onRequest?.(request)
      const response = await before(deadline.remainingMs() - MARGIN_MS, app.fetch(request))
      if (response === null) return await tell(lateOf(request))
      return (await resultOf(version, request.headers.get('accept-encoding'), response)) ?? (await tell(tooLong()))
    } catch (error) {
      telemetry.log('error', 'a request failed', { cause: String((error as Error).stack ?? error) })
      return tell(new EngineError('unavailable', 'the request could not be answered just now: send it again', RETRY))
    }
  }
}

/** null: it took longer */
async function before<T>(ms: number, work: T | Promise<T>): Promise<T | null> {
  const { promise: over, resolve } = Promise.withResolvers<null>()
  const timer = setTimeout(() => resolve(null), Math.max(0, ms))
  try {
    return await Promise.race([work, over])
  } finally {
    clearTimeout(timer)
  }
}

/** a search that was too slow will be so again; anything else may be tried again as it is */
function lateOf({ url }: Request): EngineError {
  if (!new URL(url).pathname.endsWith('/_search')) return new EngineError('unavailable', 'the request took too long: send it again', RETRY)
  return new EngineError('query_timeout', 'the query ran longer than this deployment may: narrow the range', { code: 20010 })
}

const tooLong = (): EngineError =>
  new EngineError('too_costly', 'the answer is longer than this deployment may send: ask for less at once, or accept gzip')
