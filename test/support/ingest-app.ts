// The ingest app as its tests meet it: a caller whose organisation the door has settled, over ports
// in memory, and what the writer would make of the queue.
import { Hono } from 'hono'
import type { DoorEnv } from '../../functions/door.ts'
import { createIngestApp } from '../../functions/ingest/app.ts'
import type { IngestOptions } from '../../functions/ingest/app.ts'
import { decode } from '../../lib/engine/ingest/decode/index.ts'
import { decodeEnvelope } from '../../lib/engine/ingest/envelope.ts'
import { inflate } from '../../lib/engine/ingest/inflate.ts'
import { DEFAULT_SETTINGS } from '../../lib/engine/settings.ts'
import { Tables } from '../../lib/engine/store/columns.ts'
import type { OrgId } from '../../lib/model/stream.ts'
import type { MemoryPorts } from './memory-ports.ts'

export function ingestAppOver(ports: MemoryPorts, over: Partial<IngestOptions> = {}): Hono<DoorEnv> {
  const app = new Hono<DoorEnv>()
  app.use(async (c, next) => {
    c.set('org', 'o1' as OrgId)
    c.set('traceId', 'trace-1')
    await next()
  })
  app.route('/', createIngestApp({ ports, settings: DEFAULT_SETTINGS, version: '0.0.0', ...over }))
  return app
}

/** rows per stream after decoding everything queued; decoding must never throw on what was accepted */
export async function rowsQueued(ports: MemoryPorts): Promise<Record<string, number>> {
  const tables = new Tables()
  let message = 0
  for (const { message: { bytes } } of ports.queue.messages) {
    const { header, body } = decodeEnvelope(bytes)
    const stored = header.spill === null ? body : await ports.blobs.get(header.spill.key)
    decode(inflate(stored, header.coding, header.rawBytes), header.context, header.rejected, message++, tables)
  }
  const rows: Record<string, number> = {}
  for (const [name, table] of tables.byStream) rows[name] = table.rows
  return rows
}
