// A query as the journey takes it: the request's numbers judged, in our units.
import { EngineError } from '../../model/errors.ts'
import type { OrgId, StreamType } from '../../model/stream.ts'
import { MICROS_PER_DAY, type Micros } from '../../model/time.ts'
import type { Settings } from '../settings.ts'

export interface Query {
  readonly org: OrgId
  readonly traceId: string
  /** the user's text, decoded */
  readonly sql: string
  /** what a table without a type is */
  readonly defaultType: StreamType
  /** rows with startTime <= _timestamp < endTime */
  readonly startTime: Micros
  readonly endTime: Micros
  readonly from: number
  /** rows; -1 = all up to the cap */
  readonly size: number
  readonly trackTotalHits: boolean
  /** seconds; 0 = automatic */
  readonly histogramIntervalSeconds: number
  /** seconds; 0 = the setting's */
  readonly timeoutSeconds: number
  /** answer the plan and its estimate, run nothing */
  readonly dryRun: boolean
}

/** 1973-03-03 in microseconds: an instant below it is one in milliseconds or seconds, mistaken */
const MICROS_PLAUSIBLE_MIN = 1e14
const SPAN_MAX = 36_525 * MICROS_PER_DAY

/** @throws EngineError `time_range` (20011) saying what would be right */
export function checkQuery(query: Query, settings: Settings): Query {
  const { startTime, endTime } = query
  const bad = (why: string): EngineError => new EngineError('time_range', why, { code: 20011 })
  if (startTime > endTime) throw bad(`start_time ${startTime} is after end_time ${endTime}: swap them`)
  for (const [name, value] of [['start_time', startTime], ['end_time', endTime]] as const) {
    if (value > 0 && value < MICROS_PLAUSIBLE_MIN) {
      throw bad(`${name} ${value} is not in microseconds since 1970: multiply milliseconds by 1000`)
    }
  }
  if (endTime - startTime > SPAN_MAX) throw bad('the range is longer than 100 years: narrow it')
  if (Buffer.byteLength(query.sql, 'utf8') > settings.sqlBytesMax) {
    throw new EngineError('invalid_query', `the statement is longer than ${settings.sqlBytesMax} bytes: shorten it`, { code: 20001 })
  }
  return query
}
