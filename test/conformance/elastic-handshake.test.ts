// What Elasticsearch's shippers ask before they send, and the answers each of them insists on.
import { describe, expect, test } from 'vitest'
import { elasticVersion } from '../../functions/ingest/elastic.ts'
import { ingestAppOver } from '../support/ingest-app.ts'
import { memoryPorts } from '../support/memory-ports.ts'

const app = ingestAppOver(memoryPorts())
const ask = (path: string, method = 'GET', agent = ''): Promise<Response> =>
  Promise.resolve(app.request(`/api/o1/${path}`, { method, headers: { 'User-Agent': agent } }))

test('the root names product, tagline, flavour and a version', async () => {
  const reply = await ask('', 'GET', 'Elastic-filebeat/9.1.4 (linux; amd64; x; y)')
  expect(reply.headers.get('x-elastic-product')).toBe('Elasticsearch')
  expect(await reply.json()).toMatchObject({ version: { number: '9.1.4', build_flavor: 'default' }, tagline: 'You Know, for Search' })
  const head = await ask('', 'HEAD')
  expect([head.status, head.headers.get('x-elastic-product'), await head.text()]).toEqual([200, 'Elasticsearch', ''])
})

test('the version is the client\'s own, and 7.17 for those that say none', () => {
  const said: [string, string][] = [
    ['Elastic-metricbeat/8.15.0 (Linux 6.1; amd64)', '8.15.0'],
    ['elasticsearch-js/9.0.2 (linux 6.1-x64; Node.js 24.0.0; Transport 9.0.1)', '9.0.2'],
    ['elasticsearch-js/7.17.14 (linux; Node.js v20)', '7.17.14'],
    ['elastic-transport-ruby/8.4.0 (RUBY_VERSION: 3.2)', '8.4.0'],
    ['logstash/8.13.1 (OS=Linux; JVM=x)', '8.13.1'],
    ['filebeat/7.10.2', '7.10.2'],
    ['Vector/0.50.0', '7.17.29'],
    ['Fluent-Bit', '7.17.29'],
    ['elastic-x/6.8.0', '7.17.29'],
    ['elastic-x/8.1.0"}<script>', '8.1.0'],
    ['elastic-x/99999999999999999.1.1', '7.17.29'],
  ]
  for (const [agent, version] of said) expect(elasticVersion(agent), agent).toBe(version)
  expect(elasticVersion(undefined)).toBe('7.17.29')
})

test('the license is active, outside and inside: Logstash reads the inner one', async () => {
  expect(await (await ask('_license')).json()).toMatchObject({ status: 'active', license: { status: 'active', type: 'basic', uid: expect.any(String) as string } })
})

test('the cluster is healthy: Vector asks before it sends', async () => {
  expect(await (await ask('_cluster/health')).json()).toMatchObject({ status: 'green' })
})

test('every question is answered with 200, JSON and the product', async () => {
  for (const path of ['_license', '_xpack', '_cluster/health', '_nodes/http']) {
    for (const method of ['GET', 'HEAD']) await expectAnswer(path, method)
  }
})

describe.each(['_ilm/policy/filebeat', '_index_template/logs-x', '_template/old', '_data_stream/logs-x', '_ingest/pipeline/p'])('%s', (path) => {
  test.each(['GET', 'HEAD', 'PUT', 'POST'])('is there for %s', async (method) => {
    await expectAnswer(path, method)
  })
})

async function expectAnswer(path: string, method: string): Promise<void> {
  const reply = await ask(path, method)
  expect([reply.status, reply.headers.get('x-elastic-product'), reply.headers.get('content-type')], `${method} ${path}`)
    .toEqual([200, 'Elasticsearch', 'application/json'])
  if (method !== 'HEAD') expect(await reply.json()).toBeTypeOf('object')
}

test('the clients\' vendor media types are taken by _bulk', async () => {
  for (const type of ['application/vnd.elasticsearch+x-ndjson; compatible-with=9', 'application/vnd.elasticsearch+x-ndjson;compatible-with=8', 'application/x-ndjson; charset=utf-8', 'application/json']) {
    const reply = await app.request('/api/o1/_bulk', { method: 'POST', body: '{"index":{"_index":"a","_type":"events"}}\n{"a":1}\n', headers: { 'Content-Type': type } })
    expect(await reply.json(), type).toMatchObject({ errors: false })
  }
})
