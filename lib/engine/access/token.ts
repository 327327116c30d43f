// Tokens for machines: prefix, id and a 256-bit secret. A KDF for each ingestion request would cost
// more than the request, so tokens are random and only their SHA-256 is kept; they are looked up by id
// and compared in constant time.
import { createHash, timingSafeEqual } from 'node:crypto'
import type { Role } from '../../model/access.ts'
import type { Micros } from '../../model/time.ts'

export type TokenScope = 'ingest' | 'read' | 'admin'
export const SCOPE_ROLES: Readonly<Record<TokenScope, Role>> = { ingest: 'ingest', read: 'viewer', admin: 'admin' }

/** the document kept of a token; the secret itself is shown once and never again */
export interface TokenDocument {
  readonly org: string
  readonly scope: TokenScope
  /** hex */
  readonly secretSha256: string
  readonly createdAt: Micros
  readonly expiresAt: Micros | null
  readonly revoked: boolean
}

const SHAPE = /^(o2oi|nil)_([0-9a-f]{16})_([0-9a-f]{64})$/
export const TOKEN_ID_BYTES = 8
export const TOKEN_SECRET_BYTES = 32

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest()

/** @param random TOKEN_ID_BYTES + TOKEN_SECRET_BYTES random bytes */
export function mintToken(random: Uint8Array, org: string, scope: TokenScope, createdAt: Micros): { text: string; id: string; document: TokenDocument } {
  const hex = Buffer.from(random).toString('hex')
  const id = hex.slice(0, TOKEN_ID_BYTES * 2)
  const secret = hex.slice(TOKEN_ID_BYTES * 2)
  const document = { org, scope, secretSha256: sha256(secret).toString('hex'), createdAt, expiresAt: null, revoked: false }
  return { text: `${scope === 'ingest' ? 'o2oi' : 'nil'}_${id}_${secret}`, id, document }
}

/** id and secret of a text that has a token's shape, else null */
export function splitToken(text: string): { id: string; secret: string } | null {
  const m = SHAPE.exec(text)
  return m === null ? null : { id: m[2]!, secret: m[3]! }
}

export function tokenMatches(secret: string, document: TokenDocument, now: Micros): boolean {
  const equal = timingSafeEqual(sha256(secret), Buffer.from(document.secretSha256, 'hex'))
  return equal && !document.revoked && (document.expiresAt === null || now < document.expiresAt)
}
