// Both apps behind one door on one port: what API Gateway does on AWS.
import type { Hono } from 'hono'
import { behindDoor } from '../functions/behind-door.ts'
import type { DoorEnv } from '../functions/door.ts'
import { createIngestApp } from '../functions/ingest/app.ts'
import { createQueryApp } from '../functions/query/app.ts'
import type { QueryAppOptions } from '../functions/query/options.ts'
import type { Authenticator } from '../lib/engine/access/login.ts'

export interface AppOptions extends QueryAppOptions {
  readonly authenticator: Authenticator
  readonly flush: () => Promise<void>
}

export function createApp(options: AppOptions): Hono<DoorEnv> {
  const { ports, settings, version, flush, authenticator } = options
  const { clock, ids, telemetry } = ports
  return behindDoor({ authenticator, clock, ids, telemetry }, [
    createIngestApp({ ports, settings, version, flush }), createQueryApp(options),
  ])
}
