// The member names of OTLP JSON that mean something to us, told apart by bytes. The proto3 JSON
// mapping has parsers accept both forms: lowerCamelCase and the proto file's own.

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
/** AnyValue's members are the codes from here on */
export const STRING_VALUE = 20
export const BOOL_VALUE = 21
export const INT_VALUE = 22
export const DOUBLE_VALUE = 23
export const ARRAY_VALUE = 24
export const MAP_VALUE = 25
export const BYTES_VALUE = 26

const CODES: readonly (readonly [string, number])[] = [
  ['resource_logs', RESOURCE_LOGS], ['resource', RESOURCE], ['scope_logs', SCOPE_LOGS], ['scope', SCOPE],
  ['log_records', LOG_RECORDS], ['name', NAME], ['version', VERSION], ['attributes', ATTRIBUTES],
  ['time_unix_nano', TIME], ['observed_time_unix_nano', OBSERVED_TIME], ['severity_number', SEVERITY_NUMBER],
  ['severity_text', SEVERITY_TEXT], ['body', BODY], ['dropped_attributes_count', DROPPED_ATTRIBUTES],
  ['trace_id', TRACE_ID], ['span_id', SPAN_ID], ['key', KEY], ['value', VALUE], ['values', VALUES],
  ['string_value', STRING_VALUE], ['bool_value', BOOL_VALUE], ['int_value', INT_VALUE], ['double_value', DOUBLE_VALUE],
  ['array_value', ARRAY_VALUE], ['kvlist_value', MAP_VALUE], ['bytes_value', BYTES_VALUE],
]

interface Name {
  readonly bytes: Uint8Array
  readonly code: number
}

/** names by length: at most four share one */
const BY_LENGTH: Name[][] = Array.from({ length: 32 }, () => [])
for (const [snake, code] of CODES) {
  const camel = snake.replace(/_[a-z]/g, (pair) => pair[1]!.toUpperCase())
  for (const name of new Set([camel, snake])) BY_LENGTH[name.length]!.push({ bytes: Buffer.from(name, 'latin1'), code })
}

/** the code of the name [from, to), UNKNOWN for all others */
export function nameCode(bytes: Uint8Array, from: number, to: number): number {
  const length = to - from
  if (length >= BY_LENGTH.length) return UNKNOWN
  const names = BY_LENGTH[length]!
  for (let n = 0; n < names.length; n++) {
    const name = names[n]!
    let i = 0
    while (i < length && bytes[from + i] === name.bytes[i]) i++
    if (i === length) return name.code
  }
  return UNKNOWN
}
