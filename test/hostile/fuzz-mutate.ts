// How a valid body is spoiled, and how a request around it is: codings, headers that lie about them,
// media types. Everything follows from the body's own generator.
import { brotliCompressSync, constants, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { validBody, PROTOCOLS, type Protocol } from './fuzz-bodies.ts'
import { randomOf, type Random } from './fuzz-random.ts'

export interface FuzzedRequest {
  readonly n: number
  readonly protocol: Protocol
  readonly stream: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

const TOKENS: readonly string[] = [
  'null', 'true', '{}', '[]', '"', '\\', ',', ':', '{', '}', '[', ']', '\n', '\r\n', '\t', '\u0000', '\ufeff', '\\ud800', '\\u0000', '1e999', '-0',
  '9007199254740993', '12345678901234567890', '-1e-400', '0x10', '01', 'NaN', 'Infinity', '"_timestamp":', '"_timestamp":1,', '"_timestamp":"now",',
  '{"index":{"_index":"fuzz_other"}}\n', '"resourceLogs":[],', '"logRecords":null,', '"timeUnixNano":"-1",', '"a":1,"a":2,', '9'.repeat(400),
]
const OPENERS = ['[', '{"a":', '[{"b":[', '\x0a\x80\x01']
/** lengths no body has, as varints: 2^31-1, 2^32-1, 2^63, ten bytes and eleven */
const LENGTHS = ['ffffffff07', 'ffffffff0f', '80808080808080808001', 'ffffffffffffffffff01', 'ffffffffffffffffffff01', '00', '7f']

type Mutation = (body: Buffer, random: Random, other: () => Buffer) => Buffer
const insert = (body: Buffer, at: number, piece: Buffer): Buffer => Buffer.concat([body.subarray(0, at), piece, body.subarray(at)])

/** a range of the body, mostly short */
function range(body: Buffer, random: Random): [number, number] {
  const from = random.below(body.length + 1)
  return [from, Math.min(body.length, from + 1 + random.below(random.chance(0.8) ? 16 : 400))]
}

const MUTATIONS: readonly Mutation[] = [
  function flipBits(body, random) {
    const out = Buffer.from(body)
    for (let i = 1 + random.below(4); i > 0 && out.length > 0; i--) out[random.below(out.length)]! ^= 1 << random.below(8)
    return out
  },
  function setByte(body, random) {
    const out = Buffer.from(body)
    if (out.length > 0) out[random.below(out.length)] = random.pick([0, 0x20, 0x22, 0x5c, 0x7b, 0x7d, 0x80, 0xff, random.below(256)])
    return out
  },
  (body, random) => body.subarray(0, random.below(body.length + 1)),
  (body, random) => body.subarray(random.below(Math.min(body.length, 64) + 1)),
  function removeRange(body, random) {
    const [from, to] = range(body, random)
    return Buffer.concat([body.subarray(0, from), body.subarray(to)])
  },
  function duplicateRange(body, random) {
    const [from, to] = range(body, random)
    return insert(body, random.chance(0.5) ? to : random.below(body.length + 1), body.subarray(from, to))
  },
  (body) => Buffer.concat([body, body]),
  (body, random, other) => Buffer.concat([body.subarray(0, random.below(body.length + 1)), other().subarray(random.below(100))]),
  (body, random, other) => insert(body, random.below(body.length + 1), other()),
  (body, random) => insert(body, random.below(body.length + 1), Buffer.from(random.pick(TOKENS))),
  (body, random) => insert(body, random.below(body.length + 1), random.bytes(1 + random.below(12))),
  (body, random) => insert(body, random.below(body.length + 1), Buffer.from(random.pick(OPENERS).repeat(random.pick([3, 63, 64, 65, 200, 5_000])), 'latin1')),
  (body, random) => insert(body, random.below(body.length + 1), Buffer.from(random.pick(LENGTHS), 'hex')),
  function overwriteLength(body, random) {
    const at = random.below(body.length + 1)
    const length = Buffer.from(random.pick(LENGTHS), 'hex')
    return Buffer.concat([body.subarray(0, at), length, body.subarray(at + length.length)])
  },
]

/** values that are valid JSON and at the edge of what a column can hold */
const EDGES: readonly string[] = [
  '1e999', '-0', '-0.0', '9007199254740993', '-9223372036854775808', '18446744073709551616', '9'.repeat(400), '1e-400', '0.1e-7', '"\\ud800"',
  '"\\u0000"', '"\\uffff"', '""', `"${'y'.repeat(3_000)}"`, '[]', '{}', '[[[[[1]]]]]', '['.repeat(50) + ']'.repeat(50), '{"a":'.repeat(50) + '1' + '}'.repeat(50),
  '{"b":{"c":{"d":{"e":[1,{"f":2}]}}}}', '{"":1}', '{"__proto__":{"x":1}}', '{"a.b":1,"a":{"b":2}}', '253402300800000000', '"2026-01-01T00:00:00Z"', '"never"', 'null', 'true',
]
const JSON_VALUE = /(?:"(?:[^"\\]|\\[^])*"|-?\d[\d.eE+-]*|true|false|null)(?=\s*[,}\]])/g

/** Most spoiled bodies are refused whole; these keep their frame, so that rows get behind the door. */
const GENTLE: readonly Mutation[] = [
  function replaceValue(body, random) {
    const text = body.toString('latin1')
    const places = [...text.matchAll(JSON_VALUE)]
    if (places.length === 0) return body
    const { index, 0: old } = random.pick(places)
    return Buffer.from(text.slice(0, index) + random.pick(EDGES) + text.slice(index + old.length), 'latin1')
  },
  function changeLetter(body, random) {
    const out = Buffer.from(body)
    const letters = [...out.keys()].filter((i) => out[i]! >= 0x61 && out[i]! <= 0x7a)
    for (let i = 1 + random.below(3); i > 0 && letters.length > 0; i--) out[random.pick(letters)] = 0x41 + random.below(58)
    return out
  },
  function changeFixed64(body, random) {
    const out = Buffer.from(body)
    // The tags of a record's time, of its observed time, and of a double: an instant or number at the edge.
    const places = [...out.keys()].filter((i) => (out[i] === 0x09 || out[i] === 0x59 || out[i] === 0x21) && i + 9 <= out.length)
    if (places.length > 0) out.writeBigUInt64LE(random.pick([0n, 1n, 2n ** 63n, 2n ** 64n - 1n, 0x7ff8000000000000n, 0xfff0000000000000n, 10n ** 18n]), random.pick(places) + 1)
    return out
  },
]

function mutated(body: Buffer, random: Random, other: () => Buffer): Buffer {
  let out = body
  if (random.chance(0.5)) {
    for (let i = 1 + random.below(4); i > 0; i--) out = random.pick(GENTLE)(out, random, other)
    return out
  }
  for (let i = 1 + random.below(random.chance(0.7) ? 2 : 5); i > 0; i--) out = random.pick(MUTATIONS)(out, random, other)
  return out
}

const CODINGS = ['identity', 'gzip', 'zstd', 'deflate', 'br'] as const

function coded(body: Buffer, coding: (typeof CODINGS)[number], random: Random): Buffer {
  switch (coding) {
    case 'identity': return body
    case 'gzip': return gzipSync(body)
    case 'zstd': return zstdCompressSync(body)
    case 'deflate': return random.chance(0.5) ? deflateSync(body) : deflateRawSync(body)
    case 'br': return brotliCompressSync(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 3 } })
  }
}

const MEDIA: Readonly<Record<Protocol, string>> = {
  json: 'application/json', multi: 'application/x-ndjson', bulk: 'application/x-ndjson', otlp: 'application/x-protobuf', 'otlp-json': 'application/json',
}
const WRONG_MEDIA = ['', 'text/plain', 'application/json; charset=utf-8', 'application/x-protobuf', 'application/json', 'image/png', 'application/x-www-form-urlencoded', 'APPLICATION/JSON']
const WRONG_CODINGS = ['gzip, gzip', 'GZIP', 'x-gzip', 'snappy', 'identity', ...CODINGS]

/** streams of a protocol; so many bodies share one that types and schemas meet */
const STREAMS: Readonly<Record<Protocol, number>> = { json: 8, multi: 8, bulk: 8, otlp: 64, 'otlp-json': 64 }
/** a stream holds 5,000 fields, and mutated keys are new fields: later bodies go to new streams */
const BODIES_PER_GENERATION = 20_000

const pathOf = (protocol: Protocol, stream: string): string => {
  if (protocol === 'bulk') return '/api/default/_bulk'
  return protocol === 'json' || protocol === 'multi' ? `/api/default/${stream}/_${protocol}` : '/api/default/v1/logs'
}

/** the n-th request of a seed */
export function fuzzedRequest(seed: number, n: number): FuzzedRequest {
  const random = randomOf(seed, n)
  const protocol = PROTOCOLS[n % PROTOCOLS.length]!
  const stream = `fuzz_${protocol.replace('-', '_')}_${Math.floor(n / BODIES_PER_GENERATION)}_${random.below(STREAMS[protocol])}`
  const valid = (): Buffer => validBody(protocol, stream, random)
  const plain = random.chance(0.1) ? valid() : mutated(valid(), random, valid)
  const coding = random.pick(CODINGS)
  const packed = coded(plain, coding, random)
  const body = random.chance(0.1) ? mutated(packed, random, () => packed) : packed
  const named = random.chance(0.05) ? random.pick(WRONG_CODINGS) : coding
  const media = random.chance(0.05) ? random.pick(WRONG_MEDIA) : MEDIA[protocol]
  const headers: Record<string, string> = {
    ...(named === 'identity' && random.chance(0.5) ? {} : { 'Content-Encoding': named }),
    ...(media === '' ? {} : { 'Content-Type': media }),
    ...(protocol === 'otlp' || protocol === 'otlp-json' ? { 'stream-name': stream } : {}),
  }
  return { n, protocol, stream, path: pathOf(protocol, stream), headers, body }
}
