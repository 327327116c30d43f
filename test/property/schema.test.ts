// Property 6: types form a join-semilattice and schemas with them, so nothing depends on the order or
// the grouping in which rows arrived, and a type only ever moves up.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FIELD_TYPES, joinFields, joinTypes, type FieldType, type Fields } from '../../lib/model/schema.ts'

const runs = 400 * Number(process.env['NILOMETER_RUNS'] ?? 1)
const names = ['a', 'b', 'c', '__proto__', 'constructor', 'ä']
const type = fc.constantFrom(...FIELD_TYPES)
const fields: fc.Arbitrary<Fields> = fc.dictionary(fc.constantFrom(...names), type, { noNullPrototype: false })
const plain = (f: Fields) => Object.entries(f).sort(([a], [b]) => (a < b ? -1 : 1))
const isBelow = (a: FieldType, b: FieldType) => joinTypes(a, b) === b

describe('types', () => {
  it('join to a least upper bound: of all bounds of two types the join is below every one', () => {
    for (const a of FIELD_TYPES) {
      for (const b of FIELD_TYPES) {
        const join = joinTypes(a, b)
        expect(isBelow(a, join) && isBelow(b, join)).toBe(true)
        for (const c of FIELD_TYPES) if (isBelow(a, c) && isBelow(b, c)) expect(isBelow(join, c)).toBe(true)
      }
    }
  })

  it('join the same in any order and grouping', () => {
    for (const a of FIELD_TYPES) {
      expect(joinTypes(a, a)).toBe(a)
      for (const b of FIELD_TYPES) {
        expect(joinTypes(a, b)).toBe(joinTypes(b, a))
        for (const c of FIELD_TYPES) expect(joinTypes(joinTypes(a, b), c)).toBe(joinTypes(a, joinTypes(b, c)))
      }
    }
  })

  it('never join a boolean with a number to a number, nor an int64 with a double', () => {
    for (const number of ['int', 'int64', 'double'] as const) expect(joinTypes('bool', number)).toBe('string')
    expect(joinTypes('int64', 'double')).toBe('string')
  })
})

describe('schemas', () => {
  it('join the same in any order and grouping', () => {
    fc.assert(fc.property(fields, fields, fields, (a, b, c) => {
      expect(plain(joinFields(a, b))).toEqual(plain(joinFields(b, a)))
      expect(plain(joinFields(joinFields(a, b), c))).toEqual(plain(joinFields(a, joinFields(b, c))))
      expect(joinFields(a, a)).toBe(a)
    }), { numRuns: runs })
  })

  it('hold every field of both, at its type or above, and none else', () => {
    fc.assert(fc.property(fields, fields, (a, b) => {
      const join = joinFields(a, b)
      for (const [name, t] of [...Object.entries(a), ...Object.entries(b)]) expect(isBelow(t, join[name]!)).toBe(true)
      for (const name of Object.keys(join)) expect(Object.hasOwn(a, name) || Object.hasOwn(b, name)).toBe(true)
    }), { numRuns: runs })
  })

  it('are handed back themselves exactly when nothing is new', () => {
    fc.assert(fc.property(fields, fields, (a, b) => {
      const join = joinFields(a, b)
      expect(join === a).toBe(JSON.stringify(plain(join)) === JSON.stringify(plain(a)))
      expect(joinFields(join, b)).toBe(join)
    }), { numRuns: runs })
  })
})
