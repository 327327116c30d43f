// Apps behind one door, as every deployment serves them: embedded mode both in one process, AWS each
// in a function of its own.
import { Hono } from 'hono'
import { EngineError } from '../lib/model/errors.ts'
import { door, type DoorEnv, type DoorOptions } from './door.ts'
import { ingestRefusal } from './ingest/refusal.ts'

export type BehindDoorOptions = Omit<DoorOptions, 'knownOrg' | 'writeError'>

export function behindDoor(options: BehindDoorOptions, apps: readonly Hono<DoorEnv>[]): Hono<DoorEnv> {
  // One trailing slash is the same path, as the door's table has it.
  const app = new Hono<DoorEnv>({ strict: false })
  app.use(door({ ...options, knownOrg: (org) => org === 'default', writeError: ingestRefusal }))
  for (const one of apps) app.route('/', one)
  // The door tells every error, whatever stands here; Hono's own handlers would print its stack to
  // the log for each mistyped query, and answer what is missing in words of their own.
  app.onError((_error, c) => c.body(null, 500))
  app.notFound(() => {
    throw new EngineError('not_found', 'there is no such route: see docs/api.md for the paths and methods that exist')
  })
  return app
}
