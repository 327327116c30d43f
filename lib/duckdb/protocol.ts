// What the server and a sandbox child say to each other: frames on two pipes, JSON for words and
// raw bytes for rows. The child runs native code on hostile input, so the server believes nothing
// it says before `decodeReply` has looked at it.
import type { SqlPlans, SqlResult, SqlRows } from '../engine/ports.ts'
import { assert } from '../model/errors.ts'

/** what the server asks; `id` comes back with the answer, `interrupt` has none */
export type Request =
  | { readonly op: 'open'; readonly id: number; readonly dir: string; readonly memoryBytes: number }
  | { readonly op: 'prepare'; readonly id: number; readonly statements: readonly string[] }
  | { readonly op: 'ask'; readonly id: number; readonly sql: string; readonly parameters: readonly string[] }
  | { readonly op: 'explain'; readonly id: number; readonly sql: string }
  | { readonly op: 'copy'; readonly id: number; readonly select: string; readonly path: string }
  | { readonly op: 'rows'; readonly id: number; readonly sql: string; readonly rowsMax: number; readonly bytesMax: number }
  | { readonly op: 'close'; readonly id: number }
  | { readonly op: 'interrupt' }

/** what is answered */
export type Call = Exclude<Request, { op: 'interrupt' }>

/** the values of answers, by operation: open, prepare, copy, close; ask; explain; rows */
export type Answer = null | SqlResult | SqlPlans | Omit<SqlRows, 'json'>

/** what the child answers; rows travel before their `done` as frames of bytes */
export type Reply =
  /** a fresh instance stands by */
  | { readonly kind: 'ready' }
  | { readonly kind: 'done'; readonly id: number; readonly value: unknown }
  /** `fault` says who is to blame: the statement, the caller's limits, or DuckDB's own text decides */
  | { readonly kind: 'failed'; readonly id: number; readonly fault: Fault; readonly message: string }

export type Fault = 'duckdb' | 'multiple_statements' | 'not_select' | 'too_large'
const FAULTS: readonly string[] = ['duckdb', 'multiple_statements', 'not_select', 'too_large'] satisfies Fault[]

export type Frame =
  | { readonly kind: 'json'; readonly text: string }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }

/** u32 little endian: length of the payload; u8: 0 JSON, 1 bytes; payload */
const HEADER_BYTES = 5
/** above any honest frame: rows are cut into 256 KB, the longest JSON is the answer of one `ask` */
const FRAME_BYTES_MAX = 256 * 2 ** 20

/** a frame of JSON, in one piece */
export function jsonFrame(value: Request | Reply): Buffer {
  const text = JSON.stringify(value)
  const frame = Buffer.allocUnsafe(HEADER_BYTES + Buffer.byteLength(text))
  frame.writeUInt32LE(frame.length - HEADER_BYTES, 0)
  frame[4] = 0
  frame.write(text, HEADER_BYTES)
  return frame
}

/** the header that goes before `length` bytes of rows */
export function bytesHeader(length: number): Buffer {
  const header = Buffer.allocUnsafe(HEADER_BYTES)
  header.writeUInt32LE(length, 0)
  header[4] = 1
  return header
}

/** Puts frames together again from chunks cut anywhere. */
export class FrameReader {
  private chunks: Buffer[] = []
  private held = 0

  /**
   * The frames that `chunk` completes, in order.
   * @throws EngineError `internal` when a frame is too long or of no known kind: drop the peer
   */
  push(chunk: Buffer): Frame[] {
    this.chunks.push(chunk)
    this.held += chunk.length
    const frames: Frame[] = []
    for (;;) {
      if (this.held < HEADER_BYTES) return frames
      // Only a header in pieces is worth a copy; a long payload waits as a list until it is whole.
      if ((this.chunks[0]?.length ?? 0) < HEADER_BYTES) this.chunks = [Buffer.concat(this.chunks)]
      const first = this.chunks[0]
      assert(first !== undefined, 'held bytes have a chunk')
      const length = first.readUInt32LE(0)
      const kind = first[4]
      assert(length <= FRAME_BYTES_MAX && (kind === 0 || kind === 1), 'a frame has a known kind and a sane length')
      if (this.held < HEADER_BYTES + length) return frames
      const payload = this.take(HEADER_BYTES + length).subarray(HEADER_BYTES)
      frames.push(kind === 0 ? { kind: 'json', text: payload.toString() } : { kind: 'bytes', bytes: payload })
    }
  }

  private take(length: number): Buffer {
    const first = this.chunks[0]
    const all = this.chunks.length === 1 && first !== undefined ? first : Buffer.concat(this.chunks)
    this.held -= length
    this.chunks = this.held > 0 ? [all.subarray(length)] : []
    return all.subarray(0, length)
  }
}

/** @throws EngineError `internal` when the text is no reply */
export function decodeReply(text: string): Reply {
  const value: unknown = JSON.parse(text)
  assert(isRecord(value), 'a reply is an object')
  if (value.kind === 'ready') return { kind: 'ready' }
  assert(typeof value.id === 'number', 'a reply names its request')
  if (value.kind === 'done') return { kind: 'done', id: value.id, value: value.value }
  assert(value.kind === 'failed' && typeof value.message === 'string' && isFault(value.fault), 'a reply has a known kind')
  return { kind: 'failed', id: value.id, fault: value.fault, message: value.message }
}

function isFault(value: unknown): value is Fault {
  return typeof value === 'string' && FAULTS.includes(value)
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

export function isStrings(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}
