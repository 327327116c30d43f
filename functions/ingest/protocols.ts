// Which protocol a path speaks: an error must be told in it wherever it arises, even before a
// handler runs (credentials, limits of the door).
import type { IngestProtocol } from '../../lib/api/ingest.ts'

const OTLP = /^(?:\/api\/[^/]+)?\/v1\/logs$/
const BULK = /^\/api\/[^/]+(?:\/[^/]+)?\/_bulk$/
/** the handshake of Elasticsearch's shippers is told as `_bulk` is */
const HANDSHAKE = /^\/api\/[^/]+(?:\/(?:|_license|_xpack|_cluster\/health|_nodes\/http|(?:_ilm\/policy|_index_template|_template|_data_stream|_ingest\/pipeline)\/[^/]+))?$/
const JSON_ROUTES = /^\/api\/[^/]+\/[^/]+\/_(?:json|multi)$/

/** null: no ingest route, the caller answers in its own way */
export function protocolOf(path: string): IngestProtocol | null {
  if (OTLP.test(path)) return 'otlp'
  if (BULK.test(path) || HANDSHAKE.test(path)) return 'bulk'
  return JSON_ROUTES.test(path) ? 'json' : null
}
