// The engine from request to answer in one process, for tests: receive into a queue in memory, write
// with the real writer, search with the real sandbox. The ports of storage are in memory; the contract
// suites hold that they behave as the adapters do.
import { newSearchState, search } from '../../lib/engine/query/search.ts'
import type { Query } from '../../lib/engine/query/query.ts'
import { checkQuery } from '../../lib/engine/query/query.ts'
import { receive } from '../../lib/engine/ingest/receive.ts'
import { newWriterState, writeBatch } from '../../lib/engine/ingest/write.ts'
import type { Ports, Sql } from '../../lib/engine/ports.ts'
import { DEFAULT_SETTINGS, type Settings } from '../../lib/engine/settings.ts'
import type { OrgId } from '../../lib/model/stream.ts'
import { memoryPorts } from './memory-ports.ts'

export interface RiverAnswer {
  readonly hits: readonly Readonly<Record<string, unknown>>[]
  readonly receipt: Readonly<Record<string, number>>
  readonly text: string
  readonly [other: string]: unknown
}

export interface River {
  readonly ports: Ports
  /** sends one `_json` request; returns how many rows the verdict accepted */
  json(stream: string, rows: readonly object[]): Promise<number>
  /** writes everything queued as one batch: one pack */
  write(): Promise<void>
  ask(sql: string, query?: Partial<Query>): Promise<RiverAnswer>
}

export const ORG = 'default' as OrgId

export function openRiver(sql: Sql, settings: Settings = DEFAULT_SETTINGS): River {
  const memory = memoryPorts()
  const ports: Ports = { ...memory, sql }
  const state = newSearchState()
  const writer = newWriterState()
  return {
    ports,
    async json(stream, rows) {
      const body = Buffer.from(JSON.stringify(rows))
      const got = await receive(ports, settings, {
        org: ORG, route: 'json', format: 'json', stream, contentType: 'application/json', contentEncoding: null, idempotencyKey: null, body,
      })
      return got.verdict.records - got.verdict.rejections.length
    },
    async write() {
      const messages = memory.queue.take(1_000)
      const outcome = await writeBatch(ports, settings, writer, messages)
      memory.queue.remove(messages)
      if (outcome.done.length !== messages.length) throw new Error(`not all were written: ${JSON.stringify(outcome)}`)
    },
    async ask(text, query = {}) {
      const answer = await search(ports, settings, state, checkQuery({
        org: ORG, traceId: 't', sql: text, defaultType: 'logs', startTime: 0, endTime: 2_082_758_400_000_000, from: 0, size: -1,
        trackTotalHits: false, histogramIntervalSeconds: 0, timeoutSeconds: 0, dryRun: false, ...query,
      }, settings))
      const body = Buffer.concat(answer.parts).toString()
      return { ...(JSON.parse(body) as RiverAnswer), text: body }
    },
  }
}
