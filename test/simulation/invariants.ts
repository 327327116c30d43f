// What must hold, checked where it can break (commit-protocol.md section 7). The checker keeps its own
// books, from what was sent and what was committed, and never asks the engine what is right.
import { createHash } from 'node:crypto'
import { decodeEnvelope } from '../../lib/engine/ingest/envelope.ts'
import { inflate } from '../../lib/engine/ingest/inflate.ts'
import { decodeParked } from '../../lib/engine/ingest/quarantine.ts'
import type { QueueMessage } from '../../lib/engine/ports.ts'
import { parkedPrefix } from '../../lib/engine/store/layout.ts'
import { readPackTable } from '../../lib/engine/store/pack.ts'
import { parseFooter } from '../../lib/engine/store/parquet-footer.ts'
import { readRows } from '../../lib/engine/store/parquet-read.ts'
import type { Entry, Slice } from '../../lib/model/file.ts'
import { joinTypes, type Fields } from '../../lib/model/schema.ts'
import { incarnationAt } from '../../lib/model/stream.ts'
import { MICROS_PER_SECOND, dayOf, type Micros } from '../../lib/model/time.ts'
import { SIGNATURE_LIFE, slotKey, type World } from './world.ts'

/** what a message must become: its rows, once */
export interface Sent {
  readonly bid: string
  readonly org: string
  readonly stream: string
  readonly acceptedAt: Micros
  /** true time of the first send */
  readonly sentAt: Micros
  readonly ids: readonly number[]
}

export class Violation extends Error {}

export function must(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Violation(what)
}

/** wall clocks are off by at most this */
export const SKEW: Micros = 300 * MICROS_PER_SECOND

export class Checker {
  private readonly world: World
  readonly sent = new Map<string, Sent>()
  readonly messageOfRow = new Map<number, Sent>()
  /** messages whose sender heard 200 */
  readonly accepted = new Set<string>()
  readonly quarantined = new Set<string>()
  /** messages of which the queue holds an unreadable copy */
  readonly damaged = new Set<string>()
  /** messages that were in the dead letters: these may be parked at any age */
  readonly deadLetters = new Set<string>()
  /** rows that were committed, and the true time from which a list shows them */
  readonly committedRows = new Map<number, { readonly streamId: string; readonly inc: number; readonly visibleAt: Micros }>()
  /** the rows of every slice ever listed, by `fid/index` */
  readonly rowsOf = new Map<string, readonly number[]>()
  /** deletions of streams, by id: a message accepted around one may fall on either side */
  readonly deletions = new Map<string, Micros[]>()
  private todo: (() => Promise<void> | void)[] = []

  constructor(world: World) {
    this.world = world
  }

  /** checks that read files wait for the end of the event; null: there are none */
  settle(): Promise<void> | null {
    return this.todo.length === 0 ? null : this.runTodo()
  }

  private async runTodo(): Promise<void> {
    for (const check of this.todo.splice(0)) await check()
  }

  sentMessage(message: QueueMessage): void {
    const { header, body } = decodeEnvelope(message.bytes)
    const stored = header.spill === null ? body : this.world.objects.get(header.spill.key)
    must(stored !== undefined, `message ${message.bid} is sent before its body is stored`)
    const records = JSON.parse(Buffer.from(inflate(stored, header.coding, header.rawBytes)).toString()) as { id: number }[]
    const ids = records.map(({ id }) => id)
    const before = this.sent.get(message.bid)
    if (before !== undefined) {
      must(before.ids.join() === ids.join() && before.acceptedAt === header.acceptedAt, `bid ${message.bid} stands for two messages`)
      return
    }
    const sent: Sent = { bid: message.bid, org: message.org, stream: header.context.stream!, acceptedAt: header.acceptedAt, sentAt: this.world.s.now, ids }
    this.sent.set(message.bid, sent)
    for (const id of ids) {
      must(!this.messageOfRow.has(id), `row ${id} is sent under two bids`)
      this.messageOfRow.set(id, sent)
    }
  }

  samePut(key: string, stands: Uint8Array, bytes: Uint8Array): void {
    // Two attempts may park a message for two reasons; the first one's object stands.
    if (!key.startsWith('quarantine/')) must(Buffer.compare(stands, bytes) === 0, `I4: key ${key} is put twice, with other bytes`)
  }

  objectDeleted(key: string): void {
    for (const { entry } of this.world.slots.values()) must(entry?.key !== key, `I6: object ${key} is deleted while it is listed`)
  }

  schemaMoves(from: Fields, to: Fields): void {
    for (const [name, type] of Object.entries(from)) {
      const next = Object.hasOwn(to, name) ? to[name] : undefined
      must(next !== undefined && joinTypes(type, next) === next, `I12: field ${name} moves from ${type} to ${next}`)
    }
  }

  /** called within the transaction: files are read right after it */
  committed(org: string, entry: Entry | null, claims: readonly { readonly bid: string; readonly fid: string }[]): void {
    for (const { bid, fid } of claims) {
      if (fid === 'quarantine') this.claimedForQuarantine(bid)
      else this.claimedRows(org, entry, bid, fid)
    }
    if (entry !== null) this.todo.push(() => this.committedEntry(org, entry, claims.map(({ bid }) => bid)))
  }

  private claimedForQuarantine(bid: string): void {
    const age = this.world.s.now - (this.sent.get(bid)?.sentAt ?? -Infinity)
    must(this.damaged.has(bid) || this.deadLetters.has(bid) || age >= this.world.settings.ageFenceMicros - 2 * SKEW, `message ${bid} is parked without a cause`)
    this.quarantined.add(bid)
  }

  private claimedRows(org: string, entry: Entry | null, bid: string, fid: string): void {
    const sent = this.sent.get(bid)
    must(sent !== undefined && sent.org === org, `I3: claim of message ${bid}, which organisation ${org} never sent`)
    must(entry !== null && entry.fid === fid, `I3: message ${bid} is claimed without an entry`)
    const age = this.world.s.now - sent.sentAt
    const { ageFenceMicros, attemptMsMax } = this.world.settings
    must(age <= ageFenceMicros + attemptMsMax * 1_000 + SIGNATURE_LIFE + 2 * SKEW, `I11: message ${bid} is committed ${age / 86_400e6} days after it was sent`)
  }

  private async committedEntry(org: string, entry: Entry, bids: readonly string[]): Promise<void> {
    const bytes = this.world.objects.get(entry.key)
    must(bytes !== undefined, `I6: entry ${entry.fid} is listed without its object`)
    const hash = createHash('sha256').update(bytes).digest('hex')
    must(bytes.length === entry.bytes && hash === entry.hash, `I6: entry ${entry.fid} differs from its object`)
    const table = readPackTable(bytes, bytes.length)
    must(JSON.stringify(table.slices.map(({ type: _t, stream: _s, ...slice }) => slice)) === JSON.stringify(entry.slices), `pack ${entry.fid} has another slice table than its entry`)
    must([...table.bids].sort().join() === [...bids].sort().join(), `I3: pack ${entry.fid} holds other messages than its transaction claims`)
    must(entry.slices.length <= this.world.settings.packSlicesMax || bids.length === 1, `pack ${entry.fid} holds more slices than it may`)
    const visibleAt = this.world.slots.get(slotKey(org, entry))?.visibleAt ?? this.world.s.now
    const rows = new Set<number>()
    for (const slice of entry.slices) {
      for (const id of await this.readSlice(org, entry, slice, bytes.subarray(slice.offset, slice.offset + slice.length))) {
        must(!rows.has(id), `I2: row ${id} stands twice in pack ${entry.fid}`)
        must(!this.committedRows.has(id), `I2: row ${id} is committed twice`)
        rows.add(id)
        this.committedRows.set(id, { streamId: slice.streamId, inc: slice.inc, visibleAt })
      }
    }
    for (const bid of bids) for (const id of this.sent.get(bid)!.ids) must(rows.delete(id), `I3: message ${bid} is claimed without its row ${id}`)
    must(rows.size === 0, `I3: rows ${[...rows].join()} are committed without a claim`)
  }

  private async readSlice(org: string, entry: Entry, slice: Slice, bytes: Uint8Array): Promise<number[]> {
    const name = `slice ${entry.fid}/${slice.index}`
    const bids = JSON.parse(parseFooter(bytes).metadata.get('nilometer.bids')!) as string[]
    const fields = this.world.schema(org, slice.streamId, slice.inc).fields
    const rows = await readRows(bytes)
    let [min, max] = [Infinity, -Infinity]
    const ids = rows.map((row) => {
      const id = Number(row['id'])
      const time = Number(row['_timestamp'])
      const sent = this.messageOfRow.get(id)
      must(sent !== undefined && bids[Number(row['_b'])] === sent.bid, `${name}: row ${id} names another message in _b`)
      must(dayOf(time) === slice.day, `${name}: row ${id} is of another day`)
      this.checkStream(org, sent, slice)
      for (const column of Object.keys(row)) {
        must(column === '_timestamp' || column === '_b' || Object.hasOwn(fields, column), `${name}: column ${column} is listed before the schema has it`)
      }
      min = Math.min(min, time)
      max = Math.max(max, time)
      return id
    })
    must(rows.length === slice.rows && min === slice.minTs && max === slice.maxTs, `${name}: the entry's rows or bounds are wrong`)
    this.rowsOf.set(`${entry.fid}/${slice.index}`, ids)
    return ids
  }

  /** rule 7: a message belongs to the incarnation that was current when it was accepted */
  private checkStream(org: string, sent: Sent, slice: Slice): void {
    const item = this.world.stream(org, 'logs', sent.stream)
    must(item !== null && item.id === slice.streamId, `rows of stream ${sent.stream} are in another stream's slice`)
    const inc = incarnationAt(item, sent.acceptedAt)
    const near = (this.deletions.get(item.id) ?? []).some((at) => Math.abs(sent.acceptedAt - at) <= 2 * SKEW)
    must(near || slice.inc === inc, `I10: message ${sent.bid} is written to incarnation ${slice.inc}, it was accepted in ${inc}`)
  }

  messageDeleted(bid: string): void {
    this.todo.push(() => {
      if (this.quarantined.has(bid)) must(this.parkedObject(bid), `I14: message ${bid} is deleted, claimed for the quarantine and not there`)
      else for (const id of this.sent.get(bid)!.ids) must(this.committedRows.has(id), `I1: message ${bid} is deleted and its row ${id} is nowhere`)
    })
  }

  private parkedObject(bid: string): boolean {
    for (const [key, bytes] of this.world.objects) {
      if (!key.startsWith('quarantine/') || !key.endsWith(`/${bid}`)) continue
      const parked = decodeParked(bytes)
      if (parked.spilled === null && !this.damaged.has(bid)) must(decodeEnvelope(parked.envelope).header.spill === null, `I14: the body of parked message ${bid} is in a blob that goes`)
      return parked.bid === bid && key.startsWith(parkedPrefix(parked.org))
    }
    return false
  }

  merged(inputs: readonly Entry[], outputs: readonly { readonly entry: Entry; readonly ids: readonly number[] }[]): void {
    const before = inputs.flatMap(({ fid, slices }) => slices.flatMap(({ index }) => this.rowsOf.get(`${fid}/${index}`)!))
    const after = outputs.flatMap(({ ids }) => ids)
    must(before.sort((a, b) => a - b).join() === after.sort((a, b) => a - b).join(), 'I8: a merge changed the rows')
    for (const { entry, ids } of outputs) this.rowsOf.set(`${entry.fid}/0`, ids)
  }

  /** the books at the end, when everything is quiet */
  atRest(): void {
    for (const { deleted, message } of this.world.queue) must(deleted, `liveness: message ${message.bid} stays in the queue`)
    for (const bid of this.accepted) must(this.sent.has(bid), `message ${bid} was accepted and never queued`)
    const holders = new Map<number, number>()
    for (const { entry } of this.world.slots.values()) {
      if (entry === null) continue
      must(this.world.objects.has(entry.key), `I6: entry ${entry.fid} has lost its object`)
      if (entry.state !== 'live') continue
      for (const { index } of entry.slices) for (const id of this.rowsOf.get(`${entry.fid}/${index}`)!) holders.set(id, (holders.get(id) ?? 0) + 1)
    }
    for (const { bid, ids } of this.sent.values()) {
      const wanted = this.quarantined.has(bid) ? 0 : 1
      for (const id of ids) must((holders.get(id) ?? 0) === wanted, `I2, I7, I14: row ${id} of message ${bid} is in ${holders.get(id) ?? 0} live slices instead of ${wanted}`)
      if (wanted === 0) must(this.parkedObject(bid), `I14: message ${bid} is claimed for the quarantine and not there`)
    }
    for (const bid of this.sent.keys()) if (!this.accepted.has(bid) && !this.quarantined.has(bid)) this.world.probe('unanswered request stored')
    const listed = new Set([...this.world.slots.values()].map(({ entry }) => entry?.key))
    for (const key of this.world.objects.keys()) {
      if (key.startsWith('quarantine/')) must(this.quarantined.has(key.slice(key.lastIndexOf('/') + 1)), `I3: object ${key} is parked without its claim`)
      if (/^(fresh|data)\//.test(key)) must(listed.has(key), `liveness: object ${key} is an orphan after the sweep`)
    }
  }
}
