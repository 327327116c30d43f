// The ports in memory: real implementations of the contract over Maps, with a clock that only moves
// when told and ids in a known order. For tests of the engine and of the HTTP apps; the simulator
// builds on them. Failing and slow neighbours are decorators over these, not switches inside.
import { EngineError, assert } from '../../lib/model/errors.ts'
import type { Entry } from '../../lib/model/file.ts'
import { EMPTY_SCHEMA } from '../../lib/model/schema.ts'
import type { Fields, Schema } from '../../lib/model/schema.ts'
import type { OrgId, StreamItem, StreamType } from '../../lib/model/stream.ts'
import type { Micros } from '../../lib/model/time.ts'
import type {
  BlobInfo, Blobs, ByteRange, Catalog, Change, Clock, CommitOutcome, DeliveredMessage, Document, Holder, Ids, Labels,
  ListRange, Ports, Queue, QueueMessage, RememberedRequest, Sql, SqlSession, Telemetry,
} from '../../lib/engine/ports.ts'

export class MemoryClock implements Clock {
  micros: Micros
  constructor(start: Micros = Date.UTC(2026, 0, 15, 12) * 1_000) {
    this.micros = start
  }
  now(): Micros {
    return this.micros
  }
  monotonicMs(): number {
    return this.micros / 1_000
  }
  /** sleeping moves the clock: no test waits */
  sleep(ms: number): Promise<void> {
    this.micros += ms * 1_000
    return Promise.resolve()
  }
}

const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

/** ULIDs in ascending order, and a fixed sequence of chance */
export class MemoryIds implements Ids {
  made = 0
  private readonly clock: Clock
  constructor(clock: Clock) {
    this.clock = clock
  }
  ulid(): string {
    let ms = Math.floor(this.clock.now() / 1_000)
    let time = ''
    for (let i = 0; i < 10; i++) {
      time = CROCKFORD[ms % 32]! + time
      ms = Math.floor(ms / 32)
    }
    let n = ++this.made
    let tail = ''
    for (let i = 0; i < 16; i++) {
      tail = CROCKFORD[n % 32]! + tail
      n = Math.floor(n / 32)
    }
    return time + tail
  }
  random(): number {
    return ((++this.made * 0x9e3779b1) >>> 0) / 2 ** 32
  }
}

export class MemoryTelemetry implements Telemetry {
  readonly counts = new Map<string, number>()
  readonly observations: { name: string; value: number; labels: Labels }[] = []
  readonly lines: { level: string; message: string; fields: unknown }[] = []
  count(name: string, n: number, labels: Labels = {}): void {
    const key = `${name}${JSON.stringify(labels)}`
    this.counts.set(key, (this.counts.get(key) ?? 0) + n)
  }
  observe(name: string, value: number, labels: Labels = {}): void {
    this.observations.push({ name, value, labels })
  }
  log(level: string, message: string, fields?: Readonly<Record<string, unknown>>): void {
    this.lines.push({ level, message, fields })
  }
  /** the sum of a counter over all labels that include `labels` */
  total(name: string, labels: Labels = {}): number {
    let sum = 0
    for (const [key, n] of this.counts) {
      if (!key.startsWith(`${name}{`)) continue
      const has = JSON.parse(key.slice(name.length)) as Labels
      if (Object.entries(labels).every(([k, v]) => has[k] === v)) sum += n
    }
    return sum
  }
}

/** bytes are copied in and out: nobody shares memory with a store */
export class MemoryBlobs implements Blobs {
  readonly objects = new Map<string, { bytes: Uint8Array; modifiedAt: Micros }>()
  private readonly clock: Clock
  constructor(clock: Clock) {
    this.clock = clock
  }
  async put(key: string, bytes: Uint8Array): Promise<'created' | 'exists'> {
    if (this.objects.has(key)) return 'exists'
    this.objects.set(key, { bytes: bytes.slice(), modifiedAt: this.clock.now() })
    return 'created'
  }
  async get(key: string, range?: ByteRange): Promise<Uint8Array> {
    const object = this.objects.get(key)
    if (object === undefined) throw new EngineError('not_found', `there is no blob ${key}`)
    if (range === undefined) return object.bytes.slice()
    if (range.offset + range.length > object.bytes.length) throw new EngineError('unavailable', `blob ${key} is shorter than asked for`)
    return object.bytes.slice(range.offset, range.offset + range.length)
  }
  async list(prefix: string, after = ''): Promise<readonly BlobInfo[]> {
    const keys = [...this.objects.keys()].filter((k) => k.startsWith(prefix) && k > after).sort().slice(0, 1_000)
    return keys.map((key) => {
      const { bytes, modifiedAt } = this.objects.get(key)!
      return { key, bytes: bytes.length, modifiedAt }
    })
  }
  async delete(key: string): Promise<void> {
    this.objects.delete(key)
  }
}

/** keeps every send, equal bids too: it delivers at least once and never deduplicates */
export class MemoryQueue implements Queue {
  readonly messages: { readonly message: QueueMessage; receives: number }[] = []
  async send(message: QueueMessage): Promise<void> {
    this.messages.push({ message: { ...message, bytes: message.bytes.slice() }, receives: 0 })
  }
  /** the oldest `n`, which stay until removed */
  take(n: number): DeliveredMessage[] {
    return this.messages.slice(0, n).map((m) => ({ ...m.message, receives: ++m.receives }))
  }
  remove(delivered: readonly DeliveredMessage[]): void {
    const bids = new Set(delivered.map((m) => m.bid))
    for (let i = this.messages.length - 1; i >= 0; i--) if (bids.has(this.messages[i]!.message.bid)) this.messages.splice(i, 1)
  }
}

const slotOf = (org: string, e: Entry): string => {
  const slice = e.slices[0]
  return e.list === 'fresh' ? `F#${org}/${e.fid}` : `L#${org}#${slice?.streamId}#${slice?.inc}/${slice?.day}#${e.fid}`
}

export class MemoryCatalog implements Catalog {
  /** by slot; a swept slot holds null */
  readonly slots = new Map<string, { readonly org: OrgId; readonly entry: Entry | null }>()
  readonly claims = new Map<string, { readonly fid: string; readonly expiresAt: Micros }>()
  readonly streamItems = new Map<string, StreamItem>()
  readonly schemas = new Map<string, Schema>()
  readonly remembered = new Map<string, RememberedRequest>()
  readonly docs = new Map<string, Document>()
  private readonly committed = new Map<string, string>()
  private readonly clock: Clock
  constructor(clock: Clock) {
    this.clock = clock
  }

  async commit(org: OrgId, token: string, changes: readonly Change[]): Promise<CommitOutcome> {
    assert(changes.length > 0 && changes.length <= 100, 'a transaction has 1 to 100 changes')
    const text = JSON.stringify(changes)
    const before = this.committed.get(token)
    if (before !== undefined) {
      assert(before === text, 'a repeated token repeats its request')
      return { kind: 'committed' }
    }
    const holders = changes.map((change) => this.holderOf(org, change))
    if (holders.some((h) => h !== null)) return { kind: 'refused', holders }
    for (const change of changes) {
      if (change.kind === 'put-entry') this.slots.set(slotOf(org, change.entry), { org, entry: structuredClone(change.entry) })
      else this.claims.set(`${org}#${change.bid}`, { fid: change.fid, expiresAt: change.expiresAt })
    }
    this.committed.set(token, text)
    return { kind: 'committed' }
  }

  private holderOf(org: OrgId, change: Change): Holder | null {
    if (change.kind === 'put-entry') {
      const slot = this.slots.get(slotOf(org, change.entry))
      return slot === undefined ? null : { kind: slot.entry === null ? 'swept' : 'entry' }
    }
    const claim = this.claims.get(`${org}#${change.bid}`)
    return claim === undefined || claim.expiresAt <= this.clock.now() ? null : { kind: 'claim', fid: claim.fid }
  }

  async list(org: OrgId, ranges: readonly ListRange[]): Promise<readonly Entry[]> {
    const wanted = (e: Entry): boolean => e.list === 'fresh' || ranges.some((r) => e.slices.some((s) =>
      s.streamId === r.streamId && s.inc === r.inc && s.day >= r.fromDay && s.day <= r.toDay))
    const out: Entry[] = []
    for (const { org: owner, entry } of this.slots.values()) if (owner === org && entry !== null && wanted(entry)) out.push(structuredClone(entry))
    return out
  }

  async stream(org: OrgId, type: StreamType, name: string): Promise<StreamItem | null> {
    return structuredClone(this.streamItems.get(`${org}#${type}#${name}`)) ?? null
  }
  async streams(org: OrgId): Promise<readonly StreamItem[]> {
    return structuredClone([...this.streamItems.values()].filter((s) => s.org === org))
  }
  async createStream(item: StreamItem): Promise<StreamItem> {
    const key = `${item.org}#${item.type}#${item.name}`
    if (!this.streamItems.has(key)) this.streamItems.set(key, structuredClone(item))
    return structuredClone(this.streamItems.get(key)!)
  }

  async schema(org: OrgId, streamId: string, inc: number): Promise<Schema> {
    return structuredClone(this.schemas.get(`${org}#${streamId}#${inc}`)) ?? EMPTY_SCHEMA
  }
  async putSchema(org: OrgId, streamId: string, inc: number, fields: Fields, ifVersion: number): Promise<boolean> {
    const key = `${org}#${streamId}#${inc}`
    if ((this.schemas.get(key)?.version ?? 0) !== ifVersion) return false
    this.schemas.set(key, { version: ifVersion + 1, fields: { ...fields } })
    return true
  }

  async remember(org: OrgId, keyHash: string, item: RememberedRequest): Promise<RememberedRequest> {
    const key = `${org}#${keyHash}`
    const stands = this.remembered.get(key)
    if (stands !== undefined && stands.expiresAt > this.clock.now()) return { ...stands }
    this.remembered.set(key, { ...item })
    return { ...item }
  }

  async document(org: string, kind: string, id: string): Promise<Document | null> {
    return structuredClone(this.docs.get(`${org}#${kind}/${id}`)) ?? null
  }
  async documents(org: string, kind: string): Promise<readonly Document[]> {
    const prefix = `${org}#${kind}/`
    return structuredClone([...this.docs].filter(([key]) => key.startsWith(prefix)).map(([, d]) => d))
  }
  async putDocument(org: string, kind: string, id: string, value: unknown, ifVersion: number): Promise<boolean> {
    const key = `${org}#${kind}/${id}`
    if ((this.docs.get(key)?.version ?? 0) !== ifVersion) return false
    this.docs.set(key, { id, version: ifVersion + 1, value: structuredClone(value) })
    return true
  }
}

/** tests that need SQL bring DuckDB */
const noSql: Sql = {
  open: (): Promise<SqlSession> => Promise.reject(new EngineError('unavailable', 'no SQL engine is attached')),
}

export interface MemoryPorts extends Ports {
  readonly blobs: MemoryBlobs
  readonly queue: MemoryQueue
  readonly catalog: MemoryCatalog
  readonly clock: MemoryClock
  readonly ids: MemoryIds
  readonly telemetry: MemoryTelemetry
}

export function memoryPorts(): MemoryPorts {
  const clock = new MemoryClock()
  return {
    blobs: new MemoryBlobs(clock), queue: new MemoryQueue(), catalog: new MemoryCatalog(clock), sql: noSql,
    clock, ids: new MemoryIds(clock), telemetry: new MemoryTelemetry(),
  }
}
