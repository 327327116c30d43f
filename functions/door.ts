// The door every request passes: route table, credential, permission, then the handler; and what
// every answer carries. Nothing behind it asks again who is calling.
import type { Context, MiddlewareHandler } from 'hono'
import { ERROR_KINDS, asEngineError, type EngineError } from '../lib/model/errors.ts'
import type { OrgId } from '../lib/model/stream.ts'
import { errorBody } from '../lib/api/errors.ts'
import type { Authenticator } from '../lib/engine/access/login.ts'
import { matchRoute, permit } from '../lib/engine/access/permit.ts'
import type { Clock, Ids, Telemetry } from '../lib/engine/ports.ts'

export interface DoorVariables {
  org: OrgId
  traceId: string
  principalName: string
}
export type DoorEnv = { Variables: DoorVariables }

export interface DoorOptions {
  readonly authenticator: Authenticator
  readonly clock: Clock
  readonly ids: Ids
  readonly telemetry: Telemetry
  /** organisations that exist; a credential for all of them still cannot make one by a typo */
  readonly knownOrg: (org: string) => boolean
  /** how a protocol writes an error; null: the common body */
  readonly writeError?: (c: Context, error: EngineError) => Response | null
}

export const SECURITY_HEADERS: readonly (readonly [string, string])[] = [
  ['X-Content-Type-Options', 'nosniff'],
  ['Referrer-Policy', 'no-referrer'],
  ['Content-Security-Policy', "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"],
  ['Strict-Transport-Security', 'max-age=31536000; includeSubDomains'],
  ['Cache-Control', 'no-store'],
]

/** the realm clients show when they ask for a password */
const CHALLENGE = 'Basic realm="obs"'

export function door(options: DoorOptions): MiddlewareHandler<DoorEnv> {
  return async (c, next) => {
    const start = options.clock.monotonicMs()
    c.set('traceId', options.ids.ulid())
    let route = 'none'
    try {
      const path = new URL(c.req.url).pathname
      const matched = matchRoute(c.req.method, path)
      route = matched.row.path
      if (matched.row.need !== null) {
        const principal = await options.authenticator.authenticate(c.req.header('authorization'))
        c.set('org', permit(principal, matched.row.need, matched.org, options.knownOrg))
        c.set('principalName', principal.name)
      }
      await next()
      if (c.error !== undefined) throw c.error
    } catch (thrown) {
      const error = asEngineError(thrown)
      c.res = refusal(c, error, options)
    }
    for (const [name, value] of SECURITY_HEADERS) if (!c.res.headers.has(name)) c.res.headers.set(name, value)
    const labels = { route, status: String(c.res.status) }
    options.telemetry.count('http_requests_total', 1, labels)
    options.telemetry.observe('http_request_duration_ms', options.clock.monotonicMs() - start, { route })
  }
}

function refusal(c: Context, error: EngineError, options: DoorOptions): Response {
  const row = ERROR_KINDS[error.kind]
  const fields = { slug: error.slug, traceId: c.get('traceId') as string, path: c.req.path, cause: causeText(error) }
  if (row.level !== 'info') options.telemetry.log(row.level, error.message, fields)
  const own = options.writeError?.(c, error) ?? null
  const response = own ?? Response.json(errorBody(error, c.get('traceId') as string), { status: row.status })
  if (error.kind === 'unauthenticated') response.headers.set('WWW-Authenticate', CHALLENGE)
  const after = error.detail.retryAfterSeconds ?? (row.status === 503 || row.status === 429 ? 5 : undefined)
  if (after !== undefined) response.headers.set('Retry-After', String(after))
  return response
}

function causeText(error: EngineError): string | undefined {
  const cause = error.detail.cause
  return cause instanceof Error ? (cause.stack ?? cause.message) : cause === undefined ? undefined : String(cause)
}
