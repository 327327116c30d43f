// Every number one may turn, with its unit in the name and its reason beside it; relations between
// them are asserted, not hoped for. Times of the protocol: commit-protocol.md section 6.
import { assert } from '../model/errors.ts'
import { MICROS_PER_DAY, MICROS_PER_HOUR } from '../model/time.ts'

export interface Settings {
  /** request body as received; 64 MiB embedded, 4.5 MB on AWS (Lambda's request is 6 MB of base64) */
  readonly bodyBytesMax: number
  /** after inflating: bounds memory, 64 MiB holds 100,000 records of 600 bytes */
  readonly inflatedBytesMax: number
  readonly recordsMax: number
  readonly recordBytesMax: number
  readonly recordFieldsMax: number
  readonly keyBytesMax: number
  /** of a reply that names each record (`_bulk`): a request whose reply would be longer is refused before anything is stored */
  readonly replyBytesMax: number
  /** from the body's root; recursion and JSON text stay bounded */
  readonly depthMax: number
  /** dynamic streams in one request */
  readonly requestStreamsMax: number
  /** (stream, UTC day) pairs in one request: each becomes a slice */
  readonly requestPartitionsMax: number
  /** OpenObserve's ZO_INGEST_FLATTEN_LEVEL */
  readonly flattenLevels: number
  /** how far from acceptedAt a row's time may lie */
  readonly pastMicrosMax: number
  readonly futureMicrosMax: number
  /** compressed body above which it is put in a blob and the message carries a pointer: a PUT costs what 7 SQS chunks cost */
  readonly spillAboveBytes: number
  /** how long the writer waits from the first message for more, milliseconds */
  readonly lingerMs: number
  /** envelope bytes that close the window at once */
  readonly batchBytesMax: number
  /** claims + 1 <= 99 of a 100-item transaction leaves room; 60 keeps a flush's loss small */
  readonly batchMessagesMax: number
  /** groups (stream, inc, day) in one pack; more is cut into several packs by message */
  readonly packSlicesMax: number
  /** writer's tries of a batch: each failed claim costs one */
  readonly commitRounds: number
  readonly ageFenceMicros: number
  readonly claimTtlMicros: number
  readonly idempotencyTtlMicros: number
  readonly attemptMsMax: number
  readonly listDeadlineMs: number
  /** writers may use a stream item this old */
  readonly incCacheMs: number
  readonly dropMarginMicros: number
  readonly retentionDays: number
  /** of packs just written: level 3 takes a fifth more CPU to encode and saves nothing, random ids being most of what is left */
  readonly zstdLevelFresh: number
  readonly rowGroupRows: number
  readonly statisticsBytesMax: number
  readonly sqlBytesMax: number
  readonly sqlNodesMax: number
  readonly sqlDepthMax: number
  readonly inListMax: number
  readonly regexBytesMax: number
  readonly constantLengthMax: number
  readonly queryDefaultRows: number
  readonly queryRowsMax: number
  readonly queryBytesMax: number
  readonly queryDeadlineMs: number
  /** bytes one query may fetch */
  readonly queryScanBytesMax: number
  /** DuckDB's memory_limit in a sandbox */
  readonly sandboxMemoryBytes: number
  /** a gap up to this is fetched rather than asked for again: one GET costs as much as 1 MB of transfer */
  readonly coalesceBytes: number
  /** bytes to fetch for one leaf: about a second of one function's bandwidth, a fraction of its memory */
  readonly shareBytes: number
  /** slices of one share: its description stays far below the 6 MB of an invocation */
  readonly shareSlicesMax: number
  /** a query below this is scanned by its leader: a second function costs more time than its bandwidth saves */
  readonly leaderShareBytes: number
  /** leaves of one query at work at once: a tenth of what an account may run */
  readonly leavesMax: number
  /** a leaf quicker than this is never called late: a cold start takes as long, and is no reason for another */
  readonly hedgeFloorMs: number
  /** bytes of extracts one query may bring to its leader: they stand on its disk while the statement runs */
  readonly gatherBytesMax: number
  /** extracts above this are filtered by the leaf before they travel: below, a sandbox costs more than it saves */
  readonly leafFilterAboveBytes: number
}

export const DEFAULT_SETTINGS: Settings = {
  bodyBytesMax: 64 * 2 ** 20,
  inflatedBytesMax: 64 * 2 ** 20,
  recordsMax: 100_000,
  recordBytesMax: 2 ** 20,
  recordFieldsMax: 1_000,
  keyBytesMax: 256,
  replyBytesMax: 256 * 2 ** 20,
  depthMax: 64,
  requestStreamsMax: 32,
  requestPartitionsMax: 256,
  flattenLevels: 3,
  pastMicrosMax: 3_650 * MICROS_PER_DAY,
  futureMicrosMax: 24 * MICROS_PER_HOUR,
  spillAboveBytes: 330 * 1024,
  lingerMs: 1_000,
  batchBytesMax: 6 * 2 ** 20,
  batchMessagesMax: 60,
  packSlicesMax: 512,
  commitRounds: 6,
  ageFenceMicros: 21 * MICROS_PER_DAY,
  claimTtlMicros: 30 * MICROS_PER_DAY,
  idempotencyTtlMicros: 24 * MICROS_PER_HOUR,
  attemptMsMax: 15 * 60_000,
  listDeadlineMs: 60_000,
  incCacheMs: 10_000,
  dropMarginMicros: MICROS_PER_HOUR,
  retentionDays: 3_650,
  zstdLevelFresh: 1,
  rowGroupRows: 50_000,
  statisticsBytesMax: 64,
  sqlBytesMax: 64 * 1024,
  sqlNodesMax: 10_000,
  sqlDepthMax: 200,
  inListMax: 10_000,
  regexBytesMax: 1_024,
  constantLengthMax: 10_000,
  queryDefaultRows: 1_000,
  queryRowsMax: 1_000_000,
  queryBytesMax: 100 * 2 ** 20,
  queryDeadlineMs: 300_000,
  queryScanBytesMax: 20 * 2 ** 30,
  sandboxMemoryBytes: 256 * 2 ** 20,
  coalesceBytes: 256 * 1024,
  shareBytes: 64 * 2 ** 20,
  shareSlicesMax: 1_000,
  leaderShareBytes: 16 * 2 ** 20,
  leavesMax: 100,
  hedgeFloorMs: 1_500,
  gatherBytesMax: 20 * 2 ** 30,
  leafFilterAboveBytes: 2 ** 20,
}

/** @throws EngineError `internal` naming the relation that does not hold */
export function checkSettings(s: Settings): Settings {
  assert(s.claimTtlMicros > s.ageFenceMicros + s.attemptMsMax * 1_000, 'claimTtlMicros must exceed ageFenceMicros + attemptMsMax')
  assert(s.batchMessagesMax + 1 <= 99, 'a batch\'s claims and its entry must fit one transaction of 100 changes')
  assert(s.spillAboveBytes <= s.bodyBytesMax, 'spillAboveBytes must not exceed bodyBytesMax')
  assert(s.recordBytesMax <= s.inflatedBytesMax, 'recordBytesMax must not exceed inflatedBytesMax')
  assert(s.shareSlicesMax * 1_024 <= 4 * 2 ** 20, 'a share of shareSlicesMax slices must fit an invocation of 6 MB')
  assert(s.requestPartitionsMax <= s.packSlicesMax, 'one request must fit one pack')
  return s
}
