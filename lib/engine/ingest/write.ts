// STORY: messages become rows that everyone sees. Opened, decoded together, conformed to their streams,
// packed, committed in one transaction with their claims. A message ends in exactly one way: its
// rows are in (by us or by an earlier delivery), it is parked in the quarantine with the reason, or it
// is to be delivered again. One message's fault is never its neighbours' (commit-protocol.md section 4).
import type { DeliveredMessage, Ports } from '../ports.ts'
import type { Settings } from '../settings.ts'
import { ERROR_KINDS, EngineError, asEngineError } from '../../model/errors.ts'
import type { OrgId } from '../../model/stream.ts'
import { decodeMessages, openMessages, type FailedMessage, type OpenMessage } from './batch.ts'
import { QUARANTINE, commitMessages, sinceNow, type Fate, type Since } from './commit.ts'
import { conform, itemsOf, type WriterState } from './conform.ts'
import { planFlushes, splitByIncarnation } from './flush.ts'
import { parkMessage } from './quarantine.ts'

export { newWriterState, type WriterState } from './conform.ts'

export interface WriteOutcome {
  /** rows are in and claimed: delete the message */
  readonly done: readonly string[]
  /** claimed for the quarantine and put there: delete the message */
  readonly park: readonly { readonly bid: string; readonly reason: string }[]
  /** deliver again; nothing is known to be in */
  readonly retry: readonly { readonly bid: string; readonly error: EngineError }[]
}

/** what every step takes with it */
interface Writing {
  readonly ports: Ports
  readonly settings: Settings
  readonly state: WriterState
  readonly org: OrgId
  /** when the messages were delivered: their ages count from here, and every attempt ends ATTEMPT_MAX later */
  readonly since: Since
  /** the end of each message, by bid */
  readonly ends: Map<string, Fate>
  readonly reasons: Map<string, string>
}

/**
 * Writes what a queue delivered; every bid of it stands in the outcome once. Never throws.
 * @param mayBegin asked before each flush; false: too little time is left, what is not begun comes again
 */
export async function writeBatch(
  ports: Ports, settings: Settings, state: WriterState, messages: readonly DeliveredMessage[], mayBegin: () => boolean = () => true,
): Promise<WriteOutcome> {
  const done: string[] = []
  const park: { bid: string; reason: string }[] = []
  const retry: { bid: string; error: EngineError }[] = []
  // Of the whole batch: a later group may be reached weeks after its delivery, when claims have expired.
  const since = sinceNow(ports)
  for (const [org, own] of byOrg(messages)) {
    const writing: Writing = { ports, settings, state, org, since, ends: new Map(), reasons: new Map() }
    for (const group of flushesOf(own, settings.batchMessagesMax)) {
      if (mayBegin()) await writeGroup(writing, group)
      else for (const { bid } of group) writing.ends.set(bid, OUT_OF_TIME)
    }
    for (const [bid, fate] of writing.ends) {
      if (fate === 'committed') done.push(bid)
      else if (fate === QUARANTINE) park.push({ bid, reason: writing.reasons.get(bid)! })
      else retry.push({ bid, error: fate })
    }
  }
  return { done, park, retry }
}

const OUT_OF_TIME = new EngineError('unavailable', 'the writer ran out of time before it began the message: deliver it again')

/** one transaction is one organisation's; a queue may hold a message twice in one batch */
function byOrg(messages: readonly DeliveredMessage[]): Map<OrgId, DeliveredMessage[]> {
  const orgs = new Map<OrgId, DeliveredMessage[]>()
  for (const message of messages) {
    const own = orgs.get(message.org)
    if (own === undefined) orgs.set(message.org, [message])
    else if (!own.some(({ bid }) => bid === message.bid)) own.push(message)
  }
  return orgs
}

/**
 * First deliveries together. One delivered before may be what failed its neighbours, so its company shrinks
 * to a quarter each time, 60, 15, 3, alone: after an outage most come again, and a queue of thousands
 * could not be written one by one before their deliveries run out.
 */
function flushesOf(messages: readonly DeliveredMessage[], messagesMax: number): DeliveredMessage[][] {
  const byReceives = new Map<number, DeliveredMessage[]>()
  for (const message of messages) {
    const receives = Math.max(1, message.receives)
    const own = byReceives.get(receives)
    if (own === undefined) byReceives.set(receives, [message])
    else own.push(message)
  }
  const out: DeliveredMessage[][] = []
  for (const [receives, own] of [...byReceives].sort(([a], [b]) => a - b)) {
    const size = Math.max(1, Math.floor(messagesMax / 4 ** (receives - 1)))
    for (let from = 0; from < own.length; from += size) out.push(own.slice(from, from + size))
  }
  return out
}

async function writeGroup(writing: Writing, group: readonly DeliveredMessage[]): Promise<void> {
  const { ports, settings, since, ends } = writing
  const { opened, unreadable, unavailable } = await openMessages(ports, group)
  for (const { delivered, error } of unavailable) ends.set(delivered.bid, error)
  await park(writing, unreadable)
  const oldest = since.at - settings.ageFenceMicros
  // The claim that would tell a duplicate from a first delivery may have expired by now.
  for (const { delivered } of opened.filter(({ header }) => header.sentAt < oldest)) await parkOne(writing, delivered, TOO_OLD)
  await writeMessages(writing, opened.filter(({ header }) => header.sentAt >= oldest))
}

const TOO_OLD = 'the message waited longer than duplicates can be told: look whether its rows are in before it is replayed'

async function writeMessages(writing: Writing, messages: readonly OpenMessage[]): Promise<void> {
  const { ports, settings, state, org, since } = writing
  const batch = decodeMessages(messages, takeSpare(state))
  await park(writing, batch.undecodable)
  if (batch.messages.length === 0) return
  try {
    const items = await itemsOf(ports, settings, state, org, batch.tables)
    const parts = splitByIncarnation(batch.messages, items)
    if (parts.length > 1) {
      ports.telemetry.count('batches_of_two_incarnations', 1)
      for (const part of parts) await writeMessages(writing, part)
      return
    }
    const tables = await conform(ports, settings, state, org, batch.tables, batch.messages.map(({ header }) => header.acceptedAt))
    const flushes = planFlushes(settings, org, batch.messages, tables)
    if (flushes.length > 1) ports.telemetry.count('batches_cut', 1)
    for (const flush of flushes) {
      const fates = await commitMessages(ports, settings, org, since, flush.bids, flush.build)
      await settleFates(writing, flush.messages, fates)
    }
  } catch (error) {
    await failMessages(writing, batch.messages, asEngineError(error))
  } finally {
    state.spare = batch.tables.bytes <= SPARE_BYTES_MAX ? batch.tables : null
  }
}

/** tables of a batch of common size take 30 MB; what a rare huge one took is given back */
const SPARE_BYTES_MAX = 64 * 2 ** 20

/** taken, not looked at: another batch that begins meanwhile must not write over this one's rows */
function takeSpare(state: WriterState): WriterState['spare'] {
  const { spare } = state
  state.spare = null
  return spare
}

async function settleFates(writing: Writing, messages: readonly OpenMessage[], fates: readonly Fate[]): Promise<void> {
  const broken = new Map<OpenMessage, EngineError>()
  for (const [i, fate] of fates.entries()) {
    const message = messages[i]!
    // Another attempt claimed it for the quarantine and may have died before it put it there.
    if (fate === QUARANTINE) await parkOne(writing, message.delivered, 'another writer could not write the message')
    else if (fate instanceof EngineError && ERROR_KINDS[fate.kind].onQueue === 'park') broken.set(message, fate)
    else writing.ends.set(message.delivered.bid, fate)
  }
  const [first] = broken.values()
  if (first !== undefined) await failMessages(writing, [...broken.keys()], first)
}

/**
 * A flush that failed as a whole. What passes is delivered again; what would not pass is somebody's
 * fault: each message is then written alone, and the one that fails alone is parked.
 */
async function failMessages(writing: Writing, messages: readonly OpenMessage[], error: EngineError): Promise<void> {
  const left = messages.filter(({ delivered }) => !writing.ends.has(delivered.bid))
  if (ERROR_KINDS[error.kind].onQueue === 'redeliver') {
    for (const { delivered } of left) writing.ends.set(delivered.bid, error)
  } else if (messages.length === 1) {
    for (const { delivered } of left) await parkOne(writing, delivered, error.message)
  } else {
    writing.ports.telemetry.log('error', 'a flush failed and its messages are written one by one', { org: writing.org, cause: error })
    for (const message of left) await writeMessages(writing, [message])
  }
}

async function park(writing: Writing, failed: readonly FailedMessage[]): Promise<void> {
  for (const { delivered, error } of failed) await parkOne(writing, delivered, error.message)
}

async function parkOne({ ports, settings, since, org, ends, reasons }: Writing, { bid, bytes }: DeliveredMessage, reason: string): Promise<void> {
  reasons.set(bid, reason)
  ends.set(bid, await parkMessage(ports, settings, since, { org, bid, reason, envelope: bytes }))
}
