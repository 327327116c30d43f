// The port Blobs whose client is loaded on its first use: the ingest handler touches S3 only for the
// rare body that is too large for a message, and a client's import would be on every cold start.
import type { Blobs } from '../engine/ports.ts'

/** @param load imports the client's module and makes the adapter; asked again after it failed */
export function lazyBlobs(load: () => Promise<Blobs>): Blobs {
  let loading: Promise<Blobs> | null = null

  function loaded(): Promise<Blobs> {
    loading ??= load().catch((error: unknown) => {
      loading = null
      throw error
    })
    return loading
  }

  return {
    put: async (key, bytes) => (await loaded()).put(key, bytes),
    get: async (key, range) => (await loaded()).get(key, range),
    list: async (prefix, after) => (await loaded()).list(prefix, after),
    delete: async (key) => (await loaded()).delete(key),
  }
}
