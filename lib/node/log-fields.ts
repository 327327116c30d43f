// A log line's fields made fit for JSON: errors with their causes, bigints as text, what is too deep
// or too long cut, and values under names that smell of secrets left out. Never throws.

const SECRET_NAME = /passw|secret|token|authori[sz]ation|cookie|api[_-]?key|credential|signature/i
const HIDDEN = '[hidden]'
const DEPTH_MAX = 5
const MEMBERS_MAX = 50
const TEXT_CHARACTERS_MAX = 4_096

export function logFields(fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return plainMembers(Object.entries(fields), 0)
}

function plainMembers(members: readonly (readonly [string, unknown])[], depth: number): Record<string, unknown> {
  const out: Record<string, unknown> = {}
  for (const [name, value] of members.slice(0, MEMBERS_MAX)) {
    out[name] = SECRET_NAME.test(name) ? HIDDEN : plain(value, depth + 1)
  }
  return out
}

function plain(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return value.length <= TEXT_CHARACTERS_MAX ? value : `${value.slice(0, TEXT_CHARACTERS_MAX)}...`
  if (typeof value === 'bigint') return String(value)
  if (typeof value !== 'object' || value === null) return value
  // Also where circles end.
  if (depth > DEPTH_MAX) return '...'
  if (value instanceof Uint8Array) return `${value.byteLength} bytes`
  if (value instanceof Error) return plainError(value, depth)
  if (Array.isArray(value)) return value.slice(0, MEMBERS_MAX).map((member) => plain(member, depth + 1))
  return plainMembers(Object.entries(value), depth)
}

function plainError(error: Error, depth: number): Record<string, unknown> {
  const slug = (error as { readonly slug?: unknown }).slug
  return {
    name: error.name,
    message: plain(error.message, depth),
    ...(typeof slug === 'string' ? { slug } : {}),
    ...(typeof error.stack === 'string' ? { stack: plain(error.stack, depth) } : {}),
    ...(error.cause === undefined ? {} : { cause: plain(error.cause, depth + 1) }),
  }
}
