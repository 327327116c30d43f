// What the embedded server reads from its environment: OpenObserve's names where it has one, listed
// once with what they map to (docs/settings.md is checked against this table). Nobody else in
// embedded mode reads process.env. A value that cannot be read stops the start, naming all at once.
import { homedir } from 'node:os'
import { resolve } from 'node:path'
import { DEFAULT_SETTINGS, checkSettings, type Settings } from '../lib/engine/settings.ts'
import { MICROS_PER_HOUR } from '../lib/model/time.ts'

export interface ServerEnvironment {
  readonly host: string
  readonly port: number
  readonly dataDir: string
  readonly rootEmail: string
  readonly rootPassword: string | null
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error'
  /** sandbox children */
  readonly sandboxes: number
  readonly settings: Settings
  /** ZO_* names that nilometer does not know, named once at start */
  readonly ignored: readonly string[]
}

export interface VariableRow {
  readonly name: string
  readonly meaning: string
  readonly fallback: string
}

export const VARIABLES: readonly VariableRow[] = [
  { name: 'ZO_HTTP_PORT', meaning: 'port of the HTTP server; 0 takes a free one', fallback: '5080' },
  { name: 'ZO_HTTP_ADDR', meaning: 'address it listens on', fallback: '127.0.0.1' },
  { name: 'ZO_DATA_DIR', meaning: 'folder of the database and the objects', fallback: './data' },
  { name: 'ZO_ROOT_USER_EMAIL', meaning: 'the root user', fallback: 'root@example.com' },
  { name: 'ZO_ROOT_USER_PASSWORD', meaning: 'its password; without one a password is generated at the first start and printed once', fallback: '(generated)' },
  { name: 'ZO_INGEST_ALLOWED_UPTO', meaning: 'oldest row accepted, hours before now', fallback: '87600' },
  { name: 'ZO_INGEST_ALLOWED_IN_FUTURE', meaning: 'newest row accepted, hours after now', fallback: '24' },
  { name: 'ZO_INGEST_FLATTEN_LEVEL', meaning: 'name parts a nested object is flattened to', fallback: '3' },
  { name: 'ZO_COLS_PER_RECORD_LIMIT', meaning: 'fields of one record', fallback: '1000' },
  { name: 'ZO_PAYLOAD_LIMIT', meaning: 'bytes of a request body, as received', fallback: '67108864' },
  { name: 'ZO_COMPACT_DATA_RETENTION_DAYS', meaning: 'days a row is kept', fallback: '3650' },
  { name: 'ZO_QUERY_DEFAULT_LIMIT', meaning: 'rows a search answers when it names no size', fallback: '1000' },
  { name: 'ZO_QUERY_TIMEOUT', meaning: 'longest search, seconds', fallback: '300' },
  { name: 'NILOMETER_LINGER_MS', meaning: 'how long the writer waits from the first row for more, milliseconds', fallback: '1000' },
  { name: 'NILOMETER_SPILL_ABOVE_BYTES', meaning: 'compressed body above which it is kept as an object beside the queue', fallback: '1048576' },
  { name: 'NILOMETER_SANDBOXES', meaning: 'query processes', fallback: '(cores)' },
  { name: 'NILOMETER_LOG_LEVEL', meaning: 'debug, info, warn or error', fallback: 'info' },
]

/** an embedded message is a row of a local table: spilling pays later than on a priced queue */
const EMBEDDED_SPILL_BYTES = 2 ** 20

type Env = Readonly<Record<string, string | undefined>>

/** @throws Error naming every variable that cannot be read */
export function readServerEnvironment(env: Env, cores: number): ServerEnvironment {
  const faults: string[] = []
  const whole = (name: string, fallback: number, min: number, max: number): number => {
    const raw = env[name]
    if (raw === undefined || raw.trim() === '') return fallback
    const n = Number(raw)
    if (Number.isSafeInteger(n) && n >= min && n <= max) return n
    faults.push(`${name} is '${raw}': it must be a whole number from ${min} to ${max}`)
    return fallback
  }
  const level = env['NILOMETER_LOG_LEVEL'] ?? 'info'
  if (!['debug', 'info', 'warn', 'error'].includes(level)) faults.push(`NILOMETER_LOG_LEVEL is '${level}': it must be debug, info, warn or error`)
  const d = DEFAULT_SETTINGS
  const settings: Settings = {
    ...d,
    bodyBytesMax: whole('ZO_PAYLOAD_LIMIT', d.bodyBytesMax, 1, 2 ** 30),
    pastMicrosMax: whole('ZO_INGEST_ALLOWED_UPTO', d.pastMicrosMax / MICROS_PER_HOUR, 0, 876_000) * MICROS_PER_HOUR,
    futureMicrosMax: whole('ZO_INGEST_ALLOWED_IN_FUTURE', d.futureMicrosMax / MICROS_PER_HOUR, 0, 876_000) * MICROS_PER_HOUR,
    flattenLevels: whole('ZO_INGEST_FLATTEN_LEVEL', d.flattenLevels, 1, 64),
    recordFieldsMax: whole('ZO_COLS_PER_RECORD_LIMIT', d.recordFieldsMax, 1, 5_000),
    retentionDays: whole('ZO_COMPACT_DATA_RETENTION_DAYS', d.retentionDays, 1, 36_500),
    queryDefaultRows: whole('ZO_QUERY_DEFAULT_LIMIT', d.queryDefaultRows, 1, d.queryRowsMax),
    queryDeadlineMs: whole('ZO_QUERY_TIMEOUT', d.queryDeadlineMs / 1_000, 1, 3_600) * 1_000,
    lingerMs: whole('NILOMETER_LINGER_MS', d.lingerMs, 0, 60_000),
    spillAboveBytes: Math.min(whole('NILOMETER_SPILL_ABOVE_BYTES', EMBEDDED_SPILL_BYTES, 0, 2 ** 30), whole('ZO_PAYLOAD_LIMIT', d.bodyBytesMax, 1, 2 ** 30)),
  }
  const known = new Set(VARIABLES.map((v) => v.name))
  const out: ServerEnvironment = {
    host: env['ZO_HTTP_ADDR'] ?? '127.0.0.1',
    port: whole('ZO_HTTP_PORT', 5080, 0, 65_535),
    dataDir: resolve((env['ZO_DATA_DIR'] ?? './data').replace(/^~(?=\/|$)/, homedir())),
    rootEmail: (env['ZO_ROOT_USER_EMAIL'] ?? 'root@example.com').toLowerCase(),
    rootPassword: env['ZO_ROOT_USER_PASSWORD'] || null,
    logLevel: level as ServerEnvironment['logLevel'],
    sandboxes: whole('NILOMETER_SANDBOXES', Math.max(1, Math.min(cores, 8)), 1, 64),
    settings,
    ignored: Object.keys(env).filter((name) => name.startsWith('ZO_') && !known.has(name)).sort(),
  }
  if (faults.length > 0) throw new Error(faults.join('\n'))
  checkSettings(settings)
  return out
}
