// A resource's attributes belong to every record under it: they are decoded once, kept as leaves,
// and written into the whole run of rows at its end, where no record wrote a value of its own.
import { TextColumn } from '../../store/columns.ts'
import { BoolColumn, DoubleColumn, IntColumn } from '../../store/number-columns.ts'
import type { FieldColumns, Source, Table } from '../../store/columns.ts'
import type { FieldState, Slot, SlotTree } from './otlp-slots.ts'

/** kinds of a leaf's value, as the columns that take them */
export const LEAF_TEXT = 0
export const LEAF_INT = 1
export const LEAF_DOUBLE = 2
export const LEAF_BOOL = 3

/** One attribute's value; made once and used again for every resource. */
export interface Leaf {
  slot: Slot
  kind: number
  /** text: the range [a, b) of `source`; int: the halves lo and hi; double: a; bool: a is 0 or 1 */
  source: Source
  a: number
  b: number
}

export class Leaves {
  count = 0
  private readonly pool: Leaf[] = []

  add(slot: Slot, kind: number, source: Source, a: number, b: number): void {
    const leaf = this.pool[this.count]
    if (leaf === undefined) this.pool.push({ slot, kind, source, a, b })
    else {
      leaf.slot = slot
      leaf.kind = kind
      leaf.source = source
      leaf.a = a
      leaf.b = b
    }
    this.count++
  }

  /**
   * Gives rows [from, to) the leaves' values where they have none. Of two leaves of one name the
   * later one wins, so they are taken from the end; `run` tells which names have had theirs.
   */
  fill(slots: SlotTree, table: Table, run: number, from: number, to: number): void {
    for (let i = this.count - 1; i >= 0; i--) {
      const leaf = this.pool[i]!
      const state = slots.stateOf(leaf.slot, table)
      if (state.run === run) continue
      state.run = run
      const untouched = state.lastRow < from
      if (leaf.kind === LEAF_TEXT) fillText(state.field, leaf, from, to, untouched)
      else {
        for (let row = from; row < to; row++) if (untouched || !hasValue(state.field, row)) setLeaf(state.field, leaf, row)
      }
    }
  }
}

function fillText(field: FieldColumns, leaf: Leaf, from: number, to: number, untouched: boolean): void {
  const text = (field.text ??= new TextColumn(to))
  const entry = text.intern(leaf.source, leaf.a, leaf.b)
  if (untouched) text.fill(from, to, entry)
  else for (let row = from; row < to; row++) if (!hasValue(field, row)) text.fill(row, row + 1, entry)
}

function setLeaf(field: FieldColumns, leaf: Leaf, row: number): void {
  if (leaf.kind === LEAF_INT) (field.ints ??= new IntColumn(row + 1)).set(row, leaf.a, leaf.b)
  else if (leaf.kind === LEAF_DOUBLE) (field.doubles ??= new DoubleColumn(row + 1)).set(row, leaf.a)
  else (field.bools ??= new BoolColumn(row + 1)).set(row, leaf.a !== 0)
}

function hasValue(field: FieldColumns, row: number): boolean {
  return (field.text?.has(row) ?? false) || (field.ints?.has(row) ?? false)
    || (field.doubles?.has(row) ?? false) || (field.bools?.has(row) ?? false)
}

/** gives rows [from, to) one of OTLP's own texts: it replaces what attributes wrote there */
export function fillCore(state: FieldState, source: Source, at: number, end: number, from: number, to: number): void {
  const { field } = state
  if (state.lastRow >= from) for (let row = from; row < to; row++) field.clear(row)
  const text = (field.text ??= new TextColumn(to))
  text.fill(from, to, text.intern(source, at, end))
  state.lastRow = to - 1
}
