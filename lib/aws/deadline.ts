// The deadline of the invocation under way: Lambda gives each its own, and retries and searches must
// end before it does.
import type { Clock } from '../engine/ports.ts'

export interface Deadline {
  /** time left, milliseconds; below 0 when it is over */
  remainingMs(): number
}

export interface InvocationDeadline extends Deadline {
  /** @param remainingMs what Lambda's context says at the beginning of an invocation */
  begin(remainingMs: number): void
}

/** Before the first invocation, while the function is loaded, there is no end in sight. */
export function createDeadline(clock: Pick<Clock, 'monotonicMs'>): InvocationDeadline {
  let endsAt = Infinity
  return {
    begin(remainingMs) {
      endsAt = clock.monotonicMs() + remainingMs
    },
    remainingMs: () => endsAt - clock.monotonicMs(),
  }
}
