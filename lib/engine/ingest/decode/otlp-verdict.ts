// What checking a body of OTLP log records finds out: how many there are, which are rejected and
// why, and on how many days they fall. One request writes to one stream.
import { EngineError } from '../../../model/errors.ts'
import type { ErrorSlug } from '../../../model/errors.ts'
import { dayNumberOf } from '../../../model/time.ts'
import type { Micros } from '../../../model/time.ts'
import type { DecodeContext, Rejection, StreamCount, Verdict } from './contract.ts'

export const DEFAULT_STREAM = 'default'

/** why a record is not stored */
export interface Fault {
  readonly slug: ErrorSlug
  readonly message: string
}

/** Of several faults the first of these is told, so that the order of fields in a body does not matter. */
const FAULT_ORDER: readonly ErrorSlug[] = ['record_too_large', 'field_name', 'too_many_fields', 'timestamp']

/** the fault to tell of two; of equal slugs the first */
export function worseFault(a: Fault | null, b: Fault | null): Fault | null {
  if (a === null || b === null) return a ?? b
  return FAULT_ORDER.indexOf(b.slug) < FAULT_ORDER.indexOf(a.slug) ? b : a
}

export const streamOf = (context: DecodeContext): string => context.stream ?? DEFAULT_STREAM

export class LogsVerdict {
  readonly rejections: Rejection[] = []
  private readonly context: DecodeContext
  private readonly days = new Set<number>()
  private lastDay = NaN
  private records = 0
  accepted = 0

  constructor(context: DecodeContext) {
    this.context = context
  }

  /** @throws EngineError `too_many_partitions` */
  accept(time: Micros): void {
    this.records++
    this.accepted++
    const day = dayNumberOf(time)
    if (day === this.lastDay) return
    this.lastDay = day
    this.days.add(day)
    const { requestPartitionsMax } = this.context
    if (this.days.size > requestPartitionsMax) {
      throw new EngineError('too_many_partitions', `the request has records of more than ${requestPartitionsMax} days: split it by time`)
    }
  }

  reject(fault: Fault): void {
    this.rejections.push({ ordinal: this.records++, slug: fault.slug, message: fault.message })
  }

  /** an empty request names no stream */
  finish(): Verdict {
    const { rejections, records } = this
    const streams = new Map<string, StreamCount>()
    if (records > 0) {
      const rejected = rejections.length
      streams.set(streamOf(this.context), { accepted: records - rejected, rejected, error: rejections[0]?.message ?? null })
    }
    return { records, rejections, streams, items: [] }
  }
}
