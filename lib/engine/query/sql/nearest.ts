// "Did you mean": the known names nearest to one that does not exist.

/** names an error may suggest */
const SUGGESTIONS_MAX = 3
/** more candidates than this are only compared by prefix: 5,000 fields times a long name is too much work for an error */
const COMPARED_MAX = 20_000

/** edits (insert, delete, replace, swap neighbours) from a to b; gives up above `limit` */
export function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1
  let before: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    let best = i
    for (let j = 1; j <= b.length; j++) {
      let cost = Math.min(previous[j]! + 1, row[j - 1]! + 1, previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1))
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (swapped) cost = Math.min(cost, before[j - 2]! + 1)
      row.push(cost)
      best = Math.min(best, cost)
    }
    if (best > limit) return limit + 1
    before = previous
    previous = row
  }
  return previous[b.length]!
}

/** up to three known names, nearest first; none when nothing is near */
export function nearestNames(name: string, known: Iterable<string>): readonly string[] {
  const wanted = name.toLowerCase().slice(0, 128)
  const limit = Math.max(1, Math.floor(wanted.length / 3))
  const scored: { name: string; score: number }[] = []
  let n = 0
  for (const candidate of known) {
    if (n++ > COMPARED_MAX) break
    const lower = candidate.toLowerCase()
    const distance = editDistance(wanted, lower, limit)
    // a name that begins with the other one is near however long the rest is
    const prefix = wanted.length >= 3 && (lower.startsWith(wanted) || wanted.startsWith(lower) && lower.length >= 3)
    if (distance <= limit) scored.push({ name: candidate, score: distance })
    else if (prefix) scored.push({ name: candidate, score: limit + Math.abs(lower.length - wanted.length) })
  }
  scored.sort((a, b) => a.score - b.score || (a.name < b.name ? -1 : 1))
  return scored.slice(0, SUGGESTIONS_MAX).map(s => s.name)
}

/** `; did you mean a, b` or nothing */
export const didYouMean = (names: readonly string[]): string => (names.length === 0 ? '' : `; did you mean ${names.join(', ')}`)
