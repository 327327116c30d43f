// The questions Elasticsearch's shippers ask before they send: who are you, may I, is my template
// there. All answers are static. Facts about each client: Logstash needs the nested license, Vector
// a healthy cluster, Beats and the 8 and 9 clients the product header and a version not below theirs.
import { Hono } from 'hono'
import type { DoorEnv } from '../door.ts'

export const ELASTIC_HEADERS = { 'X-Elastic-Product': 'Elasticsearch' } as const

/** what a client hears that does not say its own: old enough for all, with APIs all of them know */
const DEFAULT_VERSION = '7.17.29'
const CLIENT_VERSION = /\b(?:elastic[a-z-]*|logstash|[a-z]+beat)\/((?:[7-9]|[1-9]\d)\.\d{1,3}\.\d{1,3})\b/i

/** the version a client accepts for sure is its own */
export function elasticVersion(userAgent: string | undefined): string {
  return CLIENT_VERSION.exec(userAgent ?? '')?.[1] ?? DEFAULT_VERSION
}

const LICENSE = { uid: '00000000-0000-0000-0000-000000000000', type: 'basic', mode: 'basic', status: 'active' }
const available = { available: true, enabled: true }

const CLUSTER = 'nilometer'
const root = (version: string, own: string): object => ({
  name: `${CLUSTER} ${own}`,
  cluster_name: CLUSTER,
  cluster_uuid: 'nilometer-nilometer-00',
  version: {
    number: version, build_flavor: 'default', build_type: 'docker', build_hash: '0', build_date: '2020-01-01T00:00:00.000Z',
    build_snapshot: false, lucene_version: '9.0.0', minimum_wire_compatibility_version: '6.8.0', minimum_index_compatibility_version: '6.0.0',
  },
  tagline: 'You Know, for Search',
})

const STATIC: Readonly<Record<string, object>> = {
  _license: { status: 'active', license: LICENSE },
  _xpack: { build: {}, license: LICENSE, features: { ilm: available, security: { available: true, enabled: false } }, tagline: '' },
  '_cluster/health': { cluster_name: CLUSTER, status: 'green', timed_out: false, number_of_nodes: 1, number_of_data_nodes: 1, active_shards_percent_as_number: 100 },
  '_nodes/http': { _nodes: { total: 0, successful: 0, failed: 0 }, cluster_name: CLUSTER, nodes: {} },
}

/** things a shipper makes for itself: always there, and making them changes nothing */
const MADE = ['_ilm/policy', '_index_template', '_template', '_data_stream', '_ingest/pipeline']

/** the same by itself: where an edge takes `/api/{org}/` for another path than `/api/{org}`, it asks whoever answers the rest */
export function createElasticApp(ownVersion: string): Hono<DoorEnv> {
  const app = new Hono<DoorEnv>()
  mountElastic(app, ownVersion)
  return app
}

export function mountElastic(app: Hono<DoorEnv>, ownVersion: string): void {
  app.on('GET', ['/api/:org', '/api/:org/'], (c) => c.json(root(elasticVersion(c.req.header('user-agent')), ownVersion), 200, ELASTIC_HEADERS))
  for (const [path, answer] of Object.entries(STATIC)) {
    app.get(`/api/:org/${path}`, (c) => c.json(answer, 200, ELASTIC_HEADERS))
  }
  for (const path of MADE) {
    // HEAD is answered by GET's handler.
    app.on(['GET', 'PUT', 'POST'], `/api/:org/${path}/:name`, (c) => c.json({ acknowledged: true }, 200, ELASTIC_HEADERS))
  }
}
