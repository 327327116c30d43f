// The truth of a simulated AWS: objects, the table, the queue, and every effect on them. Effects are
// atomic here; what a process gets to see of them, and when, is weaker (ports.ts, `listPage`).
import { EngineError } from '../../lib/model/errors.ts'
import type { Entry } from '../../lib/model/file.ts'
import { EMPTY_SCHEMA, type Fields, type Schema } from '../../lib/model/schema.ts'
import type { OrgId, StreamItem, StreamType } from '../../lib/model/stream.ts'
import { MICROS_PER_DAY, MICROS_PER_SECOND, type Micros } from '../../lib/model/time.ts'
import type { Change, CommitOutcome, Holder, ListRange, QueueMessage, RememberedRequest } from '../../lib/engine/ports.ts'
import type { Settings } from '../../lib/engine/settings.ts'
import { Checker, must } from './invariants.ts'
import { newProbes, type Probe } from './probes.ts'
import { Scheduler } from './scheduler.ts'

/** chances of what may go wrong, drawn per seed */
export interface Faults {
  refused: number
  lost: number
  /** the caller gives up while its request is still on the way */
  late: number
  /** the network delivers a request a second time, up to a signature's life later */
  twice: number
  conflict: number
  slow: number
  crash: number
  freeze: number
  /** per message: extra deliveries, up to 28 days later */
  redeliver: number
  /** per message: the queue's copy is damaged */
  poison: number
  /** per pack: the sweeper comes while the writer is still busy */
  sweep: number
  /** per message: nobody gets it for weeks, until its dead letter is sent again */
  stale: number
  /** messages wait until the queue is read at all: then many come in one batch */
  heldMicros: Micros
  /** freezes last weeks: longer than claims live */
  longFreezes: boolean
  /** per page of a list: the host freezes for minutes */
  listStall: number
  /** per commit: the host freezes for minutes before it hears the answer */
  stall: number
  /** how long a repeated request is known by its token: 10 minutes in DynamoDB, not at all elsewhere */
  tokenLife: Micros
  /** of the fresh list's items and a transaction's: how long it may stay unseen */
  hiddenMicros: Micros
}

export interface Slot {
  readonly org: OrgId
  /** null: swept */
  readonly entry: Entry | null
  /** a Query sees the item from then on */
  readonly visibleAt: Micros
  readonly sk: string
}

/** objects to be deleted once nobody can need them, with the entries that named them */
export interface Garbage {
  readonly keys: readonly string[]
  readonly slots: readonly string[]
  readonly outputs: readonly string[]
  seen: Micros | null
}

export interface QueuedMessage {
  readonly message: QueueMessage
  readonly sentAt: Micros
  deleted: boolean
  receives: number
  visibleAt: Micros
}

export const SIGNATURE_LIFE: Micros = 15 * 60 * MICROS_PER_SECOND

export const slotKey = (org: string, entry: Entry): string => {
  const slice = entry.slices[0]
  return entry.list === 'fresh' ? `F#${org}/${entry.fid}` : `L#${org}#${slice?.streamId}#${slice?.inc}/${slice?.day}#${entry.fid}`
}

export class World {
  readonly s: Scheduler
  readonly settings: Settings
  readonly faults: Faults
  readonly probes = newProbes()
  readonly check: Checker
  readonly objects = new Map<string, Uint8Array>()
  readonly slots = new Map<string, Slot>()
  readonly claims = new Map<string, { readonly fid: string; readonly expiresAt: Micros; readonly goneAt: Micros }>()
  readonly garbage = new Map<string, Garbage>()
  readonly queue: QueuedMessage[] = []
  readonly streams = new Map<string, StreamItem>()
  readonly schemas = new Map<string, Schema>()
  readonly remembered = new Map<string, RememberedRequest>()
  private readonly tokens = new Map<string, { readonly at: Micros; readonly text: string }>()
  /** what a promise of an actor failed with; the run stops at the next event */
  failure: Error | null = null
  /** the queue's glue: called when a message may be received */
  onVisible: () => void = () => undefined
  /** housekeeping that cannot wait: a merge right after a commit */
  onCommit: (org: OrgId) => void = () => undefined
  /** housekeeping that is tempted by a fresh object without an entry */
  onPack: (org: OrgId, key: string) => void = () => undefined

  private readonly start: Micros

  constructor(s: Scheduler, settings: Settings, faults: Faults) {
    this.s = s
    this.start = s.now
    this.settings = settings
    this.faults = faults
    this.check = new Checker(this)
  }

  readonly fail = (error: unknown): void => {
    this.failure ??= error instanceof Error ? error : new Error(String(error))
  }

  probe(name: Probe): void {
    this.probes.set(name, this.probes.get(name)! + 1)
  }

  put(key: string, bytes: Uint8Array): 'created' | 'exists' {
    const stands = this.objects.get(key)
    if (stands !== undefined) {
      this.check.samePut(key, stands, bytes)
      if (key.startsWith('fresh/')) this.probe('pack already there')
      return 'exists'
    }
    this.objects.set(key, bytes)
    const [folder, org] = key.split('/')
    if (folder === 'fresh') this.onPack(org as OrgId, key)
    if (folder === 'wal') this.probe('spilled')
    this.s.log(`put ${key}`)
    return 'created'
  }

  get(key: string, offset = 0, length = -1): Uint8Array {
    const bytes = this.objects.get(key)
    if (bytes === undefined) throw new EngineError('not_found', `there is no blob ${key}`)
    return length < 0 ? bytes : bytes.subarray(offset, offset + length)
  }

  deleteObject(key: string): void {
    if (!this.objects.delete(key)) return
    this.probe('object deleted')
    this.s.log(`delete ${key}`)
    this.check.objectDeleted(key)
  }

  claimOf(org: string, bid: string): string | null {
    const claim = this.claims.get(`${org}#${bid}`)
    if (claim === undefined) return null
    return claim.goneAt > this.s.now ? claim.fid : null
  }

  commit(org: OrgId, token: string, changes: readonly Change[]): CommitOutcome {
    const text = JSON.stringify(changes)
    const before = this.tokens.get(token)
    if (before !== undefined && this.s.now - before.at <= this.faults.tokenLife) {
      must(before.text === text, `token ${token} came with two different requests`)
      this.probe('own lost response: token')
      return { kind: 'committed' }
    }
    const keys = changes.map((change) => (change.kind === 'put-entry' ? slotKey(org, change.entry) : change.bid))
    must(changes.length <= 100 && new Set(keys).size === keys.length, `transaction ${token} touches an item twice, or more than 100`)
    const holders = changes.map((change) => this.holderOf(org, change))
    if (holders.some((holder) => holder !== null)) {
      this.probeRefusal(changes, holders)
      return { kind: 'refused', holders }
    }
    const claims: { bid: string; fid: string }[] = []
    let put: Entry | null = null
    for (const change of changes) {
      if (change.kind === 'put-entry') this.putSlot(org, (put = change.entry))
      else {
        claims.push(change)
        // Expired items are deleted late, or never.
        const late = this.s.random.chance(0.3) ? Infinity : this.s.random.log(1, 2 * MICROS_PER_DAY)
        this.claims.set(`${org}#${change.bid}`, { fid: change.fid, expiresAt: change.expiresAt, goneAt: change.expiresAt + late })
      }
    }
    this.tokens.set(token, { at: this.s.now, text })
    this.probe('committed')
    this.s.log(`commit ${token} ${claims.map(({ bid }) => bid).join()}`)
    this.check.committed(org, put, claims)
    if (put !== null) this.onCommit(org)
    return { kind: 'committed' }
  }

  putSlot(org: OrgId, entry: Entry): void {
    const key = slotKey(org, entry)
    const visibleAt = this.s.now + this.s.random.int(this.faults.hiddenMicros + 1)
    this.slots.set(key, { org, entry, visibleAt, sk: key.slice(key.indexOf('/') + 1) })
  }

  private holderOf(org: OrgId, change: Change): Holder | null {
    if (change.kind === 'put-entry') {
      const slot = this.slots.get(slotKey(org, change.entry))
      return slot === undefined ? null : { kind: slot.entry === null ? 'swept' : 'entry' }
    }
    const fid = this.claimOf(org, change.bid)
    return fid === null ? null : { kind: 'claim', fid }
  }

  private probeRefusal(changes: readonly Change[], holders: readonly (Holder | null)[]): void {
    const own = changes[0]?.kind === 'put-entry' ? changes[0].entry.fid : null
    const mine = holders.some((h) => h?.kind === 'claim' && h.fid === own)
    if (mine) this.probe(holders[0] === null ? 'own claims after the entry left' : 'own lost response: claims')
    else if (holders[0]?.kind === 'swept') this.probe('slot swept')
    if (!mine && holders.some((h) => h?.kind === 'claim' && h.fid !== 'quarantine')) this.probe(own === null ? 'parked message was in already' : 'claim by another')
    if (own !== null && holders.some((h) => h?.kind === 'claim' && h.fid === 'quarantine')) this.probe('claim of the quarantine met')
  }

  /** one page of a Query, at most `count` items after `after`, as they stand at this moment */
  listPage(org: OrgId, range: ListRange | null, after: string, count: number): Slot[] {
    const prefix = range === null ? `F#${org}/` : `L#${org}#${range.streamId}#${range.inc}/`
    const page: Slot[] = []
    for (const [key, slot] of this.slots) {
      if (!key.startsWith(prefix) || slot.sk <= after) continue
      if (range !== null && (slot.sk.slice(0, 10) < range.fromDay || slot.sk.slice(0, 10) > range.toDay)) continue
      if (slot.visibleAt <= this.s.now) page.push(slot)
      else if (range !== null) this.probe('hidden output met')
    }
    return page.sort((a, b) => (a.sk < b.sk ? -1 : 1)).slice(0, count)
  }

  stream(org: string, type: StreamType, name: string): StreamItem | null {
    return this.streams.get(`${org}/${type}/${name}`) ?? null
  }

  createStream(item: StreamItem): StreamItem {
    const key = `${item.org}/${item.type}/${item.name}`
    const stands = this.streams.get(key)
    if (stands !== undefined) {
      this.probe('stream made twice')
      return stands
    }
    this.streams.set(key, item)
    return item
  }

  schema(org: string, streamId: string, inc: number): Schema {
    return this.schemas.get(`${org}/${streamId}/${inc}`) ?? EMPTY_SCHEMA
  }

  putSchema(org: string, streamId: string, inc: number, fields: Fields, ifVersion: number): boolean {
    const stands = this.schema(org, streamId, inc)
    if (stands.version !== ifVersion) {
      this.probe('schema race lost')
      return false
    }
    this.check.schemaMoves(stands.fields, fields)
    this.schemas.set(`${org}/${streamId}/${inc}`, { version: ifVersion + 1, fields })
    return true
  }

  remember(org: string, keyHash: string, item: RememberedRequest): RememberedRequest {
    const key = `${org}/${keyHash}`
    const stands = this.remembered.get(key)
    if (stands !== undefined && stands.expiresAt > this.s.now) {
      this.probe('retried under a key')
      return stands
    }
    this.remembered.set(key, item)
    return item
  }

  send(message: QueueMessage): void {
    const { s, faults } = this
    this.check.sentMessage(message)
    const poisoned = s.random.chance(faults.poison)
    if (poisoned) this.check.damaged.add(message.bid)
    const bytes = poisoned ? damaged(message.bytes, s.random.int(message.bytes.length)) : message.bytes
    const stale = s.random.chance(faults.stale)
    const delay = stale ? (19 + 9 * s.random.next()) * MICROS_PER_DAY : Math.max(s.random.log(1_000, 2 * MICROS_PER_SECOND), this.start + faults.heldMicros - s.now)
    if (stale) this.probe('first delivered after weeks')
    const queued: QueuedMessage = { message: { ...message, bytes }, sentAt: s.now, deleted: false, receives: 0, visibleAt: s.now + Math.round(delay) }
    this.queue.push(queued)
    s.log(`sent ${message.bid}`)
    s.after(delay, () => this.onVisible())
    while (s.random.chance(faults.redeliver)) s.after(s.random.log(10_000, 28 * MICROS_PER_DAY), () => this.deliverAgain(queued))
  }

  /** at least once means also: after its deletion, while it is being written, and days later */
  private deliverAgain(queued: QueuedMessage): void {
    if (this.s.now - queued.sentAt > 28 * MICROS_PER_DAY) return
    if (queued.deleted) this.probe('delivered after its deletion')
    if (this.s.now - queued.sentAt > MICROS_PER_DAY) this.probe('delivered days later')
    if (!queued.deleted && queued.visibleAt > this.s.now) this.probe('two deliveries at once')
    if (queued.receives > 0) this.probe('redelivered with receive count 1')
    queued.deleted = false
    queued.receives = 0
    queued.visibleAt = this.s.now
    this.onVisible()
  }

  deleteMessage(queued: QueuedMessage): void {
    queued.deleted = true
    this.s.log(`deleted ${queued.message.bid}`)
    this.check.messageDeleted(queued.message.bid)
  }
}

/** What comes back from the queue cannot be read: cut short, or not an envelope at all. */
function damaged(bytes: Uint8Array, at: number): Uint8Array {
  if (at % 2 === 0) return bytes.slice(0, at)
  const out = bytes.slice()
  out[0]! ^= 0xff
  return out
}
