// Credentials of a role that only reads for one organisation: a session of it, tagged (`isolation: 'iam'`).
// One request of STS's query protocol, docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html;
// one more client of the SDK would be a fifth of the leaf's start.
import { EngineError } from '../model/errors.ts'
import type { Credentials } from './client-options.ts'
import { asked } from './failures.ts'
import { exchange, textOf, transportOf, xmlFailure, xmlText, type LeanAnswer, type Limits } from './lean-request.ts'
import { signPost } from './sign-post.ts'

export interface RoleToAssume {
  readonly roleArn: string
  /** for the log of who did what: 2 to 64 characters of letters, digits and `+=,.@-` */
  readonly sessionName: string
  /** what the role's policy looks at */
  readonly tags: Readonly<Record<string, string>>
  readonly region: string
  /** of the function's own role */
  readonly credentials: () => Promise<Credentials>
  readonly endpoint?: string
}

/** a role that takes a role has an hour at most */
const SESSION_SECONDS = 3_600
const CONTENT_TYPE = 'application/x-www-form-urlencoded'
const LIMITS: Limits = { connectionTimeout: 2_000, requestTimeout: 5_000, socketTimeout: 5_000 }
const RETRY_AFTER_SECONDS = 1

/**
 * A new session, good for an hour.
 * @throws EngineError `limited`, `unavailable` (also when it is denied: grants that were just made take a
 *   while), `internal`
 */
export const assumeRole = (role: RoleToAssume): Promise<Credentials> => asked('sts:AssumeRole', async () => sessionOf(await ask(role)))

async function ask({ roleArn, sessionName, tags, region, credentials, endpoint }: RoleToAssume): Promise<LeanAnswer> {
  const form = new URLSearchParams({ Action: 'AssumeRole', Version: '2011-06-15', RoleArn: roleArn, RoleSessionName: sessionName, DurationSeconds: String(SESSION_SECONDS) })
  for (const [i, [key, value]] of Object.entries(tags).entries()) {
    form.set(`Tags.member.${i + 1}.Key`, key)
    form.set(`Tags.member.${i + 1}.Value`, value)
  }
  const body = form.toString()
  const url = new URL(endpoint ?? `https://sts.${region}.amazonaws.com`)
  const headers = signPost({ host: url.host, contentType: CONTENT_TYPE, body, service: 'sts', region, at: new Date(), credentials: await credentials() })
  // Asked once an hour and organisation: no connection is kept for it.
  const transport = transportOf(url.protocol, {})
  return exchange(transport, { endpoint: url, headers, body }, LIMITS)
}

/** no part of the answer is ever told: it holds a secret */
function sessionOf(answer: LeanAnswer): Credentials {
  if (answer.status !== 200) throw xmlFailure(answer)
  const text = textOf(answer)
  const part = (name: string): string => xmlText(text, name)
  const [accessKeyId, secretAccessKey, sessionToken] = [part('AccessKeyId'), part('SecretAccessKey'), part('SessionToken')]
  const expiration = new Date(part('Expiration'))
  if (accessKeyId === '' || secretAccessKey === '' || sessionToken === '' || Number.isNaN(expiration.getTime())) {
    throw new EngineError('unavailable', 'sts:AssumeRole was answered with what cannot be read', { retryAfterSeconds: RETRY_AFTER_SECONDS })
  }
  return { accessKeyId, secretAccessKey, sessionToken, expiration }
}
