// Proof that the rare branches are reached: every name must be hit in a full run, else the simulator
// tests less than it says.
export const PROBES = [
  // the network and the hosts
  'request refused', 'response lost', 'effect after the caller gave up', 'effect twice', 'signature expired', 'crash', 'freeze',
  // the queue
  'delivered after its deletion', 'delivered days later', 'first delivered after weeks', 'two deliveries at once', 'redelivered with receive count 1',
  // the commit
  'committed', 'own lost response: token', 'own lost response: claims', 'own claims after the entry left', 'claim by another', 'slot swept',
  'conflict', 'pack already there', 'attempt abandoned', 'rebuilt without claimed messages', 'cut by message',
  'rounds used up',
  // the quarantine
  'parked: age fence', 'parked: unreadable', 'parked message was in already', 'claim of the quarantine met',
  // streams and schemas
  'stream made twice', 'schema race lost', 'stream deleted', 'batch of two incarnations',
  // the way in
  'accepted', 'spilled', 'retried under a key', 'unanswered request stored',
  // readers
  'listing too long', 'listing refused', 'query too long', 'merge met', 'hidden output met', 'entry left the list', 'read exactly', 'read while writing',
  // housekeeping
  'merged', 'merged again', 'merge lost a race', 'orphan swept', 'object deleted',
] as const
export type Probe = (typeof PROBES)[number]

export type ProbeCounts = Map<Probe, number>
export const newProbes = (): ProbeCounts => new Map(PROBES.map((name) => [name, 0]))

export function addProbes(into: ProbeCounts, from: ProbeCounts): void {
  for (const [name, n] of from) into.set(name, (into.get(name) ?? 0) + n)
}

export const unhit = (probes: ProbeCounts): Probe[] => PROBES.filter((name) => (probes.get(name) ?? 0) === 0)
