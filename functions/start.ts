// What every function begins with when Lambda loads it: its variables (lib/env.ts), clock, chance, log,
// and the deadline under which it repeats what failed. Counts stay in memory and are never written to
// the log: at a line for each request, logs would cost more than Lambda does.
import { createDeadline } from '../lib/aws/deadline.ts'
import { retried, type MethodOf } from '../lib/aws/retry.ts'
import { readEnv, type EntryEnv, type EntryName } from '../lib/env.ts'
import { systemClock } from '../lib/node/clock.ts'
import { createIds } from '../lib/node/ids.ts'
import { createTelemetry, type LogLevel } from '../lib/node/telemetry.ts'

const logLine = (line: string): void => void process.stdout.write(line)

/** @throws Error naming every variable that is missing or wrong, all at once */
export function startFunction<E extends EntryName>(entry: E) {
  const env: EntryEnv<E> = readEnv(entry, process.env)
  const clock = systemClock
  const ids = createIds(clock)
  const telemetry = createTelemetry({ clock, level: (env as { logLevel: LogLevel }).logLevel, write: logLine })
  const deadline = createDeadline(clock)
  /** the port, repeating what may be repeated while the invocation has time */
  const patient = <P extends object>(port: P, methods: readonly MethodOf<P>[]): P => retried(port, methods, { clock, ids, telemetry, deadline })
  return { env, clock, ids, telemetry, deadline, patient }
}

/**
 * Where AWS is and who we are there, as Lambda says it in the environment of every function. Given to the
 * clients, so that none of them goes through the chain of places where a developer's machine has it.
 */
function awsAccess(service: 'DYNAMODB' | 'SQS' | 'S3' | 'LAMBDA' | 'STS') {
  const { AWS_REGION: region, AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_SESSION_TOKEN: sessionToken } = process.env
  const endpoint = process.env[`AWS_ENDPOINT_URL_${service}`] ?? process.env['AWS_ENDPOINT_URL']
  return {
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === undefined ? {} : { region }),
    ...(accessKeyId === undefined || secretAccessKey === undefined
      ? {}
      : { credentials: { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) } }),
  }
}

export const DYNAMODB = awsAccess('DYNAMODB')
export const SQS = awsAccess('SQS')
export const LAMBDA = awsAccess('LAMBDA')
export const STS = awsAccess('STS')
/** an emulator has one host for all buckets */
export const S3 = { ...awsAccess('S3'), forcePathStyle: awsAccess('S3').endpoint !== undefined }
