// The way in over HTTP: route -> engine -> reply. The door (functions/door.ts) has authenticated the
// caller and put its organisation into the context; the path's equals it.
import { Hono } from 'hono'
import type { Context } from 'hono'
import type { IngestProtocol } from '../../lib/api/ingest.ts'
import type { Route } from '../../lib/engine/ingest/decode/contract.ts'
import { asEngineError } from '../../lib/model/errors.ts'
import type { DoorEnv } from '../door.ts'
import { mountElastic } from './elastic.ts'
import { ingestRefusal } from './refusal.ts'
import { takeIn } from './take-in.ts'
import type { TakeInOptions } from './take-in.ts'

export interface IngestOptions extends TakeInOptions {
  readonly version: string
}

export function createIngestApp(options: IngestOptions): Hono<DoorEnv> {
  const app = new Hono<DoorEnv>()
  const take = (route: Route, protocol: IngestProtocol) => (c: Context<DoorEnv>) => takeIn(c, route, protocol, options)
  app.post('/api/:org/:stream/_json', take('json', 'json'))
  app.post('/api/:org/:stream/_multi', take('multi', 'json'))
  app.on(['POST', 'PUT'], ['/api/:org/_bulk', '/api/:org/:stream/_bulk'], take('bulk', 'bulk'))
  app.post('/api/:org/v1/logs', take('otlp-logs', 'otlp'))
  app.post('/v1/logs', take('otlp-logs', 'otlp'))
  mountElastic(app, options.version)
  app.onError((error, c) => ingestRefusal(c, asEngineError(error)) ?? Promise.reject(error))
  return app
}
