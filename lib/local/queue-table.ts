// The queue's table as the sending side writes it: many messages, one transaction, one fsync. Used
// by the queue's thread; apart from it so that its failures can be tested on a connection.
import type { DatabaseSync } from 'node:sqlite'
import type { Micros } from '../model/time.ts'
import { inTransaction } from './database.ts'

/** a message on its way into the table */
export interface QueuedMessage {
  readonly bid: string
  readonly org: string
  readonly sentAt: Micros
  readonly bytes: Uint8Array
}

/**
 * A function that commits messages together: all are durable when it returns. A bid that is in the
 * table already stands as it is: the same request sent again is the same message.
 * @throws EngineError `unavailable`: none of them is in, except after a failed COMMIT
 */
export function messageInserter(db: DatabaseSync): (messages: readonly QueuedMessage[]) => void {
  // `visible_at` starts as a full 8-byte integer and `receives` as 0, and the first delivery keeps
  // both widths (a record's 0 and 1 need no bytes): the row's length stays, so SQLite overwrites
  // one page instead of writing the whole body again.
  const insert = db.prepare(
    'INSERT OR IGNORE INTO queue(bid, org, sent_at, visible_at, receives, body) VALUES (?, ?, ?, ?, 0, ?)',
  )
  return (messages) => {
    inTransaction(db, 'write', () => {
      for (const m of messages) insert.run(m.bid, m.org, m.sentAt, m.sentAt, m.bytes)
    })
  }
}
