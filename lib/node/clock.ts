// Real time for the engine: wall clock in microseconds, a monotonic clock for measuring, and sleep.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../engine/ports.ts'
import { MICROS_PER_MS } from '../model/time.ts'

export const systemClock: Clock = {
  now: () => Date.now() * MICROS_PER_MS,
  monotonicMs: () => performance.now(),
  sleep: (ms) => sleep(ms),
}
