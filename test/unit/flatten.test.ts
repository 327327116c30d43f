import { describe, expect, test } from 'vitest'
import { cleanFieldName, KeyTree } from '../../lib/engine/ingest/flatten.ts'
import type { KeyNode } from '../../lib/engine/ingest/flatten.ts'
import { Source, Table } from '../../lib/engine/store/columns.ts'

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
    const source = new Source(Buffer.from('"one" "two" "twofold" "tw"'))
    expect(tree.guess(tree.root, null, source, 0, 26)).toBe(one)
    expect(tree.guess(tree.root, one, source, 6, 26)).toBe(two)
    expect(tree.guess(tree.root, one, source, 12, 26)).toBeNull()
    expect(tree.guess(tree.root, one, source, 22, 26)).toBeNull()
    expect(tree.guess(tree.root, one, source, 6, 10)).toBeNull()
  })

  test('never guesses a key that JSON writes with an escape', () => {
    const tree = new KeyTree(null, 256)
    child(tree, tree.root, null, 'a"b')
    expect(tree.guess(tree.root, null, new Source(Buffer.from('"a"b":1')), 0, 7)).toBeNull()
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

  test('tells keys of equal hash apart, however many there are', () => {
    // The hash of four bytes is invertible, so only keys and their order matter here: many short keys.
    const tree = new KeyTree(null, 256)
    const nodes = new Map<string, KeyNode>()
    for (let i = 0; i < 3_000; i++) nodes.set(`key${i}`, child(tree, tree.root, null, `key${i}`))
    for (const [key, node] of nodes) expect(child(tree, tree.root, null, key)).toBe(node)
  })
})
