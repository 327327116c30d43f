// The decorators that other tests stand on: they see every call, in order, and change only what they say.
import { expect, test } from 'vitest'
import type { Blobs } from '../../lib/engine/ports.ts'
import { counted, crashing, faulty, nameOfStep } from '../support/ports.ts'

/** a store of one map, enough to see effects */
function mapBlobs(): { readonly blobs: Blobs; readonly stored: Map<string, Uint8Array> } {
  const stored = new Map<string, Uint8Array>()
  const blobs: Blobs = {
    put: async (key, bytes) => {
      if (stored.has(key)) return 'exists'
      stored.set(key, bytes)
      return 'created'
    },
    get: async (key) => stored.get(key) ?? new Uint8Array(0),
    list: async () => [],
    delete: async (key) => { stored.delete(key) },
  }
  return { blobs, stored }
}

test('the crash hook runs before and after each call, the effect between', async () => {
  const { blobs, stored } = mapBlobs()
  const steps: string[] = []
  const ports = crashing({ blobs, name: 'kept' }, (step) => { steps.push(`${nameOfStep(step)} ${stored.size}`) })
  await ports.blobs.put('a', new Uint8Array(1))
  await ports.blobs.get('a')
  expect(steps).toEqual(['1:blobs.put:before 0', '1:blobs.put:after 1', '2:blobs.get:before 1', '2:blobs.get:after 1'])
  expect(ports.name).toBe('kept')
})

test('a hook that throws before a call prevents it, after it only hides the answer', async () => {
  for (const when of ['before', 'after'] as const) {
    const { blobs, stored } = mapBlobs()
    const ports = crashing({ blobs }, (step) => { if (step.when === when) throw new Error('crash') })
    await expect(ports.blobs.put('a', new Uint8Array(1))).rejects.toThrow('crash')
    expect(stored.size).toBe(when === 'before' ? 0 : 1)
  }
})

test('faults fail a call undone, lose its answer or do it twice', async () => {
  const { blobs, stored } = mapBlobs()
  const error = new Error('fault')
  const faults = [{ kind: 'fail-before', error }, { kind: 'fail-after', error }, { kind: 'twice' }, null] as const
  const ports = faulty({ blobs }, ({ n }) => faults[n - 1] ?? null)
  await expect(ports.blobs.put('a', new Uint8Array(1))).rejects.toThrow('fault')
  expect([...stored.keys()]).toEqual([])
  await expect(ports.blobs.put('b', new Uint8Array(1))).rejects.toThrow('fault')
  expect([...stored.keys()]).toEqual(['b'])
  expect(await ports.blobs.put('c', new Uint8Array(1))).toBe('exists')
  expect(await ports.blobs.put('d', new Uint8Array(1))).toBe('created')
})

test('calls and bytes are counted', async () => {
  const { ports, counts } = counted({ blobs: mapBlobs().blobs })
  await ports.blobs.put('a', new Uint8Array(10))
  await ports.blobs.get('a')
  await ports.blobs.get('a')
  expect(Object.fromEntries(counts.calls)).toEqual({ 'blobs.put': 1, 'blobs.get': 2 })
  expect([counts.bytesPut, counts.bytesGot]).toEqual([10, 20])
})
