// Attribute keys as objects ("slots"), found by bytes: no string is made for a key seen before. Keys
// come in the same order record after record, so each slot remembers the two slots that followed it
// last; a guess costs one comparison of bytes, and only a wrong one a look into a map.
import { RESERVED_FIELDS } from '../../../model/schema.ts'
import type { FieldColumns, Source, Table } from '../../store/columns.ts'
import { cleanFieldName } from '../flatten.ts'
import type { Name } from './otlp-names.ts'
import { standsAt, wordsOf } from './otlp-words.ts'
import type { Words } from './otlp-words.ts'

const QUOTE = 0x22

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
  readonly key: Words
  children: Map<string, Slot> | null = null
  /** the slot that followed this one last, and the one before it */
  next: Slot | null = null
  other: Slot | null = null
  /** null until something is written */
  state: FieldState | null = null
  /** OTLP JSON: the kind its last value was of */
  kind: Name | null = null
  /** OTLP JSON writes the key without escapes: found again in quotes, it is itself */
  readonly isVerbatim: boolean
  /** the request that used it last, counted by its tree */
  usedIn = 0
  /** cleaned keys from the root, joined by `_`; null until needed */
  path: string | null = null

  constructor(parent: Slot | null, key: Words, isVerbatim: boolean) {
    this.parent = parent
    this.key = key
    this.isVerbatim = isVerbatim
  }
}

const NO_KEY = wordsOf(Buffer.alloc(0))

/** reserved columns are ours, and `_timestamp` of an attribute must not set the row's time */
const fieldName = (path: string): string => (path === '_timestamp' || RESERVED_FIELDS.has(path) ? `attr_${path}` : path)

export class SlotTree {
  readonly root = new Slot(null, NO_KEY, false)
  /** stands before the first key of a resource and of a record, so that both have a first guess */
  readonly resourceStart = new Slot(null, NO_KEY, false)
  readonly recordStart = new Slot(null, NO_KEY, false)
  /** takes the values of keys that must not be stored */
  readonly nowhere = new Slot(null, NO_KEY, false)
  /** slots used in this request */
  used = 0
  private readonly fresh: Slot[] = []
  private request = 0
  readonly states: FieldState[] = []
  private runs = 0
  private previous = this.resourceStart
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
    const { previous } = this
    const length = to - from
    const { next, other } = previous
    let found: Slot | null
    if (next !== null && next.parent === parent && next.key.length === length && standsAt(next.key, s, from)) found = next
    else {
      const isOther = other !== null && other.parent === parent && other.key.length === length && standsAt(other.key, s, from)
      found = isOther ? other : this.lookUp(parent, s, from, to, this.used < usedMax)
      if (found === null) return null
      previous.other = next
      previous.next = found
    }
    if (found.usedIn !== this.request && !this.use(found, usedMax)) return null
    return (this.previous = found)
  }

  /** the slot that is expected next, when its key stands at `from` just so, with a quote behind it, below `end` */
  guessed(parent: Slot, s: Source, from: number, end: number, usedMax: number): Slot | null {
    const { previous } = this
    const { next, other } = previous
    let found: Slot | null = null
    if (next !== null && this.isAt(next, parent, s, from, end)) found = next
    else if (other !== null && this.isAt(other, parent, s, from, end)) {
      found = other
      previous.other = next
      previous.next = other
    }
    if (found === null || (found.usedIn !== this.request && !this.use(found, usedMax))) return null
    return (this.previous = found)
  }

  private isAt(slot: Slot, parent: Slot, s: Source, from: number, end: number): boolean {
    const to = from + slot.key.length
    return slot.parent === parent && slot.isVerbatim && to < end && s.bytes[to] === QUOTE && standsAt(slot.key, s, from)
  }

  /** Latin-1 maps bytes to characters one to one; the engine's maps are safe from made-up collisions. */
  private lookUp(parent: Slot, s: Source, from: number, to: number, mayMake: boolean): Slot | null {
    const text = s.bytes.toString('latin1', from, to)
    parent.children ??= new Map()
    const known = parent.children.get(text)
    if (known !== undefined) return known
    if (!mayMake) return null
    const made = new Slot(parent, wordsOf(Buffer.from(s.bytes.subarray(from, to))), !/["\\\u0000-\u001f]/.test(text))
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
    const key = cleanFieldName(slot.key.bytes, 0, slot.key.length)
    const { parent } = slot
    slot.path = parent === null || parent === this.root ? key : `${this.pathOf(parent)}_${key}`
    return slot.path
  }
}

/** the tree of the last check: what senders send next has the same keys */
let spare: SlotTree | null = null

/** a tree for checking; another check meanwhile gets another one */
export function takeTree(): SlotTree {
  const tree = spare ?? new SlotTree()
  spare = null
  return tree
}

/** gives a tree back whose request is done */
export function keepTree(tree: SlotTree): void {
  spare = tree
}
