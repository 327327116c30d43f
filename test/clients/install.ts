// The real clients are no dependency of the product: they are installed beside these tests, from
// their own lock file, when they are missing or the lock file has changed since.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const FOLDER = import.meta.dirname
/** inside node_modules, so that it goes when that goes */
const STAMP = join(FOLDER, 'node_modules', '.installed-from')
const INSTALL_MS_MAX = 180_000

/** what was done, for the report; throws with npm's words when it fails */
export function installClients(): string {
  const hash = createHash('sha256').update(readFileSync(join(FOLDER, 'package-lock.json'))).digest('hex')
  if (stamp() === hash) return 'already installed from this lock file'
  // The packages' install scripts are never run; on Windows npm is a script that only a shell starts.
  const words = ['ci', '--prefix', FOLDER, '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  const windows = process.platform === 'win32'
  execFileSync(windows ? 'npm.cmd' : 'npm', words, { cwd: FOLDER, stdio: ['ignore', 'pipe', 'pipe'], timeout: INSTALL_MS_MAX, shell: windows })
  writeFileSync(STAMP, hash)
  return 'npm ci'
}

function stamp(): string | null {
  try {
    return readFileSync(STAMP, 'utf8')
  } catch {
    return null
  }
}
