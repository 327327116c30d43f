// The first credentials: the root user and one ingestion token for agents, made when there are none.
// Only their hashes are kept here. Embedded mode prints the secrets once; on AWS a store that people
// can read (SSM) holds them, and is asked first, so that what it holds is what the hashes are of.
import { EngineError } from '../../model/errors.ts'
import type { Catalog, Clock } from '../ports.ts'
import { PLATFORM, type UserDocument } from './login.ts'
import { hashPassword, SALT_BYTES, verifyPassword } from './password.ts'
import { mintToken, splitToken, TOKEN_ID_BYTES, TOKEN_SECRET_BYTES } from './token.ts'

/** a source of cryptographic random bytes */
export type Random = (bytes: number) => Uint8Array

export interface FirstSecrets {
  /** set only when it was generated now */
  readonly password: string | null
  readonly ingestToken: string | null
}

/** 120 bits; base64url without the characters that get lost in copying */
const PASSWORD_RANDOM_BYTES = 15
const TOKEN_ORG = 'default'

const newPassword = (random: Random): string => Buffer.from(random(PASSWORD_RANDOM_BYTES)).toString('base64url')
const newToken = (random: Random, clock: Clock) => mintToken(random(TOKEN_ID_BYTES + TOKEN_SECRET_BYTES), TOKEN_ORG, 'ingest', clock.now())

/**
 * Makes the stored root user agree with the environment, and a first token when there is none.
 * @param given the password of the environment; null: generated when there is no user
 */
export async function ensureRootUser(catalog: Catalog, clock: Clock, email: string, given: string | null, random: Random): Promise<FirstSecrets> {
  const found = await catalog.document(PLATFORM, 'user', email)
  const user = found?.value as UserDocument | undefined
  const password = given ?? (user === undefined ? newPassword(random) : null)
  if (password !== null && (user === undefined || !(await verifyPassword(Buffer.from(password, 'utf8'), user.phc)))) {
    await putRootUser(catalog, email, password, found?.version ?? 0, random)
  }
  return { password: given === null ? password : null, ingestToken: await ensureIngestToken(catalog, clock, random) }
}

async function putRootUser(catalog: Catalog, email: string, password: string, ifVersion: number, random: Random): Promise<void> {
  const phc = await hashPassword(Buffer.from(password, 'utf8'), random(SALT_BYTES))
  const document: UserDocument = { email, phc, role: 'root', orgs: null }
  await catalog.putDocument(PLATFORM, 'user', email, document, ifVersion)
}

async function ensureIngestToken(catalog: Catalog, clock: Clock, random: Random): Promise<string | null> {
  if ((await catalog.documents(PLATFORM, 'token')).length > 0) return null
  const token = newToken(random, clock)
  await catalog.putDocument(PLATFORM, 'token', token.id, token.document, 0)
  return token.text
}

/** Puts a secret where people can read it unless one is there; gives the one that stands. */
export type Keep = (secret: string) => Promise<string>

/**
 * A root user and a token whose secrets stand in a store. Done twice, or again after it broke off
 * anywhere, it ends the same. A user who is there is left alone: the password may have been changed
 * since. A token that was revoked stays revoked.
 * @throws EngineError of the catalog or the store; `malformed` when the store's token is none of ours
 */
export async function ensureKeptCredentials(
  catalog: Catalog, clock: Clock, random: Random, email: string, keepPassword: Keep, keepToken: Keep,
): Promise<void> {
  if (await catalog.document(PLATFORM, 'user', email) === null) {
    await putRootUser(catalog, email, await keepPassword(newPassword(random)), 0, random)
  }
  const text = await keepToken(newToken(random, clock).text)
  const token = splitToken(text)
  if (token === null) throw new EngineError('malformed', 'the kept ingest token has not the shape of a token: remove it, and a new one is made')
  // What is there already, a revoked one too, stands.
  const { id, document } = mintToken(Buffer.from(token.id + token.secret, 'hex'), TOKEN_ORG, 'ingest', clock.now())
  await catalog.putDocument(PLATFORM, 'token', id, document, 0)
}
