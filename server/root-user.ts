// The first credentials: the root user (password from the environment, else generated) and, at the
// very first start, one ingestion token for agents. Secrets are printed once and kept only as hashes.
import { hashPassword, SALT_BYTES, verifyPassword } from '../lib/engine/access/password.ts'
import { PLATFORM, type UserDocument } from '../lib/engine/access/login.ts'
import { mintToken, TOKEN_ID_BYTES, TOKEN_SECRET_BYTES } from '../lib/engine/access/token.ts'
import type { Catalog, Clock } from '../lib/engine/ports.ts'

export interface FirstSecrets {
  /** set only when it was generated now */
  readonly password: string | null
  readonly ingestToken: string | null
}

/** 120 bits; base64url without the characters that get lost in copying */
const PASSWORD_RANDOM_BYTES = 15

/**
 * Makes the stored root user agree with the environment.
 * @param random a source of cryptographic random bytes
 */
export async function ensureRootUser(
  catalog: Catalog, clock: Clock, email: string, given: string | null, random: (bytes: number) => Uint8Array,
): Promise<FirstSecrets> {
  const found = await catalog.document(PLATFORM, 'user', email)
  const user = found?.value as UserDocument | undefined
  const password = given ?? (user === undefined ? Buffer.from(random(PASSWORD_RANDOM_BYTES)).toString('base64url') : null)
  if (password !== null) {
    const bytes = Buffer.from(password, 'utf8')
    if (user === undefined || !(await verifyPassword(bytes, user.phc))) {
      const document: UserDocument = { email, phc: await hashPassword(bytes, random(SALT_BYTES)), role: 'root', orgs: null }
      await catalog.putDocument(PLATFORM, 'user', email, document, found?.version ?? 0)
    }
  }
  return { password: given === null ? password : null, ingestToken: await ensureIngestToken(catalog, clock, random) }
}

async function ensureIngestToken(catalog: Catalog, clock: Clock, random: (bytes: number) => Uint8Array): Promise<string | null> {
  if ((await catalog.documents(PLATFORM, 'token')).length > 0) return null
  const token = mintToken(random(TOKEN_ID_BYTES + TOKEN_SECRET_BYTES), 'default', 'ingest', clock.now())
  await catalog.putDocument(PLATFORM, 'token', token.id, token.document, 0)
  return token.text
}
