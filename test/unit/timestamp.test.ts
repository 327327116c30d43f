// Every way a client may write a time, and many it may not.
import { describe, expect, test } from 'vitest'
import { readTimeNumber, readTimeText } from '../../lib/engine/ingest/timestamp.ts'

const ofText = (text: string): number => readTimeText(Buffer.from(text), 0, Buffer.byteLength(text))
const ofNumber = (text: string): number => readTimeNumber(Buffer.from(text), 0, Buffer.byteLength(text))
const micros = (iso: string): number => Date.parse(iso) * 1000

describe('a number is a time', () => {
  const at = 1_763_000_000_123_456
  test.each([
    ['1763000000', 1_763_000_000_000_000],
    ['1763000000123', 1_763_000_000_123_000],
    ['1763000000123456', at],
    ['1763000000123456789', at],
    ['1763000000.123456', at],
    ['1763000000.1234569', at],
    ['1763000000123.456', at],
    ['1763000000123456.9', at],
    ['1763000000123456789.5', at],
    ['1.763e9', 1_763_000_000_000_000],
    ['1.7630000001234567E+18', at],
    ['17630000001234567890e-1', at],
    ['0001763000000', 1_763_000_000_000_000],
    ['1', 1_000_000],
    ['0.5', 500_000],
    ['0.0000012', 1],
  ])('%s', (text, expected) => expect(ofNumber(text)).toBe(expected))

  test('and its size tells its unit, at the bounds OpenObserve uses', () => {
    expect(ofNumber('31536000000')).toBe(31_536_000_000_000_000)
    expect(ofNumber('31536000001')).toBe(31_536_000_001_000)
    expect(ofNumber('31536000000000')).toBe(31_536_000_000_000_000)
    expect(ofNumber('31536000000001')).toBe(31_536_000_000_001)
    expect(ofNumber('31536000000000000')).toBe(31_536_000_000_000_000)
    expect(ofNumber('31536000000001000')).toBe(31_536_000_000_001)
  })

  test('unless it is zero, which says nothing', () => {
    for (const text of ['0', '-0', '0.0', '0e9', '-0.000', '000']) expect(ofNumber(text)).toBe(0)
  })

  test('and one beyond every unit is infinite, not an error', () => {
    for (const text of ['1e999', '9'.repeat(400), '1e99999999999999999999']) expect(ofNumber(text)).toBe(Infinity)
    expect(ofNumber('1e-99999999999999999999')).toBe(0)
  })

  test('but a negative or a broken one is none', () => {
    for (const text of ['-1', '-1763000000', '', '-', '.5', '5.', '1e', '1e+', '1x', ' 1', '0x10', 'NaN', '1_000']) expect(ofNumber(text)).toBeNaN()
  })
})

describe('a text is a time', () => {
  test.each([
    ['2026-11-21T11:38:04Z', micros('2026-11-21T11:38:04Z')],
    ['2026-11-21t11:38:04z', micros('2026-11-21T11:38:04Z')],
    ['2026-11-21T11:38:04', micros('2026-11-21T11:38:04Z')],
    ['2026-11-21 11:38:04', micros('2026-11-21T11:38:04Z')],
    ['2026-11-21 11:38:04.5', micros('2026-11-21T11:38:04.5Z')],
    ['2026-11-21T11:38:04.123456789Z', micros('2026-11-21T11:38:04Z') + 123_456],
    ['2026-11-21T11:38:04.000001+00:00', micros('2026-11-21T11:38:04Z') + 1],
    ['2026-11-21T11:38:04+05:30', micros('2026-11-21T06:08:04Z')],
    ['2026-11-21T11:38:04-0800', micros('2026-11-21T19:38:04Z')],
    ['2026-11-21T11:38:04+02', micros('2026-11-21T09:38:04Z')],
    ['2026-11-21', micros('2026-11-21T00:00:00Z')],
    ['2024-02-29T23:59:60Z', micros('2024-03-01T00:00:00Z')],
    ['2000-02-29', micros('2000-02-29T00:00:00Z')],
    ['1960-01-01', micros('1960-01-01T00:00:00Z')],
    ['Sat, 21 Nov 2026 11:38:04 +0100', micros('2026-11-21T10:38:04Z')],
    ['sat, 1 nov 2026 11:38 GMT', micros('2026-11-01T11:38:00Z')],
    ['21 Nov 2026 11:38:04 EST', micros('2026-11-21T16:38:04Z')],
    ['21 Nov 26 11:38:04 Z', micros('2026-11-21T11:38:04Z')],
    ['21 Nov 99 11:38:04 UT', micros('1999-11-21T11:38:04Z')],
    ['Sat, 21 Nov 2026 11:38:04 +0000 (UTC)', micros('2026-11-21T11:38:04Z')],
    ['1763000000', 1_763_000_000_000_000],
    ['1763000000.25', 1_763_000_000_250_000],
    ['0', 0],
  ])('%s', (text, expected) => expect(ofText(text)).toBe(expected))

  test.each([
    '', ' ', 'now', '2026-11', '2026-11-21T', '2026-11-21T11', '2026-11-21T11:38', '2026-11-21T11:38:04.Z',
    '2026-11-21T11:38:04.1234567890Z', '2026-11-21T11:38:04 Z', '2026-11-21T24:00:00Z', '2026-11-21T11:60:00Z', '2026-11-21T11:38:61Z',
    '2026-13-01', '2026-00-01', '2026-02-29', '2100-02-29', '2026-04-31', '2026-11-00', '2026-1-1', '2026/11/21', '2026-11-21X11:38:04Z',
    '2026-11-21T11:38:04+24:00', '2026-11-21T11:38:04+01:60', '2026-11-21T11:38:04+1', '2026-11-21T11:38:04+01:0', '2026-11-21T11-38-04Z',
    'Sat 21 Nov 2026 11:38:04 +0100', 'Sat, 32 Nov 2026 11:38:04 +0100', 'Sat, 21 Nev 2026 11:38:04 +0100', '21 Nov 2026 11:38:04', '21 Nov 2026 1:38:04 GMT',
    '21 Nov 2026 11:38:04 XYZ', '21 Nov 2026 11:38:04:05 GMT', 'Sat, 21 Nov 2026 11:38:04 +0000 (UTC', '-5', '１７６３', 'é'.repeat(60),
  ])('but %j is none', (text) => expect(ofText(text)).toBeNaN())

  test('and every day from 1890 to 2110 is counted as the calendar does', () => {
    for (let day = -29_200; day < 51_200; day += 13) {
      const text = new Date(day * 86_400_000).toISOString().slice(0, 10)
      expect(ofText(text), text).toBe(day * 86_400_000_000)
    }
  })
})
