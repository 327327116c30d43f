// Attributes of items, read strictly: what is missing, of another type or out of its range is an error
// that names the item, never a default. Values of any shape are JSON text, compressed when that pays.
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import type { AttributeValue } from '@aws-sdk/client-dynamodb'
import { EngineError } from '../model/errors.ts'
import type { ItemKey } from '../model/item-key.ts'
import { MICROS_PER_SECOND } from '../model/time.ts'
import type { Micros } from '../model/time.ts'

export type Item = Record<string, AttributeValue>

/** for an item whose bytes are none of ours */
export const unreadable = (item: Item, what: string, cause?: unknown): EngineError =>
  new EngineError('internal', `item ${item['pk']?.S ?? '?'} / ${item['sk']?.S ?? '?'} is not readable: ${what}`, cause === undefined ? {} : { cause })

export function textOf(item: Item, name: string): string {
  const text = item[name]?.S
  if (text === undefined) throw unreadable(item, `${name} must be text`)
  return text
}

/** an integer that JavaScript holds exactly */
export function wholeOf(item: Item, name: string, min = 0): number {
  const n = Number(item[name]?.N ?? NaN)
  if (!Number.isSafeInteger(n) || n < min) throw unreadable(item, `${name} must be a whole number from ${min}`)
  return n
}

export function bytesOf(item: Item, name: string): Buffer {
  const bytes = item[name]?.B
  if (bytes === undefined) throw unreadable(item, `${name} must be bytes`)
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}

export const keyAttributes = ({ pk, sk }: ItemKey): Item => ({ pk: { S: pk }, sk: { S: sk } })
export const whole = (n: number): AttributeValue => ({ N: String(n) })
/** the attribute by which DynamoDB expires items, in seconds: never before the instant itself */
export const expiry = (at: Micros): AttributeValue => whole(Math.ceil(at / MICROS_PER_SECOND))

/** JSON text up to here is one write unit anyway, and people can read it in the console */
const PLAIN_BYTES_MAX = 768
/** of inflated JSON, so that an item cannot take the process's memory: 400 KB of zeros would be gigabytes */
const JSON_BYTES_MAX = 64 * 2 ** 20

/** `j` JSON text or, where it is smaller, `z` the same in zstd */
export function jsonAttributes(value: unknown): Item {
  const text = JSON.stringify(value)
  if (Buffer.byteLength(text) <= PLAIN_BYTES_MAX) return { j: { S: text } }
  const packed = zstdCompressSync(text, { params: { [constants.ZSTD_c_compressionLevel]: 9 } })
  return packed.length < Buffer.byteLength(text) ? { z: { B: packed } } : { j: { S: text } }
}

export const jsonOf = (item: Item): unknown => parsed(item, () =>
  (item['z'] === undefined ? textOf(item, 'j') : zstdDecompressSync(bytesOf(item, 'z'), { maxOutputLength: JSON_BYTES_MAX }).toString('utf8')))

/** JSON text in an attribute of its own */
export const jsonTextOf = (item: Item, name: string): unknown => parsed(item, () => textOf(item, name))

function parsed(item: Item, text: () => string): unknown {
  try {
    return JSON.parse(text()) as unknown
  } catch (error) {
    throw error instanceof EngineError ? error : unreadable(item, 'its value is no JSON', error)
  }
}
