// One table of every route: method, exact path shape, what it needs. What is not in it does not
// exist; a token that may only write cannot reach anything else, whatever a path contains.
import type { Permission, Principal } from '../../model/access.ts'
import { ROLE_PERMISSIONS } from '../../model/access.ts'
import { EngineError } from '../../model/errors.ts'
import { checkOrgShape, type OrgId } from '../../model/stream.ts'

export interface RouteRow {
  readonly methods: readonly string[]
  /** `:org` is checked against the credential; a last `*` stands for one or more segments */
  readonly path: string
  /** null: anybody */
  readonly need: Permission | null
}

const GET = ['GET', 'HEAD'] as const
const POST = ['POST'] as const
const ANY_ES = ['GET', 'HEAD', 'PUT', 'POST'] as const

export const ROUTES: readonly RouteRow[] = [
  { methods: GET, path: '/healthz', need: null },
  { methods: GET, path: '/config', need: null },
  { methods: GET, path: '/metrics', need: 'admin' },
  { methods: ['PUT'], path: '/node/flush', need: 'ingest' },
  { methods: POST, path: '/v1/logs', need: 'ingest' },
  { methods: POST, path: '/api/:org/v1/logs', need: 'ingest' },
  { methods: ['POST', 'PUT'], path: '/api/:org/_bulk', need: 'ingest' },
  { methods: ['POST', 'PUT'], path: '/api/:org/:stream/_bulk', need: 'ingest' },
  { methods: POST, path: '/api/:org/:stream/_json', need: 'ingest' },
  { methods: POST, path: '/api/:org/:stream/_multi', need: 'ingest' },
  { methods: GET, path: '/api/:org', need: 'ingest' },
  { methods: GET, path: '/api/:org/_license', need: 'ingest' },
  { methods: GET, path: '/api/:org/_xpack', need: 'ingest' },
  { methods: GET, path: '/api/:org/_cluster/health', need: 'ingest' },
  { methods: GET, path: '/api/:org/_nodes/http', need: 'ingest' },
  { methods: ANY_ES, path: '/api/:org/_ilm/policy/*', need: 'ingest' },
  { methods: ANY_ES, path: '/api/:org/_index_template/*', need: 'ingest' },
  { methods: ANY_ES, path: '/api/:org/_template/*', need: 'ingest' },
  { methods: ANY_ES, path: '/api/:org/_data_stream/*', need: 'ingest' },
  { methods: ANY_ES, path: '/api/:org/_ingest/pipeline/*', need: 'ingest' },
  { methods: POST, path: '/api/:org/_search', need: 'read' },
  { methods: GET, path: '/api/:org/streams', need: 'read' },
  { methods: GET, path: '/api/:org/streams/:stream/schema', need: 'read' },
]

export interface MatchedRoute {
  readonly row: RouteRow
  /** the decoded organisation of the path, shape checked; null when the path has none */
  readonly org: string | null
}

/**
 * The row that serves a request. The path is cut at its own slashes and each segment decoded once,
 * here; one that cannot be decoded matches nothing, and a `%2F` stays inside its segment.
 * @param path as received, without the query string
 * @throws EngineError not_found, invalid_org
 */
export function matchRoute(method: string, path: string): MatchedRoute {
  const segments = splitPath(path)
  if (segments !== null) {
    for (const row of ROUTES) {
      if (!row.methods.includes(method)) continue
      const org = matchShape(row.path, segments)
      if (org !== undefined) return { row, org: org === null ? null : checkOrgShape(org) }
    }
  }
  throw new EngineError('not_found', 'there is no such route: see docs/api.md for the paths and methods that exist')
}

/** one trailing slash is the same path; an empty segment elsewhere is none of ours */
function splitPath(path: string): string[] | null {
  const raw = path.replace(/\/$/, '').split('/').slice(1)
  const out: string[] = []
  for (const segment of raw) {
    if (segment === '') return null
    try {
      out.push(decodeURIComponent(segment))
    } catch {
      return null
    }
  }
  return out
}

/** undefined: no match; else the value of `:org`, or null when the shape has none */
function matchShape(shape: string, segments: readonly string[]): string | null | undefined {
  const parts = shape.split('/').slice(1)
  const open = parts.at(-1) === '*'
  if (open ? segments.length < parts.length : segments.length !== parts.length) return undefined
  let org: string | null = null
  for (const [i, part] of parts.entries()) {
    if (part === '*') break
    const value = segments[i]!
    if (part === ':org') org = value
    else if (!part.startsWith(':') && part !== value) return undefined
  }
  return org
}

/**
 * Whether a principal may do what a route needs in an organisation; gives the organisation its brand.
 * @param org of the path; null: the credential's own (root and many-org users: `default`)
 * @throws EngineError org, scope, role
 */
export function permit(principal: Principal, need: Permission, org: string | null, known: (org: string) => boolean): OrgId {
  const own = principal.orgs?.[0] ?? 'default'
  const wanted = org ?? own
  const member = principal.orgs === null ? known(wanted) : (principal.orgs as readonly string[]).includes(wanted)
  if (!member) throw new EngineError('org', 'the credential does not belong to this organisation, or there is no such organisation')
  if (!ROLE_PERMISSIONS[principal.role].has(need)) {
    const slug = principal.kind === 'token' ? 'scope' : 'role'
    throw new EngineError(slug, `the credential may not do this: it needs the permission ${need}`)
  }
  return wanted as OrgId
}
