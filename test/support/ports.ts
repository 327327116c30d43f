// Decorators over the storage ports for tests that need to be there before and after every call:
// counting it, failing it, or killing the process. The port inside stays the real one.
import type { Blobs, Catalog, Queue } from '../../lib/engine/ports.ts'

/** any part of the ports; a decorator gives back the same part */
export interface StoragePorts {
  readonly blobs?: Blobs
  readonly queue?: Queue
  readonly catalog?: Catalog
}

export type PortName = keyof StoragePorts
const PORT_NAMES: readonly PortName[] = ['blobs', 'queue', 'catalog']

/** one call of a port */
export interface Call {
  readonly port: PortName
  readonly operation: string
  readonly args: readonly unknown[]
  /** the n-th call of any decorated port, from 1, in the order of their beginnings */
  readonly n: number
}

export interface Step extends Call {
  /** `after`: the effect is done, the caller does not know it yet */
  readonly when: 'before' | 'after'
}

/** `n:port.operation:when`, a name for a crash point that a rerun meets again */
export const nameOfStep = (step: Step): string => `${step.n}:${step.port}.${step.operation}:${step.when}`

/** runs `around` in place of every call; `proceed` makes the call itself */
export function around<P extends StoragePorts>(
  ports: P, advice: (call: Call, proceed: () => Promise<unknown>) => Promise<unknown>,
): P {
  let n = 0
  const wrapped = (port: PortName, target: object): object => new Proxy(target, {
    get: (_target, operation) => {
      const member: unknown = Reflect.get(target, operation)
      if (typeof member !== 'function' || typeof operation !== 'string') return member
      return (...args: unknown[]) => {
        n += 1
        return advice({ port, operation, args, n }, async () => Reflect.apply(member, target, args) as unknown)
      }
    },
  })
  const out: Record<string, unknown> = {}
  for (const name of PORT_NAMES) {
    const target = ports[name]
    if (target !== undefined) out[name] = wrapped(name, target)
  }
  return { ...ports, ...out }
}

/** The hook runs before and after each call, and may throw, wait for ever or kill the process. */
export function crashing<P extends StoragePorts>(ports: P, hook: (step: Step) => void | Promise<void>): P {
  return around(ports, async (call, proceed) => {
    await hook({ ...call, when: 'before' })
    const result = await proceed()
    await hook({ ...call, when: 'after' })
    return result
  })
}

/** what to do to a call: fail it undone, do it and lose the answer, do it twice, or nothing */
export type Fault =
  | { readonly kind: 'fail-before' | 'fail-after'; readonly error: Error }
  | { readonly kind: 'twice' }
  | null

export function faulty<P extends StoragePorts>(ports: P, faultOf: (call: Call) => Fault): P {
  return around(ports, async (call, proceed) => {
    const fault = faultOf(call)
    if (fault?.kind === 'fail-before') throw fault.error
    const result = await proceed()
    if (fault?.kind === 'fail-after') throw fault.error
    return fault?.kind === 'twice' ? proceed() : result
  })
}

export interface Counts {
  /** calls by `port.operation` */
  readonly calls: ReadonlyMap<string, number>
  /** bytes that `blobs.put` took and `blobs.get` gave */
  bytesPut: number
  bytesGot: number
}

export function counted<P extends StoragePorts>(ports: P): { readonly ports: P; readonly counts: Counts } {
  const calls = new Map<string, number>()
  const counts: Counts = { calls, bytesPut: 0, bytesGot: 0 }
  const decorated = around(ports, async (call, proceed) => {
    const name = `${call.port}.${call.operation}`
    calls.set(name, (calls.get(name) ?? 0) + 1)
    const result = await proceed()
    if (name === 'blobs.put' && call.args[1] instanceof Uint8Array) counts.bytesPut += call.args[1].byteLength
    if (name === 'blobs.get' && result instanceof Uint8Array) counts.bytesGot += result.byteLength
    return result
  })
  return { ports: decorated, counts }
}
