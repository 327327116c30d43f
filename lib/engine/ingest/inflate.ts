// A request body out of its Content-Encoding, within a limit, and into the one we store. Both ends
// of the river use it: the receiver to check a body, the writer to decode it. zlib's one-shot calls
// are used: they cost least CPU, and they stop at the limit, so a bomb of 1,029:1 fills no memory.
import {
  brotliDecompressSync, constants, gunzipSync, inflateRawSync, inflateSync, zstdCompressSync, zstdDecompressSync,
} from 'node:zlib'
import { EngineError } from '../../model/errors.ts'

export type Coding = 'identity' | 'gzip' | 'deflate' | 'zstd' | 'br'
export const CODINGS: readonly Coding[] = ['identity', 'gzip', 'deflate', 'zstd', 'br']

/** measured best for gunzip: 1.31 CPU-ms/MB against 1.65 with Node's 16 KiB */
const CHUNK_BYTES = 2 ** 20
const CHUNK_BYTES_MIN = 16 * 1024
/** 32 MiB: RFC 9659 asks senders for 8 MiB at most, but the collector's zstd levels 6 and 11 declare 16 and 32 */
const ZSTD_WINDOW_LOG_MAX = 25
/** RFC 8878 allows frames end to end; each costs a call here, so empty ones must not come in millions */
const ZSTD_FRAMES_MAX = 1_000

interface Inflated {
  readonly bytes: Uint8Array
  /** bytes of the input that were used */
  readonly consumed: number
}

interface OneShotOptions {
  readonly info: boolean
  readonly maxOutputLength: number
  readonly chunkSize: number
  readonly params?: Record<number, number>
}
type OneShot = (body: Uint8Array, options: OneShotOptions) => unknown

/**
 * The body without its coding, in a fresh buffer that the caller may change. No bytes are no bytes
 * in every coding, for clients that name a coding and send an empty body.
 * @throws EngineError `payload_too_large` beyond `bytesMax` (at most one chunk is made above it),
 *   `malformed` on bytes that are not of the coding, a body cut short, or trailing garbage
 */
export function inflate(body: Uint8Array, coding: Coding, bytesMax: number): Uint8Array {
  if (body.length === 0) return new Uint8Array(0)
  switch (coding) {
    case 'identity': {
      if (body.length > bytesMax) throw tooLarge(bytesMax)
      return new Uint8Array(body)
    }
    case 'gzip': return whole(body, coding, run(gunzipSync, body, coding, bytesMax, gzipSizeHint(body)))
    case 'deflate': {
      // RFC 9110 means zlib's wrapper, but some clients send bare deflate: the wrapper begins with method 8.
      const oneShot = (body[0]! & 0x0f) === 8 ? inflateSync : inflateRawSync
      return whole(body, coding, run(oneShot, body, coding, bytesMax, body.length * 4))
    }
    case 'br': return whole(body, coding, run(brotliDecompressSync, body, coding, bytesMax, body.length * 4))
    case 'zstd': return zstdFrames(body, bytesMax)
  }
}

/** the last member's length from gzip's trailer: only a hint, it sizes the first chunk and nothing else */
function gzipSizeHint(body: Uint8Array): number {
  if (body.length < 18) return 0
  const n = body.length
  return (body[n - 4]! | (body[n - 3]! << 8) | (body[n - 2]! << 16) | (body[n - 1]! << 24)) >>> 0
}

function run(oneShot: OneShot, body: Uint8Array, coding: Coding, bytesMax: number, sizeHint: number): Inflated {
  const options: OneShotOptions = {
    info: true,
    // zlib refuses 0; what it then lets through is caught below
    maxOutputLength: Math.max(1, bytesMax),
    chunkSize: Math.min(CHUNK_BYTES, Math.max(CHUNK_BYTES_MIN, sizeHint + 1)),
    ...(coding === 'zstd' ? { params: { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG_MAX } } : {}),
  }
  try {
    // With `info` the call also hands out its engine, which knows how much of the input it used.
    const out = oneShot(body, options) as { buffer: Uint8Array; engine: { bytesWritten: number } }
    if (out.buffer.length > bytesMax) throw tooLarge(bytesMax)
    return { bytes: out.buffer, consumed: out.engine.bytesWritten }
  } catch (error) {
    if (error instanceof EngineError) throw error
    if ((error as { code?: string }).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(bytesMax)
    throw new EngineError('malformed', `the body is not valid ${coding}: send it as Content-Encoding says`, { cause: error })
  }
}

function whole(body: Uint8Array, coding: Coding, inflated: Inflated): Uint8Array {
  if (inflated.consumed !== body.length) throw trailing(coding, body.length - inflated.consumed)
  return inflated.bytes
}

/** every frame in turn: Node's call stops after the first, which would lose the others silently */
function zstdFrames(body: Uint8Array, bytesMax: number): Uint8Array {
  const parts: Uint8Array[] = []
  let at = 0
  let total = 0
  while (at < body.length) {
    if (parts.length === ZSTD_FRAMES_MAX) {
      throw new EngineError('malformed', `the zstd body has more than ${ZSTD_FRAMES_MAX} frames: send one`)
    }
    const rest = body.subarray(at)
    const frame = run(zstdDecompressSync, rest, 'zstd', bytesMax - total, rest.length * 4)
    if (frame.consumed === 0) throw trailing('zstd', rest.length)
    parts.push(frame.bytes)
    at += frame.consumed
    total += frame.bytes.length
  }
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts, total)
}

/** what a body is stored as: as received, but a plain one gets zstd level 1 (if that makes it smaller) */
export function squeeze(body: Uint8Array, coding: Coding): { readonly coding: Coding; readonly body: Uint8Array } {
  if (coding !== 'identity' || body.length === 0) return { coding, body }
  const packed = zstdCompressSync(body, { params: { [constants.ZSTD_c_compressionLevel]: 1 } })
  return packed.length < body.length ? { coding: 'zstd', body: packed } : { coding, body }
}

const tooLarge = (bytesMax: number): EngineError =>
  new EngineError('payload_too_large', `the body is longer than ${bytesMax} bytes once inflated: split the request`)

const trailing = (coding: Coding, bytes: number): EngineError =>
  new EngineError('malformed', `the ${coding} body is followed by ${bytes} bytes of something else: send one ${coding} stream`)
