// What a test lets go wrong with one request, or the next few, of one operation.
import { setTimeout as sleep } from 'node:timers/promises'
import { awsError } from './request.ts'
import type { Answer, AwsRequest, Forward } from './request.ts'

export type Fault = {
  readonly operation: string
  /** how many requests meet it; default 1 */
  readonly times?: number
} & FaultKind

type FaultKind =
  /** answered with an error, undone */
  | { readonly kind: 'refuse'; readonly status: number; readonly code: string; readonly message?: string }
  /** the connection is closed before anything happens */
  | { readonly kind: 'hang-up' }
  /** it happens, and the connection is closed instead of an answer */
  | { readonly kind: 'lose-answer' }
  /** it happens after a while */
  | { readonly kind: 'delay'; readonly ms: number }
  /** nothing happens, and no answer ever comes */
  | { readonly kind: 'stall' }
  /** the answer's body ends after so many bytes: the connection is closed, or stays open in silence */
  | { readonly kind: 'cut-body' | 'stall-body'; readonly bytes: number }
  /** the first byte of the answer's body is another */
  | { readonly kind: 'damage-body' }
  /** the answer's text is changed where it matches */
  | { readonly kind: 'edit-answer'; readonly replace: readonly [RegExp, string] }
  /** the first byte of the request's body is another */
  | { readonly kind: 'damage-request' }
  /** a listing gives so many keys and says that there are more */
  | { readonly kind: 'short-page'; readonly keys: number }
  /** the answer has these headers too; null: not this one */
  | { readonly kind: 'answer-headers'; readonly headers: Readonly<Record<string, string | null>> }

/** what the front writes: an answer and how much of it, or nothing at all */
export interface Outcome {
  readonly answer: Answer | null
  /** what comes after the answer's part, or instead of it */
  readonly end: 'complete' | 'close' | 'silence'
}

const complete = (answer: Answer): Outcome => ({ answer, end: 'complete' })

export class Faults {
  private readonly planned: { readonly fault: Fault; left: number }[] = []

  provoke(fault: Fault): void {
    this.planned.push({ fault, left: fault.times ?? 1 })
  }

  /** what this request meets, oldest fault first */
  take(operation: string): Fault | null {
    const next = this.planned.find(({ fault, left }) => fault.operation === operation && left > 0)
    if (next === undefined) return null
    next.left -= 1
    return next.fault
  }
}

export async function withFault(fault: Fault | null, request: AwsRequest, forward: Forward): Promise<Outcome> {
  if (fault === null) return complete(await forward(request))
  switch (fault.kind) {
    case 'refuse': return complete(awsError(request, fault.status, fault.code, fault.message ?? 'provoked by a test'))
    case 'hang-up': return { answer: null, end: 'close' }
    case 'stall': return { answer: null, end: 'silence' }
    case 'lose-answer':
      await forward(request)
      return { answer: null, end: 'close' }
    case 'delay':
      await sleep(fault.ms)
      return complete(await forward(request))
    case 'cut-body': case 'stall-body': {
      const answer = await forward(request)
      const headers = { ...answer.headers, 'content-length': answer.body.length }
      return { answer: { ...answer, headers, body: answer.body.subarray(0, fault.bytes) }, end: fault.kind === 'cut-body' ? 'close' : 'silence' }
    }
    case 'damage-body': {
      const answer = await forward(request)
      return complete({ ...answer, body: damaged(answer.body) })
    }
    case 'edit-answer': {
      const { headers: { 'content-length': _old, ...headers }, ...answer } = await forward(request)
      return complete({ ...answer, headers, body: Buffer.from(answer.body.toString('utf8').replace(...fault.replace)) })
    }
    case 'damage-request': return complete(await forward({ ...request, body: damaged(request.body) }))
    case 'short-page': return complete(await forward({ ...request, url: request.url.replace(/max-keys=\d+/, `max-keys=${fault.keys}`) }))
    case 'answer-headers': {
      const answer = await forward(request)
      const headers = { ...answer.headers, ...fault.headers }
      return complete({ ...answer, headers: Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== null)) as Answer['headers'] })
    }
  }
}

const damaged = (body: Buffer): Buffer => Buffer.concat([Buffer.from([(body[0] ?? 0) ^ 0xff]), body.subarray(1)])
