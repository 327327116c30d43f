// What every adapter of the port Blobs does. `make` gives an empty store.
import { describe, expect, test } from 'vitest'
import type { Blobs } from '../../lib/engine/ports.ts'

export interface BlobsUnderTest {
  readonly port: Blobs
  /** another client of the same store, as another process would have */
  readonly other: Blobs
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)
const keysOf = async (blobs: Blobs, prefix: string, after?: string): Promise<string[]> =>
  (await blobs.list(prefix, after)).map((info) => info.key)

export function blobsSuite(name: string, make: () => Promise<BlobsUnderTest>): void {
  describe(`blobs: ${name}`, () => {
    test('an object is read back as it was put', async () => {
      const { port, other } = await make()
      expect(await port.put('fresh/acme/A.pack', bytesOf('hello'))).toBe('created')
      expect(await port.get('fresh/acme/A.pack')).toEqual(bytesOf('hello'))
      expect(await other.get('fresh/acme/A.pack')).toEqual(bytesOf('hello'))
    })

    test('a taken key keeps its first bytes and the second put says so', async () => {
      const { port, other } = await make()
      await port.put('a/k', bytesOf('first'))
      expect(await port.put('a/k', bytesOf('second'))).toBe('exists')
      expect(await other.put('a/k', bytesOf('third'))).toBe('exists')
      expect(await port.get('a/k')).toEqual(bytesOf('first'))
    })

    test('of twenty puts of one key at once exactly one creates it', async () => {
      const { port, other } = await make()
      const puts = Array.from({ length: 20 }, (_, i) => (i % 2 ? port : other).put('a/race', bytesOf(`writer ${i}`)))
      const outcomes = await Promise.all(puts)
      expect(outcomes.filter((outcome) => outcome === 'created')).toHaveLength(1)
      expect(await port.get('a/race')).toEqual(bytesOf(`writer ${outcomes.indexOf('created')}`))
    })

    test('an object may be empty', async () => {
      const { port } = await make()
      await port.put('a/empty', new Uint8Array(0))
      expect((await port.get('a/empty')).byteLength).toBe(0)
      expect((await port.get('a/empty', { offset: 0, length: 0 })).byteLength).toBe(0)
      expect((await port.list('a/'))[0]).toMatchObject({ key: 'a/empty', bytes: 0 })
    })

    test('an object of 5 MB comes back whole and by ranges', async () => {
      const { port } = await make()
      const bytes = Uint8Array.from({ length: 5_000_000 }, (_, i) => (i * 31) & 255)
      await port.put('a/big', bytes)
      expect(Buffer.compare(await port.get('a/big'), bytes)).toBe(0)
      const middle = await port.get('a/big', { offset: 4_999_000, length: 1_000 })
      expect(Buffer.compare(middle, bytes.subarray(4_999_000))).toBe(0)
    })

    test('the caller may put a view of a larger buffer', async () => {
      const { port } = await make()
      await port.put('a/view', bytesOf('..hello..').subarray(2, 7))
      expect(await port.get('a/view')).toEqual(bytesOf('hello'))
    })

    test('a range that begins at the end or goes past it is unavailable, never short', async () => {
      const { port } = await make()
      await port.put('a/ten', bytesOf('0123456789'))
      expect(await port.get('a/ten', { offset: 3, length: 4 })).toEqual(bytesOf('3456'))
      for (const range of [{ offset: 8, length: 3 }, { offset: 10, length: 1 }, { offset: 2_000, length: 2 ** 40 }]) {
        await expect(port.get('a/ten', range)).rejects.toMatchObject({ slug: 'unavailable' })
      }
    })

    test('a missing object is not found', async () => {
      const { port } = await make()
      await port.put('a/file', bytesOf('x'))
      for (const key of ['nothing/here', 'a/other', 'a/file/below']) {
        await expect(port.get(key)).rejects.toMatchObject({ slug: 'not_found' })
      }
    })

    test('a deleted object is gone, and deleting it again is no error', async () => {
      const { port, other } = await make()
      await port.put('a/k', bytesOf('x'))
      await port.delete('a/k')
      await other.delete('a/k')
      await port.delete('never/was')
      await expect(other.get('a/k')).rejects.toMatchObject({ slug: 'not_found' })
      expect(await keysOf(port, 'a/')).toEqual([])
      expect(await port.put('a/k', bytesOf('y'))).toBe('created')
    })

    test('a listing is in the order of keys, also where a slash decides', async () => {
      const { port } = await make()
      const keys = ['a-b/x', 'a/x', 'a/x.y', 'a/x/y', 'a=b/x', 'ab/x', 'B/x'].filter((key) => key !== 'a/x')
      for (const key of keys) await port.put(key, bytesOf(key))
      expect(await keysOf(port, '')).toEqual([...keys].sort())
    })

    test('a prefix ends anywhere in a key', async () => {
      const { port } = await make()
      for (const key of ['fresh/a/1', 'fresh/a/2', 'fresh/ab/1', 'fresh/b/1', 'wal/a/1']) await port.put(key, bytesOf(key))
      expect(await keysOf(port, 'fresh/a/')).toEqual(['fresh/a/1', 'fresh/a/2'])
      expect(await keysOf(port, 'fresh/a')).toEqual(['fresh/a/1', 'fresh/a/2', 'fresh/ab/1'])
      expect(await keysOf(port, 'fresh/a/2')).toEqual(['fresh/a/2'])
      expect(await keysOf(port, 'fr')).toHaveLength(4)
      expect(await keysOf(port, 'none/')).toEqual([])
    })

    test('a listing tells sizes and when objects were written', async () => {
      const { port } = await make()
      await port.put('a/k', bytesOf('12345'))
      const [info] = await port.list('a/')
      expect(info).toMatchObject({ key: 'a/k', bytes: 5 })
      expect(info?.modifiedAt).toSatisfy((at: number) => Number.isSafeInteger(at) && at > 1.7e15)
    })

    test('a listing of 1,050 objects comes as pages of 1,000 that meet exactly', async () => {
      const { port } = await make()
      const keys = Array.from({ length: 1_050 }, (_, i) => `a/d${i % 7}/k${String(i).padStart(5, '0')}`).sort()
      for (let i = 0; i < keys.length; i += 50) {
        await Promise.all(keys.slice(i, i + 50).map((key) => port.put(key, new Uint8Array(1))))
      }
      const first = await port.list('a/')
      expect(first.map((info) => info.key)).toEqual(keys.slice(0, 1_000))
      const second = await port.list('a/', first.at(-1)?.key)
      expect(second.map((info) => info.key)).toEqual(keys.slice(1_000))
      expect(await port.list('a/', keys.at(-1))).toEqual([])
      // `after` need not be a key that exists.
      expect((await port.list('a/', 'a/d6')).map((info) => info.key)).toEqual(keys.filter((key) => key > 'a/d6'))
    })

    test('keys with percent-codes stay as they are', async () => {
      const { port } = await make()
      const names = ['n%C3%AFl', encodeURIComponent('日誌'), 'a%3Ab', 'a%2Fb', 'a%252Fb']
      const keys = names.map((stream) => `data/org=acme/type=logs/stream=${stream}/date=2026-11-21/0f.1.A.parquet`)
      for (const key of keys) await port.put(key, bytesOf(key))
      expect(await keysOf(port, 'data/')).toEqual([...keys].sort())
      for (const key of keys) expect(await port.get(key)).toEqual(bytesOf(key))
    })

    test('the longest stream name, 300 characters percent-encoded, is a key like any other', async () => {
      const { port } = await make()
      const long = encodeURIComponent('水'.repeat(33))
      const part = long.slice(0, 192)
      const streams = [long, `${long}x`, part, `${part}a`, `${part}a-b`, `${part}ab`, `${part}-`, 'a']
      const keys = streams.map((stream) => `data/stream=${stream}/date=2026-11-21/f`)
      for (const key of keys) expect(await port.put(key, bytesOf(key))).toBe('created')
      expect(await keysOf(port, 'data/')).toEqual([...keys].sort())
      expect(await keysOf(port, `data/stream=${long.slice(0, 250)}`)).toEqual(keys.filter((key) => key.includes(long)).sort())
      for (const key of keys) expect(await port.get(key)).toEqual(bytesOf(key))
      await port.delete(keys[0] as string)
      expect(await keysOf(port, 'data/')).toHaveLength(keys.length - 1)
    })

    test.for(['', '/etc/passwd', '../up', 'a/../../b', 'a//b', 'a/', 'a/.', 'a/.hidden', 'a\0b', 'a\\b', 'a b', 'ä', 'a%zz', 'a%c3', 'a%', 'x'.repeat(2_000)])(
      'the key %j is refused by every operation', async (key) => {
        const { port } = await make()
        await expect(port.put(key, bytesOf('x'))).rejects.toMatchObject({ slug: 'internal' })
        await expect(port.get(key)).rejects.toMatchObject({ slug: 'internal' })
        await expect(port.delete(key)).rejects.toMatchObject({ slug: 'internal' })
      })
  })
}
