// The lines that are sent: real log files where they are, and a generated one that is always sent,
// made of what real files rarely hold. A file's texts are what stands between its \n, so joining them
// gives its bytes back: a \r stays, and the empty rest behind a last \n is a text of its own.
import { readFileSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

export interface LogFile {
  /** stream name: the file's, lower case, without its ending */
  readonly name: string
  readonly bytes: Buffer
  readonly texts: readonly string[]
  /** texts that are not UTF-8: no JSON or OTLP string can hold them, so U+FFFD stands in what is sent */
  readonly replaced: number
}

const NEWLINE = 0x0a

export function logFile(name: string, bytes: Buffer): LogFile {
  const texts: string[] = []
  let replaced = 0
  for (let from = 0; from <= bytes.length;) {
    const newline = bytes.indexOf(NEWLINE, from)
    const end = newline < 0 ? bytes.length : newline
    const text = bytes.toString('utf8', from, end)
    if (!Buffer.from(text).equals(bytes.subarray(from, end))) replaced++
    texts.push(text)
    from = end + 1
  }
  return { name, bytes, texts, replaced }
}

/** every `*.log` of a folder by name; null: there is no such folder */
export function readLogs(folder: string): LogFile[] | null {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) return null
  return readdirSync(folder).filter((f) => f.endsWith('.log')).sort()
    .map((f) => logFile(f.slice(0, -'.log'.length).toLowerCase(), readFileSync(join(folder, f))))
}

const ODD: readonly string[] = [
  '', ' ', '\r', '\t\t', '"', '\\', '\\n is two characters', '\'; DROP TABLE logs; --', '{"json":"inside"}', '[1,2', 'null', 'true', '0', '1e400', '-0',
  'a NUL \u0000 inside', '\u0001\u001f\u007f\u0085\u2028\u2029', '\ufeffmark of byte order', 'na\u00efve', 'nai\u0308ve', '水位計 ナイル 나일', '🐊🐊', '👩‍👩‍👧‍👦',
  '\u202eright to left', 'x'.repeat(40_000), '\u{10ffff}\ufffd', '%s%n${jndi:ldap://x}', '</script>', 'trailing blank ', 'ends with CR\r',
]
const LEVELS = ['INFO', 'WARN', 'error', 'Error', 'DEBUG'] as const
export const GENERATED_NAME = 'generated'
const GENERATED_LINES = 2_000

/** the same lines at every run: each odd text among lines of a plausible service, many of them twice */
export function generatedLog(): LogFile {
  const lines = Array.from({ length: GENERATED_LINES }, (_, i) => {
    if (i % 20 === 7) return ODD[Math.floor(i / 20) % ODD.length]!
    return `${LEVELS[i % 5]!} [worker-${i % 7}] request ${Math.floor(i / 3)} of user_${i % 11} took ${(i * 37) % 1_000} ms, path=/api/v${i % 3}/items\r`
  })
  return logFile(GENERATED_NAME, Buffer.from(lines.join('\n')))
}

/** a second between neighbouring lines, so that time buckets can be counted without the server */
const STEP_MICROS = 1_000_000
const BEFORE_NOW_MICROS = 6 * 3_600_000_000
export type LineTime = (line: number) => number

/** microseconds of the line with this number, from 0; six hours before now at first, whole seconds */
export function lineTimes(nowMs: number): LineTime {
  const first = Math.floor(nowMs / 1_000) * 1_000_000 - BEFORE_NOW_MICROS
  return (line) => first + line * STEP_MICROS
}

/** parts of at most `size`, in order, with the index of the first member */
export function* slicesOf<T>(all: readonly T[], size: number): Generator<readonly [from: number, part: readonly T[]]> {
  for (let from = 0; from < all.length; from += size) yield [from, all.slice(from, from + size)]
}
