// The receiving side of embedded mode's queue, on the writer's own connection. At least once: a
// message handed out is hidden for a while, and comes again unless it is done by then. One that was
// handed out before comes alone, so that a message that kills the writer takes no other with it,
// and after `receivesMax` deliveries it waits in the dead letters for a person.
import type { DatabaseSync } from 'node:sqlite'
import type { Clock, DeliveredMessage } from '../engine/ports.ts'
import { MICROS_PER_MS } from '../model/time.ts'
import type { Micros } from '../model/time.ts'
import type { OrgId } from '../model/stream.ts'
import { inTransaction } from './database.ts'
import { databaseFailure } from './failures.ts'

export interface ReceiveLimits {
  /** message bytes in one batch; a single larger message still comes, alone */
  readonly bytesMax: number
  readonly messagesMax: number
  /** how long nobody else gets these messages, milliseconds */
  readonly visibilityMs: number
}

export interface QueueDepth {
  readonly messages: number
  readonly bytes: number
  /** null when the queue is empty */
  readonly oldestSentAt: Micros | null
}

export interface DeadLetter {
  readonly bid: string
  readonly org: OrgId
  readonly sentAt: Micros
  readonly diedAt: Micros
  readonly receives: number
  readonly reason: string
  readonly bytes: number
}

/** Every call throws EngineError `unavailable` when the disk or a lock is in the way. */
export interface Delivery {
  /** the oldest visible messages, hidden from other receivers from now on; none: an empty array */
  receive(limits: ReceiveLimits): Promise<readonly DeliveredMessage[]>
  /**
   * Shows every hidden message again: for the one receiver of a folder at its start, when whoever
   * held them is dead. How often each was handed out stands.
   */
  reclaim(): Promise<void>
  /** the messages are dealt with; a bid that is gone already is no error */
  done(bids: readonly string[]): Promise<void>
  /** come again after the delay, or into the dead letters when that was the last delivery */
  retry(bids: readonly string[], delayMs: number, reason: string): Promise<void>
  /** come again after the delay; what stood in the way was not theirs (a full disk, a lock), so it does not count */
  release(bids: readonly string[], delayMs: number): Promise<void>
  /** into the dead letters at once: no delivery will ever succeed */
  park(bids: readonly string[], reason: string): Promise<void>
  depth(): Promise<QueueDepth>
  /** in the order of bids, at most `count`, after `after` */
  deadLetters(count: number, after?: string): Promise<readonly DeadLetter[]>
  /** a dead letter's bytes, or null */
  deadLetterBytes(bid: string): Promise<Uint8Array | null>
  /** back into the queue as if sent now; false when there is no such dead letter */
  replay(bid: string): Promise<boolean>
}

export interface DeliveryOptions {
  readonly clock: Clock
  /** deliveries after which a message is dead; default 5 */
  readonly receivesMax?: number
}

interface Candidate {
  readonly bid: string
  readonly receives: number
  readonly bytes: number
}

type Row = Readonly<Record<string, unknown>>

export function openDelivery(db: DatabaseSync, { clock, receivesMax = 5 }: DeliveryOptions): Delivery {
  const sql = prepareStatements(db)

  /** the batch to hand out, chosen from the index alone; a pure read */
  function choose(now: Micros, limits: ReceiveLimits): readonly Candidate[] {
    const chosen: Candidate[] = []
    let bytes = 0
    for (const row of sql.visible.iterate(now)) {
      const candidate = { bid: String(row['bid']), receives: Number(row['receives']), bytes: Number(row['bytes']) }
      if (candidate.receives > 0) {
        // The oldest goes alone when it has gone out before; behind a fresh one it waits its turn.
        if (chosen.length === 0) return [candidate]
        continue
      }
      if (chosen.length > 0 && bytes + candidate.bytes > limits.bytesMax) break
      chosen.push(candidate)
      bytes += candidate.bytes
      if (chosen.length >= limits.messagesMax) break
    }
    return chosen
  }

  function bury(bid: string, now: Micros, reason: string): void {
    sql.bury.run(now, reason, bid)
    sql.remove.run(bid)
  }

  function receive(limits: ReceiveLimits): readonly DeliveredMessage[] {
    const now = clock.now()
    // Most polls find nothing; they must not take the lock that senders and committers need.
    if (sql.visible.get(now) === undefined) return []
    return inTransaction(db, 'write', () => {
      let chosen = choose(now, limits)
      for (let first = chosen[0]; first !== undefined && first.receives >= receivesMax; first = chosen[0]) {
        bury(first.bid, now, `handed out ${first.receives} times and never answered`)
        chosen = choose(now, limits)
      }
      const hiddenUntil = now + limits.visibilityMs * MICROS_PER_MS
      return chosen.map(({ bid }) => {
        sql.hide.run(hiddenUntil, bid)
        const row: Row = sql.message.get(bid) ?? {}
        return {
          bid,
          org: String(row['org']) as OrgId,
          receives: Number(row['receives']),
          bytes: row['body'] as Uint8Array,
        }
      })
    })
  }

  function retry(bids: readonly string[], delayMs: number, reason: string): void {
    const now = clock.now()
    inTransaction(db, 'write', () => {
      for (const bid of bids) {
        const receives = Number(sql.receives.get(bid)?.['receives'] ?? 0)
        if (receives >= receivesMax) bury(bid, now, reason)
        else sql.show.run(now + delayMs * MICROS_PER_MS, bid)
      }
    })
  }

  function replay(bid: string): boolean {
    const now = clock.now()
    return inTransaction(db, 'write', () => {
      if (sql.deadBody.get(bid) === undefined) return false
      // A request sent again under the same bid may wait already; it is the same message.
      sql.revive.run(now, now, bid)
      sql.forget.run(bid)
      return true
    })
  }

  return {
    receive: async (limits) => receive(limits),
    reclaim: async () => inTransaction(db, 'write', () => {
      sql.reclaim.run(clock.now())
    }),
    done: async (bids) => inTransaction(db, 'write', () => {
      for (const bid of bids) sql.remove.run(bid)
    }),
    retry: async (bids, delayMs, reason) => retry(bids, delayMs, reason),
    release: async (bids, delayMs) => inTransaction(db, 'write', () => {
      for (const bid of bids) sql.release.run(clock.now() + delayMs * MICROS_PER_MS, bid)
    }),
    park: async (bids, reason) => inTransaction(db, 'write', () => {
      for (const bid of bids) bury(bid, clock.now(), reason)
    }),
    depth: async () => depthOf(ask(() => sql.depth.get()) ?? {}),
    deadLetters: async (count, after = '') => ask(() => sql.dead.all(after, count)).map(deadLetterOf),
    deadLetterBytes: async (bid) => (ask(() => sql.deadBody.get(bid))?.['body'] as Uint8Array | undefined) ?? null,
    replay: async (bid) => replay(bid),
  }
}

function prepareStatements(db: DatabaseSync) {
  return {
    visible: db.prepare(`SELECT bid, receives, length(body) AS bytes FROM queue
      WHERE visible_at <= ? ORDER BY sent_at`),
    hide: db.prepare('UPDATE queue SET visible_at = ?, receives = receives + 1 WHERE bid = ?'),
    message: db.prepare('SELECT org, receives, body FROM queue WHERE bid = ?'),
    receives: db.prepare('SELECT receives FROM queue WHERE bid = ?'),
    reclaim: db.prepare('UPDATE queue SET visible_at = ?1 WHERE visible_at > ?1'),
    show: db.prepare('UPDATE queue SET visible_at = ? WHERE bid = ?'),
    release: db.prepare('UPDATE queue SET visible_at = ?, receives = receives - 1 WHERE bid = ? AND receives > 0'),
    remove: db.prepare('DELETE FROM queue WHERE bid = ?'),
    bury: db.prepare(`INSERT OR REPLACE INTO dead(bid, org, sent_at, died_at, receives, reason, body)
      SELECT bid, org, sent_at, ?, receives, ?, body FROM queue WHERE bid = ?`),
    depth: db.prepare('SELECT count(*) AS messages, sum(length(body)) AS bytes, min(sent_at) AS oldest FROM queue'),
    dead: db.prepare(`SELECT bid, org, sent_at, died_at, receives, reason, length(body) AS bytes
      FROM dead WHERE bid > ? ORDER BY bid LIMIT ?`),
    deadBody: db.prepare('SELECT body FROM dead WHERE bid = ?'),
    revive: db.prepare(`INSERT OR IGNORE INTO queue(bid, org, sent_at, visible_at, receives, body)
      SELECT bid, org, ?, ?, 0, body FROM dead WHERE bid = ?`),
    forget: db.prepare('DELETE FROM dead WHERE bid = ?'),
  }
}

/** a read outside a transaction, its failure in our words */
function ask<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw databaseFailure(error)
  }
}

const depthOf = (row: Row): QueueDepth => ({
  messages: Number(row['messages'] ?? 0),
  bytes: Number(row['bytes'] ?? 0),
  oldestSentAt: typeof row['oldest'] === 'number' ? row['oldest'] : null,
})

const deadLetterOf = (row: Row): DeadLetter => ({
  bid: String(row['bid']),
  org: String(row['org']) as OrgId,
  sentAt: Number(row['sent_at']),
  diedAt: Number(row['died_at']),
  receives: Number(row['receives']),
  reason: String(row['reason']),
  bytes: Number(row['bytes']),
})
