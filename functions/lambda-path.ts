// Path and query of an event as the client sent them, encoded once. Payload 2.0 has them raw; 1.0 gives
// the path decoded, and raw only in its context, there behind the stage's name.
import type { Json } from './lambda.ts'

const text = (value: unknown): string | null => (typeof value === 'string' ? value : null)
const decoded = (path: string): string => {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}

/** null: the event has none */
export function rawPathOf(event: Json, context: Json): string | null {
  const stage = `/${text(context['stage']) ?? ''}`
  const raw = text(event['rawPath'])
  const path = raw === null ? pathOfV1(text(event['path']), text(context['path']), stage) : withoutStage(raw, stage)
  return path?.startsWith('/') === true ? path : null
}

/** a named stage of an HTTP API stands before the path; `$default` and function URLs have none */
function withoutStage(raw: string, stage: string): string {
  if (stage === '/' || stage === '/$default') return raw
  return raw === stage ? '/' : raw.startsWith(`${stage}/`) ? raw.slice(stage.length) : raw
}

/** behind a domain of one's own there is no stage to take off: the decoded path tells */
function pathOfV1(path: string | null, raw: string | null, stage: string): string | null {
  if (path === null) return null
  for (const candidate of raw === null ? [] : [withoutStage(raw, stage), raw]) {
    if (candidate === path || decoded(candidate) === path) return candidate
  }
  return path.split('/').map(encodeURIComponent).join('/')
}

/** with its question mark, or nothing */
export function rawQueryOf(event: Json): string {
  const raw = text(event['rawQueryString'])
  if (raw !== null) return raw === '' ? '' : `?${raw}`
  const many = event['multiValueQueryStringParameters'] ?? event['queryStringParameters'] ?? {}
  const pairs = Object.entries(many).flatMap(([name, values]) =>
    [values as unknown].flat().map((value) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`))
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`
}
