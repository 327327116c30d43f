// CloudFormation's protocol for resources of one's own: an event, some work, and the outcome PUT to the
// URL the event names. Promises: whatever happens is told, in time and with the reason, for a stack
// that is told nothing waits until its timeout. Protocol: docs.aws.amazon.com/AWSCloudFormation/latest/
// UserGuide/crpg-ref.html
import { setTimeout as sleep } from 'node:timers/promises'
import { asEngineError } from '../../lib/model/errors.ts'
import type { LambdaContext } from '../lambda.ts'
import { tell, TELL_MS_MAX } from './tell.ts'

export interface SetupEvent {
  readonly RequestType: 'Create' | 'Update' | 'Delete'
  readonly ResponseURL: string
  readonly StackId: string
  readonly RequestId: string
  readonly LogicalResourceId: string
  readonly PhysicalResourceId?: string
  readonly ResourceProperties: Readonly<Record<string, unknown>>
}

export interface SetupWork {
  /** makes what is missing; Create and Update are the same to it */
  ensure(): Promise<void>
  /** only asked when the stack's data goes with it */
  remove(): Promise<void>
}

/** there is one in a stack: an update that named another would have this one deleted */
const PHYSICAL_ID = 'nilometer-first-credentials'
/** CloudFormation takes 4,096 bytes in all */
const REASON_CHARACTERS_MAX = 1_000

/** Never throws: Lambda would run it again, and CloudFormation would hear nothing. */
export async function setUp(event: SetupEvent, context: LambdaContext, start: () => SetupWork): Promise<void> {
  let reason: string | null = null
  const over = new AbortController()
  try {
    const timeLeft = Math.max(context.getRemainingTimeInMillis() - TELL_MS_MAX, 0)
    const late = sleep(timeLeft, undefined, { signal: over.signal }).then(() => Promise.reject(new Error('the time was over before the work was done')))
    await Promise.race([work(event, start), late])
  } catch (error) {
    reason = reasonOf(error, context)
  } finally {
    over.abort()
  }
  const outcome = {
    Status: reason === null ? 'SUCCESS' : 'FAILED',
    Reason: reason ?? 'done',
    PhysicalResourceId: event.PhysicalResourceId ?? PHYSICAL_ID,
    StackId: event.StackId, RequestId: event.RequestId, LogicalResourceId: event.LogicalResourceId,
  }
  await tell(event.ResponseURL, JSON.stringify(outcome))
}

async function work({ RequestType, ResourceProperties }: SetupEvent, start: () => SetupWork): Promise<void> {
  if (RequestType !== 'Delete') return start().ensure()
  if (ResourceProperties['onDelete'] === 'remove') return start().remove()
}

/** for whoever deploys: what failed, and the cause, which no other reader is shown */
function reasonOf(thrown: unknown, { functionName, awsRequestId }: LambdaContext): string {
  const error = thrown instanceof Error && !('slug' in thrown) ? thrown : asEngineError(thrown)
  const cause = asEngineError(thrown).detail.cause
  const because = cause instanceof Error && cause !== thrown ? ` (${cause.message})` : ''
  return `${error.message}${because}; ${functionName}, request ${awsRequestId}`.slice(0, REASON_CHARACTERS_MAX)
}
