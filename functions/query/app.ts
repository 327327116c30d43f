// The way out over HTTP: search, streams and what operators ask. Mounted behind the door.
import { Hono } from 'hono'
import type { DoorEnv } from '../door.ts'
import type { SearchState } from '../../lib/engine/query/search.ts'
import type { Ports } from '../../lib/engine/ports.ts'
import type { Settings } from '../../lib/engine/settings.ts'
import { searchRoutes } from './routes/search.ts'
import { streamRoutes } from './routes/streams.ts'
import { operateRoutes } from './routes/operate.ts'

export interface QueryAppOptions {
  readonly ports: Ports
  readonly settings: Settings
  readonly state: SearchState
  readonly version: string
  /** Prometheus text of this process */
  readonly renderMetrics: () => Promise<string> | string
  /** writes what is queued and resolves when it is searchable; absent where no writer can be hurried */
  readonly flush?: () => Promise<void>
}

export function createQueryApp(options: QueryAppOptions): Hono<DoorEnv> {
  const app = new Hono<DoorEnv>()
  searchRoutes(app, options)
  streamRoutes(app, options)
  operateRoutes(app, options)
  return app
}
