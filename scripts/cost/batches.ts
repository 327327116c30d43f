// How requests become batches: what an SQS event source makes of a load, as arithmetic. Facts: AWS's
// Lambda guide on SQS (window, 6 MB of event, 10,000 records) and on its pollers.
import { LONG_POLL_SECONDS } from './assumptions.ts'

/** Lambda's synchronous payload: the event with all its records */
export const EVENT_BYTES_MAX = 6e6
const RECORDS_MAX = 10_000
const CHUNK_BYTES = 65_536

/** requests that SQS bills for a message on send, and again on receive */
export const chunksOf = (textBytes: number): number => Math.max(1, Math.ceil(textBytes / CHUNK_BYTES))

export interface Arrivals {
  readonly requestsPerSecond: number
  readonly windowSeconds: number
  readonly pollers: number
  /** of one record in the event, its JSON around the message included */
  readonly recordBytes: number
}

/**
 * Messages in an average batch. A poller's window opens at its first message; during it further ones
 * come at the poller's share of the rate, until the event is full. Whole messages, rounded down: a
 * bill may be too high by that, never too low.
 */
export function messagesPerBatch({ requestsPerSecond, windowSeconds, pollers, recordBytes }: Arrivals): number {
  const windowed = 1 + (requestsPerSecond / pollers) * windowSeconds
  const fitting = Math.min(RECORDS_MAX, Math.floor(EVENT_BYTES_MAX / recordBytes))
  return Math.max(1, Math.floor(Math.min(windowed, fitting)))
}

/**
 * Receives a second that find nothing, all pollers together. Between two arrivals at a poller, 1/r
 * seconds apart on average and at random, as many polls of 20 s run empty as fit: 1/(e^(20r) - 1).
 */
export function emptyReceivesPerSecond(requestsPerSecond: number, pollers: number): number {
  const rate = requestsPerSecond / pollers
  if (rate * LONG_POLL_SECONDS < 1e-9) return pollers / LONG_POLL_SECONDS
  return (pollers * rate) / Math.expm1(rate * LONG_POLL_SECONDS)
}

/** Lambda's wall time for so much CPU of one thread: below 1,769 MB a function has only a part of a core */
export function wallMs(cpuMs: number, memoryMb: number): number {
  return cpuMs / Math.min(1, memoryMb / 1_769)
}
