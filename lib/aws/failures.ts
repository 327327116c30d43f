// How AWS's failures are told: in our words, with the kind that makes callers do the right thing. What
// may pass by itself is `unavailable` or `limited`: clients retry and the queue redelivers. So is a missing
// grant: whoever administers the account can mend it, and no row may be put aside for it meanwhile. What
// only our code can cause is `internal`, and names the action. What the SDK says, with its ARNs and
// request ids, stays in `cause` for the log.
import { EngineError } from '../model/errors.ts'

/** seconds after which a retry makes sense: sockets and shards recover at once, credentials in a while */
const RETRY_SOON = 1
const RETRY_LATER = 5

/** asked for too much, too quickly */
const THROTTLED: ReadonlySet<string> = new Set([
  'Throttling', 'ThrottlingException', 'ThrottledException', 'RequestThrottled', 'RequestThrottledException', 'RequestLimitExceeded',
  'ProvisionedThroughputExceededException', 'TooManyRequestsException', 'TooManyUpdates', 'OverLimit', 'KmsThrottled', 'BandwidthLimitExceeded',
])

/** the service is there and cannot just now; S3 tells some of these with 4xx */
const BUSY: ReadonlySet<string> = new Set(['SlowDown', 'ServiceUnavailable', 'InternalError', 'InternalServerError', 'RequestTimeout', 'OperationAborted'])

/** credentials that were good once; the environment brings fresh ones */
const STALE_CREDENTIALS: ReadonlySet<string> = new Set([
  'ExpiredToken', 'ExpiredTokenException', 'TokenRefreshRequired', 'RequestExpired', 'RequestTimeTooSkewed', 'CredentialsProviderError',
])

/** credentials that never were */
const BAD_CREDENTIALS: ReadonlySet<string> = new Set([
  'InvalidAccessKeyId', 'InvalidClientTokenId', 'InvalidToken', 'UnrecognizedClientException', 'SignatureDoesNotMatch', 'InvalidSignatureException',
  'IncompleteSignature', 'MissingAuthenticationToken', 'MissingAuthenticationTokenException', 'AuthorizationHeaderMalformed',
])

const DENIED: ReadonlySet<string> = new Set(['AccessDenied', 'AccessDeniedException', 'AllAccessDisabled', 'NotAuthorized', 'UnauthorizedOperation', 'KmsAccessDenied'])

/** not the bytes that were sent, or not those that were stored */
const DAMAGED: ReadonlySet<string> = new Set(['BadDigest', 'XAmzContentSHA256Mismatch', 'IncompleteBody'])

/** what the SDK throws, as far as we look at it; plain errors of sockets have a `code` */
interface ThrownByAws {
  readonly name?: unknown
  readonly code?: unknown
  readonly Code?: unknown
  readonly $metadata?: { readonly httpStatusCode?: number }
}

/** what the SDK calls an answer without a body, such as all failures of HEAD */
const UNNAMED = 'Unknown'

const thrown = (error: unknown): ThrownByAws => (typeof error === 'object' && error !== null ? error : {})

/** HTTP status of the answer, or 0 when there was none */
export const awsStatus = (error: unknown): number => thrown(error).$metadata?.httpStatusCode ?? 0

/** AWS's name of the failure (`NoSuchKey`...), without its namespace, or '' */
export function awsCode(error: unknown): string {
  const { name, Code } = thrown(error)
  // SQS: the JSON protocol's name, or the older query protocol's in `Code`, `AWS.SimpleQueueService.X`.
  const named = typeof name === 'string' && name !== 'Error' ? name : typeof Code === 'string' ? Code : ''
  const code = named.slice(Math.max(named.lastIndexOf('.'), named.lastIndexOf('#')) + 1)
  return code === UNNAMED ? '' : code
}

/** a grant is missing, as far as the answer says */
export function isDenied(error: unknown): boolean {
  const code = awsCode(error)
  return DENIED.has(code) || (code === '' && awsStatus(error) === 403)
}

/** Node's code of a failed socket, name look-up, TLS or HTTP parser (`ECONNRESET`...), or '' */
function socketCode(error: unknown): string {
  const { code } = thrown(error)
  return typeof code === 'string' && /^(E(?!RR_)[A-Z0-9_]+|ERR_(STREAM_PREMATURE_CLOSE|SSL|TLS)\w*|HPE_\w+|CERT_\w+)$/.test(code) ? code : ''
}

/** the SDK's own comparison of a queue's MD5s, which throws errors without a name */
const isMd5Failure = (error: unknown): boolean => error instanceof Error && /^(InvalidChecksumError$|Invalid MD5 checksum)/.test(error.message)

/**
 * What a call of AWS threw, as an EngineError; an EngineError passes through.
 * @param action IAM's name of what was asked for, e.g. `s3:PutObject`
 */
export function awsFailure(action: string, error: unknown): EngineError {
  if (error instanceof EngineError) return error
  const code = awsCode(error)
  const status = awsStatus(error)
  const unavailable = (reason: string, retryAfterSeconds = RETRY_SOON): EngineError =>
    new EngineError('unavailable', `${action} ${reason}`, { retryAfterSeconds, cause: error })
  const internal = (reason: string): EngineError => new EngineError('internal', `${action} ${reason}`, { cause: error })

  if (THROTTLED.has(code)) return new EngineError('limited', `${action} was throttled (${code})`, { retryAfterSeconds: RETRY_SOON, cause: error })
  if (STALE_CREDENTIALS.has(code)) return unavailable('was asked with credentials that have expired or cannot be had', RETRY_LATER)
  if (BAD_CREDENTIALS.has(code)) return unavailable(`was asked with credentials that are not valid (${code})`, RETRY_LATER)
  if (DAMAGED.has(code) || isMd5Failure(error)) return unavailable('was damaged on its way: its checksum differs')
  if (BUSY.has(code) || status >= 500) return unavailable(`cannot be served just now (${code === '' ? status : code})`)
  if (status === 429) return new EngineError('limited', `${action} was throttled`, { retryAfterSeconds: RETRY_SOON, cause: error })
  if (isDenied(error)) return unavailable('is not granted to this function', RETRY_LATER)
  const socket = socketCode(error)
  // The SDK calls a reset connection a timeout too.
  const isLate = (code === 'TimeoutError' || code === 'AbortError') && (socket === '' || socket === 'ETIMEDOUT')
  if (isLate) return unavailable('was not answered in time')
  if (socket !== '') return unavailable(`was not answered: the connection failed (${socket})`)
  // A good status and still a failure: the answer was cut off or is not AWS's.
  if (status >= 200 && status < 400) return unavailable('was answered with what cannot be read')
  return internal(status === 0 ? 'failed before it was sent' : `was refused (${code === '' ? status : code})`)
}

/** asks, and tells what is thrown in our words */
export async function asked<T>(action: string, request: () => Promise<T>): Promise<T> {
  try {
    return await request()
  } catch (error) {
    throw awsFailure(action, error)
  }
}
