// Health, configuration for clients, metrics, and the flush that tests and shippers ask for.
import type { Hono } from 'hono'
import type { DoorEnv } from '../../door.ts'
import { EngineError } from '../../../lib/model/errors.ts'
import { DEFAULT_FULL_TEXT_FIELDS } from '../../../lib/model/schema.ts'
import type { QueryAppOptions } from '../options.ts'

export function operateRoutes(app: Hono<DoorEnv>, options: QueryAppOptions): void {
  app.get('/healthz', (c) => c.json({ status: 'ok' }))
  const config = {
    version: options.version,
    instance: 'nilometer',
    default_fts_keys: DEFAULT_FULL_TEXT_FIELDS,
    timestamp_column: '_timestamp',
    query_default_limit: options.settings.queryDefaultRows,
    data_retention_days: options.settings.retentionDays,
    ingest_flatten_level: options.settings.flattenLevels,
    sql_mode: true,
  }
  app.get('/config', (c) => c.json(config))
  app.get('/metrics', async (c) => c.body(await options.renderMetrics(), 200, { 'Content-Type': 'text/plain; version=0.0.4; charset=utf-8' }))
  app.put('/node/flush', async (c) => {
    if (options.flush === undefined) throw new EngineError('not_found', 'this deployment has no writer that can be hurried: rows appear after the freshness window')
    await options.flush()
    return c.json({ flushed: true })
  })
}
