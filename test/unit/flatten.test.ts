// Names and the key tree: cleaning, sharing, guessing, and what a hostile client can do to hashes.
import { describe, expect, test } from 'vitest'
import { cleanFieldName, KeyTree } from '../../lib/engine/ingest/flatten.ts'
import type { KeyNode } from '../../lib/engine/ingest/flatten.ts'
import { hashRange, Source, Table, TextColumn } from '../../lib/engine/store/columns.ts'

const clean = (key: string): string => cleanFieldName(Buffer.from(key), 0, Buffer.byteLength(key))

function child(tree: KeyTree, parent: KeyNode, before: KeyNode | null, key: string): KeyNode {
  const source = new Source(Buffer.from(key))
  return tree.child(parent, before, source, 0, source.bytes.length)
}

describe('a field name', () => {
  test.each([
    ['plain_name9', 'plain_name9'],
    ['UPPER', 'upper'],
    ['http.request-id', 'http_request_id'],
    ['a b\tc\u0000d"e', 'a_b_c_d_e'],
    ['__proto__', '__proto__'],
    ['日本語', '日本語'],
    ['Größe', 'größe'],
    ['ÄÖ.x', 'äö_x'],
    ['٣', '٣'],
    ['😀', '_'],
    ['@timestamp', '_timestamp'],
    ['a'.repeat(300), 'a'.repeat(300)],
  ])('%j is %j', (key, expected) => expect(clean(key)).toBe(expected))

  test('joins the names above it and gives reserved ones a prefix', () => {
    const tree = new KeyTree(null, 256)
    const a = child(tree, tree.root, null, 'A')
    expect(child(tree, child(tree, a, null, 'b.c'), null, 'D').slot.name).toBe('a_b_c_d')
    for (const name of ['_all', '_original', '_o2_id', '_rest', '__hash__', '_b']) {
      expect(child(tree, tree.root, null, name).slot.name).toBe(`attr_${name}`)
    }
    const all = child(tree, tree.root, null, '_all')
    expect(child(tree, all, null, 'x').slot.name).toBe('_all_x')
  })

  test('is shared by all keys that clean to it', () => {
    const tree = new KeyTree(null, 256)
    expect(child(tree, tree.root, null, 'a.b').slot).toBe(child(tree, tree.root, null, 'A_b').slot)
    expect(child(tree, child(tree, tree.root, null, 'a'), null, 'b').slot).toBe(child(tree, tree.root, null, 'a_b').slot)
  })

  test('is at fault when empty or too long', () => {
    const tree = new KeyTree(null, 256)
    expect(child(tree, tree.root, null, '').fault).toContain('empty')
    expect(child(tree, tree.root, null, 'a'.repeat(256)).fault).toBeNull()
    expect(child(tree, tree.root, null, 'a'.repeat(257)).fault).toContain('257')
  })
})

describe('a key tree', () => {
  test('knows the time by a root key only', () => {
    const tree = new KeyTree(null, 256)
    const roles = ['_timestamp', '_TIMESTAMP', '@timestamp', '.Timestamp', 'timestamp'].map((key) => child(tree, tree.root, null, key).role)
    expect(roles).toEqual(['time', 'time', 'time-fallback', 'time-fallback', 'field'])
    expect(child(tree, child(tree, tree.root, null, 'a'), null, '_timestamp').role).toBe('field')
  })

  test('guesses the key that followed last time, quotes and all', () => {
    const tree = new KeyTree(null, 256)
    const one = child(tree, tree.root, null, 'one')
    const two = child(tree, tree.root, one, 'two')
    const at = (text: string): [Source, number, number] => [new Source(Buffer.from(text)), 0, text.length]
    expect(tree.guess(tree.root, null, ...at('"one":1'))).toBe(one)
    expect(tree.guess(tree.root, one, ...at(',"two":'))).toBe(two)
    for (const text of ['"two":', ',"two" :', ', "two":', ',"twofold":', ',"tw":', ',"twp":', ',"two"', '']) expect(tree.guess(tree.root, one, ...at(text))).toBeNull()
    expect(tree.guessKey(tree.root, null, ...at('"one" :'))).toBe(one)
    expect(tree.guessKey(tree.root, one, ...at('"two"'))).toBe(two)
    for (const text of ['"two', '"twofold"', '"one"', ',"two"', '']) expect(tree.guessKey(tree.root, one, ...at(text))).toBeNull()
  })

  test('guesses either of the two keys that followed last, of any length', () => {
    for (const [a, b] of [['a', 'b'], ['aa', 'ab'], ['key1', 'key2'], ['a longer key 1', 'a longer key 2']] as const) {
      const tree = new KeyTree(null, 256)
      const nodes = [child(tree, tree.root, null, a), child(tree, tree.root, null, b)]
      for (const [i, key] of [a, b].entries()) expect(tree.guess(tree.root, null, new Source(Buffer.from(`"${key}":`)), 0, key.length + 3)).toBe(nodes[i])
      for (const [i, key] of [a, b].entries()) expect(tree.guessKey(tree.root, null, new Source(Buffer.from(`"${key}"`)), 0, key.length + 2)).toBe(nodes[i])
    }
  })

  test('never guesses a key that JSON writes with an escape', () => {
    for (const key of ['a"b', 'a\\', 'a\nb']) {
      const tree = new KeyTree(null, 256)
      child(tree, tree.root, null, key)
      expect(tree.guess(tree.root, null, new Source(Buffer.from(`"${key}":1`)), 0, key.length + 4)).toBeNull()
    }
  })

  test('keeps columns and answers when it is planted anew', () => {
    const table = new Table(16)
    const tree = new KeyTree(table, 256)
    const column = tree.column(child(tree, tree.root, null, 'kept').slot)
    for (let i = 0; i < 20_000; i++) {
      tree.tidy()
      child(tree, tree.root, null, `k${i}`)
    }
    expect(tree.column(child(tree, tree.root, null, 'kept').slot)).toBe(column)
    expect(table.fields).toHaveLength(1)
  })

  test('tells keys of equal hash apart, and does not walk through thousands of them', () => {
    const tree = new KeyTree(null, 256)
    const keys = collidingKeys(20_000)
    expect(new Set(keys.map((key) => hashRange(new Source(key), 0, 8))).size).toBe(1)
    const started = performance.now()
    const names = keys.map((key) => tree.child(tree.root, null, new Source(key), 0, 8).path)
    // Without a bound this takes minutes: 200 million comparisons.
    expect(performance.now() - started).toBeLessThan(2_000)
    for (const [i, key] of keys.entries()) expect(names[i]).toBe(cleanFieldName(key, 0, 8))
  })
})

test('a text column of equal hashes gives up interning, and keeps every value', () => {
  const column = new TextColumn(16)
  const keys = collidingKeys(3_000)
  // Each comes twice, so that they do not look mostly distinct.
  const values = keys.flatMap((key) => [key, key])
  for (const [row, value] of values.entries()) column.set(row, new Source(value), 0, 8)
  expect(column.plain).toBe(true)
  for (const [row, value] of values.entries()) {
    const entry = column.index[row]!
    expect(column.arena.subarray(column.offsets[entry]!, column.offsets[entry + 1]!).equals(value)).toBe(true)
  }
})

/** keys of eight bytes whose hashes are one: the second half undoes the first */
function collidingKeys(count: number): Buffer[] {
  return Array.from({ length: count }, (_, i) => {
    const key = Buffer.alloc(8)
    key.writeInt32LE(i)
    let h = Math.imul(8 ^ i, 0x9e3779b1)
    h ^= h >>> 15
    key.writeInt32LE(h ^ 0x1234567, 4)
    return key
  })
}
