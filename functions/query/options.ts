// What the query app and its routes are made with.
import type { Ports } from '../../lib/engine/ports.ts'
import type { SearchState } from '../../lib/engine/query/search.ts'
import type { Settings } from '../../lib/engine/settings.ts'

export interface QueryAppOptions {
  readonly ports: Ports
  readonly settings: Settings
  readonly state: SearchState
  readonly version: string
  /** Prometheus text of this process */
  readonly renderMetrics: () => Promise<string> | string
  /** writes what is queued and resolves when it is searchable; absent where no writer can be hurried */
  readonly flush?: () => Promise<void>
}
