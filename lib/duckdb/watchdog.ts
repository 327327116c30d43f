// The watchdog of a sandbox child: how much memory the operating system says it holds, looked at
// while it works. DuckDB's memory_limit does not count what its functions take for values: one
// line of SQL took 5.8 GB under a limit of 256 MB.
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** A memory hog touches 2-4 GB/s: at 25 ms it overshoots by 100 MB or less. A look costs 20 µs. */
const LOOK_MS = 25
/** Without /proc a look is a process of its own. */
const LOOK_MS_WITHOUT_PROC = 250

/**
 * Calls `onOver` with the bytes seen, once, when the process holds more than `rssBytesMax`.
 * Returns what stops the watch. On Windows there is no look: memory_limit and the deadline stand alone.
 */
export function watchMemory(pid: number, rssBytesMax: number, onOver: (bytes: number) => void): () => void {
  let watching = true
  const see = (bytes: number | null): void => {
    if (!watching || bytes === null || bytes <= rssBytesMax) return
    stop()
    onOver(bytes)
  }
  const linux = process.platform === 'linux'
  const look = linux ? () => see(residentBytes(pid)) : () => void residentBytesByPs(pid).then(see)
  const timer = setInterval(look, linux ? LOOK_MS : LOOK_MS_WITHOUT_PROC)
  const stop = (): void => {
    watching = false
    clearInterval(timer)
  }
  return stop
}

/** resident bytes of a process on Linux; null when it is gone or there is no /proc */
export function residentBytes(pid: number): number | null {
  try {
    // status and not statm: it counts in kB whatever the page size, which Node does not know.
    const match = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))
    return match === null ? null : Number(match[1]) * 1024
  } catch {
    return null
  }
}

function residentBytesByPs(pid: number): Promise<number | null> {
  return new Promise((resolve) => {
    execFile('ps', ['-o', 'rss=', '-p', String(pid)], (error, stdout) => {
      const kilobytes = Number.parseInt(stdout, 10)
      resolve(error !== null || Number.isNaN(kilobytes) ? null : kilobytes * 1024)
    })
  })
}
