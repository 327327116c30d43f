// Object keys as paths under one directory, and back. A key is checked (lib/model/blob-key.ts) before
// it touches the disk. Segments longer than a file name may be become nested directories (a stream's
// name of 100 bytes takes 300 characters percent-encoded).
import { checkKey } from '../model/blob-key.ts'

/** characters of one file name; 255 bytes is the limit of common file systems */
const NAME_CHARACTERS_MAX = 200
/** ends a directory whose name goes on in its child; no key holds it */
const CONTINUED = '+'

/**
 * The path's names. A segment of 200 characters or more is always cut, never only those above, so
 * that beside a cut one there is no file with just its beginning, and names keep the keys' order.
 */
export function namesOfKey(key: string): readonly string[] {
  const names: string[] = []
  for (const segment of checkKey(key).split('/')) {
    let rest = segment
    while (rest.length >= NAME_CHARACTERS_MAX) {
      names.push(rest.slice(0, NAME_CHARACTERS_MAX) + CONTINUED)
      rest = rest.slice(NAME_CHARACTERS_MAX)
    }
    // An exact multiple leaves nothing: the bare mark stands for it.
    names.push(rest === '' ? CONTINUED : rest)
  }
  return names
}

/** what a directory's name adds to the keys below it */
export function keyPartOfDirectory(name: string): string {
  if (!name.endsWith(CONTINUED)) return `${name}/`
  // The bare mark is an ended segment; a longer name goes on in its children.
  return name === CONTINUED ? '/' : name.slice(0, -1)
}

/** what a file's name adds to its key */
export const keyPartOfFile = (name: string): string => (name === CONTINUED ? '' : name)
