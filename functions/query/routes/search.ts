// `POST /api/{org}/_search`: body to query, answer to bytes.
import type { Context, Hono } from 'hono'
import type { DoorEnv } from '../../door.ts'
import { SEARCH_REQUEST } from '../../../lib/api/search.ts'
import { EngineError } from '../../../lib/model/errors.ts'
import { checkQuery, type Query } from '../../../lib/engine/query/query.ts'
import { search } from '../../../lib/engine/query/search.ts'
import { decodeBase64Sql } from '../../../lib/engine/query/sql/parse.ts'
import type { Settings } from '../../../lib/engine/settings.ts'
import type { QueryAppOptions } from '../options.ts'
import { streamTypeOf } from './streams.ts'

/** a search request holds one statement and some numbers */
const BODY_BYTES_MAX = 1 << 20

async function jsonBody(c: Context): Promise<unknown> {
  if (Number(c.req.header('content-length') ?? 0) > BODY_BYTES_MAX) {
    throw new EngineError('payload_too_large', `the request body is longer than ${BODY_BYTES_MAX} bytes`)
  }
  const text = await c.req.text()
  if (text.length > BODY_BYTES_MAX) throw new EngineError('payload_too_large', `the request body is longer than ${BODY_BYTES_MAX} bytes`)
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new EngineError('malformed', 'the request body is not valid JSON', { cause })
  }
}

export function queryOf(c: Context<DoorEnv>, body: unknown, settings: Settings): Query {
  const request = SEARCH_REQUEST.check(body, '')
  const { query } = request
  const size = (body as { query: { size?: unknown } }).query.size === undefined ? settings.queryDefaultRows : query.size
  return checkQuery({
    org: c.get('org'),
    traceId: c.get('traceId'),
    sql: request.encoding === 'base64' ? decodeBase64Sql(query.sql) : query.sql,
    defaultType: streamTypeOf(c, 'logs') ?? 'logs',
    startTime: query.start_time,
    endTime: query.end_time,
    from: query.from,
    size,
    trackTotalHits: query.track_total_hits,
    histogramIntervalSeconds: query.histogram_interval,
    timeoutSeconds: request.timeout,
    dryRun: query.dry_run || c.req.query('dry_run') === 'true',
  }, settings)
}

export function searchRoutes(app: Hono<DoorEnv>, { ports, settings, state }: QueryAppOptions): void {
  app.post('/api/:org/_search', async (c) => {
    const answer = await search(ports, settings, state, queryOf(c, await jsonBody(c), settings))
    const body = Buffer.concat(answer.parts)
    return c.body(new Uint8Array(body.buffer, body.byteOffset, body.length), 200, {
      'Content-Type': 'application/json', 'Server-Timing': answer.serverTiming,
    })
  })
}
