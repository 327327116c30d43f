// A record's time, from whatever a client wrote, read from bytes by hand: most records have one, and
// no regular expression ever sees a client's text. Everything is UTC microseconds; finer digits are cut.
import { MICROS_PER_DAY, MICROS_PER_SECOND } from '../../model/time.ts'
import type { Micros } from '../../model/time.ts'

/** bounds between units of a bare number, as OpenObserve's: one year's worth of the next finer unit */
const NANOS_ABOVE = 31_536_000_000_000_000
const MICROS_ABOVE = 31_536_000_000_000
const MILLIS_ABOVE = 31_536_000_000

/** what an unreadable time should have been; ends messages */
export const TIME_FORMS = 'give a number of seconds, milliseconds, microseconds or nanoseconds since 1970, or a text such as 2026-01-31T12:00:00Z'

const isDigit = (c: number | undefined): boolean => c !== undefined && c >= 0x30 && c <= 0x39

/**
 * The microseconds of a decimal number [from, to): digits, with a fraction and an exponent if any;
 * its size tells its unit. Zero stays 0 (clients mean "none"), NaN: no such number or a negative
 * one, Infinity: too large for any unit. Exact: digits are moved, never multiplied.
 */
export function readTimeNumber(bytes: Buffer, from: number, to: number): Micros {
  let p = from
  const negative = bytes[p] === 0x2d
  if (negative) p++
  if (p >= to || !isDigit(bytes[p])) return NaN
  while (p < to && bytes[p] === 0x30) p++
  const first = p
  let size = 0
  while (p < to && isDigit(bytes[p])) size = size * 10 + bytes[p++]! - 0x30
  const wholeDigits = p - first
  let nonZero = wholeDigits > 0
  if (p < to && bytes[p] === 0x2e) {
    const point = p++
    while (p < to && isDigit(bytes[p])) nonZero = bytes[p++] !== 0x30 || nonZero
    if (p === point + 1) return NaN
  }
  const digitsEnd = p
  let exponent = 0
  if (p < to && (bytes[p]! | 0x20) === 0x65) {
    const down = bytes[++p] === 0x2d
    if (p < to && (down || bytes[p] === 0x2b)) p++
    if (p >= to) return NaN
    while (p < to && isDigit(bytes[p])) exponent = exponent * 10 + bytes[p++]! - 0x30
    if (down) exponent = -exponent
    size = Number(bytes.toString('latin1', from, p))
  }
  if (p !== to) return NaN
  if (!nonZero) return 0
  if (negative) return NaN
  const shift = size > NANOS_ABOVE ? -3 : size > MICROS_ABOVE ? 0 : size > MILLIS_ABOVE ? 3 : 6
  const digits = wholeDigits + exponent + shift
  if (digits > 17) return Infinity
  let micros = 0
  let q = first
  for (let i = 0; i < digits; i++) {
    if (bytes[q] === 0x2e && q < digitsEnd) q++
    micros = micros * 10 + (q < digitsEnd ? bytes[q++]! - 0x30 : 0)
  }
  return micros
}

/**
 * The microseconds of a text [from, to): a number in digits, RFC 3339 (`T` or a space between, any
 * offset or none = UTC, up to 9 digits of a second), a date alone, or RFC 2822. NaN: none of them.
 */
export function readTimeText(bytes: Buffer, from: number, to: number): Micros {
  const length = to - from
  // Longer than the longest form with a comment behind it.
  if (length === 0 || length > 100) return NaN
  if (length >= 10 && bytes[from + 4] === 0x2d && bytes[from + 7] === 0x2d) return readDateTime(bytes, from, to)
  const c = bytes[from]!
  if (isDigit(c) || c === 0x2d) {
    const micros = readTimeNumber(bytes, from, to)
    if (!Number.isNaN(micros)) return micros
  }
  return readMailDate(bytes, from, to)
}

/** the value of `count` digits at `p`, -1 when one is none */
function digitsAt(bytes: Buffer, p: number, count: number, to: number): number {
  if (p + count > to) return -1
  let value = 0
  for (const end = p + count; p < end; p++) {
    const d = bytes[p]! - 0x30
    if (d < 0 || d > 9) return -1
    value = value * 10 + d
  }
  return value
}

/** days since 1970-01-01 of a proleptic Gregorian date; NaN when there is no such day */
function dayNumber(year: number, month: number, day: number): number {
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  const last = month === 2 ? (leap ? 29 : 28) : month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
  if (year < 0 || month < 1 || month > 12 || day < 1 || day > last) return NaN
  // Years begin in March, so that the leap day is a year's last and months fall on a straight line.
  const y = month <= 2 ? year - 1 : year
  const era = Math.floor(y / 400)
  const yearOfEra = y - era * 400
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  return era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468
}

/** `YYYY-MM-DD[(T| )HH:MM:SS[.frac][Z|±HH[:]MM]]` */
function readDateTime(bytes: Buffer, from: number, to: number): Micros {
  const day = dayNumber(digitsAt(bytes, from, 4, to), digitsAt(bytes, from + 5, 2, to), digitsAt(bytes, from + 8, 2, to))
  let p = from + 10
  if (p === to || Number.isNaN(day)) return day * MICROS_PER_DAY
  const between = bytes[p]!
  if (between !== 0x54 && between !== 0x74 && between !== 0x20) return NaN
  const hour = digitsAt(bytes, p + 1, 2, to)
  const minute = digitsAt(bytes, p + 4, 2, to)
  const second = digitsAt(bytes, p + 7, 2, to)
  if (bytes[p + 3] !== 0x3a || bytes[p + 6] !== 0x3a) return NaN
  p += 9
  let fraction = 0
  if (p < to && bytes[p] === 0x2e) {
    const first = ++p
    let unit = 100_000
    for (; p < to && isDigit(bytes[p]); p++, unit = Math.floor(unit / 10)) fraction += (bytes[p]! - 0x30) * unit
    if (p === first || p - first > 9) return NaN
  }
  return clockMicros(day, hour, minute, second, offsetSeconds(bytes, p, to)) + fraction
}

/** second 60 is a leap second, counted as the next minute's first */
function clockMicros(day: number, hour: number, minute: number, second: number, offset: number): Micros {
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60) return NaN
  return day * MICROS_PER_DAY + (hour * 3600 + minute * 60 + second - offset) * MICROS_PER_SECOND
}

/** seconds east of Greenwich of [p, to): nothing, `Z`, `±HH:MM`, `±HHMM`, `±HH`; NaN: something else */
function offsetSeconds(bytes: Buffer, p: number, to: number): number {
  if (p === to) return 0
  const c = bytes[p]!
  if ((c | 0x20) === 0x7a) return p + 1 === to ? 0 : NaN
  if (c !== 0x2b && c !== 0x2d) return NaN
  const hours = digitsAt(bytes, p + 1, 2, to)
  p += 3
  let minutes = 0
  if (p !== to) {
    if (bytes[p] === 0x3a) p++
    minutes = digitsAt(bytes, p, 2, to)
    if (p + 2 !== to) return NaN
  }
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return NaN
  return (c === 0x2d ? -1 : 1) * (hours * 3600 + minutes * 60)
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const WEEKDAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']
/** zones RFC 2822 section 4.3 gives a meaning, hours east of Greenwich */
const ZONES = new Map([['gmt', 0], ['ut', 0], ['utc', 0], ['z', 0], ['est', -5], ['edt', -4], ['cst', -6], ['cdt', -5], ['mst', -7], ['mdt', -6], ['pst', -8], ['pdt', -7]])

/** `[Sat, ]21 Nov 2026 11:38[:04] +0100`, with a comment in brackets behind it if any (RFC 2822 3.3 and 4.3) */
function readMailDate(bytes: Buffer, from: number, to: number): Micros {
  // At most 100 bytes: splitting costs nothing that matters and mail dates are rare.
  const words = bytes.toString('latin1', from, to).toLowerCase().split(' ').filter((word) => word !== '')
  const comment = words.findIndex((word) => word.startsWith('('))
  if (comment >= 0) {
    if (!words.at(-1)!.endsWith(')')) return NaN
    words.length = comment
  }
  if (words[0]?.endsWith(',') === true && WEEKDAYS.includes(words[0].slice(0, -1))) words.shift()
  const [dayText, monthText, yearText, clock, zone] = words
  if (words.length !== 5 || dayText === undefined || yearText === undefined || clock === undefined || zone === undefined) return NaN
  const day = dayNumber(mailYear(yearText), MONTHS.indexOf(monthText ?? '') + 1, dayText.length <= 2 ? decimal(dayText) : -1)
  const [hour, minute, second = '00', ...rest] = clock.split(':')
  if (rest.length > 0 || hour?.length !== 2 || minute?.length !== 2 || second.length !== 2) return NaN
  return clockMicros(day, decimal(hour), decimal(minute), decimal(second), mailZone(zone))
}

/** -1 when not all digits */
function decimal(text: string): number {
  for (let i = 0; i < text.length; i++) if (!isDigit(text.charCodeAt(i))) return -1
  return text === '' ? -1 : Number(text)
}

function mailYear(text: string): number {
  const year = decimal(text)
  if (year < 0 || text.length > 4 || text.length < 2) return -1
  // RFC 2822 4.3: years of two and three digits.
  if (text.length === 2) return year < 50 ? year + 2000 : year + 1900
  return text.length === 3 ? year + 1900 : year
}

function mailZone(zone: string): number {
  const named = ZONES.get(zone)
  if (named !== undefined) return named * 3600
  const bytes = Buffer.from(zone, 'latin1')
  return bytes.length === 5 ? offsetSeconds(bytes, 0, 5) : NaN
}
