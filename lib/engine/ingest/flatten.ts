// From keys to columns. A record's keys form a tree that hardly changes from record to record, so
// each key is looked up once: afterwards the key that followed the one before it is compared, quotes
// and all, with the bytes that come next, and no key is scanned. A node knows its clean, flattened
// name and the column it feeds. Names are data, never properties: `__proto__` is a field like any other.
import { RESERVED_FIELDS } from '../../model/schema.ts'
import { hashRange, TextColumn } from '../store/columns.ts'
import type { FieldColumns, Source, Table } from '../store/columns.ts'

/** what a key's value is: a field, the record's time, or the time when there is no `_timestamp` */
export type KeyRole = 'field' | 'time' | 'time-fallback'

/** A column as decoders see it; keys with one clean name share it. */
export class FieldSlot {
  readonly name: string
  /** made at the first value, so that a field that is always null makes no column */
  column: FieldColumns | null = null
  /** the request that has stored a value in it, counted by its tree; 0 = none */
  usedIn = 0
  constructor(name: string) {
    this.name = name
  }
}

export class KeyNode {
  /** the name's parts joined with `_`, without the prefix of reserved names; what its children add to */
  readonly path: string
  /** parts of the name; the root has none */
  readonly level: number
  readonly role: KeyRole
  /** why a record with this key is rejected */
  readonly fault: string | null
  /** the key's bytes in the tree's arena */
  readonly entry: number
  /** tells this node's children from other nodes' in the tree's one hash table */
  readonly salt: number
  readonly slot: FieldSlot
  /** where `,"key":` stands in the tree's tokens, and its length; -1 when JSON writes the key with an escape */
  tokenAt = -1
  tokenBytes = 0
  /** the two children last seen first: a guess */
  first: KeyNode | null = null
  first2: KeyNode | null = null
  /** the two siblings last seen right behind this one: a guess */
  after: KeyNode | null = null
  after2: KeyNode | null = null
  /** the next node of the same hash */
  next: KeyNode | null = null
  readonly parent: KeyNode | null

  constructor(parent: KeyNode | null, entry: number, path: string, role: KeyRole, fault: string | null, slot: FieldSlot, salt: number) {
    this.parent = parent
    this.entry = entry
    this.path = path
    this.level = parent === null ? 0 : parent.level + 1
    this.role = role
    this.fault = fault
    this.slot = slot
    this.salt = salt
  }
}

/** what each ASCII byte becomes in a name */
const CLEAN = new Uint8Array(128)
for (let i = 0; i < 128; i++) {
  const c = String.fromCharCode(i)
  CLEAN[i] = /[a-z0-9_]/.test(c) ? i : /[A-Z]/.test(c) ? i + 32 : 0x5f
}

const scratch = Buffer.allocUnsafeSlow(256)

/**
 * A key as part of a column's name: lower case, and every character that is no letter or digit of
 * some script and no `_` becomes `_` (OpenObserve keeps ASCII only).
 */
export function cleanFieldName(bytes: Buffer, from: number, to: number): string {
  const n = to - from
  if (n <= scratch.length) {
    let i = 0
    for (let c = 0; i < n && (c = bytes[from + i]!) < 128; i++) scratch[i] = CLEAN[c]!
    if (i === n) return scratch.toString('latin1', 0, n)
  }
  return bytes.toString('utf8', from, to).toLowerCase().replace(/[^\p{L}\p{N}_]/gu, '_')
}

/** nodes above which a tree is planted anew: keys that never repeat must not fill the memory */
const NODES_MAX = 8_192
/** slots above which those without a value in this request are dropped */
const SLOTS_MAX = 8_192
/** nodes of one hash that are looked at: a client can make keys of equal hash at will */
const CHAIN_MAX = 16

export class KeyTree {
  root!: KeyNode
  /** counts the requests that used the tree: `slot.usedIn` refers to it */
  request = 1
  /** fields with a value in this request */
  fields = 0
  private readonly table: Table | null
  private readonly keyBytesMax: number
  private readonly slots = new Map<string, FieldSlot>()
  private readonly rootSlot = new FieldSlot('')
  private keys!: TextColumn
  private tokens: Buffer = Buffer.allocUnsafeSlow(4096)
  private tokensView: DataView = new DataView(this.tokens.buffer)
  private tokensUsed = 0
  private byHash!: Map<number, KeyNode>
  private nodes = 0

  /** `table`: where slots find their columns; null when only checking */
  constructor(table: Table | null, keyBytesMax: number) {
    this.table = table
    this.keyBytesMax = keyBytesMax
    this.plant()
  }

  private plant(): void {
    this.keys = new TextColumn(0)
    this.tokensUsed = 0
    this.byHash = new Map()
    this.nodes = 0
    this.root = new KeyNode(null, -1, '', 'field', null, this.rootSlot, 0)
  }

  /** call between records: nodes of the record being read must stay */
  tidy(): void {
    if (this.nodes <= NODES_MAX && this.slots.size <= SLOTS_MAX) return
    this.plant()
    // Nodes gone, nothing but the map holds a slot: dropping it changes no count.
    for (const [name, slot] of this.slots) if (slot.usedIn !== this.request) this.slots.delete(name)
  }

  /**
   * The child of `parent` that was seen behind its child `before` (null: seen first) and stands `at`
   * again, below `end`, as compact JSON writes it: comma (but for the first), key in quotes, colon.
   */
  guess(parent: KeyNode, before: KeyNode | null, s: Source, at: number, end: number): KeyNode | null {
    if (before === null) {
      if (parent.first !== null && this.stands(parent.first, 1, 0, s, at, end)) return parent.first
      return parent.first2 !== null && this.stands(parent.first2, 1, 0, s, at, end) ? parent.first2 : null
    }
    if (before.after !== null && this.stands(before.after, 0, 0, s, at, end)) return before.after
    return before.after2 !== null && this.stands(before.after2, 0, 0, s, at, end) ? before.after2 : null
  }

  /** `guess` where white space stands between tokens: only the key in quotes is compared */
  guessKey(parent: KeyNode, before: KeyNode | null, s: Source, at: number, end: number): KeyNode | null {
    const one = before === null ? parent.first : before.after
    if (one !== null && this.stands(one, 1, 1, s, at, end)) return one
    const two = before === null ? parent.first2 : before.after2
    return two !== null && this.stands(two, 1, 1, s, at, end) ? two : null
  }

  /** compares a node's token, less bytes cut off its ends, with what stands `at` */
  private stands(node: KeyNode, cutFront: number, cutBack: number, s: Source, at: number, end: number): boolean {
    const n = node.tokenBytes - cutFront - cutBack
    const to = at + n
    if (node.tokenAt < 0 || to > end) return false
    let q = node.tokenAt + cutFront
    if (n < 4) return s.bytes[at] === this.tokens[q] && s.bytes[at + 1] === this.tokens[q + 1] && s.bytes[at + 2] === this.tokens[q + 2]
    const { view } = s
    const { tokensView } = this
    const last = to - 4
    if (view.getInt32(last, true) !== tokensView.getInt32(q + n - 4, true)) return false
    for (let p = at; p < last; p += 4, q += 4) if (view.getInt32(p, true) !== tokensView.getInt32(q, true)) return false
    return true
  }

  /** the child of `parent` whose key is [from, to), seen behind its child `before` */
  child(parent: KeyNode, before: KeyNode | null, s: Source, from: number, to: number): KeyNode {
    const node = this.find(parent, s, from, to)
    if (before === null) {
      parent.first2 = parent.first
      parent.first = node
    } else {
      before.after2 = before.after
      before.after = node
    }
    return node
  }

  private find(parent: KeyNode, s: Source, from: number, to: number): KeyNode {
    const hash = hashRange(s, from, to) ^ parent.salt
    const first = this.byHash.get(hash)
    let chain = 0
    for (let node: KeyNode | null | undefined = first; node != null && chain < CHAIN_MAX; node = node.next, chain++) {
      if (node.parent === parent && this.keys.equals(node.entry, s, from, to)) return node
    }
    const node = this.make(parent, s, from, to)
    if (chain < CHAIN_MAX) {
      node.next = first ?? null
      this.byHash.set(hash, node)
    }
    return node
  }

  private make(parent: KeyNode, s: Source, from: number, to: number): KeyNode {
    this.nodes++
    const entry = this.keys.push(s, from, to)
    const salt = Math.imul(this.nodes, 0x9e3779b1)
    const fault = from === to ? 'a field name is empty: name every field'
      : to - from > this.keyBytesMax ? `the field name ${s.bytes.toString('utf8', from, from + 40)}... is ${to - from} bytes long: at most ${this.keyBytesMax}`
        : null
    if (fault !== null) return new KeyNode(parent, entry, '', 'field', fault, this.rootSlot, salt)
    const part = cleanFieldName(s.bytes, from, to)
    const path = parent.level === 0 ? part : `${parent.path}_${part}`
    const role = parent.level > 0 || path !== '_timestamp' ? 'field' : s.bytes[from] === 0x5f ? 'time' : 'time-fallback'
    const node = new KeyNode(parent, entry, path, role, null, this.slot(path), salt)
    this.makeToken(node, s.bytes, from, to)
    return node
  }

  private makeToken(node: KeyNode, bytes: Buffer, from: number, to: number): void {
    for (let p = from; p < to; p++) {
      const c = bytes[p]!
      if (c < 0x20 || c === 0x22 || c === 0x5c) return
    }
    const at = this.tokensUsed
    const end = at + to - from + 4
    if (end > this.tokens.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(end, this.tokens.length * 2))
      this.tokens.copy(grown)
      this.tokens = grown
      this.tokensView = new DataView(grown.buffer)
    }
    this.tokens[at] = 0x2c
    this.tokens[at + 1] = 0x22
    bytes.copy(this.tokens, at + 2, from, to)
    this.tokens[end - 2] = 0x22
    this.tokens[end - 1] = 0x3a
    this.tokensUsed = end
    node.tokenAt = at
    node.tokenBytes = end - at
  }

  /** the slot of a clean name; names that are ours get the prefix `attr_` */
  slot(path: string): FieldSlot {
    const name = RESERVED_FIELDS.has(path) ? `attr_${path}` : path
    let slot = this.slots.get(name)
    if (slot === undefined) this.slots.set(name, (slot = new FieldSlot(name)))
    return slot
  }

  /** the slot's column; only when decoding */
  column(slot: FieldSlot): FieldColumns {
    return (slot.column = this.table!.field(slot.name))
  }

  /** forgets slots that only a rejected record has named */
  forget(slots: readonly FieldSlot[]): void {
    for (const slot of slots) slot.usedIn = 0
  }

  /** ready for the next request: nothing is used, keys and guesses stay */
  nextRequest(): void {
    this.request++
    this.fields = 0
  }
}
