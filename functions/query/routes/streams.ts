// `GET /api/{org}/streams` and a stream's schema.
import type { Context, Hono } from 'hono'
import type { DoorEnv } from '../../door.ts'
import { EngineError } from '../../../lib/model/errors.ts'
import { STREAM_TYPES, type StreamType } from '../../../lib/model/stream.ts'
import { listStreams, streamSchema, type StreamsQuery } from '../../../lib/engine/query/streams.ts'
import type { QueryAppOptions } from '../options.ts'

/** @throws EngineError invalid_type naming the types there are */
export function streamTypeOf(c: Context, fallback: StreamType | null): StreamType | null {
  const raw = c.req.query('type')
  if (raw === undefined || raw === '') return fallback
  const type = STREAM_TYPES.find((t) => t === raw)
  if (type === undefined) throw new EngineError('invalid_type', `the stream type '${raw}' does not exist: it is one of ${STREAM_TYPES.join(', ')}`)
  return type
}

function whole(c: Context, name: string, fallback: number): number {
  const raw = c.req.query(name)
  if (raw === undefined || raw === '') return fallback
  if (!/^\d{1,9}$/.test(raw)) throw new EngineError('invalid_type', `${name} is '${raw.slice(0, 40)}': it must be a whole number`)
  return Number(raw)
}

const SORTS = ['name', 'doc_num', 'storage_size', 'compressed_size'] as const

function streamsQuery(c: Context): StreamsQuery {
  return {
    type: streamTypeOf(c, null),
    fetchSchema: c.req.query('fetchSchema') === 'true',
    keyword: c.req.query('keyword') ?? '',
    offset: whole(c, 'offset', 0),
    limit: whole(c, 'limit', 0) || -1,
    sort: SORTS.find((s) => s === c.req.query('sort')) ?? 'name',
    ascending: c.req.query('asc') !== 'false',
  }
}

export function streamRoutes(app: Hono<DoorEnv>, { ports, settings }: QueryAppOptions): void {
  app.get('/api/:org/streams', async (c) => c.json(await listStreams(ports, settings, c.get('org'), streamsQuery(c))))
  app.get('/api/:org/streams/:stream/schema', async (c) => {
    const type = streamTypeOf(c, 'logs') ?? 'logs'
    return c.json(await streamSchema(ports, settings, c.get('org'), type, c.req.param('stream')))
  })
}
