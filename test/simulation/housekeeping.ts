// The rest of the protocol as the simulator plays it, until the engine's own rooms stand: merging,
// purging, sweeping, deleting a stream. Written from commit-protocol.md sections 1 and 4, on the same
// weak lists and the same requests as everything else. A merged file holds ids instead of Parquet:
// what is under test here is who sees which file, not what is in it.
import type { Ports } from '../../lib/engine/ports.ts'
import { fileKey, packKey } from '../../lib/engine/store/layout.ts'
import { EngineError } from '../../lib/model/errors.ts'
import type { Entry, Slice, SliceRef } from '../../lib/model/file.ts'
import type { OrgId } from '../../lib/model/stream.ts'
import { MICROS_PER_SECOND, type Micros } from '../../lib/model/time.ts'
import { newProcess } from './actors.ts'
import { portsOf, request } from './ports.ts'
import type { Process } from './scheduler.ts'
import { slotKey, type World } from './world.ts'

const LIST_GRACE = 300 * MICROS_PER_SECOND
const OBJECT_GRACE = 3_600 * MICROS_PER_SECOND
/** of hosts that purge, between any two (the protocol's SKEW is 30 s) */
const PURGER_SKEW = 15 * MICROS_PER_SECOND

interface Merged {
  readonly entry: Entry
  readonly ids: readonly number[]
  readonly file: Uint8Array
}

/** rows of one (stream, incarnation, day) among the inputs of a merge */
interface Group {
  readonly ids: number[]
  readonly refs: Map<string, number[]>
  readonly first: Slice
  minTs: number
  maxTs: number
}

export class Housekeeping {
  private readonly world: World
  /** merges right after a commit, purges as soon as the graces allow: before a lost response is asked for again */
  eager = false
  /** queries tempted by what is about to be merged, and by what is being merged */
  onEager: (org: OrgId) => void = () => undefined
  onMerge: (org: OrgId) => void = () => undefined
  /** a merged file of these rows; who reads files at all needs Parquet */
  encode: (ids: readonly number[], time: Micros) => Uint8Array = (ids) => Buffer.from(JSON.stringify(ids))
  constructor(world: World) {
    this.world = world
    world.onCommit = (org) => {
      if (!this.eager || !world.s.random.chance(0.8)) return
      this.onEager(org)
      world.s.after(world.s.random.log(100_000, 60 * MICROS_PER_SECOND), () => this.merge(org))
      for (const delay of [70, 380, 700]) world.s.after(delay * MICROS_PER_SECOND, () => this.purge())
    }
    world.onPack = (org, key) => {
      if (world.s.random.chance(world.faults.sweep)) world.s.after(world.s.random.log(10_000, 20 * MICROS_PER_SECOND), () => this.sweep(org, key))
    }
  }

  merge(org: OrgId): void {
    const process = newProcess(this.world, 'compactor')
    this.run(this.mergeOnce(org, process, portsOf(this.world, process)))
  }

  private run(work: Promise<void>): void {
    work.catch((error: unknown) => {
      if (!(error instanceof EngineError)) throw error
    }).catch(this.world.fail)
  }

  /** candidates, then presence: an entry is CLEAN when all it replaces was seen absent by the later listing */
  private async mergeOnce(org: OrgId, process: Process, ports: Ports): Promise<void> {
    const { world } = this
    const { random } = world.s
    const ranges = [...world.streams.values()].filter((i) => i.org === org).flatMap((i) => i.history.map(({ inc }) => ({ streamId: i.id, inc, fromDay: '0000-00-00', toDay: '9999-99-99' })))
    const candidates = await ports.catalog.list(org, ranges)
    const present = new Set((await ports.catalog.list(org, ranges)).map(({ fid }) => fid))
    const clean = candidates.filter((e) => e.state === 'live' && e.replaces.every(({ fid }) => !present.has(fid)))
    const inputs = [...new Map(clean.map((e) => [e.fid, e])).values()].filter(() => random.chance(0.8)).slice(0, 1 + random.int(5))
    if (inputs.length === 0 || (inputs.length === 1 && inputs[0]!.list === 'stream')) return
    const outputs = this.outputsOf(org, inputs, ports)
    for (const { entry, file } of outputs) await this.again(() => ports.blobs.put(entry.key, file))
    const txid = ports.ids.ulid()
    await request(world, process, () => this.replace(org, txid, inputs, outputs))
  }

  private async again<T>(ask: () => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries++) {
      try {
        return await ask()
      } catch (error) {
        if (tries >= 4) throw error
      }
    }
  }

  private outputsOf(org: OrgId, inputs: readonly Entry[], ports: Ports): Merged[] {
    const groups = new Map<string, Group>()
    for (const { fid, slices } of inputs) {
      for (const slice of slices) {
        const place = `${slice.streamId}/${slice.inc}/${slice.day}`
        const group: Group = groups.get(place) ?? { ids: [], refs: new Map(), first: slice, minTs: Infinity, maxTs: -Infinity }
        groups.set(place, group)
        group.ids.push(...this.world.check.rowsOf.get(`${fid}/${slice.index}`)!)
        group.refs.set(fid, [...(group.refs.get(fid) ?? []), slice.index])
        group.minTs = Math.min(group.minTs, slice.minTs)
        group.maxTs = Math.max(group.maxTs, slice.maxTs)
      }
    }
    return [...groups.values()].map(({ ids, refs, first, minTs, maxTs }) => {
      const fid = ports.ids.ulid()
      const { streamId, inc, day } = first
      const stream = [...this.world.streams.values()].find((i) => i.id === streamId)!.name
      const file = this.encode(ids, minTs)
      const bytes = file.length
      const replaces: SliceRef[] = [...refs].map(([input, indexes]) => ({ fid: input, indexes }))
      const slices = [{ index: 0, streamId, inc, day, minTs, maxTs, rows: ids.length, rawBytes: 0, offset: 0, length: bytes }]
      const key = fileKey({ org, type: 'logs', stream, day, streamId, inc, fid })
      return { ids, file, entry: { list: 'stream', fid, key, state: 'live', slices, bytes, hash: '', replaces } }
    })
  }

  /** one transaction: every input live -> replaced, every output put if absent, one garbage record */
  private replace(org: OrgId, txid: string, inputs: readonly Entry[], outputs: readonly Merged[]): void {
    const { world } = this
    if (world.garbage.has(txid)) return
    const free = outputs.every(({ entry }) => !world.slots.has(slotKey(org, entry)))
    if (!free || !inputs.every((input) => world.slots.get(slotKey(org, input))?.entry?.state === 'live')) {
      world.probe('merge lost a race')
      return
    }
    for (const input of inputs) {
      const key = slotKey(org, input)
      const slot = world.slots.get(key)!
      world.slots.set(key, { ...slot, entry: { ...slot.entry!, state: 'replaced' } })
    }
    for (const { entry } of outputs) world.putSlot(org, entry)
    world.garbage.set(txid, { keys: inputs.map(({ key }) => key), slots: inputs.map((e) => slotKey(org, e)), outputs: outputs.map(({ entry }) => slotKey(org, entry)), seen: null })
    world.check.merged(inputs, outputs)
    world.probe(inputs.some((e) => e.replaces.length > 0) ? 'merged again' : 'merged')
    this.onMerge(org)
    world.s.log(`merge ${inputs.map(({ fid }) => fid).join()} into ${outputs.map(({ entry }) => entry.fid).join()}`)
  }

  /** entries before objects, both counted from the time at which all outputs were seen */
  purge(): void {
    const { world } = this
    const process = newProcess(world, 'purger', PURGER_SKEW)
    for (const [txid, garbage] of Array.from(world.garbage)) this.run(this.purgeOne(process, txid, garbage.seen, portsOf(world, process)))
  }

  private async purgeOne(process: Process, txid: string, seen: number | null, ports: Ports): Promise<void> {
    const { world } = this
    const garbage = world.garbage.get(txid)
    if (garbage === undefined) return
    if (seen === null) {
      const visible = await request(world, process, () => garbage.outputs.every((key) => (world.slots.get(key)?.visibleAt ?? 0) <= world.s.now))
      const at = ports.clock.now()
      if (visible) await request(world, process, () => { garbage.seen ??= at })
      return
    }
    const age = ports.clock.now() - seen
    if (age > LIST_GRACE) for (const key of garbage.slots) await request(world, process, () => this.removeReplaced(key))
    if (age <= OBJECT_GRACE || garbage.slots.some((key) => world.slots.get(key)?.entry)) return
    for (const key of garbage.keys) await request(world, process, () => world.deleteObject(key))
    await request(world, process, () => { world.garbage.delete(txid) })
  }

  private removeReplaced(key: string): void {
    const slot = this.world.slots.get(key)
    if (slot?.entry?.state !== 'replaced') return
    this.world.slots.delete(key)
    this.world.probe('entry left the list')
    this.world.s.log(`${key} leaves the list`)
  }

  /** an object without an entry: take its slot, so that it can never be listed, and queue it for deletion */
  sweep(org: OrgId, key: string): void {
    const { world } = this
    const process = newProcess(world, 'sweeper')
    this.run(request(world, process, () => {
      const fid = key.slice(key.lastIndexOf('/') + 1, -'.pack'.length)
      const slot = `F#${org}/${fid}`
      const stands = world.slots.get(slot)
      if (!world.objects.has(key) || key !== packKey(org, fid) || stands?.entry) return
      const listed = [...world.garbage.values()].some(({ keys }) => keys.includes(key))
      if (listed) return
      if (stands === undefined) world.slots.set(slot, { org, entry: null, visibleAt: world.s.now, sk: fid })
      world.garbage.set(`sweep ${key} ${world.s.now}`, { keys: [key], slots: [], outputs: [], seen: null })
      world.probe('orphan swept')
      world.s.log(`sweep ${key}`)
    }))
  }

  /** every object that has no entry; files of a lost merge as packs of a lost commit */
  sweepAll(): void {
    const { world } = this
    const listed = new Set([...world.slots.values()].map(({ entry }) => entry?.key))
    for (const key of Array.from(world.objects.keys())) {
      if (listed.has(key)) continue
      if (key.startsWith('fresh/')) this.sweep(key.split('/')[1] as OrgId, key)
      else if (key.startsWith('data/') && ![...world.garbage.values()].some(({ keys }) => keys.includes(key))) {
        world.garbage.set(`sweep ${key} ${world.s.now}`, { keys: [key], slots: [], outputs: [], seen: null })
      }
    }
  }

  deleteStream(org: OrgId, stream: string): void {
    const { world } = this
    const item = world.stream(org, 'logs', stream)
    if (item === null) return
    const process = newProcess(world, 'api')
    this.run(request(world, process, () => {
      const now = world.stream(org, 'logs', stream)!
      if (now.inc !== item.inc) return
      const from = world.s.now + process.skew
      world.streams.set(`${org}/logs/${stream}`, { ...now, inc: now.inc + 1, history: [...now.history, { inc: now.inc + 1, from }] })
      world.check.deletions.set(now.id, [...(world.check.deletions.get(now.id) ?? []), from])
      world.probe('stream deleted')
      world.s.log(`stream ${stream} deleted`)
    }))
  }
}
