// How dear a regular expression may be. RE2 is linear in the text but not in the pattern:
// `((a?){500}){2}b` is a program of thousands of states and took seconds on 100 KB (measured), so
// counted repetitions are bounded before DuckDB compiles anything.

/** counted repetitions, nested ones multiplied, in one pattern */
export const REPETITIONS_MAX = 100

/** `(?<name>` is how Rust and JS write what RE2 (DuckDB) writes `(?P<name>` */
export const namedGroupsForRe2 = (pattern: string): string => pattern.replace(/((?:^|[^\\])(?:\\\\)*)\(\?<(?![=!])/g, '$1(?P<')

/**
 * The sum over counted repetitions of their count times the counts around them: `(a{10}){5}` is
 * 5 + 50. Reads RE2's syntax loosely; what it cannot read RE2 refuses itself.
 */
export function countedRepetitions(pattern: string): number {
  // of each open group: the sum inside it
  const sums: number[] = [0]
  // what the last atom brought: multiplied when a repetition follows it
  let atom = 0
  for (let i = 0; i < pattern.length;) {
    const c = pattern[i]!
    const counted = c === '{' ? /^\{(\d*)(,?)(\d*)\}/.exec(pattern.slice(i, i + 32)) : null
    if (c === '\\') {
      i = afterEscape(pattern, i)
      atom = 0
    } else if (c === '[') {
      i = afterClass(pattern, i)
      atom = 0
    } else if (c === '(') {
      sums.push(0)
      atom = 0
      i++
    } else if (c === ')') {
      atom = sums.length > 1 ? sums.pop()! : 0
      sums[sums.length - 1]! += atom
      i++
    } else if (counted !== null && counted[1] !== '') {
      const count = Math.max(Number(counted[1]), Number(counted[3] ?? ''), 1)
      const added = count + atom * (count - 1)
      sums[sums.length - 1]! += added
      atom += added
      i += counted[0].length
    } else {
      if (!/[*+?]/.test(c)) atom = 0
      i++
    }
  }
  return sums.reduce((a, b) => a + b, 0)
}

function afterEscape(pattern: string, at: number): number {
  if (pattern[at + 1] === 'Q') {
    const end = pattern.indexOf('\\E', at)
    return end < 0 ? pattern.length : end + 2
  }
  const braced = /^\\[xpP]\{[^}]*\}/.exec(pattern.slice(at, at + 64))
  return at + (braced?.[0].length ?? 2)
}

function afterClass(pattern: string, at: number): number {
  let i = at + 1
  if (pattern[i] === '^') i++
  // a bracket right behind the opening is a character of the class
  if (pattern[i] === ']') i++
  while (i < pattern.length && pattern[i] !== ']') {
    if (pattern.startsWith('[:', i)) {
      const end = pattern.indexOf(':]', i)
      i = end < 0 ? i + 1 : end + 2
    } else i += pattern[i] === '\\' ? 2 : 1
  }
  return i + 1
}
