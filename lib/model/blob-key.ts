// What an object key may be, for every store of objects: percent-encoded ASCII segments, so that no
// key leaves its directory, hides, or depends on how a file system normalises Unicode or an XML
// listing carries it. Keys are made by our own layout, never by users: a bad one is a bug.
import { assert } from './errors.ts'

/** S3's limit in bytes; ours are ASCII */
export const KEY_CHARACTERS_MAX = 1_024
/** not beginning with a dot: neither `..` nor what the system or we hide beside the objects */
const SEGMENT = /^(?!\.)(?:[A-Za-z0-9_.=~-]|%[0-9A-F]{2})+$/
const PREFIX = /^[A-Za-z0-9_.=~%/-]*$/

/** @throws EngineError `internal` */
export function checkKey(key: string): string {
  const sound = key.length <= KEY_CHARACTERS_MAX && key.split('/').every((segment) => SEGMENT.test(segment))
  assert(sound, `an object key has 1 to ${KEY_CHARACTERS_MAX} characters in percent-encoded segments: ${JSON.stringify(key.slice(0, 200))}`)
  return key
}

/** a prefix of keys may end anywhere, also inside a percent-code; @throws as checkKey */
export function checkPrefix(prefix: string): string {
  assert(PREFIX.test(prefix) && !prefix.startsWith('/'), `a prefix holds only a key's characters: ${JSON.stringify(prefix.slice(0, 200))}`)
  return prefix
}

/** @throws EngineError `internal` for a range that does not count from 0 in whole bytes */
export function checkRange({ offset, length }: { readonly offset: number; readonly length: number }): void {
  const sound = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0
  assert(sound, `a byte range counts from 0: ${offset}, ${length}`)
}
