// Property 17: every key of the layout names one thing, and its inverse finds that thing again.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  decodeSegment, encodeSegment, listItemOf, objectKey, parseListItem, parseObjectKey, type ObjectName,
} from '../../lib/engine/store/layout.ts'
import { fileItem, packItem } from '../../lib/model/item-key.ts'
import { STREAM_TYPES } from '../../lib/model/stream.ts'
import { dayOfNumber } from '../../lib/model/time.ts'

const runs = 300 * Number(process.env['NILOMETER_RUNS'] ?? 1)
const text = (alphabet: string, min: number, max: number) =>
  fc.array(fc.constantFrom(...alphabet), { minLength: min, maxLength: max }).map((c) => c.join(''))
const org = fc.tuple(text('abz019', 1, 1), text('az09_-', 0, 12)).map((p) => p.join(''))
const ulid = text('0123456789ABCDEFGHJKMNPQRSTVWXYZ', 26, 26)
const bid = fc.tuple(ulid, fc.option(fc.integer({ min: 1, max: 40 }))).map(([u, n]) => (n === null ? u : `${u}~${n}`))
const streamId = text('0123456789abcdef', 16, 16)
const inc = fc.integer({ min: 1, max: 99_999 })
const day = fc.integer({ min: 0, max: 40_000 }).map(dayOfNumber)
// Names of every script, and the characters that keys are made of.
const stream = fc.oneof(
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }),
  text('/.=#%~ +:_!\'()*..ä日', 1, 12),
).filter((s) => s.isWellFormed())

const name: fc.Arbitrary<ObjectName> = fc.oneof(
  fc.record({ kind: fc.constant('pack' as const), org, fid: ulid }),
  fc.record({ kind: fc.constant('file' as const), org, type: fc.constantFrom(...STREAM_TYPES), stream, day, streamId, inc, fid: ulid }),
  fc.record({ kind: fc.constant('lineage' as const), org, day, txid: ulid }),
  fc.record({ kind: fc.constant('mark' as const), org, streamId, inc }),
  fc.record({ kind: fc.constant('spill' as const), org, bid }),
  fc.record({ kind: fc.constant('parked' as const), org, day, bid }),
)

describe('the layout', () => {
  it('gives back the name of every key it makes', () => {
    fc.assert(fc.property(name, (n) => { expect(parseObjectKey(objectKey(n))).toEqual(n) }), { numRuns: runs })
  })

  it('gives two names two keys', () => {
    fc.assert(fc.property(name, name, (a, b) => {
      expect(objectKey(a) === objectKey(b)).toBe(JSON.stringify(a) === JSON.stringify(b))
    }), { numRuns: runs })
  })

  it('reads back the key of every text it reads', () => {
    const near = fc.tuple(name, fc.nat(120), fc.constantFrom('', '/', '.', '%', '#', 'a', 'A', '~1')).map(([n, at, insert]) => {
      const key = objectKey(n)
      return key.slice(0, at) + insert + key.slice(at + 1)
    })
    fc.assert(fc.property(near, (key) => {
      const parsed = parseObjectKey(key)
      if (parsed !== null) expect(objectKey(parsed)).toBe(key)
    }), { numRuns: runs })
  })

  it('keeps a stream name within one segment of unreserved characters', () => {
    fc.assert(fc.property(stream, (s) => {
      const segment = encodeSegment(s)
      expect(segment).toMatch(/^[A-Za-z0-9_.~%-]*$/)
      expect(decodeSegment(segment)).toBe(s)
    }), { numRuns: runs })
  })

  it('finds the list item of a listed object from its key alone, and back', () => {
    fc.assert(fc.property(name, (n) => {
      const item = listItemOf(n)
      if (n.kind === 'pack') expect(item && parseListItem(item)).toEqual({ list: 'fresh', org: n.org, fid: n.fid })
      else if (n.kind === 'file') {
        expect(item).toEqual(fileItem(n.org, n.streamId, n.inc, n.day, n.fid))
        expect(item && parseListItem(item)).toEqual({ list: 'stream', org: n.org, streamId: n.streamId, inc: n.inc, day: n.day, fid: n.fid })
      } else expect(item).toBeNull()
    }), { numRuns: runs })
  })

  it('keeps the items of two organisations in two partitions', () => {
    fc.assert(fc.property(org, org, ulid, (a, b, fid) => {
      expect(packItem(a, fid).pk === packItem(b, fid).pk).toBe(a === b)
    }), { numRuns: runs })
  })
})
