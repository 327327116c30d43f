// Directories that live as long as a session or a child: made fresh, readable by the owner alone,
// removed afterwards, and swept when a process died before it could.
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'

/** `q` of a query's files, `c` a child's working directory; then the pid of the process that made it */
const NAME = /^[qc]-(\d+)-/

/** creates `parent` when it is missing, and removes what processes that are gone left in it */
export function sweepPrivateDirs(parent: string): void {
  mkdirSync(parent, { recursive: true, mode: 0o700 })
  for (const name of readdirSync(parent)) {
    const pid = Number(NAME.exec(name)?.[1] ?? NaN)
    if (!Number.isNaN(pid) && isLeftover(join(parent, name), pid)) rmSync(join(parent, name), { recursive: true, force: true })
  }
}

/** the path of a new empty directory below `parent` */
export function makePrivateDir(parent: string, kind: 'q' | 'c'): Promise<string> {
  return mkdtemp(join(parent, `${kind}-${process.pid}-`))
}

/** the same where there is no time to wait */
export function makePrivateDirSync(parent: string, kind: 'q' | 'c'): string {
  return mkdtempSync(join(parent, `${kind}-${process.pid}-`))
}

export function removePrivateDir(dir: string): Promise<void> {
  return rm(dir, { recursive: true, force: true, maxRetries: 3 })
}

/** In a container every server is pid 1: what is older than this process cannot be its own. */
function isLeftover(path: string, pid: number): boolean {
  if (pid !== process.pid) return !isAlive(pid)
  const startedAtMs = Date.now() - process.uptime() * 1_000
  return (statSync(path, { throwIfNoEntry: false })?.birthtimeMs ?? 0) < startedAtMs
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
