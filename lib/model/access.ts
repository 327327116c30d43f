// Who may do what, as data. A credential becomes a principal; a route needs a permission; the role
// decides. Roles are monotone: each holds all that the one below it holds (but `ingest`, which only writes).
import type { OrgId } from './stream.ts'

export type Permission = 'ingest' | 'read' | 'edit' | 'admin'
export type Role = 'root' | 'admin' | 'editor' | 'viewer' | 'ingest'

export const ROLE_PERMISSIONS: Readonly<Record<Role, ReadonlySet<Permission>>> = {
  root: new Set(['ingest', 'read', 'edit', 'admin']),
  admin: new Set(['ingest', 'read', 'edit', 'admin']),
  editor: new Set(['ingest', 'read', 'edit']),
  viewer: new Set(['read']),
  ingest: new Set(['ingest']),
}

export type CredentialKind = 'password' | 'token'

/** who is calling, as the authenticator found out; `orgs` null: every organisation (root) */
export interface Principal {
  readonly kind: CredentialKind
  /** email of the user, or id of the token */
  readonly name: string
  readonly role: Role
  readonly orgs: readonly OrgId[] | null
}
