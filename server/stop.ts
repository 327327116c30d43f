// Graceful stop: no new requests, those under way are answered, the writer finishes its batch. What
// is still queued is on disk and goes on at the next start. A second signal ends it at once.
import type { Telemetry } from '../lib/engine/ports.ts'

export function stopOnSignals(steps: readonly (() => Promise<void> | void)[], telemetry: Telemetry): void {
  let stopping = false
  const stop = (signal: string): void => {
    if (stopping) process.exit(1)
    stopping = true
    telemetry.log('info', 'stopping', { signal })
    void (async () => {
      for (const step of steps) await step()
      telemetry.log('info', 'stopped')
      process.exit(0)
    })()
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
}
