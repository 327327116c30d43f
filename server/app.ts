// Both apps behind one door on one port: what API Gateway does on AWS.
import { Hono } from 'hono'
import { createIngestApp } from '../functions/ingest/app.ts'
import { ingestRefusal } from '../functions/ingest/refusal.ts'
import { createQueryApp } from '../functions/query/app.ts'
import type { QueryAppOptions } from '../functions/query/options.ts'
import { door, type DoorEnv } from '../functions/door.ts'
import type { Authenticator } from '../lib/engine/access/login.ts'
import { EngineError } from '../lib/model/errors.ts'

export interface AppOptions extends QueryAppOptions {
  readonly authenticator: Authenticator
  readonly flush: () => Promise<void>
}

export function createApp(options: AppOptions): Hono<DoorEnv> {
  const { ports, settings, version, flush, authenticator } = options
  // One trailing slash is the same path, as the door's table has it.
  const app = new Hono<DoorEnv>({ strict: false })
  app.use(door({
    authenticator, clock: ports.clock, ids: ports.ids, telemetry: ports.telemetry,
    knownOrg: (org) => org === 'default',
    writeError: ingestRefusal,
  }))
  app.route('/', createIngestApp({ ports, settings, version, flush }))
  app.route('/', createQueryApp(options))
  // The door tells every error, whatever stands here; Hono's own handlers would print its stack to
  // the log for each mistyped query, and answer what is missing in words of their own.
  app.onError((_error, c) => c.body(null, 500))
  app.notFound(() => {
    throw new EngineError('not_found', 'there is no such route: see docs/api.md for the paths and methods that exist')
  })
  return app
}
