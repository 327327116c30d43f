// Attribute keys as objects ("slots"), found by bytes: no string is made for a key seen before. Keys
// come in the same order record after record, so each slot remembers the two slots that followed it
// last; a guess costs one comparison of bytes, and only a wrong one a look into a map.
import { RESERVED_FIELDS } from '../../../model/schema.ts'
import { TextColumn } from '../../store/columns.ts'
import type { FieldColumns, Source, Table } from '../../store/columns.ts'
import { cleanFieldName } from '../flatten.ts'

/** slots above which a tree is planted anew at the next request */
const SLOTS_MAX = 8_192

/** Where the writing of one field stands; shared by all slots whose keys clean to the same name. */
export class FieldState {
  readonly field: FieldColumns
  /** last row that a record wrote */
  lastRow = -1
  /** last row in which one of OTLP's own fields stands: no attribute may replace it */
  coreRow = -1
  /** number of the last resource that filled its run of rows */
  run = -1
  /** text entries that are known to be valid UTF-8 */
  verified = 0

  constructor(field: FieldColumns) {
    this.field = field
  }
}

/** One key below another; the root's children are the names of attributes. */
export class Slot {
  readonly parent: Slot | null
  /** the key's bytes among the tree's keys */
  readonly entry: number
  children: Map<string, Slot> | null = null
  /** the slot that followed this one last, and the one before it */
  next: Slot | null = null
  other: Slot | null = null
  /** null until something is written */
  state: FieldState | null = null
  /** the request that used it last, counted by its tree */
  usedIn = 0
  /** cleaned keys from the root, joined by `_`; null until needed */
  path: string | null = null

  constructor(parent: Slot | null, entry: number) {
    this.parent = parent
    this.entry = entry
  }
}

/** reserved columns are ours, and `_timestamp` of an attribute must not set the row's time */
const fieldName = (path: string): string => (path === '_timestamp' || RESERVED_FIELDS.has(path) ? `attr_${path}` : path)

export class SlotTree {
  readonly root = new Slot(null, -1)
  /** stands before the first key of a resource and of a record, so that both have a first guess */
  readonly resourceStart = new Slot(null, -1)
  readonly recordStart = new Slot(null, -1)
  /** takes the values of keys that must not be stored */
  readonly nowhere = new Slot(null, -1)
  /** slots used in this request */
  used = 0
  private readonly fresh: Slot[] = []
  private request = 0
  readonly states: FieldState[] = []
  private runs = 0
  private previous = this.resourceStart
  private keys = new TextColumn(0)
  /** slots there are */
  private size = 0
  private readonly byName = new Map<string, FieldState>()

  /** starts another request: nothing is used, keys and guesses stay */
  nextRequest(): this {
    if (this.size > SLOTS_MAX) this.forget()
    this.request++
    this.used = 0
    this.fresh.length = 0
    this.previous = this.resourceStart
    return this
  }

  /** Keys that never repeat must not fill the memory of a tree that is used again and again. */
  private forget(): void {
    this.size = 0
    this.keys = new TextColumn(0)
    this.root.children = null
    for (const start of [this.resourceStart, this.recordStart]) start.next = start.other = null
  }

  /** a number no run of rows had before */
  nextRun(): number {
    return ++this.runs
  }

  /** the next key looked for is the first of a resource or record */
  startAt(start: Slot): void {
    this.previous = start
  }

  /** the slot of the key [from, to) below `parent`; null: the request uses `usedMax` others already */
  find(parent: Slot, s: Source, from: number, to: number, usedMax: number): Slot | null {
    const { previous, keys } = this
    const { next, other } = previous
    let found: Slot | null
    if (next !== null && next.parent === parent && keys.equals(next.entry, s, from, to)) found = next
    else {
      const isOther = other !== null && other.parent === parent && keys.equals(other.entry, s, from, to)
      found = isOther ? other : this.lookUp(parent, s, from, to, this.used < usedMax)
      if (found === null) return null
      previous.other = next
      previous.next = found
    }
    if (found.usedIn !== this.request && !this.use(found, usedMax)) return null
    return (this.previous = found)
  }

  /** Latin-1 maps bytes to characters one to one; the engine's maps are safe from made-up collisions. */
  private lookUp(parent: Slot, s: Source, from: number, to: number, mayMake: boolean): Slot | null {
    const text = s.bytes.toString('latin1', from, to)
    parent.children ??= new Map()
    const known = parent.children.get(text)
    if (known !== undefined) return known
    if (!mayMake) return null
    const made = new Slot(parent, this.keys.push(s, from, to))
    parent.children.set(text, made)
    this.size++
    return made
  }

  private use(slot: Slot, usedMax: number): boolean {
    if (this.used >= usedMax) return false
    this.used++
    slot.usedIn = this.request
    this.fresh.push(slot)
    return true
  }

  /** what was used first since the last call stays in use */
  keepFresh(): void {
    if (this.fresh.length > 0) this.fresh.length = 0
  }

  /** what was used first since then is not: the record that named it is rejected */
  dropFresh(): void {
    for (const slot of this.fresh) slot.usedIn = 0
    this.used -= this.fresh.length
    this.fresh.length = 0
  }

  /** the table's column of a slot; invalid UTF-8 in keys is repaired before it is cleaned */
  stateOf(slot: Slot, table: Table): FieldState {
    return (slot.state ??= this.named(fieldName(this.pathOf(slot)), table))
  }

  /** the state of a field by its final name */
  named(name: string, table: Table): FieldState {
    let state = this.byName.get(name)
    if (state === undefined) {
      state = new FieldState(table.field(name))
      this.byName.set(name, state)
      this.states.push(state)
    }
    return state
  }

  private pathOf(slot: Slot): string {
    if (slot.path !== null) return slot.path
    const { keys } = this
    const key = cleanFieldName(keys.arena, keys.offsets[slot.entry]!, keys.offsets[slot.entry + 1]!)
    const { parent } = slot
    slot.path = parent === null || parent === this.root ? key : `${this.pathOf(parent)}_${key}`
    return slot.path
  }
}
