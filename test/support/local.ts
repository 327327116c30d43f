// Embedded mode's adapters in fresh directories under one that goes when the test file ends, on a
// clock that a test moves; what was opened is closed after each test.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { afterAll, afterEach } from 'vitest'
import type { Clock } from '../../lib/engine/ports.ts'
import { openDatabase } from '../../lib/local/database.ts'
import { openQueue } from '../../lib/local/queue.ts'
import type { LocalQueue, QueueOptions } from '../../lib/local/queue.ts'
import { createTelemetry } from '../../lib/node/telemetry.ts'

/** 2026-11-21T00:00:00Z */
export const START = 1_795_219_200_000_000

export interface LocalDirectories {
  readonly freshDir: () => string
  readonly database: (dataDir: string, busyTimeoutMs?: number) => DatabaseSync
  readonly queueIn: (dataDir: string, over?: Partial<QueueOptions>) => Promise<LocalQueue>
}

export function movableClock(): { readonly clock: Clock; readonly advance: (ms: number) => void } {
  let now = START
  return {
    clock: { now: () => now, monotonicMs: () => now / 1_000, sleep: async () => undefined },
    advance: (ms) => { now += ms * 1_000 },
  }
}

/** call once at the top of a test file; `each: false` keeps all open until the file ends */
export function localDirectories({ each }: { readonly each: boolean }): LocalDirectories {
  const root = mkdtempSync(join(tmpdir(), 'nilometer-'))
  const closers: (() => unknown)[] = []
  const closeAll = async (): Promise<void> => {
    for (const close of closers.splice(0).toReversed()) await close()
  }
  if (each) afterEach(closeAll)
  afterAll(async () => {
    await closeAll()
    rmSync(root, { recursive: true, force: true })
  })
  let made = 0
  return {
    freshDir: () => join(root, `d${made += 1}`),
    database: (dataDir, busyTimeoutMs) => {
      const db = openDatabase(dataDir, busyTimeoutMs === undefined ? {} : { busyTimeoutMs })
      closers.push(() => { if (db.isOpen) db.close() })
      return db
    },
    queueIn: async (dataDir, over = {}) => {
      const { clock } = movableClock()
      const telemetry = createTelemetry({ clock, level: 'error', write: () => undefined })
      const queue = await openQueue({ dataDir, clock, telemetry, backlogBytesMax: 2 ** 28, backlogMessagesMax: 10_000, ...over })
      closers.push(() => queue.close())
      return queue
    },
  }
}
