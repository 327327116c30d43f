// The way out over HTTP: search, streams and what operators ask. Mounted behind the door.
import { Hono } from 'hono'
import type { DoorEnv } from '../door.ts'
import type { QueryAppOptions } from './options.ts'
import { searchRoutes } from './routes/search.ts'
import { streamRoutes } from './routes/streams.ts'
import { operateRoutes } from './routes/operate.ts'

export function createQueryApp(options: QueryAppOptions): Hono<DoorEnv> {
  const app = new Hono<DoorEnv>()
  searchRoutes(app, options)
  streamRoutes(app, options)
  operateRoutes(app, options)
  return app
}
