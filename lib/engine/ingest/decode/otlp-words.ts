// Short byte strings that are compared over and over: a body's keys and member names. Four bytes at a
// time against an array of words is twice as fast as against an arena (measured).
import type { Source } from '../../store/columns.ts'

export interface Words {
  readonly length: number
  readonly bytes: Buffer
  /** little-endian words of which the last may overlap the one before it; none below four bytes */
  readonly words: Int32Array
}

export function wordsOf(bytes: Buffer): Words {
  const { length } = bytes
  const count = length < 4 ? 0 : Math.ceil(length / 4)
  return { length, bytes, words: Int32Array.from({ length: count }, (_, i) => bytes.readInt32LE(Math.min(4 * i, length - 4))) }
}

/** whether the bytes stand at `at`; the caller knows that as many follow there */
export function standsAt(w: Words, s: Source, at: number): boolean {
  const { length, words } = w
  const last = words.length - 1
  if (last < 0) {
    for (let i = 0; i < length; i++) if (s.bytes[at + i] !== w.bytes[i]) return false
    return true
  }
  const { view } = s
  // The last word first: names differ at their ends.
  if (view.getInt32(at + length - 4, true) !== words[last]) return false
  for (let i = 0; i < last; i++) if (view.getInt32(at + 4 * i, true) !== words[i]) return false
  return true
}
