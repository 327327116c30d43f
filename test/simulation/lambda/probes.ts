// Proof that the rare branches of the Lambda layer are reached: every name must be hit in a full run,
// and so must those of the world below that this layer leads to.
import type { Probe } from '../probes.ts'

export const LAMBDA_PROBES = [
  // execution environments
  'cold start', 'warm start', 'environment reclaimed', 'initialisation failed', 'environment killed at its timeout', 'thawed with work left',
  'throttled', 'concurrency reached',
  // the event source
  'batch cut at 6 MB', 'batch full', 'batch of many', 'receive counts mixed', 'organisations mixed', 'partial failure', 'whole batch thrown',
  'answer malformed', 'answer names a stranger', 'answer lost', 'throttled until it lapsed', 'delivered while its first invocation runs',
  // the queues
  'sent twice', 'deletion lost', 'deleted by an old receipt', 'delivered after its deletion', 'delivered days later', 'redelivered with receive count 1', 'became a dead letter', 'not ours',
  // the edge
  'answered too late', 'answer of the edge lost', 'refused by the edge', 'retried under a key', 'retried without a key',
  // the archiver and its schedule
  'schedule missed', 'schedule doubled', 'schedule late', 'two archivers at once', 'invoked again after an error', 'dead letter archived',
  'dead letter whose rows were in', 'dead letter already parked', 'archiver out of time', 'redriven', 'redriven after it was archived',
  // queries and leaves
  'scanned by leaves', 'scanned by the leader', 'hedged', 'hedge won', 'hedge lost', 'leaf failed once', 'leaf failed twice', 'leaf throttled', 'some slices failed',
  'every slice failed', 'answer of a leaf lost', 'answer of a leaf damaged', 'answered by way of the bucket', 'answer in the bucket unreadable', 'planned again', 'query too long',
] as const
export type LambdaProbe = (typeof LAMBDA_PROBES)[number]

/** of the world below: what the real glue must be led into too */
export const WORLD_PROBES: readonly Probe[] = [
  'request refused', 'response lost', 'effect after the caller gave up', 'effect twice', 'crash', 'committed', 'own lost response: token',
  'own lost response: claims', 'claim by another', 'conflict', 'slot swept', 'rebuilt without claimed messages', 'parked: unreadable', 'parked message was in already',
  'claim of the quarantine met', 'accepted', 'spilled', 'unanswered request stored', 'merged', 'orphan swept', 'read exactly',
  'stream made twice', 'schema race lost', 'stream deleted', 'batch of two incarnations',
]

export const probesOfBoth = (): string[] => [...LAMBDA_PROBES, ...WORLD_PROBES.map((name) => `world: ${name}`)]
