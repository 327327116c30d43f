// histogram(time[, interval[, zone]]): the start of the bucket a time falls in, as OpenObserve's
// clients read it: `YYYY-MM-DDTHH:MM:SS`, UTC. Intervals divide a day or are whole days, so buckets
// of neighbouring queries and files meet.
import type { Micros } from '../../../model/time.ts'
import { call, cast, columnName, constantNumber, constantText, integer, isColumn, operator, text } from './ast.ts'
import { badArgument } from './call-site.ts'
import type { Call, CallSite } from './call-site.ts'
import { checkZone, fixedOffsetMinutes, localOf, microsOf } from './times.ts'
import type { AstNode, RewriteContext } from './contract.ts'

const HISTOGRAM_INVALID = 20013
const DAY_SECONDS = 86_400
const TEXT_FORMAT = '%Y-%m-%dT%H:%M:%S'

/** from this range (seconds) upwards: this interval (seconds); OpenObserve's table */
const AUTOMATIC: readonly (readonly [rangeSeconds: number, intervalSeconds: number])[] = [
  [60 * DAY_SECONDS, DAY_SECONDS],
  [30 * DAY_SECONDS, 12 * 3600],
  [28 * DAY_SECONDS, 6 * 3600],
  [21 * DAY_SECONDS, 3 * 3600],
  [15 * DAY_SECONDS, 2 * 3600],
  [6 * 3600, 3600],
  [2 * 3600, 60],
  [3600, 30],
  [1800, 15],
  [10, 10],
]

/** the interval of a range, seconds */
export function automaticIntervalSeconds(start: Micros, end: Micros): number {
  const seconds = (end - start) / 1_000_000
  return AUTOMATIC.find(([range]) => seconds >= range)?.[1] ?? 1
}

/** what an interval between these is rounded up to, seconds; OpenObserve's list */
const SNAPPED = [1, 5, 10, 15, 30, 60, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 28_800, 43_200, DAY_SECONDS]

/** divisors and multiples of a day stay; others become the next of the list, at most a day */
export function snapInterval(seconds: number): number {
  if (seconds % DAY_SECONDS === 0 || DAY_SECONDS % seconds === 0) return seconds
  return SNAPPED.find(s => s >= seconds) ?? DAY_SECONDS
}

const UNIT_SECONDS: Readonly<Record<string, number>> = {
  s: 1, sec: 1, secs: 1, second: 1, seconds: 1,
  m: 60, min: 60, mins: 60, minute: 60, minutes: 60,
  h: 3600, hr: 3600, hrs: 3600, hour: 3600, hours: 3600,
  d: DAY_SECONDS, day: DAY_SECONDS, days: DAY_SECONDS,
}
/** 100 years: beyond it a bucket means nothing and microseconds leave the safe integers */
const INTERVAL_SECONDS_MAX = 36_500 * DAY_SECONDS

/**
 * Seconds of `5 minutes`, `30s`, `1 day`; 0 means automatic.
 * @throws EngineError invalid_query (20013)
 */
export function intervalSeconds(written: string): number {
  const parts = /^\s*(\d{1,15})\s*([a-z]+)\s*$/i.exec(written)
  const unit = parts === null ? undefined : UNIT_SECONDS[parts[2]!.toLowerCase()]
  const seconds = unit === undefined ? NaN : Number(parts![1]) * unit
  if (seconds <= INTERVAL_SECONDS_MAX) return seconds
  throw badArgument('histogram', `the interval ${JSON.stringify(written.slice(0, 100))} is not valid; give a number and second, minute, hour or day, such as '5 minutes'`, HISTOGRAM_INVALID)
}

/** the interval a call gets, seconds */
export function chosenInterval(written: string | null, context: RewriteContext): number {
  const asked = written === null ? context.histogramIntervalSeconds : intervalSeconds(written)
  return asked > 0 ? snapInterval(asked) : automaticIntervalSeconds(context.startTime, context.endTime)
}

/** the call as DuckDB expression: TIMESTAMP where the site allows it, else text */
export function histogram(c: Call): AstNode {
  const seconds = chosenInterval(writtenInterval(c), c.site.context)
  c.site.histogram(seconds)
  const bucket = bucketOf(c.args[0]!, seconds * 1_000_000, zoneOf(c), c.site)
  return c.site.asTimestamp ? bucket : call('strftime', [bucket, text(TEXT_FORMAT)])
}

function writtenInterval(c: Call): string | null {
  const node = c.args[1]
  if (node === undefined) return null
  const written = constantText(node)
  if (written !== null) return written
  const number = constantNumber(node)
  throw badArgument('histogram', `the interval ${number === null ? 'must be a text constant' : `${number} has no unit`}; give one such as '5 minutes'`, HISTOGRAM_INVALID)
}

function zoneOf(c: Call): string {
  const node = c.args[2]
  if (node === undefined) return 'UTC'
  const zone = constantText(node)
  if (zone === null) throw badArgument('histogram', 'the time zone must be a text constant', HISTOGRAM_INVALID)
  if (fixedOffsetMinutes(zone) === null) checkZone('histogram', zone, HISTOGRAM_INVALID)
  return zone
}

/**
 * Start of the bucket, UTC. Integer arithmetic on microseconds: a third of time_bucket's cost.
 * In a zone with rules buckets of an hour or less keep the clock's own offset (so a repeated hour is
 * two buckets), longer ones begin at the wall clock's multiples from midnight.
 */
function bucketOf(time: AstNode, width: number, zone: string, site: CallSite): AstNode {
  const micros = microsOf(time, site)
  const offset = fixedOffsetMinutes(zone)
  if (offset !== null) {
    const shifted = offset === 0 ? micros : operator('+', micros, integer(offset * 60_000_000))
    const positive = offset === 0 && isColumn(time) && columnName(time) === '_timestamp'
    return call('make_timestamp', [operator('-', micros, remainder(shifted, width, positive))])
  }
  const utc = call('make_timestamp', [micros])
  const local = call('epoch_us', [localOf(utc, zone)])
  if (width <= 3_600_000_000) return call('make_timestamp', [operator('-', micros, remainder(local, width, false))])
  const start = call('make_timestamp', [operator('-', local, remainder(local, width, false))])
  return cast(call('timezone', [text('UTC'), call('timezone', [text(zone), start])]), 'TIMESTAMP')
}

/** x mod width, never negative; rows before 1970 exist in other columns than `_timestamp` only */
function remainder(x: AstNode, width: number, positive: boolean): AstNode {
  const plain = operator('%', x, integer(width))
  return positive ? plain : operator('%', operator('+', plain, integer(width)), integer(width))
}
