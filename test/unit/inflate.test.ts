// Bodies out of their codings: exact bytes, exact limit, and nothing accepted that is not the coding.
import { brotliCompressSync, constants, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CODINGS, inflate, squeeze } from '../../lib/engine/ingest/inflate.ts'
import type { Coding } from '../../lib/engine/ingest/inflate.ts'
import { EngineError } from '../../lib/model/errors.ts'

const RUNS = Number(process.env['NILOMETER_RUNS'] ?? 1)
const MiB = 2 ** 20
const code: Record<Coding, (b: Uint8Array) => Uint8Array> = {
  identity: (b) => b, gzip: gzipSync, deflate: deflateSync, zstd: zstdCompressSync,
  br: (b) => brotliCompressSync(b, { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } }),
}

function slugOf(call: () => unknown): string {
  try {
    call()
  } catch (error) {
    if (error instanceof EngineError) return error.slug
    throw error
  }
  return 'none'
}

const text = new TextEncoder().encode('a line of a log, over and over; '.repeat(2_000))

describe.each(CODINGS)('a body in %s', (coding) => {
  const body = code[coding](text)

  test('comes out as it went in, in a buffer of its own', () => {
    const before = body.slice()
    const out = inflate(body, coding, text.length)
    expect(Buffer.from(out).equals(text)).toBe(true)
    out.fill(0)
    expect(Buffer.from(body).equals(before)).toBe(true)
  })

  test('is taken at the limit and refused one byte above it', () => {
    expect(inflate(body, coding, text.length).length).toBe(text.length)
    expect(slugOf(() => inflate(body, coding, text.length - 1))).toBe('payload_too_large')
    expect(slugOf(() => inflate(body, coding, 0))).toBe('payload_too_large')
  })

  test('may be empty', () => {
    expect(inflate(new Uint8Array(0), coding, 10).length).toBe(0)
    expect(inflate(code[coding](new Uint8Array(0)), coding, 0).length).toBe(0)
  })

  if (coding === 'identity') return

  test('is malformed when cut short anywhere, followed by garbage, or plain', () => {
    for (const n of [1, 2, 5, body.length >> 1, body.length - 5, body.length - 1]) {
      expect(slugOf(() => inflate(body.subarray(0, n), coding, MiB))).toBe('malformed')
    }
    expect(slugOf(() => inflate(Buffer.concat([body, Buffer.from('garbage')]), coding, MiB))).toBe('malformed')
    expect(slugOf(() => inflate(text, coding, MiB))).toBe('malformed')
  })

  test('of 80 MiB of zeros stops at the limit', () => {
    const bomb = code[coding](new Uint8Array(80 * MiB))
    const before = process.memoryUsage.rss()
    expect(slugOf(() => inflate(bomb, coding, 64 * MiB))).toBe('payload_too_large')
    expect(process.memoryUsage.rss() - before).toBeLessThan(192 * MiB)
  })
})

test('bare deflate is taken for deflate, as browsers do', () => {
  expect(Buffer.from(inflate(deflateRawSync(text), 'deflate', MiB)).equals(text)).toBe(true)
})

test('gzip members and zstd frames end to end are one body, and count together towards the limit', () => {
  for (const [coding, one] of [['gzip', gzipSync(text)], ['zstd', zstdCompressSync(text)]] as const) {
    const two = Buffer.concat([one, one])
    expect(inflate(two, coding, MiB).length).toBe(2 * text.length)
    expect(slugOf(() => inflate(two, coding, 2 * text.length - 1))).toBe('payload_too_large')
  }
})

test('zstd frames beyond a thousand, and windows above 32 MiB, are malformed', () => {
  const empty = zstdCompressSync(new Uint8Array(0))
  expect(slugOf(() => inflate(Buffer.concat(Array.from({ length: 1_001 }, () => empty)), 'zstd', MiB))).toBe('malformed')
  const wide = (log: number): Uint8Array => zstdCompressSync(new Uint8Array(40 * MiB), { params: { [constants.ZSTD_c_windowLog]: log } })
  expect(slugOf(() => inflate(wide(25), 'zstd', 64 * MiB))).toBe('none')
  expect(slugOf(() => inflate(wide(26), 'zstd', 64 * MiB))).toBe('malformed')
})

test('a wrong length in gzip\'s trailer is malformed, whatever it claims', () => {
  const lie = gzipSync(text)
  lie.writeUInt32LE(0xffff_ffff, lie.length - 4)
  expect(slugOf(() => inflate(lie, 'gzip', MiB))).toBe('malformed')
})

test('any bytes survive any coding, and plain bodies survive being squeezed', () => {
  const bytes = fc.uint8Array({ maxLength: 4_000 })
  fc.assert(fc.property(bytes, fc.constantFrom(...CODINGS), (raw, coding) => {
    const out = inflate(code[coding](raw), coding, raw.length)
    const kept = squeeze(raw, 'identity')
    return Buffer.from(out).equals(raw) && kept.body.length <= raw.length
      && Buffer.from(inflate(kept.body, kept.coding, raw.length)).equals(raw)
  }), { numRuns: 200 * RUNS })
})

test('random bytes never make anything but an EngineError', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom(...CODINGS), (raw, coding) => {
    const slug = slugOf(() => inflate(raw, coding, 100))
    return ['none', 'malformed', 'payload_too_large'].includes(slug)
  }), { numRuns: 400 * RUNS })
})

test('coded bodies are stored as received, plain ones as zstd when that is shorter', () => {
  expect(squeeze(gzipSync(text), 'gzip').coding).toBe('gzip')
  expect(squeeze(text, 'identity').coding).toBe('zstd')
  expect(squeeze(Uint8Array.of(1, 2, 3), 'identity').coding).toBe('identity')
})
