// STORY: a process dies at each step of the way in, and nothing is lost or doubled. A first run names
// the steps (before and after every call of a port); then, for each, a process runs the script up to
// there and kills itself, three copies of its folder are mended in three ways, and a reader that shares
// no code with the server compares. `npm run test:crash`, with `-- --only commit` for some steps.
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { faultsOf } from './crash-check.ts'
import { VARIANTS } from './crash-recovery.ts'
import { ALL_REQUESTS } from './crash-workload.ts'

const { values } = parseArgs({ options: { only: { type: 'string', default: '' }, keep: { type: 'boolean', default: false }, workers: { type: 'string', default: '2' } } })
const root = mkdtempSync(join(tmpdir(), 'nilometer-crash-'))
const CHILD = join(import.meta.dirname, 'crash-child.ts')

interface Ended {
  readonly lines: readonly string[]
  readonly signal: string | null
  readonly code: number | null
  readonly errors: string
}

/** compiled modules are shared: most of a child's life would be reading the same sources */
const env = { ...process.env, NODE_COMPILE_CACHE: join(root, 'compiled') }

function child(...args: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const started = execFile(process.execPath, [CHILD, ...args], { env, maxBuffer: 2 ** 24, timeout: 60_000 }, (_error, stdout, stderr) => {
      resolve({ lines: stdout.split('\n').filter((l) => l !== ''), signal: started.signalCode, code: started.exitCode, errors: stderr })
    })
  })
}

const after = (lines: readonly string[], word: string): string[] => lines.filter((l) => l.startsWith(`${word} `)).map((l) => l.slice(word.length + 1))
const keyed = ALL_REQUESTS.filter(({ request }) => request.idempotencyKey !== null).map(({ name }) => name)

async function namesOfSteps(): Promise<string[]> {
  const run = await child('work', join(root, 'whole'), join(root, 'whole.notes'))
  if (run.lines.at(-1) !== 'end') throw new Error(`the script does not run through:\n${run.lines.join('\n')}\n${run.errors}`)
  const faults = await faultsOf(join(root, 'whole'), { once: new Set(after(run.lines, 'ack')), garbage: true })
  if (faults.length > 0) throw new Error(`the script ends wrong without any crash:\n${faults.join('\n')}`)
  return after(run.lines, 'step')
}

/** one crash and its three recoveries; what is wrong, by variant */
async function crashAt(step: string, folder: string): Promise<string[]> {
  mkdirSync(folder)
  const [dead, notes] = [join(folder, 'dead'), join(folder, 'notes')]
  const run = await child('work', dead, notes, step)
  if (run.signal !== 'SIGKILL') return [`the process did not die at ${step}: ${run.lines.at(-1)} ${run.errors}`]
  const acknowledged = new Set(after(run.lines, 'ack'))
  for (const variant of VARIANTS) cpSync(dead, join(folder, variant), { recursive: true })
  const mended = await child('recover', notes, [...acknowledged].join(','), ...VARIANTS.map((v) => `${v}=${join(folder, v)}`))
  const faults = after(mended.lines, 'failed')
  if (mended.code !== 0) faults.push(`the recovery ended with ${mended.code ?? mended.signal}: ${mended.errors}`)
  const once = new Set([...acknowledged, ...keyed])
  for (const variant of VARIANTS) {
    const found = await faultsOf(join(folder, variant), { once, garbage: acknowledged.has('garbage') })
    faults.push(...found.map((fault) => `${variant}: ${fault}`))
  }
  if (faults.length === 0 && !values.keep) rmSync(folder, { recursive: true, force: true })
  return faults
}

/** `3:blobs.put:before` belongs to `blobs.put` */
const groupOf = (step: string): string => step.split(':')[1]!

const began = performance.now()
const steps = (await namesOfSteps()).filter((step) => step.includes(values.only))
const groups = Map.groupBy(steps, groupOf)
let violations = 0
for (const [group, members] of groups) {
  const groupBegan = performance.now()
  const waiting = [...members]
  const bad: string[] = []
  const worker = async (): Promise<void> => {
    for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) {
      const faults = await crashAt(step, join(root, step.replaceAll(':', '-')))
      bad.push(...faults.map((fault) => `     ${step}  ${fault}`))
    }
  }
  await Promise.all(Array.from({ length: Number(values.workers) }, worker))
  violations += bad.length
  const seconds = ((performance.now() - groupBegan) / 1_000).toFixed(1)
  process.stdout.write(`${bad.length === 0 ? 'ok  ' : 'FAIL'} ${group.padEnd(22)} ${String(members.length).padStart(3)} crashes, ${members.length * VARIANTS.length} recoveries, ${seconds} s\n`)
  if (bad.length > 0) process.stdout.write(`${bad.join('\n')}\n`)
}
process.stdout.write(`${steps.length} crashes, ${steps.length * VARIANTS.length} recoveries, ${violations} violations, ${((performance.now() - began) / 1_000).toFixed(0)} s\n`)
if (violations === 0 && !values.keep) rmSync(root, { recursive: true, force: true })
else process.stdout.write(`kept ${root}\n`)
process.exit(violations === 0 && steps.length > 0 ? 0 : 1)
