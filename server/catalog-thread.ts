// The catalog off the event loop: node:sqlite is synchronous, and a commit waits for the disk and for
// the writer's lock. Each method of the port becomes a message to this thread and back.
import { parentPort, workerData } from 'node:worker_threads'
import { asEngineError, assert, type ErrorDetail, type ErrorSlug } from '../lib/model/errors.ts'
import type { Catalog } from '../lib/engine/ports.ts'
import { openCatalog } from '../lib/local/catalog.ts'
import { systemClock } from '../lib/node/clock.ts'
import { openDatabase } from '../lib/local/database.ts'

export interface CatalogThreadData {
  readonly dataDir: string
}
export interface CatalogCall {
  readonly seq: number
  readonly method: keyof Catalog
  readonly args: readonly unknown[]
}
export type CatalogAnswer =
  | { readonly seq: number; readonly value: unknown }
  | { readonly seq: number; readonly slug: ErrorSlug; readonly message: string; readonly detail: ErrorDetail }

function serve(data: CatalogThreadData): void {
  assert(parentPort !== null, 'the catalog thread runs inside a worker')
  const port = parentPort
  const catalog = openCatalog(openDatabase(data.dataDir), systemClock)
  port.on('message', (call: CatalogCall) => {
    const method = catalog[call.method] as (...args: readonly unknown[]) => Promise<unknown>
    method(...call.args).then(
      (value) => port.postMessage({ seq: call.seq, value } satisfies CatalogAnswer),
      (thrown: unknown) => {
        const { slug, message, detail: { cause, ...detail } } = asEngineError(thrown)
        const detailed = { ...detail, ...(cause === undefined ? {} : { cause: String(cause) }) }
        port.postMessage({ seq: call.seq, slug, message, detail: detailed } satisfies CatalogAnswer)
      },
    )
  })
}

serve(workerData as CatalogThreadData)
