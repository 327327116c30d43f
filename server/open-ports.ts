// The ports of embedded mode: SQLite and files, each slow thing in its own thread or process, and one
// registry of telemetry for all of them.
import { join } from 'node:path'
import { createSqlPool } from '../lib/duckdb/pool.ts'
import type { Ports } from '../lib/engine/ports.ts'
import { openBlobs } from '../lib/local/blobs.ts'
import { systemClock } from '../lib/node/clock.ts'
import { openDatabase } from '../lib/local/database.ts'
import { openDelivery } from '../lib/local/delivery.ts'
import { createIds } from '../lib/node/ids.ts'
import { openQueue } from '../lib/local/queue.ts'
import type { LocalTelemetry } from '../lib/node/telemetry.ts'
import { openCatalogClient } from './catalog-client.ts'
import type { ServerEnvironment } from './environment.ts'
import { watchEventLoop } from './event-loop.ts'
import { startWriter, type WriterClient } from './writer-client.ts'

export interface ServerPorts {
  readonly ports: Ports
  readonly writer: WriterClient
  /** Prometheus text, with the queue's depth and age as of now, and the event loop's delay since the last call */
  renderMetrics(): Promise<string>
  /** starts the query processes, so that the first search does not wait for them */
  warm(): void
  close(): Promise<void>
}

/** messages on their way to the disk; beyond it senders are told to come again */
const BACKLOG_BYTES_MAX = 256 * 2 ** 20
const BACKLOG_MESSAGES_MAX = 10_000

export async function openServerPorts(environment: ServerEnvironment, telemetry: LocalTelemetry): Promise<ServerPorts> {
  const { dataDir, settings } = environment
  const clock = systemClock
  const db = openDatabase(dataDir)
  const queue = await openQueue({ dataDir, clock, telemetry, backlogBytesMax: BACKLOG_BYTES_MAX, backlogMessagesMax: BACKLOG_MESSAGES_MAX })
  const client = await openCatalogClient(dataDir)
  const writer = startWriter(dataDir, settings, telemetry)
  const sql = createSqlPool({ dir: join(dataDir, 'tmp'), size: environment.sandboxes, telemetry, clock })
  const delivery = openDelivery(db, { clock })
  const reportEventLoop = watchEventLoop(telemetry)
  const ports: Ports = {
    blobs: await openBlobs(dataDir), queue: writer.announced(queue), catalog: client.catalog, sql, clock, ids: createIds(clock), telemetry,
  }
  return {
    ports,
    writer,
    async renderMetrics() {
      const depth = await delivery.depth()
      const age = depth.oldestSentAt === null ? 0 : (clock.now() - depth.oldestSentAt) / 1e6
      telemetry.gauge('queue_depth_messages', depth.messages)
      telemetry.gauge('queue_depth_bytes', depth.bytes)
      telemetry.gauge('queue_oldest_age_seconds', age)
      telemetry.gauge('process_resident_memory_bytes', process.memoryUsage.rss())
      reportEventLoop()
      return telemetry.renderPrometheus()
    },
    warm: () => void sql.warm().catch((error: unknown) => telemetry.log('error', 'the query processes do not start', { reason: String(error) })),
    async close() {
      await queue.close()
      await writer.stop()
      await sql.close()
      await client.close()
      db.close()
    },
  }
}
