// Time as the whole house counts it: microseconds since 1970-01-01 UTC in a safe integer (`Micros`),
// and the UTC day, which is the unit of partitioning.

/** microseconds since 1970-01-01T00:00:00Z, a safe integer */
export type Micros = number
/** `YYYY-MM-DD`, UTC */
export type Day = string

export const MICROS_PER_MS = 1_000
export const MICROS_PER_SECOND = 1_000_000
export const MICROS_PER_HOUR = 3_600_000_000
export const MICROS_PER_DAY = 86_400_000_000

/** days since 1970-01-01 (negative before) */
export const dayNumberOf = (micros: Micros): number => Math.floor(micros / MICROS_PER_DAY)

/** the day of a number of days since 1970-01-01 */
export function dayOfNumber(dayNumber: number): Day {
  return new Date(dayNumber * 86_400_000).toISOString().slice(0, 10)
}

/** the UTC day that holds an instant */
export const dayOf = (micros: Micros): Day => dayOfNumber(dayNumberOf(micros))

/** days since 1970-01-01 of `YYYY-MM-DD`; NaN when it is not a real day */
export function dayNumberOfDay(day: Day): number {
  const ms = /^\d{4}-\d{2}-\d{2}$/.test(day) ? Date.parse(day) : NaN
  return Number.isNaN(ms) || new Date(ms).toISOString().slice(0, 10) !== day ? NaN : ms / 86_400_000
}
