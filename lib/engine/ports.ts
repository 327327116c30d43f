// The engine's whole world. Everything that touches a disk, a network, a clock or chance comes in
// through these, in our words; adapters in lib/local, lib/aws and lib/duckdb implement them, and the
// simulator implements them as weakly as AWS does. Contract suites in test/contract hold each.
import type { Entry } from '../model/file.ts'
import type { Fields, Schema } from '../model/schema.ts'
import type { Share, ShareOutcome } from '../model/share.ts'
import type { OrgId, StreamItem, StreamType } from '../model/stream.ts'
import type { Day, Micros } from '../model/time.ts'

export interface ByteRange {
  readonly offset: number
  readonly length: number
}

/** Objects under keys. Written once, read by range; every error is an EngineError. */
export interface Blobs {
  /**
   * Durable when it resolves. `exists`: the key was taken; the old bytes stand.
   * @throws unavailable; the write may or may not have happened
   */
  put(key: string, bytes: Uint8Array): Promise<'created' | 'exists'>
  /** @throws not_found, or unavailable (also when fewer bytes come than asked for) */
  get(key: string, range?: ByteRange): Promise<Uint8Array>
  /** keys with the prefix in ascending order, at most 1,000, after `after` */
  list(prefix: string, after?: string): Promise<readonly BlobInfo[]>
  /** a missing key is no error */
  delete(key: string): Promise<void>
}

export interface BlobInfo {
  readonly key: string
  readonly bytes: number
  readonly modifiedAt: Micros
}

/** The write-ahead log's near end. Delivery (at least once, any order) is the glue's affair. */
export interface Queue {
  /**
   * Resolves when the message is durable; only then may a client hear 200.
   * @throws unavailable; the message may or may not be in
   */
  send(message: QueueMessage): Promise<void>
}

export interface QueueMessage {
  readonly org: OrgId
  /** ULID of the request: the claim's key */
  readonly bid: string
  /** the envelope, encoded (ingest/envelope.ts) */
  readonly bytes: Uint8Array
}

/** one message as a queue hands it to the writer */
export interface DeliveredMessage {
  readonly bid: string
  readonly org: OrgId
  /** deliveries so far, this one included: the more, the fewer it is written together with */
  readonly receives: number
  readonly bytes: Uint8Array
}

/** One change of a transaction. All of a commit's changes happen, or none. */
export type Change =
  /** the slot of the entry's key must be free */
  | { readonly kind: 'put-entry'; readonly entry: Entry }
  /** a message's rows are in `fid` (or quarantined: fid = 'quarantine'); the claim must be absent */
  | { readonly kind: 'put-claim'; readonly bid: string; readonly fid: string; readonly expiresAt: Micros }

export type CommitOutcome =
  | { readonly kind: 'committed' }
  /** nothing happened; per change, in order, what stood in its way (null: nothing) */
  | { readonly kind: 'refused'; readonly holders: readonly (Holder | null)[] }

/** what holds a claim (`fid`) or a slot (`swept` or `entry`) */
export type Holder =
  | { readonly kind: 'claim'; readonly fid: string }
  | { readonly kind: 'swept' }
  | { readonly kind: 'entry' }

/** the part of a stream's list that a reader wants; days inclusive */
export interface ListRange {
  readonly streamId: string
  readonly inc: number
  readonly fromDay: Day
  readonly toDay: Day
}

/** Which objects exist, which messages are in, what streams and schemas there are. Strongly consistent per item. */
export interface Catalog {
  /**
   * All or nothing, at most 100 changes. `token` makes a repeated request the same request.
   * `judgedAt`: the wall clock's time at which the attempt's age was looked at (absent: now). An adapter that signs
   * its requests signs with this date, so that one which waited longer than a signature lives has no effect.
   * @throws conflict (retry, jittered) or unavailable (outcome unknown: send the SAME request again)
   */
  commit(org: OrgId, token: string, changes: readonly Change[], judgedAt?: Micros): Promise<CommitOutcome>
  /**
   * Entries in state live or replaced: the organisation's whole fresh list and the asked parts of
   * stream lists. Not a snapshot: order and visibility are as weak as commit-protocol section 5 says.
   */
  list(org: OrgId, ranges: readonly ListRange[]): Promise<readonly Entry[]>
  stream(org: OrgId, type: StreamType, name: string): Promise<StreamItem | null>
  streams(org: OrgId): Promise<readonly StreamItem[]>
  /** put if absent; returns the item that stands afterwards */
  createStream(item: StreamItem): Promise<StreamItem>
  schema(org: OrgId, streamId: string, inc: number): Promise<Schema>
  /** false when the stored version is not `ifVersion` (0: absent); then read again and join */
  putSchema(org: OrgId, streamId: string, inc: number, fields: Fields, ifVersion: number): Promise<boolean>
  /** put if absent for an Idempotency-Key; returns the item that stands afterwards */
  remember(org: OrgId, keyHash: string, item: RememberedRequest): Promise<RememberedRequest>
  document(org: string, kind: string, id: string): Promise<Document | null>
  documents(org: string, kind: string): Promise<readonly Document[]>
  /** false when the stored version is not `ifVersion` (0: absent) */
  putDocument(org: string, kind: string, id: string, value: unknown, ifVersion: number): Promise<boolean>
}

export interface RememberedRequest {
  readonly bid: string
  /** SHA-256 of route, stream, media type, coding and bytes */
  readonly bodyHash: string
  readonly acceptedAt: Micros
  readonly expiresAt: Micros
}

export interface Document {
  readonly id: string
  readonly version: number
  readonly value: unknown
}

/** Where user SQL is parsed, planned and run: a sandboxed DuckDB, one fresh instance a session. */
export interface Sql {
  /** @throws limited (20012) when too many wait */
  open(limits: SqlLimits): Promise<SqlSession>
}

export interface SqlLimits {
  /** wall time for the whole session, milliseconds */
  readonly deadlineMs: number
  /** DuckDB's own limit; the watchdog's RSS limit is the adapter's setting */
  readonly memoryBytes: number
}

export interface SqlSession {
  /** a fresh directory the sandbox may read; the caller puts extracts there; removed by close() */
  readonly dir: string
  /** writes a file into `dir` from its parts, end to end, and gives its absolute path */
  writeFile(name: string, parts: readonly Uint8Array[]): Promise<string>
  /**
   * Runs statements of ours (views, macros, settings) for their effect.
   * @throws invalid_query with DuckDB's message in detail.detail
   */
  prepare(statements: readonly string[]): Promise<void>
  /**
   * Runs exactly one statement; `parameters` bind $1.. as VARCHAR. Cells come as the JSON values of
   * `SqlResult`. For internal questions (json_serialize_sql, EXPLAIN), not for big results.
   * @throws invalid_query, query_memory (422), query_timeout (408)
   */
  ask(sql: string, parameters?: readonly string[]): Promise<SqlResult>
  /**
   * Runs the user's statement and streams rows as finished JSON object texts joined by commas (no
   * brackets), at most `rowsMax` rows and `bytesMax` bytes. Null columns are left out, integers keep
   * every digit, NaN and infinities are strings, timestamps `YYYY-MM-DDTHH:MM:SS[.ffffff]`.
   * @throws as ask
   */
  rows(sql: string, bounds: RowBounds): Promise<SqlRows>
  /**
   * DuckDB's plans for one statement, which is not run (its constants are folded, so it costs what
   * they cost). Put views over files without row groups behind the tables first: then the
   * READ_PARQUET nodes say what to fetch and what to prune by. 2-4 ms.
   * @throws as ask
   */
  explain(sql: string): Promise<SqlPlans>
  /**
   * Runs a SELECT of ours into `name`, a new Parquet file in `dir` (zstd, rows in their order), and gives
   * its bytes. No user's statement can do this: `rows` runs SELECTs alone.
   * @throws as ask
   */
  copy(select: string, name: string): Promise<Uint8Array>
  /** always; idempotent */
  close(): Promise<void>
}

/** two texts of EXPLAIN (FORMAT json), each an array of operator trees; each table is scanned once (no late materialization) */
export interface SqlPlans {
  /** planned without filter_pushdown and statistics_propagation: `Projections` are all the columns the statement touches */
  readonly projections: string
  /** planned with both: `Filters` are the folded conjuncts pushed to each scan */
  readonly filters: string
}

export interface SqlResult {
  readonly columns: readonly string[]
  /** DuckDB's type names */
  readonly types: readonly string[]
  /** null, boolean, or text (numbers and all else as DuckDB prints them) */
  readonly rows: readonly (readonly (string | boolean | null)[])[]
}

export interface RowBounds {
  readonly rowsMax: number
  readonly bytesMax: number
}

export interface SqlRows {
  readonly columns: readonly string[]
  readonly types: readonly string[]
  readonly rowCount: number
  /** UTF-8 JSON: `{...},{...}` */
  readonly json: Uint8Array
  /** what cut the result short, if anything did */
  readonly cut: 'rows' | 'bytes' | null
}

/** Who scans shares of a query: functions of their own, or the same process. */
export interface Leaves {
  /**
   * Each slice of the share ends in the pieces or among the failed. Sent again it answers the same.
   * @throws unavailable, query_timeout, limited: nothing is known of any slice of the share
   */
  scan(share: Share): Promise<ShareOutcome>
}

/** Time. `now` may jump and differ between hosts; `monotonicMs` only measures. */
export interface Clock {
  now(): Micros
  monotonicMs(): number
  sleep(ms: number): Promise<void>
}

/** Identity and chance. */
export interface Ids {
  /** 26 characters of Crockford base32: 48 bits of time, 80 of chance */
  ulid(): string
  /** 0 <= x < 1 */
  random(): number
}

export type Labels = Readonly<Record<string, string>>

/** What the engine says about itself. Never throws, never blocks. */
export interface Telemetry {
  count(name: string, n: number, labels?: Labels): void
  observe(name: string, value: number, labels?: Labels): void
  log(level: 'debug' | 'info' | 'warn' | 'error', message: string, fields?: Readonly<Record<string, unknown>>): void
}

export interface Ports {
  readonly blobs: Blobs
  readonly queue: Queue
  readonly catalog: Catalog
  readonly sql: Sql
  readonly clock: Clock
  readonly ids: Ids
  readonly telemetry: Telemetry
}
