// The product as a user meets it: `node server/main.ts` by plain Node, fed and asked over HTTP, stopped
// and started again. One server for the file; every row that is acknowledged is read back.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ask, readFolder } from '../support/independent-reader.ts'
import { AUTHORIZATION, flush, search, startServer, type ServerProcess } from '../support/server-process.ts'

const dataDir = mkdtempSync(join(tmpdir(), 'nilometer-server-'))
let server: ServerProcess
beforeAll(async () => {
  server = await startServer({ dataDir })
})
afterAll(async () => {
  await server.stop()
  rmSync(dataDir, { recursive: true, force: true })
})

const post = (path: string, body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${server.url}${path}`, { method: 'POST', body, headers: { Authorization: AUTHORIZATION, ...headers } })

test('a row sent as JSON comes back by SQL with every value', async () => {
  const row = { message: 'hello, river', n: 0, text: 'naïve 水位計 \u0000', nested: { a: { b: 1.5 } }, list: [1, { x: 2 }], yes: true }
  const response = await post('/api/default/hello/_json', `[${JSON.stringify(row).replace('"n":0', '"n":9007199254740993')}]`)
  expect([response.status, await response.json()]).toEqual([200, { code: 200, status: [{ name: 'hello', successful: 1, failed: 0 }] }])
  await flush(server.url)
  const answer = await fetch(`${server.url}/api/default/_search`, {
    method: 'POST', headers: { Authorization: AUTHORIZATION }, body: JSON.stringify({ query: { sql: 'SELECT * FROM hello', start_time: 0, end_time: 2_082_758_400_000_000 } }),
  })
  const text = await answer.text()
  expect(text).toContain('"n":9007199254740993')
  const [hit] = (JSON.parse(text) as { hits: Record<string, unknown>[] }).hits
  expect(hit).toMatchObject({ message: row.message, text: row.text, nested_a_b: 1.5, list: '[1,{"x":2}]', yes: true })
})

test('joins, CTEs, windows and unions run over streams', async () => {
  await post('/api/default/left/_json', JSON.stringify([{ k: 1, a: 'x' }, { k: 2, a: 'y' }, { k: 3, a: 'z' }]))
  await post('/api/default/right/_json', JSON.stringify([{ k: 1, b: 10 }, { k: 3, b: 30 }]))
  await flush(server.url)
  const joined = await search(server.url, 'SELECT l.a, r.b FROM left_ l JOIN right_ r ON l.k = r.k ORDER BY l.k'.replaceAll('left_', '"left"').replaceAll('right_', '"right"'))
  expect(joined.hits).toEqual([{ a: 'x', b: 10 }, { a: 'z', b: 30 }])
  const windowed = await search(server.url, 'WITH w AS (SELECT k, row_number() OVER (ORDER BY k DESC) AS n FROM "left") SELECT k, n FROM w UNION ALL SELECT b, 0 FROM "right" ORDER BY 1')
  expect(windowed.hits).toEqual([{ k: 1, n: 3 }, { k: 2, n: 2 }, { k: 3, n: 1 }, { k: 10, n: 0 }, { k: 30, n: 0 }])
})

test('a field whose type changes between flushes keeps every value', async () => {
  for (const v of ['5', '2.5', 'true', '"text"', '1e21', '9223372036854775807']) {
    expect((await post('/api/default/types/_json', `[{"v":${v}}]`)).status).toBe(200)
    await flush(server.url)
  }
  const { hits } = await search(server.url, 'SELECT v FROM types ORDER BY v')
  expect(hits.map((h) => h['v'])).toEqual(['1e+21', '2.5', '5', '9223372036854775807', 'text', 'true'])
})

test('errors name what is wrong, where, and what would be right', async () => {
  const asked = async (sql: string): Promise<Record<string, unknown>> => {
    const response = await post('/api/default/_search', JSON.stringify({ query: { sql, start_time: 0, end_time: 2_082_758_400_000_000 } }))
    return { status: response.status, ...(await response.json() as object) }
  }
  expect(await asked('SELECT mesage FROM hello')).toMatchObject({ status: 400, code: 20004, error: 'unknown_column', suggestions: ['message'], position: { line: 1, column: 8 } })
  expect(await asked('SELECT * FROM helo')).toMatchObject({ status: 400, code: 20002, error: 'unknown_stream', suggestions: ['hello'] })
  expect(await asked('SELECT *\nFROM hello WHERE')).toMatchObject({ status: 400, code: 20001, error: 'invalid_query' })
  expect(await asked("SELECT * FROM read_csv('/etc/passwd')")).toMatchObject({ status: 400, error: 'function_not_allowed' })
  expect(await asked('DROP TABLE hello')).toMatchObject({ status: 400, error: 'not_select' })
})

test('a search without credentials is refused, and a wrong range is named', async () => {
  const bare = await fetch(`${server.url}/api/default/_search`, { method: 'POST', body: '{}' })
  expect([bare.status, bare.headers.get('www-authenticate')]).toEqual([401, 'Basic realm="obs"'])
  const swapped = await post('/api/default/_search', JSON.stringify({ query: { sql: 'SELECT 1', start_time: 1_700_000_000_000_001, end_time: 1_700_000_000_000_000 } }))
  expect(await swapped.json()).toMatchObject({ code: 20011, error: 'time_range' })
})

test('health, configuration, metrics and streams answer', async () => {
  expect(await (await fetch(`${server.url}/healthz`)).json()).toEqual({ status: 'ok' })
  expect(await (await fetch(`${server.url}/config/`)).json()).toMatchObject({ version: expect.any(String) as string })
  const metrics = await (await fetch(`${server.url}/metrics`, { headers: { Authorization: AUTHORIZATION } })).text()
  for (const name of ['http_requests_total', 'ingest_records_total', 'queue_depth_messages', 'queue_oldest_age_seconds', 'queue_commit_ms', 'search_ms', 'ingest_bytes_total']) {
    expect(metrics).toContain(`nilometer_${name}`)
  }
  const streams = await (await fetch(`${server.url}/api/default/streams?fetchSchema=true`, { headers: { Authorization: AUTHORIZATION } })).json() as { list: { name: string; stats: { doc_num: number } }[] }
  expect(streams.list.find((s) => s.name === 'types')?.stats.doc_num).toBe(6)
  const schema = await (await fetch(`${server.url}/api/default/streams/types/schema`, { headers: { Authorization: AUTHORIZATION } })).json()
  expect(schema).toMatchObject({ schema: [{ name: '_timestamp', type: 'Int64' }, { name: 'v', type: 'Utf8' }] })
})

test('EXPLAIN and a dry run answer the plan, and run nothing', async () => {
  const plan = await search(server.url, 'EXPLAIN SELECT k FROM "left" WHERE k = 2')
  expect(plan.hits).toMatchObject([{ stream: 'logs.left', shape: 'whole', filters: expect.stringContaining('k = 2') as string, files: 1, rows: 3 }])
  const dry = await search(server.url, 'SELECT k FROM "left"', { dry_run: true })
  expect(dry).toMatchObject({ dry_run: true, hits: [], receipt: { files_listed: 1, rows_scanned: 3 } })
})

test('what was acknowledged is there after a kill and a new start', async () => {
  const lines = Array.from({ length: 500 }, (_, i) => JSON.stringify({ id: i, message: `line ${i}` }))
  expect((await post('/api/default/kept/_multi', lines.join('\n'))).status).toBe(200)
  await server.kill()
  server = await startServer({ dataDir })
  await flush(server.url)
  const { hits } = await search(server.url, 'SELECT count(*) AS n, count(DISTINCT id) AS d, sum(id) AS s FROM kept')
  expect(hits).toEqual([{ n: 500, d: 500, s: 124_750 }])
})

test('a graceful stop loses nothing, and the folder can be read without us', async () => {
  await post('/api/default/stopped/_json', JSON.stringify([{ id: 1 }, { id: 2 }]))
  expect(await server.stop()).toBe(0)
  server = await startServer({ dataDir })
  await flush(server.url)
  const reading = await readFolder(dataDir, 'stopped')
  expect(await ask(reading, 'count(*), sum(id)')).toEqual([2, 3])
  reading.close()
})
