// `_multi`: one object a line (NDJSON). Lines stand alone: a bad one is a rejected record and the
// others are stored; blank lines are none. Invalid UTF-8 becomes U+FFFD, before anything is read.
import { isUtf8 } from 'node:buffer'
import { EngineError } from '../../../model/errors.ts'
import { Source } from '../../store/columns.ts'
import type { Tables } from '../../store/columns.ts'
import type { DecodeContext, Verdict } from './contract.ts'
import { afterByteOrderMark, streamOfPath } from './json.ts'
import { RecordReader } from './json-record.ts'
import { Judge } from './judge.ts'
import type { Destination, Refusal } from './judge.ts'
import { END, OPEN_OBJECT, Scanner } from './scanner.ts'

/** @throws as `Check` */
export function checkMulti(body: Uint8Array, context: DecodeContext): Verdict {
  const judge = new Judge(context, null, [])
  walkMulti(body, judge, 0)
  return judge.verdict
}

/** as `Decode` */
export function decodeMulti(body: Uint8Array, context: DecodeContext, rejected: readonly number[], message: number, tables: Tables): void {
  walkMulti(body, new Judge(context, tables, rejected), message)
}

/** the body, or a copy with every invalid sequence replaced; a pure function, so both modes see the same */
export function repairedUtf8(body: Uint8Array): Uint8Array {
  return isUtf8(body) ? body : Buffer.from(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8'))
}

/** Gives each line's range in turn, without its line feed; a carriage return is white space to JSON. */
export class Lines {
  from = 0
  to = 0
  private readonly bytes: Buffer
  private nextAt: number

  constructor(bytes: Buffer) {
    this.bytes = bytes
    this.nextAt = afterByteOrderMark(bytes)
  }

  /** false at the end of the body */
  next(): boolean {
    if (this.nextAt >= this.bytes.length) return false
    this.from = this.nextAt
    const feed = this.bytes.indexOf(10, this.from)
    this.to = feed < 0 ? this.bytes.length : feed
    this.nextAt = this.to + 1
    return true
  }
}

function walkMulti(body: Uint8Array, judge: Judge, message: number): void {
  const stream = streamOfPath(judge.context)
  const source = new Source(repairedUtf8(body))
  const scanner = new Scanner(source, judge.context.depthMax, 'the line')
  const reader = new RecordReader(judge, scanner, message, true)
  const lines = new Lines(source.bytes)
  let to: Destination | null = null
  while (lines.next()) {
    scanner.reset(lines.from, lines.to)
    if (scanner.peek() === END) continue
    to ??= judge.destination(stream)
    if (judge.begin()) readLine(scanner, judge, reader, to)
  }
  judge.finish(message)
}

/**
 * Reads the object that is all of the scanner's range and judges it by itself: whatever is wrong with
 * it is its own rejection. Gives why, or null. `idFrom`, `idTo`: as for `RecordReader.read`.
 */
export function readLine(scanner: Scanner, judge: Judge, reader: RecordReader, to: Destination, idFrom = -1, idTo = 0): Refusal | null {
  try {
    if (scanner.peek() === OPEN_OBJECT) return reader.read(to, idFrom, idTo)
    scanner.skipValue()
    scanner.finish()
    return judge.reject(to, 'not_an_object', 'the line is not an object: send one object a line')
  } catch (error) {
    if (!isFaultOfLine(error)) throw error
    return judge.reject(to, error.slug, error.message)
  }
}

/** whether an error says only that a line cannot be read */
export function isFaultOfLine(error: unknown): error is EngineError {
  return error instanceof EngineError && (error.slug === 'malformed' || error.slug === 'too_deep')
}
