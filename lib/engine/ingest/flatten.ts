// From keys to columns. A record's keys form a tree that hardly changes from record to record, so
// each key is looked up once: afterwards the key that followed the one before it is compared, quotes
// and all, with the bytes that come next, and no key is scanned. A node knows its clean, flattened
// name and the column it feeds. Names are data, never properties: `__proto__` is a field like any other.
import { RESERVED_FIELDS } from '../../model/schema.ts'
import { hashRange, Source, TextColumn } from '../store/columns.ts'
import type { FieldColumns, Table } from '../store/columns.ts'

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
  /** the key in quotes, in the tree's tokens; -1 when it needs escapes */
  token = -1
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
  private tokens!: TextColumn
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
    this.tokens = new TextColumn(0)
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
   * The child of `parent` that follows its child `before` (null: none yet) when it is one that was
   * seen there and its key in quotes stands at `at`, below `end`; null: read the key and ask `child`.
   */
  guess(parent: KeyNode, before: KeyNode | null, s: Source, at: number, end: number): KeyNode | null {
    const one = before === null ? parent.first : before.after
    if (one !== null && this.stands(one, s, at, end)) return one
    const two = before === null ? parent.first2 : before.after2
    return two !== null && this.stands(two, s, at, end) ? two : null
  }

  private stands(node: KeyNode, s: Source, at: number, end: number): boolean {
    const { token } = node
    if (token < 0) return false
    const to = at + this.tokens.length(token)
    return to <= end && this.tokens.equals(token, s, at, to)
  }

  /** the bytes of a guessed key, quotes included */
  tokenBytes(node: KeyNode): number {
    return this.tokens.length(node.token)
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
    node.token = this.token(s.bytes, from, to)
    return node
  }

  /** the key in quotes as a new token, or -1 when JSON would write it with an escape */
  private token(bytes: Buffer, from: number, to: number): number {
    for (let p = from; p < to; p++) {
      const c = bytes[p]!
      if (c < 0x20 || c === 0x22 || c === 0x5c) return -1
    }
    const quoted = Buffer.allocUnsafe(to - from + 2)
    quoted[0] = quoted[quoted.length - 1] = 0x22
    bytes.copy(quoted, 1, from, to)
    return this.tokens.push(new Source(quoted), 0, quoted.length)
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
