// ULIDs that only rise, and fair chance.
import { expect, test } from 'vitest'
import { createIds } from '../../lib/node/ids.ts'
import type { RandomFill } from '../../lib/node/ids.ts'

const AT = 1_795_219_200_000_000
const fixed = (value: number): RandomFill => (bytes) => { bytes.fill(value) }

test('an id is 26 characters of Crockford base32, time first', () => {
  const ids = createIds({ now: () => AT })
  const id = ids.ulid()
  expect(id).toMatch(/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/)
  const ms = Array.from(id.slice(0, 10)).reduce((sum, c) => sum * 32 + '0123456789ABCDEFGHJKMNPQRSTVWXYZ'.indexOf(c), 0)
  expect(ms).toBe(AT / 1_000)
})

test('the specification\'s example of a time is met', () => {
  expect(createIds({ now: () => 1_469_918_176_385_000 }).ulid().slice(0, 10)).toBe('01ARYZ6S41')
})

test('ids of one millisecond rise by one', () => {
  const ids = createIds({ now: () => AT }, fixed(0))
  expect([ids.ulid(), ids.ulid()].map((id) => id.slice(10))).toEqual(['0000000000000000', '0000000000000001'])
})

test('counting up carries, and after the last the next millisecond is borrowed', () => {
  const carrying = createIds({ now: () => AT }, (bytes) => { bytes.fill(0); bytes[15] = 31; bytes[14] = 31 })
  expect([carrying.ulid(), carrying.ulid()].map((id) => id.slice(10))).toEqual(['00000000000000ZZ', '0000000000000100'])
  const full = createIds({ now: () => AT }, fixed(255))
  const [first, second, third] = [full.ulid(), full.ulid(), full.ulid()]
  expect(first.slice(10)).toBe('Z'.repeat(16))
  expect(first < second && second < third).toBe(true)
})

test('ids rise when the clock steps back, stands still or jumps', () => {
  const times = [5, 5, 3, 9, 1, 1, 9, 10, 2]
  const ids = createIds({ now: () => AT + (times.shift() ?? 0) * 1_000 })
  const made = Array.from({ length: 9 }, () => ids.ulid())
  expect([...made].sort()).toEqual(made)
  expect(new Set(made).size).toBe(9)
})

test('two makers in one millisecond do not meet', () => {
  const makers = Array.from({ length: 1_000 }, () => createIds({ now: () => AT }))
  expect(new Set(makers.map((ids) => ids.ulid())).size).toBe(1_000)
})

test('chance is at least 0 and below 1, also at its extremes', () => {
  expect(createIds({ now: () => AT }, fixed(0)).random()).toBe(0)
  expect(createIds({ now: () => AT }, fixed(255)).random()).toBe(1 - 2 ** -53)
  const ids = createIds({ now: () => AT })
  const drawn = Array.from({ length: 2_000 }, () => ids.random())
  const mean = drawn.reduce((sum, x) => sum + x, 0) / drawn.length
  // Ten standard deviations of the mean of 2,000 uniform draws.
  expect(Math.abs(mean - 0.5)).toBeLessThan(0.065)
})
