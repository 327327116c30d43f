// The streams of an organisation as OpenObserve lists them. Statistics are sums over the file list,
// never counters of their own, so they can never disagree with what a query finds.
import type { FieldType, Schema } from '../../model/schema.ts'
import { DEFAULT_FULL_TEXT_FIELDS } from '../../model/schema.ts'
import { EngineError } from '../../model/errors.ts'
import type { Slice } from '../../model/file.ts'
import type { OrgId, StreamItem, StreamType } from '../../model/stream.ts'
import type { Day } from '../../model/time.ts'
import type { Ports } from '../ports.ts'
import type { Settings } from '../settings.ts'
import { replacedSlices, retentionDaysOf } from '../store/files.ts'
import { nearestNames } from './sql/nearest.ts'

export interface StreamsQuery {
  readonly type: StreamType | null
  readonly fetchSchema: boolean
  readonly keyword: string
  readonly offset: number
  readonly limit: number
  readonly sort: 'name' | 'doc_num' | 'storage_size' | 'compressed_size'
  readonly ascending: boolean
}

export interface SchemaField {
  readonly name: string
  readonly type: 'Boolean' | 'Int64' | 'Float64' | 'Utf8'
}

export interface StreamStats {
  readonly created_at: number
  readonly doc_time_min: number
  readonly doc_time_max: number
  readonly doc_num: number
  readonly file_num: number
  /** MB (10^6 bytes) of request text, and of Parquet */
  readonly storage_size: number
  readonly compressed_size: number
  readonly index_size: number
}

export interface StreamListItem {
  readonly name: string
  readonly storage_type: 's3' | 'disk'
  readonly stream_type: StreamType
  readonly stats: StreamStats
  readonly schema?: readonly SchemaField[]
  readonly total_fields: number
  readonly settings: Readonly<Record<string, unknown>>
}

/** every day there can be; list keys compare as text */
const FIRST_DAY: Day = '0000-00-00'
const LAST_DAY: Day = '9999-99-99'
const BYTES_PER_MB = 1e6

const ARROW_TYPES: Readonly<Record<FieldType, SchemaField['type']>> = {
  bool: 'Boolean', int: 'Int64', int64: 'Int64', double: 'Float64', string: 'Utf8',
}

function schemaFields(schema: Schema): SchemaField[] {
  const fields = Object.entries(schema.fields).map(([name, type]) => ({ name, type: ARROW_TYPES[type] }))
  fields.push({ name: '_timestamp', type: 'Int64' })
  return fields.sort((a, b) => (a.name < b.name ? -1 : 1))
}

function statsOf(slices: readonly Slice[], item: StreamItem, storedBytes: number): StreamStats {
  let rows = 0
  let raw = 0
  let min = Infinity
  let max = 0
  for (const slice of slices) {
    rows += slice.rows
    raw += slice.rawBytes
    min = Math.min(min, slice.minTs)
    max = Math.max(max, slice.maxTs)
  }
  return {
    created_at: item.history[0]?.from ?? 0,
    doc_time_min: rows === 0 ? 0 : min,
    doc_time_max: max,
    doc_num: rows,
    file_num: slices.length,
    storage_size: raw / BYTES_PER_MB,
    compressed_size: storedBytes / BYTES_PER_MB,
    index_size: 0,
  }
}

function settingsOf(item: StreamItem, settings: Settings): Record<string, unknown> {
  return { full_text_search_keys: [], index_fields: [], ...item.settings, data_retention: retentionDaysOf(item, settings) }
}

async function describe(ports: Ports, settings: Settings, org: OrgId, items: readonly StreamItem[]): Promise<StreamListItem[]> {
  const ranges = items.map((i) => ({ streamId: i.id, inc: i.inc, fromDay: FIRST_DAY, toDay: LAST_DAY }))
  const entries = items.length === 0 ? [] : await ports.catalog.list(org, ranges)
  const replaced = replacedSlices(entries)
  const visible = entries.flatMap((e) => e.slices.filter((s) => !replaced.get(e.fid)?.has(s.index)))
  const schemas = await Promise.all(items.map((i) => ports.catalog.schema(org, i.id, i.inc)))
  return items.map((item, at) => {
    const slices = visible.filter((s) => s.streamId === item.id && s.inc === item.inc)
    const fields = schemaFields(schemas[at]!)
    return {
      name: item.name,
      storage_type: 's3',
      stream_type: item.type,
      stats: statsOf(slices, item, slices.reduce((sum, s) => sum + s.length, 0)),
      schema: fields,
      total_fields: fields.length,
      settings: settingsOf(item, settings),
    }
  })
}

/** `GET /api/{org}/streams` */
export async function listStreams(ports: Ports, settings: Settings, org: OrgId, query: StreamsQuery): Promise<{ list: StreamListItem[]; total: number }> {
  const items = (await ports.catalog.streams(org)).filter((i) => i.state === 'live' &&
    (query.type === null || i.type === query.type) && i.name.includes(query.keyword))
  const all = await describe(ports, settings, org, items)
  const key = (s: StreamListItem): string | number => (query.sort === 'name' ? s.name : s.stats[query.sort])
  const sign = query.ascending ? 1 : -1
  all.sort((a, b) => (key(a) < key(b) ? -sign : key(a) > key(b) ? sign : 0))
  const page = all.slice(query.offset, query.limit < 0 ? undefined : query.offset + query.limit)
  const list = query.fetchSchema ? page : page.map(({ schema: _, ...rest }) => rest)
  return { list, total: all.length }
}

/** `GET /api/{org}/streams/{stream}/schema`. @throws not_found with the nearest names */
export async function streamSchema(ports: Ports, settings: Settings, org: OrgId, type: StreamType, name: string): Promise<StreamListItem & { uds_schema: [] }> {
  const item = await ports.catalog.stream(org, type, name)
  if (item === null || item.state !== 'live') {
    const names = (await ports.catalog.streams(org)).filter((i) => i.type === type).map((i) => i.name)
    throw new EngineError('not_found', `there is no ${type} stream '${name}'`, { suggestions: nearestNames(name, names) })
  }
  const [described] = await describe(ports, settings, org, [item])
  return { ...described!, uds_schema: [] }
}

/** the fields match_all searches in a stream: its own keys, else the default list; only those it has */
export function fullTextFieldsOf(item: StreamItem, schema: Schema): string[] {
  const keys = item.settings.full_text_search_keys ?? []
  return (keys.length > 0 ? keys : DEFAULT_FULL_TEXT_FIELDS).filter((name) => Object.hasOwn(schema.fields, name))
}
