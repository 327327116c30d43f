// `_json`: an array of objects, or one object. The whole body is one JSON text: a fault anywhere
// refuses all of it, an element that is no object is only a rejected record.
import { isUtf8 } from 'node:buffer'
import { EngineError } from '../../../model/errors.ts'
import { Source, Tables } from '../../store/columns.ts'
import type { DecodeContext, Verdict } from './contract.ts'
import { RecordReader } from './json-record.ts'
import { Judge } from './judge.ts'
import type { Destination } from './judge.ts'
import { END, OPEN_ARRAY, OPEN_OBJECT, Scanner } from './scanner.ts'

/** @throws as `Check` */
export function checkJson(body: Uint8Array, context: DecodeContext): Verdict {
  const judge = new Judge(context, null, [])
  walkJson(body, judge, 0)
  return judge.verdict
}

/** as `Decode` */
export function decodeJson(body: Uint8Array, context: DecodeContext, rejected: readonly number[], message: number, tables: Tables): void {
  walkJson(body, new Judge(context, tables, rejected), message)
}

/** the clean name the path gave. @throws invalid_stream */
export function streamOfPath(context: DecodeContext): string {
  if (context.stream === null) throw new EngineError('invalid_stream', 'the request names no stream: put its name in the path')
  return context.stream
}

/** the offset of the text behind a byte order mark, if there is one */
export function afterByteOrderMark(bytes: Uint8Array): number {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0
}

function walkJson(body: Uint8Array, judge: Judge, message: number): RecordReader {
  const stream = streamOfPath(judge.context)
  if (!isUtf8(body)) throw new EngineError('malformed', 'the body is not valid UTF-8: send JSON as UTF-8')
  const source = new Source(body)
  const scanner = new Scanner(source, judge.context.depthMax)
  scanner.reset(afterByteOrderMark(body), body.length)
  const reader = new RecordReader(judge, scanner, message, false)
  const first = scanner.peek()
  // Nothing sent is nothing stored, and no error: senders flush empty batches.
  if (first === END) return reader
  if (first === OPEN_OBJECT) {
    const to = judge.destination(stream)
    if (judge.begin()) reader.read(to)
    else scanner.skipValue()
  } else if (first === OPEN_ARRAY) elements(scanner, judge, reader, stream)
  else {
    scanner.skipScalar(first)
    scanner.finish()
    throw new EngineError('not_an_object', 'the body is neither an object nor an array of objects: send records as objects')
  }
  scanner.finish()
  judge.finish(message)
  return reader
}

function elements(scanner: Scanner, judge: Judge, reader: RecordReader, stream: string): void {
  scanner.open(OPEN_ARRAY)
  let to: Destination | null = null
  for (let first = true; scanner.more(first); first = false) {
    to ??= judge.destination(stream)
    const store = judge.begin()
    const c = scanner.peek()
    if (!store) scanner.skipValue()
    else if (c === OPEN_OBJECT) reader.read(to)
    else {
      scanner.skipValue()
      judge.reject(to, 'not_an_object', 'the record is not an object: send records as objects')
    }
  }
}

/** the context of the bodies that are read only to keep what read them */
export const KEPT_CONTEXT: DecodeContext = {
  route: 'json', format: 'json', stream: 'x', acceptedAt: 1e15, oldest: 0, newest: 2e15, flattenLevels: 3, recordsMax: 9, recordBytesMax: 99,
  recordFieldsMax: 9, keyBytesMax: 256, depthMax: 9, requestStreamsMax: 9, requestPartitionsMax: 9,
}

/** a reader that has seen every kind of value, with all it refers to */
function usedReader(tables: Tables | null): RecordReader {
  const body = Buffer.from('[{"a":"x","b":1,"c":1.5,"d":true,"e":{"f":[1]},"_timestamp":0.5,"@timestamp":"0"},{"a":"x"}]')
  return walkJson(body, new Judge(KEPT_CONTEXT, tables, []), 0)
}

/**
 * One reader of each mode, to be held for ever. V8 drops a hidden class, and the code compiled for it, when a
 * full collection finds no object of it, and between requests there is none: the next request would
 * cost three times as much (measured).
 */
export const keptReaders = (): readonly RecordReader[] => [usedReader(null), usedReader(new Tables())]
