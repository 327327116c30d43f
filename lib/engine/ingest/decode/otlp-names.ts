// The member names of OTLP JSON that mean something to us, told apart by bytes. The proto3 JSON
// mapping has parsers accept both forms: lowerCamelCase and the proto file's own. Encoders write
// members in one order, so the name that came after this one last time is compared first, with its
// quotes and colon.
import { wordsOf } from './otlp-words.ts'
import type { Words } from './otlp-words.ts'

export const UNKNOWN = 0
export const RESOURCE_LOGS = 1
export const RESOURCE = 2
export const SCOPE_LOGS = 3
export const SCOPE = 4
export const LOG_RECORDS = 5
export const NAME = 6
export const VERSION = 7
export const ATTRIBUTES = 8
export const TIME = 9
export const OBSERVED_TIME = 10
export const SEVERITY_NUMBER = 11
export const SEVERITY_TEXT = 12
export const BODY = 13
export const DROPPED_ATTRIBUTES = 14
export const TRACE_ID = 15
export const SPAN_ID = 16
export const KEY = 17
export const VALUE = 18
export const VALUES = 19
/** AnyValue's members are the codes from here to BYTES_VALUE */
export const STRING_VALUE = 20
export const BOOL_VALUE = 21
export const INT_VALUE = 22
export const DOUBLE_VALUE = 23
export const ARRAY_VALUE = 24
export const MAP_VALUE = 25
export const BYTES_VALUE = 26
/** known, so that the name behind it can be guessed; nothing is made of it */
export const FLAGS = 27

const CODES: readonly (readonly [string, number])[] = [
  ['resource_logs', RESOURCE_LOGS], ['resource', RESOURCE], ['scope_logs', SCOPE_LOGS], ['scope', SCOPE],
  ['log_records', LOG_RECORDS], ['name', NAME], ['version', VERSION], ['attributes', ATTRIBUTES],
  ['time_unix_nano', TIME], ['observed_time_unix_nano', OBSERVED_TIME], ['severity_number', SEVERITY_NUMBER],
  ['severity_text', SEVERITY_TEXT], ['body', BODY], ['dropped_attributes_count', DROPPED_ATTRIBUTES],
  ['trace_id', TRACE_ID], ['span_id', SPAN_ID], ['key', KEY], ['value', VALUE], ['values', VALUES],
  ['string_value', STRING_VALUE], ['bool_value', BOOL_VALUE], ['int_value', INT_VALUE], ['double_value', DOUBLE_VALUE],
  ['array_value', ARRAY_VALUE], ['kvlist_value', MAP_VALUE], ['bytes_value', BYTES_VALUE], ['flags', FLAGS],
]

/** A name in one of its two forms. */
export interface Name {
  readonly code: number
  /** position in an array of guesses */
  readonly index: number
  /** `"name":`, as an encoder without white space writes it; empty: never stands anywhere */
  readonly token: Words
  /** the name alone */
  readonly bytes: Uint8Array
}

const NAMES: Name[] = []
/** names by length: at most four share one */
const BY_LENGTH: Name[][] = Array.from({ length: 32 }, () => [])

function nameOf(code: number, text: string): Name {
  const token = wordsOf(Buffer.from(text === '' ? '' : `"${text}":`, 'latin1'))
  const name = { code, index: NAMES.length, token, bytes: Buffer.from(text, 'latin1') }
  NAMES.push(name)
  return name
}

for (const [snake, code] of CODES) {
  const camel = snake.replace(/_[a-z]/g, (pair) => pair[1]!.toUpperCase())
  for (const text of new Set([camel, snake])) BY_LENGTH[text.length]!.push(nameOf(code, text))
}

/** any other name */
const OTHER = nameOf(UNKNOWN, '')
/** stand before the first member of an object, by the object's kind */
export const START_OUTER = nameOf(UNKNOWN, '')
export const START_RECORD = nameOf(UNKNOWN, '')
export const START_PAIR = nameOf(UNKNOWN, '')
export const START_VALUE = nameOf(UNKNOWN, '')
export const START_LIST = nameOf(UNKNOWN, '')

/** the name [from, to) */
export function findName(bytes: Uint8Array, from: number, to: number): Name {
  const length = to - from
  if (length >= BY_LENGTH.length) return OTHER
  const names = BY_LENGTH[length]!
  for (let n = 0; n < names.length; n++) {
    const name = names[n]!
    let i = 0
    while (i < length && bytes[from + i] === name.bytes[i]) i++
    if (i === length) return name
  }
  return OTHER
}

/** guesses of one reader: for each name the one that followed it last */
export const newGuesses = (): Name[] => NAMES.map(() => OTHER)
