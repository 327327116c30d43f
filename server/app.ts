// Both apps behind one door on one port: what API Gateway does on AWS.
import { Hono } from 'hono'
import { createIngestApp } from '../functions/ingest/app.ts'
import { ingestRefusal } from '../functions/ingest/refusal.ts'
import { createQueryApp } from '../functions/query/app.ts'
import type { QueryAppOptions } from '../functions/query/options.ts'
import { door, type DoorEnv } from '../functions/door.ts'
import type { Authenticator } from '../lib/engine/access/login.ts'

export interface AppOptions extends QueryAppOptions {
  readonly authenticator: Authenticator
  readonly flush: () => Promise<void>
}

export function createApp(options: AppOptions): Hono<DoorEnv> {
  const { ports, settings, version, flush, authenticator } = options
  const app = new Hono<DoorEnv>()
  app.use(door({
    authenticator, clock: ports.clock, ids: ports.ids, telemetry: ports.telemetry,
    knownOrg: (org) => org === 'default',
    writeError: ingestRefusal,
  }))
  app.route('/', createIngestApp({ ports, settings, version, flush }))
  app.route('/', createQueryApp(options))
  return app
}
