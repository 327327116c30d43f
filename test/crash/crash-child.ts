// The process that dies, and the one that comes after it. `work <folder> <notes> [step]` runs the
// script and kills itself with SIGKILL at the named step; without one it names every step it meets.
// `recover <notes> <acknowledged> <variant>=<folder>...` mends each folder in its way.
import { writeSync } from 'node:fs'
import { openWorld, workload } from './crash-actors.ts'
import { recover, VARIANTS, type Variant } from './crash-recovery.ts'

/** at once and whole, for the next line may be the last */
const say = (line: string): void => void writeSync(1, `${line}\n`)

async function work(dataDir: string, notes: string, last: string | undefined): Promise<void> {
  // Only the calls of the script: opening the folder is not one of them.
  const onStep = (name: string): void => {
    if (last === undefined) say(`step ${name}`)
    else if (name === last) process.kill(process.pid, 'SIGKILL')
  }
  const world = await openWorld(dataDir, onStep, notes)
  await workload(world, (name) => say(`ack ${name}`))
  await world.close()
  say('end')
}

async function mend(notes: string, acknowledged: string, folders: readonly string[]): Promise<void> {
  for (const folder of folders) {
    const at = folder.indexOf('=')
    const variant = VARIANTS.find((v) => v === folder.slice(0, at)) as Variant
    try {
      await recover(variant, folder.slice(at + 1), notes, new Set(acknowledged.split(',')))
      say(`mended ${variant}`)
    } catch (error) {
      say(`failed ${variant} ${String(error).replaceAll('\n', ' ')}`)
    }
  }
}

const [mode, first = '', second = '', ...rest] = process.argv.slice(2)
if (mode === 'work') await work(first, second, rest[0])
else await mend(first, second, rest)
