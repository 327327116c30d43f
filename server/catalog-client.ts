// The event loop's side of the catalog thread: the port Catalog, each call a message.
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { EngineError } from '../lib/model/errors.ts'
import type { Catalog } from '../lib/engine/ports.ts'
import type { CatalogAnswer, CatalogCall, CatalogThreadData } from './catalog-thread.ts'

export interface CatalogClient {
  readonly catalog: Catalog
  close(): Promise<void>
}

interface Pending {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

/** every method of the port; the compiler holds the list complete */
const METHODS: Readonly<Record<keyof Catalog, true>> = {
  commit: true, list: true, stream: true, streams: true, createStream: true, schema: true, putSchema: true,
  remember: true, document: true, documents: true, putDocument: true,
}

export async function openCatalogClient(dataDir: string): Promise<CatalogClient> {
  const data: CatalogThreadData = { dataDir }
  const thread = new Worker(new URL('./catalog-thread.ts', import.meta.url), { workerData: data })
  await once(thread, 'online')
  const pending = new Map<number, Pending>()
  let lastSeq = 0
  let closed = false
  const end = (why: string, cause?: unknown): void => {
    closed = true
    for (const { reject } of pending.values()) reject(new EngineError('unavailable', why, { cause }))
    pending.clear()
  }
  thread.on('message', (answer: CatalogAnswer) => {
    const waiting = pending.get(answer.seq)
    pending.delete(answer.seq)
    if ('slug' in answer) waiting?.reject(new EngineError(answer.slug, answer.message, answer.detail))
    else waiting?.resolve(answer.value)
  })
  thread.on('error', (error) => end('the catalog stopped', error))
  thread.on('exit', () => end('the catalog is closed'))

  const call = (method: keyof Catalog) => (...args: readonly unknown[]): Promise<unknown> => {
    if (closed) return Promise.reject(new EngineError('unavailable', 'the catalog is closed'))
    const seq = (lastSeq += 1)
    return new Promise((resolve, reject) => {
      pending.set(seq, { resolve, reject })
      thread.postMessage({ seq, method, args } satisfies CatalogCall)
    })
  }
  const names = Object.keys(METHODS) as (keyof Catalog)[]
  const catalog = Object.fromEntries(names.map((name) => [name, call(name)])) as unknown as Catalog
  return {
    catalog,
    async close() {
      await thread.terminate()
    },
  }
}
