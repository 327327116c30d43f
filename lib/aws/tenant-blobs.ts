// The second wall between organisations (`isolation: 'iam'`): an object is read with the credentials of
// a role that was assumed for its organisation alone, and whose policy names only keys of the session's
// tag. A fault of ours that asks for a neighbour's object is then refused by AWS.
import type { S3Client } from '@aws-sdk/client-s3'
import type { Blobs } from '../engine/ports.ts'
import { checkKey } from '../model/blob-key.ts'
import { assumeRole } from './assume-role.ts'
import { createBlobs, s3Client } from './blobs.ts'
import type { S3Options } from './blobs.ts'

export interface TenantBlobsOptions {
  readonly bucket: string
  /** of this function's own role, which may assume the tenants' and tag the session */
  readonly client: S3Client
  /** policy: `s3:GetObject` on `fresh/${aws:PrincipalTag/org}/*` and `data/org=${aws:PrincipalTag/org}/*` */
  readonly roleArn: string
  /** as the own client was made */
  readonly s3?: Pick<S3Options, 'forcePathStyle' | 'endpoint'>
  readonly stsEndpoint?: string
}

/** organisations whose credentials are kept; the one unused longest goes */
const TENANTS_MAX = 100

/** keys of rows, by lib/engine/store/layout.ts: an organisation's id is the first variable part */
const OWNED = /^(?:fresh\/|data\/org=)([a-z0-9][a-z0-9_-]{0,63})\//

/** @param own what is no organisation's rows (the answers of leaves) stays with the function's own role */
export function tenantBlobs(own: Blobs, options: TenantBlobsOptions): Blobs {
  /** the one used last is the last */
  const tenants = new Map<string, Blobs>()

  function tenant(org: string): Blobs {
    const blobs = tenants.get(org) ?? blobsOf(org, options)
    tenants.delete(org)
    tenants.set(org, blobs)
    if (tenants.size > TENANTS_MAX) tenants.delete(tenants.keys().next().value ?? '')
    return blobs
  }

  return {
    get: async (key, range) => {
      const org = OWNED.exec(checkKey(key))?.[1]
      return org === undefined ? own.get(key, range) : tenant(org).get(key, range)
    },
    put: (key, bytes) => own.put(key, bytes),
    list: (prefix, after) => own.list(prefix, after),
    delete: (key) => own.delete(key),
  }
}

/** The SDK keeps credentials until five minutes before they expire, and asks for them once however many wait. */
function blobsOf(org: string, { bucket, client, roleArn, s3 = {}, stsEndpoint }: TenantBlobsOptions): Blobs {
  const { config } = client
  const credentials = async () => assumeRole({
    roleArn, sessionName: `org=${org}`.slice(0, 64), tags: { org }, region: await config.region(),
    credentials: config.credentials, ...(stsEndpoint === undefined ? {} : { endpoint: stsEndpoint }),
  })
  // The tenants' role lists nothing: it would see its neighbours' keys.
  return createBlobs({ bucket, client: s3Client({ ...s3, credentials, connectionsOf: client }), deniedIsMissing: true })
}
