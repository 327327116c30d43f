// From an Authorization header to a principal. Humans use Basic with a password (argon2id), machines
// a token as Bearer or as Basic's password. Unknown users cost the same work as known ones, successes
// (only) are remembered for a minute under a keyed hash, and while the catalog is down what is
// remembered goes on.
import { createHmac } from 'node:crypto'
import type { Principal, Role } from '../../model/access.ts'
import { EngineError } from '../../model/errors.ts'
import type { OrgId } from '../../model/stream.ts'
import { MICROS_PER_MS, type Micros } from '../../model/time.ts'
import type { Catalog, Clock, Document } from '../ports.ts'
import { PASSWORD_BYTES_MAX, PASSWORD_COST, phcOf, SALT_BYTES, verifyPassword } from './password.ts'
import { SCOPE_ROLES, splitToken, tokenMatches, type TokenDocument } from './token.ts'

/** documents of users and tokens stand under this name, which no organisation id can take */
export const PLATFORM = '_platform'

export interface UserDocument {
  readonly email: string
  readonly phc: string
  readonly role: Role
  /** null: every organisation */
  readonly orgs: readonly OrgId[] | null
}

/** how long and how many successes are remembered: bounded, and a changed password ends within it */
const REMEMBER_MS = 60_000
const REMEMBER_MAX = 1_000

export interface Authenticator {
  /** @throws EngineError unauthenticated, password_too_long, limited, unavailable */
  authenticate(authorization: string | undefined): Promise<Principal>
  /** password hashes computed so far; tests hold that unknown users cost as many as known ones */
  readonly hashes: () => number
}

interface Remembered {
  readonly principal: Principal
  /** when it was looked up, by both clocks: the monotonic one may stand still in a host that sleeps between requests */
  readonly atMs: number
  readonly at: Micros
}

const refuse = (): EngineError =>
  new EngineError('unauthenticated', 'the credentials are missing or wrong: send Authorization: Basic email:password, or Bearer with a token')

/** @param secret per-process random key, 32 bytes; it never leaves memory */
export async function createAuthenticator(catalog: Catalog, clock: Clock, secret: Uint8Array): Promise<Authenticator> {
  const remembered = new Map<string, Remembered>()
  // Requests that come together with one credential wait for one verification.
  const underWay = new Map<string, Promise<Principal>>()
  const dummy = newDummy(secret)
  let hashes = 0

  /** whatever went wrong, a client hears that it may try again: never that it is refused, never a conflict */
  async function lookUp(kind: 'user' | 'token', id: string): Promise<Document | null> {
    try {
      return await catalog.document(PLATFORM, kind, id)
    } catch (cause) {
      if (cause instanceof EngineError && cause.kind === 'limited') throw cause
      throw new EngineError('unavailable', 'the credentials could not be looked up just now: send it again', { cause })
    }
  }

  async function byPassword(email: string, password: Buffer): Promise<Principal> {
    if (password.length > PASSWORD_BYTES_MAX) {
      throw new EngineError('password_too_long', `the password is longer than ${PASSWORD_BYTES_MAX} bytes`)
    }
    const found = await lookUp('user', email.toLowerCase())
    const user = found?.value as UserDocument | undefined
    hashes++
    const right = await verifyPassword(password, user?.phc ?? dummy)
    if (!right || user === undefined) throw refuse()
    return { kind: 'password', name: user.email, role: user.role, orgs: user.orgs }
  }

  async function byToken(token: { id: string; secret: string }): Promise<Principal> {
    const found = await lookUp('token', token.id)
    if (found === null) throw refuse()
    const document = found.value as TokenDocument
    if (!tokenMatches(token.secret, document, clock.now())) throw refuse()
    return { kind: 'token', name: token.id, role: SCOPE_ROLES[document.scope], orgs: [document.org as OrgId] }
  }

  async function verify(authorization: string): Promise<Principal> {
    const { scheme, rest } = splitScheme(authorization)
    if (scheme === 'bearer') {
      const token = splitToken(rest)
      if (token === null) throw refuse()
      return byToken(token)
    }
    if (scheme !== 'basic') throw refuse()
    const pair = decodeBasic(rest)
    const token = splitToken(pair.password.toString('latin1'))
    return token === null ? byPassword(pair.email, pair.password) : byToken(token)
  }

  return {
    hashes: () => hashes,
    async authenticate(authorization) {
      if (authorization === undefined || authorization === '') throw refuse()
      const key = createHmac('sha256', secret).update(authorization).digest('base64')
      const atMs = clock.monotonicMs()
      const at = clock.now()
      const known = remembered.get(key)
      if (known !== undefined && isFresh(known, atMs, at)) return known.principal
      let verifying = underWay.get(key)
      if (verifying === undefined) {
        verifying = verify(authorization).finally(() => underWay.delete(key))
        underWay.set(key, verifying)
      }
      const principal = await verifying
      remembered.delete(key)
      if (remembered.size >= REMEMBER_MAX) remembered.delete(remembered.keys().next().value!)
      remembered.set(key, { principal, atMs, at })
      return principal
    },
  }
}

/**
 * What an unknown user's password is verified against: a hash of ours with a tag that no password gives
 * but by chance. Made without hashing, which would be on the way of every cold start; verifying costs
 * what a known user's does, for that depends on the hash's parameters alone.
 */
function newDummy(secret: Uint8Array): string {
  const part = (label: string): Buffer => createHmac('sha256', secret).update(label).digest()
  return phcOf(part('dummy salt').subarray(0, SALT_BYTES), part('dummy tag'), PASSWORD_COST)
}

function isFresh(known: Remembered, nowMs: number, now: Micros): boolean {
  const wallMs = (now - known.at) / MICROS_PER_MS
  return nowMs - known.atMs < REMEMBER_MS && wallMs >= 0 && wallMs < REMEMBER_MS
}

function splitScheme(header: string): { scheme: string; rest: string } {
  const space = header.indexOf(' ')
  if (space < 0) return { scheme: header.toLowerCase(), rest: '' }
  return { scheme: header.slice(0, space).toLowerCase(), rest: header.slice(space + 1).trim() }
}

/** RFC 7617; a text that cannot be split is a user nobody is, so that it costs the same work */
function decodeBasic(text: string): { email: string; password: Buffer } {
  const bytes = Buffer.from(text, 'base64')
  const colon = bytes.indexOf(0x3a)
  if (colon < 0) return { email: '', password: bytes }
  return { email: bytes.toString('utf8', 0, colon), password: bytes.subarray(colon + 1) }
}
