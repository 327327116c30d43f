// ULIDs (github.com/ulid/spec) and chance, from the operating system's generator. Within one Ids the
// ids only rise: in the same millisecond, and when the clock steps back, the last one is counted up.
import { randomFillSync } from 'node:crypto'
import type { Clock, Ids } from '../engine/ports.ts'
import { MICROS_PER_MS } from '../model/time.ts'

const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const TIME_CHARACTERS = 10
/** 80 bits of chance, five a digit */
const CHANCE_DIGITS = 16

/** fills the array with random bytes; tests pass their own */
export type RandomFill = (bytes: Uint8Array) => void

export function createIds(clock: Pick<Clock, 'now'>, fill: RandomFill = (bytes) => { randomFillSync(bytes) }): Ids {
  let lastMs = -1
  let time = ''
  // One digit (0-31) a byte: 5 of the 8 random bits are used, and counting up is plain carrying.
  const digits = new Uint8Array(CHANCE_DIGITS)

  function renew(ms: number): void {
    lastMs = ms
    time = timeText(ms)
    fill(digits)
    for (let i = 0; i < CHANCE_DIGITS; i += 1) digits[i] = (digits[i] as number) & 31
  }

  return {
    ulid: () => {
      const ms = Math.floor(clock.now() / MICROS_PER_MS)
      if (ms > lastMs) renew(ms)
      // All ones carried over: the next millisecond is borrowed, which keeps the order.
      else if (!countUp(digits)) renew(lastMs + 1)
      let chance = ''
      for (const digit of digits) chance += CROCKFORD[digit]
      return time + chance
    },
    random: () => {
      const bytes = new Uint8Array(8)
      fill(bytes)
      // 53 bits, the precision of a double: every result is below 1 and equally likely.
      const view = new DataView(bytes.buffer)
      return ((view.getUint32(0) >>> 5) * 2 ** 26 + (view.getUint32(4) >>> 6)) / 2 ** 53
    },
  }
}

/** adds one to a number of base 32; false when it overflows */
function countUp(digits: Uint8Array): boolean {
  for (let i = digits.length - 1; i >= 0; i -= 1) {
    const next = (digits[i] as number) + 1
    digits[i] = next & 31
    if (next < 32) return true
  }
  return false
}

function timeText(ms: number): string {
  let text = ''
  let rest = ms
  for (let i = 0; i < TIME_CHARACTERS; i += 1) {
    text = (CROCKFORD[rest % 32] as string) + text
    rest = Math.floor(rest / 32)
  }
  return text
}
