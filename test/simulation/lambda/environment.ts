// What our code finds in an execution environment: the adapters' simulated ports under the real retries,
// which end when the invocation does, as the functions' own composition has them.
import { createDeadline, type InvocationDeadline } from '../../../lib/aws/deadline.ts'
import { REPEATABLE, retried, type RetryOptions } from '../../../lib/aws/retry.ts'
import type { Blobs, Catalog, Ports, Queue } from '../../../lib/engine/ports.ts'
import { portsOf, request } from '../ports.ts'
import type { Process } from '../scheduler.ts'
import type { Cloud } from './cloud.ts'

export interface EnvironmentPorts {
  readonly process: Process
  readonly ports: Ports
  readonly deadline: InvocationDeadline
  readonly retries: RetryOptions
}

export function environmentOf(cloud: Cloud, process: Process): EnvironmentPorts {
  const plain = portsOf(cloud.world, process)
  const deadline = createDeadline(plain.clock)
  const retries: RetryOptions = { clock: plain.clock, ids: plain.ids, telemetry: plain.telemetry, deadline }
  const sqs: Queue = { send: (message) => request(cloud.world, process, () => cloud.queue.send(message)) }
  const ports: Ports = {
    ...plain,
    queue: retried<Queue>(sqs, REPEATABLE.queue, retries),
    blobs: retried<Blobs>(plain.blobs, REPEATABLE.blobs, retries),
    catalog: retried<Catalog>(plain.catalog, REPEATABLE.catalog, retries),
  }
  return { process, ports, deadline, retries }
}

/** the engine repeats a pack's put itself, under the age check of its attempt */
export function writerPorts({ ports, retries, process }: EnvironmentPorts, cloud: Cloud): Ports {
  return { ...ports, blobs: retried<Blobs>(portsOf(cloud.world, process).blobs, ['get'], retries) }
}
