// Cutting slices into shares, as data.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { cutShares, estimateBytes, newestFirst, weightOf } from '../../lib/engine/query/shares.ts'
import type { VisibleSlice } from '../../lib/engine/store/files.ts'
import { runs } from '../support/tables.ts'

const MB = 2 ** 20

test('every slice is in exactly one share, neighbours together, no share above its bounds unless one slice is', () => {
  fc.assert(fc.property(fc.array(fc.nat(5_000), { maxLength: 200 }), fc.integer({ min: 1, max: 20_000 }), fc.integer({ min: 1, max: 50 }), (weights, bytes, most) => {
    const slices = weights.map((weight, at) => ({ weight, at }))
    const shares = cutShares(slices, (slice) => slice.weight, bytes, most)
    expect(shares.flat()).toEqual(slices)
    for (const share of shares) {
      expect(share.length).toBeGreaterThan(0)
      expect(share.length).toBeLessThanOrEqual(most)
      if (share.length > 1) expect(share.reduce((sum, { weight }) => sum + weight, 0)).toBeLessThanOrEqual(bytes)
    }
    const total = weights.reduce((sum, w) => sum + w, 0)
    // Not many more than must be: two neighbours of a greedy cut are above one bound together, or about.
    expect(shares.length).toBeLessThanOrEqual(2 * (Math.ceil(total / bytes) + Math.ceil(weights.length / most)) + 1)
  }), { numRuns: runs(300) })
})

test('equal slices make equal shares', () => {
  const sizes = (n: number, bytes: number, most: number): number[] => cutShares(Array.from({ length: n }, () => 10), (w) => w, bytes, most).map((s) => s.length)
  expect(sizes(24, 1e9, 8)).toEqual([8, 8, 8])
  expect(sizes(24, 100, 1_000)).toEqual([8, 8, 8])
  expect(sizes(9, 1e9, 1_000)).toEqual([9])
  expect(sizes(0, 1e9, 1_000)).toEqual([])
})

test('an estimate is what is fetched: small slices whole, large ones by columns, never less than the end of the file', () => {
  expect(estimateBytes(300_000, 1, 100)).toBe(300_000)
  expect(estimateBytes(10 * MB, 9, 99)).toBe(MB)
  expect(estimateBytes(10 * MB, 0, 1_000)).toBe(64 * 1024)
  expect(estimateBytes(10 * MB, 500, 99)).toBe(10 * MB)
  // A request weighs too: thousands of tiny slices are no small question.
  expect(weightOf({ length: 1_000 }, 1, 1) * 1_000).toBeGreaterThan(200 * MB)
})

test('the newest come first', () => {
  const at = (maxTs: number): VisibleSlice => ({ slice: { maxTs } }) as VisibleSlice
  expect(newestFirst([at(3), at(9), at(5)]).map(({ slice }) => slice.maxTs)).toEqual([9, 5, 3])
})
