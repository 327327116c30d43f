// Ports that a function has no use for and no grant: calling one is a bug, and says so.
import type { Blobs, Queue, Sql } from '../lib/engine/ports.ts'
import { EngineError } from '../lib/model/errors.ts'

const absent = (what: string) => (): Promise<never> => Promise.reject(new EngineError('internal', `this function has no ${what}`))

export const NO_SQL: Sql = { open: absent('SQL engine') }
export const NO_QUEUE: Queue = { send: absent('queue to send to') }
/** objects that a function only reads */
export const readOnly = ({ get }: Pick<Blobs, 'get'>): Blobs =>
  ({ get, put: absent('right to put objects'), list: absent('right to list objects'), delete: absent('right to delete objects') })
