// STS's AssumeRole for the roles of organisations, and what S3 lets their sessions do: the policy of the
// stack's tenant role, by the session's tag `org`. Every other key may do everything, as on fauxqs.
import { randomBytes } from 'node:crypto'
import { awsError, header } from './request.ts'
import type { Forward } from './request.ts'

const SESSION_MS = 3_600_000

export interface TenantRoles {
  readonly sts: Forward
  /** refuses a session what its tag does not name */
  readonly guard: (forward: Forward) => Forward
}

export function tenantRoles(): TenantRoles {
  /** organisation by access key */
  const sessions = new Map<string, string>()

  const sts: Forward = async (request) => {
    const form = new URLSearchParams(request.body.toString('utf8'))
    const org = form.get('Tags.member.1.Key') === 'org' ? form.get('Tags.member.1.Value') : null
    if (request.operation !== 'AssumeRole' || org === null) return awsError(request, 403, 'AccessDenied', 'only tagged sessions are granted')
    const key = `ASIA${randomBytes(8).toString('hex').toUpperCase()}`
    sessions.set(key, org)
    const credentials = `<AccessKeyId>${key}</AccessKeyId><SecretAccessKey>${randomBytes(30).toString('base64')}</SecretAccessKey>`
      + `<SessionToken>${randomBytes(60).toString('base64')}</SessionToken><Expiration>${new Date(Date.now() + SESSION_MS).toISOString()}</Expiration>`
    const xml = `<AssumeRoleResponse><AssumeRoleResult><Credentials>${credentials}</Credentials></AssumeRoleResult></AssumeRoleResponse>`
    return { status: 200, headers: { 'content-type': 'text/xml' }, body: Buffer.from(xml) }
  }

  const guard = (forward: Forward): Forward => async (request) => {
    const key = /Credential=([^/]+)\//.exec(header(request, 'authorization') ?? '')?.[1] ?? ''
    const org = sessions.get(key)
    if (org === undefined) return forward(request)
    const granted = (request.operation === 'GetObject' || request.operation === 'HeadObject') && [`fresh/${org}/`, `data/org=${org}/`].some((prefix) => request.key.startsWith(prefix))
    const answer = granted ? await forward(request) : null
    // The role has no s3:ListBucket: S3 does not tell it whether an object exists.
    return answer === null || answer.status === 404 ? awsError(request, 403, 'AccessDenied', 'Access Denied') : answer
  }

  return { sts, guard }
}
