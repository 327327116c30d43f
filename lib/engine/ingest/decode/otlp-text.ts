// Text that does not stand in the body as it is: JSON of arrays and deep maps, hex ids, numbers and
// bytes in text form. Built as bytes in one buffer that grows and is used again for every value.
import { Source } from '../../store/columns.ts'

const HEX_DIGITS = Buffer.from('0123456789abcdef', 'latin1')
/** hex digits as two bytes in writing order, so that a byte's text is one 16-bit store */
const HEX_PAIRS = Uint16Array.from({ length: 256 }, (_, i) => HEX_DIGITS[i >> 4]! | (HEX_DIGITS[i & 15]! << 8))

/** the short escapes of RFC 8259 by byte, 0 where there is none */
const SHORT_ESCAPES = new Uint8Array(128)
for (const [byte, letter] of [[8, 'b'], [9, 't'], [10, 'n'], [12, 'f'], [13, 'r'], [34, '"'], [92, '\\']] as const) {
  SHORT_ESCAPES[byte] = letter.charCodeAt(0)
}

/** the 64-bit integer of two halves in decimal */
export function intText(lo: number, hi: number): string {
  return String((BigInt(hi) << 32n) | BigInt(lo >>> 0))
}

/** shortest JS form (`5`, never `5.0`); the sign of zero is kept, for it is data */
export function doubleText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value)
}

export class TextBuilder {
  source = new Source(Buffer.allocUnsafeSlow(1024))
  length = 0

  clear(): void {
    this.length = 0
  }

  byte(b: number): void {
    this.reserve(1)
    this.source.bytes[this.length++] = b
  }

  /** text of ASCII characters only */
  ascii(text: string): void {
    this.reserve(text.length)
    this.source.bytes.write(text, this.length, 'latin1')
    this.length += text.length
  }

  /** [from, to) of `s` as a JSON string, in the form of JSON.stringify */
  quoted(s: Source, from: number, to: number): void {
    // A control character becomes six bytes.
    this.reserve((to - from) * 6 + 2)
    const { bytes } = this.source
    let w = this.length
    bytes[w++] = 34
    for (let p = from; p < to; p++) {
      const b = s.bytes[p]!
      if (b >= 128 || (b >= 32 && b !== 34 && b !== 92)) {
        bytes[w++] = b
        continue
      }
      bytes[w++] = 92
      const letter = SHORT_ESCAPES[b]!
      if (letter !== 0) bytes[w++] = letter
      else w += bytes.write(`u00${b < 16 ? '0' : '1'}${(b & 15).toString(16)}`, w, 'latin1')
    }
    bytes[w++] = 34
    this.length = w
  }

  /** NaN and infinities have no JSON number: they are strings, as in our answers */
  jsonDouble(value: number): void {
    this.ascii(Number.isFinite(value) ? doubleText(value) : `"${value}"`)
  }

  /** bytes of `s` as lower-case hex */
  hex(s: Source, from: number, to: number): void {
    this.reserve((to - from) * 2)
    const { view } = this.source
    for (let p = from; p < to; p++, this.length += 2) view.setUint16(this.length, HEX_PAIRS[s.bytes[p]!]!, true)
  }

  base64(s: Source, from: number, to: number): void {
    this.ascii(s.bytes.toString('base64', from, to))
  }

  /** what was built, in a buffer of its own */
  copy(): Source {
    return new Source(Buffer.from(this.source.bytes.subarray(0, this.length)))
  }

  private reserve(bytes: number): void {
    const needed = this.length + bytes
    if (needed <= this.source.bytes.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.source.bytes.length * 2))
    grown.set(this.source.bytes.subarray(0, this.length))
    this.source = new Source(grown)
  }
}
