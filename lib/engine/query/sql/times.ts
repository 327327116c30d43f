// Times in user SQL: `_timestamp` is BIGINT microseconds, other values may be timestamps or text.
// Every function of ours that takes a time reads it through here.
import { call, cast, childOf, coalesce, columnName, compare, constantNumber, constantText, integer, isCall, isColumn, all, operator, text, textOf } from './ast.ts'
import { badArgument, fieldType, textArgument } from './call-site.ts'
import type { Call, CallSite } from './call-site.ts'
import type { AstNode } from './contract.ts'

const INTEGER_TYPES = new Set(['TINYINT', 'SMALLINT', 'INTEGER', 'BIGINT'])

/** true when the value is whole microseconds for certain */
export function isMicros(node: AstNode, site: CallSite): boolean {
  if (isColumn(node)) return ['int', 'int64'].includes(fieldType(site, columnName(node)) ?? '')
  if (node['class'] === 'CAST') return INTEGER_TYPES.has(textOf(childOf(node, 'cast_type') ?? {}, 'id'))
  return Number.isSafeInteger(constantNumber(node))
}

function isTimestamp(node: AstNode): boolean {
  if (node['class'] === 'CAST') return textOf(childOf(node, 'cast_type') ?? {}, 'id') === 'TIMESTAMP'
  return isCall(node) && textOf(node, 'function_name') === 'make_timestamp'
}

/** TIMESTAMP (UTC) of microseconds, a timestamp, or text that says either */
export function timestampOf(node: AstNode, site: CallSite): AstNode {
  if (isMicros(node, site)) return call('make_timestamp', [node])
  if (isTimestamp(node)) return node
  if (constantText(node) !== null) return cast(node, 'TIMESTAMP')
  // the type is not known before binding, so it goes through text: slower, right for every type
  const written = cast(node, 'VARCHAR')
  return coalesce(call('make_timestamp', [cast(written, 'BIGINT', true)]), cast(written, 'TIMESTAMP', true))
}

/** BIGINT microseconds of the same */
export function microsOf(node: AstNode, site: CallSite): AstNode {
  return isMicros(node, site) ? node : call('epoch_us', [timestampOf(node, site)])
}

/** minutes east of UTC of `+08:00`, `UTC` and the like; null for a zone with rules */
export function fixedOffsetMinutes(zone: string): number | null {
  if (/^(?:utc|gmt|z|etc\/utc)$/i.test(zone)) return 0
  const parts = /^([+-])(\d{1,2}):?(\d{2})?$/.exec(zone)
  if (parts === null) return null
  const minutes = Number(parts[2]) * 60 + Number(parts[3] ?? '0')
  return parts[1] === '-' ? -minutes : minutes
}

/** @throws EngineError invalid_query when nobody knows the zone */
export function checkZone(name: string, zone: string, code?: number): void {
  try {
    Intl.DateTimeFormat('en', { timeZone: zone })
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw badArgument(name, `the time zone ${JSON.stringify(zone.slice(0, 100))} is not known; give a name such as Europe/Paris or an offset such as +02:00`, code)
  }
}

/** the wall clock of a zone as TIMESTAMP, from UTC TIMESTAMP */
export function localOf(timestamp: AstNode, zone: string): AstNode {
  const offset = fixedOffsetMinutes(zone)
  if (offset === 0) return timestamp
  if (offset !== null) return operator('+', timestamp, call('to_minutes', [integer(offset)]))
  return call('timezone', [text(zone), call('timezone', [text('UTC'), timestamp])])
}

/** date_format(time, format[, zone]) */
export function dateFormat(c: Call): AstNode {
  const format = textArgument(c, 1, 'format')
  const zone = c.args.length > 2 ? textArgument(c, 2, 'time zone') : 'UTC'
  if (fixedOffsetMinutes(zone) === null) checkZone(c.name, zone)
  return call('strftime', [localOf(timestampOf(c.args[0]!, c.site), zone), text(format)])
}

/** time_range(time, start, end): start inclusive, end exclusive */
export function timeRange(c: Call): AstNode {
  const [time, start, end] = c.args.map(arg => microsOf(arg, c.site))
  return all([
    compare('COMPARE_GREATERTHANOREQUALTO', time!, start!),
    compare('COMPARE_LESSTHAN', time!, end!),
  ])
}

export const castToTimestamp = (c: Call): AstNode => timestampOf(c.args[0]!, c.site)

/** seconds since 1970 */
export const toUnixTime = (c: Call): AstNode => operator('//', microsOf(c.args[0]!, c.site), integer(1_000_000))

/** through DOUBLE, which holds microseconds of this century exactly, because INTEGER would overflow */
export const fromUnixTime = (c: Call): AstNode =>
  call('make_timestamp', [cast(operator('*', cast(c.args[0]!, 'DOUBLE'), integer(1_000_000)), 'BIGINT')])

/** date_bin(interval, time[, origin]) */
export function dateBin(c: Call): AstNode {
  const origin = c.args[2] === undefined ? cast(text('1970-01-01'), 'TIMESTAMP') : timestampOf(c.args[2], c.site)
  const width = constantText(c.args[0]) === null ? c.args[0]! : cast(c.args[0]!, 'INTERVAL')
  return call('time_bucket', [width, timestampOf(c.args[1]!, c.site), origin])
}
