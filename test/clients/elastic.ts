// Elasticsearch's own client: its product check, its bulk request and its bulk helper, which reads
// every item of every answer and sends again what it takes for a passing fault.
import { Client } from '@elastic/elasticsearch'
import { PASSWORD } from '../support/server-process.ts'
import { slicesOf } from './logs.ts'
import type { LineTime, LogFile } from './logs.ts'
import { equal, hold } from './report.ts'

interface Line { readonly '@timestamp': string; readonly line: number; readonly file: string; readonly message: string }

/** small, so that a file takes several requests, some of them at once */
const FLUSH_BYTES = 100_000
const CONCURRENCY = 3
/** lines of a file that go by the plain request instead of the helper */
const PLAIN_LINES = 500
const YEAR_1990 = '1990-01-01T00:00:00.000Z'

export const elasticStream = (file: LogFile): string => `${file.name}_es`

const linesOf = (file: LogFile, timeOf: LineTime): Line[] =>
  file.texts.map((message, line) => ({ '@timestamp': new Date(timeOf(line) / 1_000).toISOString(), line, file: file.name, message }))

export interface ElasticClients {
  /** the root user, plain bodies */
  readonly root: Client
  /** the ingestion token as Basic's password, gzip bodies */
  readonly agent: Client
  close(): Promise<void>
}

export function elasticClients(url: string, token: string): ElasticClients {
  const node = `${url}/api/default`
  const root = new Client({ node, auth: { username: 'root@example.com', password: PASSWORD } })
  const agent = new Client({ node, auth: { username: 'agent', password: token }, compression: true })
  return { root, agent, close: async () => { await Promise.all([root.close(), agent.close()]) } }
}

/** info, with the client's own check of the product, and ping; the version it is told */
export async function handshake({ root, agent }: ElasticClients): Promise<string> {
  const told = await root.info()
  equal(told.tagline, 'You Know, for Search', 'the tagline')
  equal([await root.ping(), await agent.ping()], [true, true], 'the answers to ping')
  return told.version.number
}

/** all but the last lines by the helper, these by plain requests with the index in the path */
export async function sendElastic({ root, agent }: ElasticClients, file: LogFile, timeOf: LineTime): Promise<void> {
  const lines = linesOf(file, timeOf)
  const stream = elasticStream(file)
  const byHelper = lines.slice(0, -PLAIN_LINES)
  const statistics = await root.helpers.bulk({
    datasource: byHelper, onDocument: () => ({ create: { _index: stream } }), flushBytes: FLUSH_BYTES, concurrency: CONCURRENCY, retries: 0,
  })
  const { total, successful, failed, retry } = statistics
  equal({ total, successful, failed, retry }, { total: byHelper.length, successful: byHelper.length, failed: 0, retry: 0 }, `the helper's count of ${stream}`)
  for (const [, part] of slicesOf(lines.slice(-PLAIN_LINES), PLAIN_LINES / 2)) {
    const reply = await agent.bulk({ index: stream, operations: part.flatMap((line) => [{ index: {} }, line]) })
    hold(!reply.errors && reply.items.length === part.length, `the bulk answer for ${stream} is ${JSON.stringify(reply).slice(0, 500)}`)
    hold(reply.items.every((item) => item['index']?.status === 200 || item['index']?.status === 201), `an item of ${stream} was not stored`)
  }
}

/** `refresh: 'wait_for'` answers when the rows can be found: no flush between it and the search */
export async function sendAndWait({ agent }: ElasticClients, stream: string, rows: number): Promise<void> {
  const operations = Array.from({ length: rows }, (_, n) => [{ index: { _index: stream } }, { n, message: `row ${n}` }]).flat()
  const reply = await agent.bulk({ refresh: 'wait_for', operations })
  hold(!reply.errors && reply.items.length === rows, `the bulk answer is ${JSON.stringify(reply).slice(0, 500)}`)
}

/** a document that is refused is dropped by the helper with our reason, its neighbours are stored */
export async function sendWithRefused({ root }: ElasticClients, stream: string): Promise<string> {
  const dropped: { status: number; reason: string }[] = []
  const statistics = await root.helpers.bulk({
    datasource: [{ n: 0 }, { n: 1, '@timestamp': YEAR_1990 }, { n: 2 }],
    onDocument: () => ({ index: { _index: stream } }),
    onDrop: (d) => { dropped.push({ status: d.status, reason: d.error?.reason ?? '' }) },
  })
  equal([statistics.total, statistics.successful, statistics.failed], [3, 2, 1], 'the helper\'s count')
  equal(dropped.map((d) => d.status), [400], 'the statuses of dropped documents')
  hold(dropped[0]!.reason !== '', 'the dropped document has no reason')
  return dropped[0]!.reason
}
