// What DynamoDB's refusals mean in our words, where they differ from those of other services
// (failures.ts). Promises: what may have had an effect is `unavailable`, never anything more certain;
// what only slows down is `limited`.
import { TransactionCanceledException } from '@aws-sdk/client-dynamodb'
import type { CancellationReason } from '@aws-sdk/client-dynamodb'
import { EngineError } from '../model/errors.ts'
import type { ErrorSlug } from '../model/errors.ts'
import { awsCode, awsFailure } from './failures.ts'

/** DynamoDB's own exceptions that are more than a refusal */
const BY_CODE: Readonly<Record<string, readonly [ErrorSlug, string]>> = {
  TransactionConflictException: ['conflict', 'met another transaction on its item: try again'],
  TransactionInProgressException: ['unavailable', 'is still under way from an earlier request: send it again'],
  IdempotentParameterMismatchException: ['internal', 'was sent with the token of another transaction'],
}

/** a request that reached AWS later than its signature lives: nothing has happened, and its age must be judged anew */
const isOutOfDate = (error: unknown): boolean =>
  awsCode(error) === 'InvalidSignatureException' && /Signature (expired|not yet current)/.test(error instanceof Error ? error.message : '')

/**
 * Any error of a DynamoDB call but the two that answer a condition.
 * @param action IAM's name of what was asked for
 */
export function dynamoError(action: string, error: unknown): EngineError {
  const row = BY_CODE[awsCode(error)]
  if (row !== undefined) return new EngineError(row[0], `${action} ${row[1]}`, { cause: error })
  if (isOutOfDate(error)) return new EngineError('unavailable', `${action} arrived later than its signature lives`, { cause: error })
  return awsFailure(action, error)
}

/** reasons of a cancelled transaction that hold it up as a whole */
const BY_REASON: Readonly<Record<string, readonly [ErrorSlug, string]>> = {
  TransactionConflict: ['conflict', 'another transaction holds an item of this one: try again'],
  ThrottlingError: ['limited', 'the table takes no more transactions at present: slow down'],
  ProvisionedThroughputExceeded: ['limited', 'the table takes no more transactions at present: slow down'],
  RequestLimitExceeded: ['limited', 'the account takes no more transactions at present: slow down'],
}

/**
 * Why a transaction was cancelled, per change, in order; null: this change had nothing in its way.
 * @throws EngineError when anything but conditions cancelled it. A failed condition beside a conflict is
 * not told: the changes that met the conflict were never judged, and the repeated request tells all
 */
export function failedConditions(error: unknown, changes: number): readonly (CancellationReason | null)[] {
  if (!(error instanceof TransactionCanceledException)) throw dynamoError('dynamodb:TransactWriteItems', error)
  const reasons = error.CancellationReasons ?? []
  const other = reasons.find(({ Code }) => Code !== undefined && Code !== 'None' && Code !== 'ConditionalCheckFailed')
  if (other !== undefined) {
    const [slug, message] = BY_REASON[other.Code ?? ''] ?? ['internal', `DynamoDB does not take the transaction (${other.Code})`]
    throw new EngineError(slug, message, { cause: error })
  }
  const failed = reasons.map((reason) => (reason.Code === 'ConditionalCheckFailed' ? reason : null))
  // Nothing has happened; without a reason for each change nothing more is known.
  if (failed.length !== changes || failed.every((reason) => reason === null)) {
    throw new EngineError('unavailable', 'DynamoDB cancelled a transaction without saying why: send it again', { cause: error })
  }
  return failed
}
