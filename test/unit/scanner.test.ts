// The JSON scanner by itself: what is JSON and what is not, and what each token reads as.
import { describe, expect, test } from 'vitest'
import { DIGITS, DOUBLE, INT, Scanner } from '../../lib/engine/ingest/decode/scanner.ts'
import { Source } from '../../lib/engine/store/columns.ts'
import { EngineError } from '../../lib/model/errors.ts'

const scannerOf = (text: string | Uint8Array, depthMax = 64): Scanner => new Scanner(new Source(Buffer.from(text as string)), depthMax)
const textOf = (s: Scanner): string => s.source.bytes.toString('utf8', s.from, s.to)

/** the error's slug, or null when the text is one value */
function slugOf(text: string | Uint8Array): string | null {
  const s = scannerOf(text)
  try {
    s.skipValue()
    s.finish()
    return null
  } catch (error) {
    if (error instanceof EngineError) return error.slug
    throw error
  }
}

// Written after the classes of cases that JSONTestSuite has: what RFC 8259 requires, forbids, leaves open.
describe('the scanner accepts', () => {
  test.each([
    'null', 'true', 'false', '0', '-0', '1', '-1', '10', '123.456', '1e5', '1E5', '1e+5', '1e-5', '0e1', '0E+1', '-0.0', '1.5e300', '""', '"a"', '[]', '{}', '[[]]',
    '[1,2]', '{"a":1}', '{"a":{"b":[]}}', '{"":0}', '{"a":1,"a":2}', ' [ 1 , 2 ] ', '\t{\r\n"a" :\n1 }\n', '["\\u0000"]', '["\\"\\\\\\/\\b\\f\\n\\r\\t"]',
    '["\\u00e9\\uD834\\uDD1E"]', '["\u007f"]', '["é日本😀"]', '["\u2028\u2029\ufeff\uffff\ufffe"]', '[[[[1]]],{"a":[{}]}]', '"asd "', '[null,true,false]', '["a","b\\\\"]',
    '{"\\u0041":1}', '{"a\\nb":[0.1e-2]}', '[123456789012345678901234567890]', '[1e999]', '[-9223372036854775808]',
  ])('%j', (text) => expect(slugOf(text)).toBeNull())
})

describe('the scanner refuses', () => {
  test.each([
    '', ' ', '[', ']', '{', '}', '[1', '[1,', '[1,]', '[,1]', '[1,,2]', '[1 2]', '[1]]', '[1}', '{"a":1]', '{"a"}', '{"a":}', '{"a":1,}', '{,}', '{"a":1,,"b":2}', '{a:1}', "{'a':1}",
    '{"a" 1}', '{"a":1 "b":2}', '{1:1}', '{null:1}', '{"a"::1}', '{"a":1}}', '{"a":1} x', '{"a":1}{"b":2}', '[]#', '[/**/]', '// x', '01', '-01', '00', '-', '+1', '--1', '.5', '5.', '1.e1', '1e', '1e+',
    '1E-', '1eE2', '0x1', '1_0', '[-]', '1a', 'Infinity', '-Infinity', 'NaN', '[NaN]', 'tru', 'truee', 'True', 'nul', 'nulll', 'fals', 'undefined', '[true false]', '"', '"a', '"a\\', '"a\\"', '"\\x41"', '"\\a"',
    '"\\u12"', '"\\u123g"', '"\\u"', '"\\U0041"', '"a\nb"', '"a\tb"', '"\u0000"', '"\u001f"', "'a'", '\ufeff1', '\u00a0[1]', '\u2060[1]', '[1\u000b]', '\f[1]', '[\u0000]', '1\u0000', '*', '["a\u0000b"]',
    '{"a":"b"', '["a"', '[{"a":[1,{', '{"a\nb":1}', '１',
  ])('%j', (text) => expect(slugOf(text)).toBe('malformed'))
})

describe('the scanner leaves to its caller', () => {
  test.each(['"\\ud800"', '"\\udc00"', '"\\ud800\\ud800"', '"\\ud800x"', '"\\udc00\\ud800"'])('half a pair in %j, read as U+FFFD', (text) => {
    expect(slugOf(text)).toBeNull()
    const s = scannerOf(text)
    s.string()
    expect(textOf(s)).toBe(Buffer.from(JSON.parse(text) as string, 'utf8').toString('utf8'))
  })
})

test('strings come out as JSON.parse reads them, wherever the escape stands', () => {
  for (const inner of ['', 'a', 'abcdefghijkl', 'é', '日本語 text', '😀'.repeat(9)]) {
    for (const escape of ['\\n', '\\"', '\\\\', '\\/', '\\u0041', '\\u0000', '\\u00e9', '\\u65e5', '\\ud83d\\ude00', '']) {
      for (const text of [`"${escape}${inner}"`, `"${inner}${escape}"`, `"${inner}${escape}${inner}${escape}${escape}"`]) {
        const expected = JSON.parse(text) as string
        const s = scannerOf(`${text} `)
        s.string()
        expect(textOf(s)).toBe(expected)
        expect(s.at).toBe(Buffer.byteLength(text))
        const skipping = scannerOf(`${text} `)
        skipping.skipString()
        expect(skipping.at).toBe(Buffer.byteLength(text))
        expect(skipping.source.bytes.toString('utf8')).toBe(`${text} `)
      }
    }
  }
})

test('a control character is found at every place of a string', () => {
  for (let length = 1; length < 20; length++) {
    for (let at = 0; at < length; at++) {
      const text = Buffer.from(`"${'a'.repeat(length)}"`)
      text[1 + at] = 0x1f
      expect(slugOf(text)).toBe('malformed')
      text[1 + at] = 0x20
      expect(slugOf(text)).toBeNull()
    }
  }
})

describe('a number', () => {
  const int = (text: string): bigint => {
    const s = scannerOf(text)
    expect(s.number()).toBe(INT)
    return (BigInt(s.hi) << 32n) | BigInt(s.lo >>> 0)
  }
  test('without point or exponent is exact within int64', () => {
    const texts = ['0', '7', '-7', '999999999', '1000000000', '-1000000000', '2147483648', '-2147483649', '4294967296', '-4294967296', '9007199254740993', '-9007199254740993',
      '9223372036854775807', '-9223372036854775808', '1000000000000000000', '-999999999999999', '999999999999999', '-4294967295', '-1', '1763000000123456789']
    for (const text of texts) expect(int(text)).toBe(BigInt(text))
    for (let i = 0n; i < 63n; i++) for (const d of [-1n, 0n, 1n]) for (const sign of [1n, -1n]) expect(int(String(sign * (2n ** i + d)))).toBe(sign * (2n ** i + d))
  })
  test('beyond int64 keeps its digits', () => {
    for (const text of ['9223372036854775808', '-9223372036854775809', '12345678901234567890', '9'.repeat(400)]) {
      const s = scannerOf(text)
      expect(s.number()).toBe(DIGITS)
      expect(textOf(s)).toBe(text)
    }
  })
  test('with point or exponent is the nearest double', () => {
    for (const text of ['1.5', '150.0', '-0.0', '0.1', '123456789.123456', '1e5', '1E-7', '1.7976931348623157e308', '5e-324', '1e-400', '0.30000000000000004', '9007199254740993.0', '0.000000000000000000000000000001', '123456.123456789012345']) {
      const s = scannerOf(text)
      expect(s.number()).toBe(DOUBLE)
      expect(Object.is(s.double, Number(text)), text).toBe(true)
    }
  })
  test('minus zero is a double', () => {
    const s = scannerOf('-0')
    expect(s.number()).toBe(DOUBLE)
    expect(Object.is(s.double, -0)).toBe(true)
  })
  test('beyond double keeps its digits', () => {
    for (const text of ['1e999', '-1e309', '1.8e308']) {
      const s = scannerOf(text)
      expect(s.number()).toBe(DIGITS)
      expect(textOf(s)).toBe(text)
    }
  })
})

test('decimal text is read as int64, or not at all', () => {
  const s = scannerOf('-0009223372036854775808')
  expect(s.int64(1, 23, true)).toBe(true)
  expect([s.lo, s.hi]).toEqual([0, -2147483648])
  expect(s.int64(1, 23, false)).toBe(false)
  expect(s.int64(0, 23, true)).toBe(false)
  expect(s.int64(5, 5, false)).toBe(false)
})

describe('depth', () => {
  test('is allowed up to the limit and refused beyond, without recursion', () => {
    expect(slugOf('['.repeat(64) + ']'.repeat(64))).toBeNull()
    expect(slugOf('['.repeat(65) + ']'.repeat(65))).toBe('too_deep')
    expect(slugOf('['.repeat(1_000_000))).toBe('too_deep')
    expect(slugOf('{"a":'.repeat(10_000))).toBe('too_deep')
    expect(slugOf(`[${'[],'.repeat(1_000)}[]]`)).toBeNull()
  })
  test('counts what is open', () => {
    const s = scannerOf('{"a":[{}]}')
    s.open(0x7b)
    expect(s.more(true)).toBe(true)
    s.key()
    s.open(0x5b)
    expect(s.depth).toBe(2)
    s.skipValue()
    expect(s.more(false)).toBe(false)
    expect(s.more(false)).toBe(false)
    expect(s.depth).toBe(0)
  })
})

test('white space outside strings is noticed, inside strings it is not', () => {
  for (const [text, expected] of [['[1,"a b"]', false], ['[1, 2]', true], ['{"a" :1}', true], ['{ "a":1}', true], ['[ ]', true], ['[1 ]', true], ['{"a":\n[]}', true], ['[[],{}]', false]] as const) {
    const s = scannerOf(`  ${text}  `)
    s.skipValue()
    expect(s.spaced, text).toBe(expected)
  }
})

test('errors say where, what was expected and what was found', () => {
  const s = scannerOf('xx{"a":?}')
  s.reset(2, 9)
  expect(() => s.skipValue()).toThrow('the body is not valid JSON at byte 5: expected a value, found ?')
  expect(() => scannerOf('[1').skipValue()).toThrow('at byte 2: expected , or ], found the end')
  expect(() => scannerOf('[\u0001').skipValue()).toThrow('found byte 0x01')
})

test('nothing is read behind the end of a range', () => {
  for (const text of ['"ab"', '12', '1.5', '1e5', 'true', 'false', 'null', '"\\u0041"', '"\\n"', '"\\ud83d\\ude00"', '{"a":1}', '[1]']) {
    for (let end = 1; end < text.length; end++) {
      const s = scannerOf(text)
      s.reset(0, end)
      const cut = slugOf(text.slice(0, end))
      let slug: string | null = null
      try {
        if (text[0] === '"') s.string()
        else s.skipValue()
        s.finish()
      } catch (error) {
        slug = (error as EngineError).slug
      }
      expect([text, end, slug]).toEqual([text, end, cut])
    }
  }
})
