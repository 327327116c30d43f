// Leaves whose client is loaded by the first share that is sent away: a small search scans by itself.
import type { Leaves } from '../../lib/engine/ports.ts'

/** @param load imports the client's module and makes the adapter; asked again after it failed */
export function lazyLeaves(load: () => Promise<Leaves>): Leaves {
  let loading: Promise<Leaves> | null = null
  const loaded = (): Promise<Leaves> => {
    loading ??= load().catch((error: unknown) => {
      loading = null
      throw error
    })
    return loading
  }
  return { scan: async (share) => (await loaded()).scan(share) }
}
