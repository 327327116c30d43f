// The figures of a bench run as data: what the measuring processes print, what docs/bench.md keeps
// and what the next run is compared with. CPU is CPU-ms (user + system) a megabyte; a megabyte is
// 10^6 bytes of uncompressed request body.
import type { Format } from './river-load.ts'

/** uncompressed bytes of request bodies in one flush of the stages */
export const FLUSH_BYTES = 16e6

export interface Spread {
  readonly min: number
  readonly median: number
}

export interface CellFigures {
  readonly format: Format
  /** of the mean uncompressed body */
  readonly requestBytes: number
  /** different data that was made for it */
  readonly rawBytes: number
  readonly rounds: number
  readonly gzipRatio: number
  /** of rows */
  readonly lateShare: number
  readonly streamsAPackMin: number
  readonly slicesAPack: number
  /** slices that begin before the one before them of the same stream and day has ended */
  readonly overlapShare: number
  /** uncompressed request bytes in a pack */
  readonly flushBytes: number
  /** into a queue that does nothing */
  readonly receive: Spread
  /** into the real queue, durable */
  readonly queued: Spread
  /** from the queue to a committed pack */
  readonly write: Spread
  /** `queued` + `write` of the same round */
  readonly both: Spread
  readonly gunzip: Spread
  readonly zstd: Spread
  /** a megabyte of OTLP JSON text */
  readonly jsonParse: Spread
  readonly storedPerRaw: number
  readonly storedPerOtlpJson: number
  /** of the measuring process, the bench's own bodies included */
  readonly peakRssBytes: number
}

export interface ServerFigures {
  readonly seconds: number
  readonly rawBytes: number
  /** raw bytes a second it took and wrote when sent all at once */
  readonly capacity: number
  /** raw bytes a second sent while it was measured */
  readonly rate: number
  readonly requests: number
  /** requests that were not answered 200 */
  readonly refused: number
  /** of the server and its children, over windows of the run */
  readonly cpu: Spread
  readonly peakRssBytes: number
  /** with the query processes, which wait */
  readonly peakTreeRssBytes: number
  readonly delayP50Ms: number
  readonly delayP99Ms: number
  readonly delayMaxMs: number
  /** from the request's first byte to its answer, at the client */
  readonly answerP50Ms: number
  readonly answerP99Ms: number
}

export interface Figures {
  readonly date: string
  readonly machine: string
  readonly command: string
  readonly load: string
  readonly cells: readonly CellFigures[]
  readonly server: ServerFigures | null
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  const half = sorted.length / 2
  const median = sorted.length % 2 === 1 ? sorted[Math.floor(half)]! : ((sorted[half - 1] ?? NaN) + (sorted[half] ?? NaN)) / 2
  return { min: sorted[0] ?? NaN, median }
}

/** the value below which the share of the values lies */
export function quantileOf(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN
}
