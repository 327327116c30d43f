// What the bill needs and this code cannot measure: each number with its reason. Everything else in a
// bill is counted on the running engine or computed from the price table.

export interface Assumptions {
  /** CPU-ms of an arm64 Lambda core for one of this machine; 1.3 to 1.8 is what designs here plan with, nobody has measured it */
  readonly cpuFactor: number
  /** CPU-ms of Lambda's core that the SDK takes to sign, send and read one call */
  readonly sdkCallCpuMs: number
  /** waits that Lambda bills like work, milliseconds: what these services commonly answer in, near by */
  readonly sqsSendMs: number
  readonly s3PutMs: number
  readonly s3GetMs: number
  readonly commitMs: number
  readonly getItemMs: number
  /**
   * Receivers of an event source. Five is what AWS documents; two in quiet times are documented only
   * for mappings without MaximumConcurrency, which ours has.
   */
  readonly pollers: number
  /** of a function's own log, an invocation: start, end and report lines; 0 where SystemLogLevel is WARN */
  readonly logBytesPerInvocation: number
  /** how long a spilled body stays: the lifecycle rule of `wal/` */
  readonly walDays: number
  /** how long what was deleted is still kept and billed: the lifecycle rule of noncurrent versions */
  readonly noncurrentDays: number
  /** the same of packs */
  readonly packNoncurrentDays: number
  /** the same of spilled bodies */
  readonly walNoncurrentDays: number
}

export const ASSUMPTIONS: Assumptions = {
  cpuFactor: 1.5, sdkCallCpuMs: 2,
  sqsSendMs: 15, s3PutMs: 60, s3GetMs: 40, commitMs: 25, getItemMs: 6,
  pollers: 5, logBytesPerInvocation: 0, walDays: 30, noncurrentDays: 7, packNoncurrentDays: 3, walNoncurrentDays: 1,
}

/** a long poll that finds nothing ends after this */
export const LONG_POLL_SECONDS = 20

/**
 * Compaction from the measured prototype (measured-write.md 4, commit-protocol.md 10): no compactor is
 * in the code yet. Forty packs become one file for each stream and day in them; the second merge, of the
 * files of a day, asks for a fortieth of that and is left out.
 */
export const COMPACTION = {
  packsPerRun: 40,
  /** transactional writes of a run: two units for each pack retired, two for each file, 44 for the garbage record's life */
  writeUnits: (files: number): number => 2 * 40 + 2 * files + 44,
  /** every file and the lineage object */
  puts: (files: number): number => files + 1,
  gets: 40,
  /** CPU-ms a raw MB: packs read and written anew (8.1), files of a day copied under one footer (0.28) */
  cpuMsPerRawMb: 8.1 + 0.28,
  /** so a row's bytes are replaced twice: in its pack, then in its first file */
  generations: 2,
  memoryMb: 3_008,
} as const
