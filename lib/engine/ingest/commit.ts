// From a built pack to rows that are in: PUT the pack, then one transaction that puts its entry and one
// claim per message, each only if absent (commit-protocol.md section 4). Claims make a message's rows
// visible at most once, whoever delivers it again; the transaction makes them visible all or not at
// all. What happened to a request without an answer is never guessed: the same request is sent again,
// and its own claim answers. Nothing is ever cleaned up here: an orphan pack is the sweeper's.
import { createHash } from 'node:crypto'
import type { Change, CommitOutcome, Holder, Ports } from '../ports.ts'
import type { Settings } from '../settings.ts'
import { packKey } from '../store/layout.ts'
import { EngineError, asEngineError, assert, type ErrorKind } from '../../model/errors.ts'
import type { Entry, Slice } from '../../model/file.ts'
import type { OrgId } from '../../model/stream.ts'
import { MICROS_PER_MS, type Micros } from '../../model/time.ts'

/** the claim of a message whose rows are in the quarantine, not in a pack */
export const QUARANTINE = 'quarantine'

/** what became of a message; an error: not in by this call, deliver it again */
export type Fate = 'committed' | typeof QUARANTINE | EngineError

export interface BuiltPack {
  readonly bytes: Uint8Array
  readonly slices: readonly Slice[]
}

/** packs the rows of the messages at these positions, ascending; null: they have no rows */
export type Build = (fid: string, positions: readonly number[]) => BuiltPack | null

/**
 * Commits messages in one transaction, smaller each round by those that someone else has committed.
 * @returns the fate of each message, by position in `bids`; never throws for a message's sake
 */
export async function commitMessages(
  ports: Ports, settings: Settings, org: OrgId, since: Since, bids: readonly string[], build: Build,
): Promise<Fate[]> {
  const fates = new Array<Fate>(bids.length)
  let todo = bids.map((_, position) => position)
  for (let round = 1; round <= settings.commitRounds && todo.length > 0; round++) {
    try {
      todo = await commitRound(ports, settings, org, startAttempt(ports, since), bids, todo, build, fates)
    } catch (error) {
      for (const position of todo) fates[position] = asEngineError(error)
      return fates
    }
    if (todo.length > 0) ports.telemetry.count('commit_rebuilt', 1)
  }
  const late = todo.length === 0 ? null : new EngineError('conflict', `other writers kept the batch from its commit for ${settings.commitRounds} rounds: deliver it again`)
  for (const position of todo) fates[position] = late!
  return fates
}

/** one attempt under an id of its own; returns the positions that need another */
async function commitRound(
  ports: Ports, settings: Settings, org: OrgId, attempt: Attempt, bids: readonly string[], todo: readonly number[], build: Build, fates: Fate[],
): Promise<number[]> {
  const pack = build(attempt.fid, todo)
  if (pack !== null) await putPack(ports, settings, org, attempt, pack.bytes)
  const expiresAt = ports.clock.now() + settings.claimTtlMicros
  const claims = todo.map((position): Change => ({ kind: 'put-claim', bid: bids[position]!, fid: attempt.fid, expiresAt }))
  const entry: Change[] = pack === null ? [] : [{ kind: 'put-entry', entry: entryOf(org, attempt.fid, pack) }]
  const outcome = await commitSame(ports, settings, org, attempt, [...entry, ...claims])
  const holders = outcome.kind === 'committed' ? [] : outcome.holders.slice(entry.length)
  // A claim of our own is the answer to a response that was lost: the transaction took place, all of it.
  if (outcome.kind === 'committed' || holders.some((holder) => isClaimOf(holder, attempt.fid))) {
    for (const position of todo) fates[position] = 'committed'
    return []
  }
  const slot = entry.length === 0 ? null : outcome.holders[0]
  assert(slot?.kind !== 'entry', `entry ${attempt.fid} is listed without the claims of its messages`)
  return todo.filter((position, i) => {
    const holder = holders[i]
    if (holder?.kind !== 'claim') return true
    fates[position] = holder.fid === QUARANTINE ? QUARANTINE : 'committed'
    return false
  })
}

const isClaimOf = (holder: Holder | null, fid: string): boolean => holder?.kind === 'claim' && holder.fid === fid

function entryOf(org: OrgId, fid: string, pack: BuiltPack): Entry {
  const hash = createHash('sha256').update(pack.bytes).digest('hex')
  return { list: 'fresh', fid, key: packKey(org, fid), state: 'live', slices: pack.slices, bytes: pack.bytes.length, hash, replaces: [] }
}

/**
 * When messages were delivered, by both clocks: their ages are looked at as of then, and every attempt
 * is given up ATTEMPT_MAX later. A writer that was frozen for weeks, wherever it was, must not commit
 * messages whose claims have expired meanwhile.
 */
export interface Since {
  readonly at: Micros
  readonly ms: number
}

export const sinceNow = (ports: Ports): Since => ({ at: ports.clock.now(), ms: ports.clock.monotonicMs() })

/** A try at a commit, under an id that is never used again. */
export interface Attempt {
  readonly fid: string
  readonly since: Since
}

export const startAttempt = (ports: Ports, since: Since): Attempt => ({ fid: ports.ids.ulid(), since })

/** `exists` is our own earlier request whose response was lost: the id is ours alone */
async function putPack(ports: Ports, settings: Settings, org: OrgId, attempt: Attempt, bytes: Uint8Array): Promise<void> {
  const put = await again(ports, settings, attempt, () => ports.blobs.put(packKey(org, attempt.fid), bytes))
  if (put === 'exists') ports.telemetry.count('pack_already_there', 1)
}

/**
 * The same transaction, sent until it is answered.
 * @throws unavailable when the attempt grew too old or the tries ran out; the outcome is then unknown
 */
export function commitSame(ports: Ports, settings: Settings, org: OrgId, attempt: Attempt, changes: readonly Change[]): Promise<CommitOutcome> {
  return again(ports, settings, attempt, (judgedAt) => ports.catalog.commit(org, attempt.fid, changes, judgedAt))
}

/** same-request tries: with waits doubling from 50 ms to 5 s, about half a minute of an outage; then the queue holds the message */
const TRIES_MAX = 12
const WAIT_MS = 50
const WAIT_MS_MAX = 5_000
const REPEATED: ReadonlySet<ErrorKind> = new Set(['conflict', 'unavailable', 'limited', 'timeout'])

/** Repeats one request of an attempt, which is checked for its age before every try. */
async function again<T>(ports: Ports, settings: Settings, attempt: Attempt, request: (judgedAt: Micros) => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    const judgedAt = ports.clock.now()
    if (isTooOld(ports, settings, attempt, judgedAt)) {
      ports.telemetry.count('attempt_abandoned', 1)
      throw new EngineError('unavailable', `the commit attempt is older than ${settings.attemptMsMax} ms and was given up: deliver the messages again`)
    }
    try {
      return await request(judgedAt)
    } catch (error) {
      const { kind } = asEngineError(error)
      if (!REPEATED.has(kind) || tries >= TRIES_MAX) throw error
      ports.telemetry.count('request_repeated', 1, { kind })
    }
    // Full jitter, so that writers that met do not meet again.
    await ports.clock.sleep(ports.ids.random() * Math.min(WAIT_MS * 2 ** tries, WAIT_MS_MAX))
  }
}

function isTooOld(ports: Ports, settings: Settings, attempt: Attempt, now: Micros): boolean {
  const { at, ms } = attempt.since
  return (now - at) / MICROS_PER_MS > settings.attemptMsMax || ports.clock.monotonicMs() - ms > settings.attemptMsMax
}
