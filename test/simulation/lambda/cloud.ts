// What the parts of the simulated Lambda layer share: the world below with its truth, the layer's own
// faults, its probes, and the two queues.
import type { OrgId } from '../../../lib/model/stream.ts'
import { ENTRIES } from '../../../lib/env.ts'
import { MICROS_PER_SECOND, type Micros } from '../../../lib/model/time.ts'
import type { Scheduler } from '../scheduler.ts'
import type { World } from '../world.ts'
import type { LambdaProbe } from './probes.ts'
import { SimQueue } from './queue.ts'

/** chances of what the platform may do, drawn per seed */
export interface LambdaFaults {
  /** per invocation: no environment although there is room */
  throttle: number
  initFailure: number
  /** per invocation: a new environment although one is warm */
  cold: number
  /** per invocation: the process ends with an error, before or after its work */
  thrown: number
  /** per invocation: what comes back is not what the function said */
  garbled: number
  /** per invocation: its answer does not reach who invoked */
  answerLost: number
  /** per message: sent again by the queue after its deletion, while it is written, days later */
  redeliver: number
  /** per message: its envelope is damaged */
  poison: number
  deletionLost: number
  /** per tick of a schedule */
  missed: number
  doubled: number
  late: number
  /** per answer of a leaf: it comes up to ten seconds late */
  lateLeaf: number
  /** per object read by a leaf, all tries of it */
  unreadable: number
  /** per dead letter: an operator sends all of them again some time later */
  redrive: number
}

export const NO_FAULTS: LambdaFaults = {
  throttle: 0, initFailure: 0, cold: 0, thrown: 0, garbled: 0, answerLost: 0, redeliver: 0, poison: 0, deletionLost: 0, missed: 0, doubled: 0, late: 0, redrive: 0, unreadable: 0, lateLeaf: 0,
}

/** as the stack sets them; the sizes of a batch are drawn smaller, so that small worlds reach them */
export interface SourceSettings {
  readonly pollers: number
  readonly batchMax: number
  readonly windowMicros: Micros
  /** of the invocation's event, as JSON text */
  readonly payloadBytesMax: number
}

/** how queries are run */
export interface QuerySettings {
  readonly toLeaves: boolean
  /** of a leaf's answer that is more goes by way of the bucket */
  readonly inlineBytesMax: number
  /** objects go as soon as they are merged: a reader may meet that, which it must survive */
  readonly movesEarly: boolean
}

/** six times the function's timeout: an invocation that is throttled and retried still ends in time */
export const VISIBILITY: Micros = 6 * ENTRIES.writer.timeoutSeconds * MICROS_PER_SECOND

export class Cloud {
  readonly world: World
  readonly s: Scheduler
  readonly faults: LambdaFaults
  readonly source: SourceSettings
  readonly query: QuerySettings
  readonly hits = new Map<LambdaProbe, number>()
  readonly deadLetters: SimQueue
  readonly queue: SimQueue

  constructor(world: World, faults: LambdaFaults, source: SourceSettings, query: QuerySettings) {
    this.world = world
    this.s = world.s
    this.faults = faults
    this.source = source
    this.query = query
    this.deadLetters = new SimQueue(this, 'dead letters', null)
    this.queue = new SimQueue(this, 'queue', this.deadLetters)
  }

  probe(name: LambdaProbe): void {
    this.hits.set(name, (this.hits.get(name) ?? 0) + 1)
  }

  chance(name: keyof LambdaFaults): boolean {
    return this.s.random.chance(this.faults[name])
  }
}

export const ORGS = ['o1', 'o2'] as readonly string[] as readonly [OrgId, OrgId]
export const STREAMS = ['s', 't'] as const
