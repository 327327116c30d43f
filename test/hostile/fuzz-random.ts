// Chance for the fuzzer: each body has a generator of its own, made from the seed and the body's
// number, so that one body can be made again alone.

export interface Random {
  /** 0 <= x < 1 */
  next(): number
  /** a whole number, 0 <= n < below */
  below(below: number): number
  pick<T>(from: readonly T[]): T
  /** true in `share` of all cases */
  chance(share: number): boolean
  bytes(count: number): Buffer
}

/** mulberry32 over a mixed seed */
export function randomOf(seed: number, n: number): Random {
  let s = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(n + 1, 0xc2b2ae35)
  const next = (): number => {
    s = (s + 0x6d2b79f5) | 0
    let t = Math.imul(s ^ (s >>> 15), 1 | s)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
  const below = (n: number): number => Math.floor(next() * n)
  return {
    next,
    below,
    pick: (from) => from[below(from.length)]!,
    chance: (share) => next() < share,
    bytes: (count) => Buffer.from(Array.from({ length: count }, () => below(256))),
  }
}
