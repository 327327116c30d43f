// Many seeds from the command line, shared between worker threads:
//   --seeds 20000 --from 1 [--workers 2] [--twice] [--probes]     or one seed: --seed 827 [--log]
// Prints progress, the probes nobody hit and a verdict as its last line; exits 1 with the failing seed.
// `--twice` runs every seed again and compares the hashes of the two logs, `--log` prints the whole log
// of one seed. A run of many seeds that misses a probe fails too.
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads'
import { parseArgs } from 'node:util'

export interface SeedVerdict {
  readonly seed: number
  readonly events: number
  /** of everything that happened, in order, with its virtual time */
  readonly hash: string
  readonly probes: ReadonlyMap<string, number>
  readonly failure: Error | null
  readonly log: readonly string[]
}

export interface Simulator {
  /** of the script that runs it, `import.meta.url`: workers start there */
  readonly url: string
  /** the same as people type it */
  readonly command: string
  readonly simulate: (seed: number, keepLog?: boolean) => Promise<SeedVerdict>
  readonly probes: readonly string[]
}

interface Share {
  readonly from: number
  readonly to: number
  readonly step: number
  readonly twice: boolean
}
type FromShare =
  | { readonly kind: 'progress'; readonly seeds: number }
  | { readonly kind: 'failed'; readonly seed: number; readonly message: string }
  | { readonly kind: 'done'; readonly probes: ReadonlyMap<string, number>; readonly events: number }

/** from this many seeds on every probe must have been hit */
const FULL_RUN_SEEDS = 1_000

/** the script's whole work, in the main thread and in its workers */
export function runSeeds(simulator: Simulator): void {
  if (isMainThread) main(simulator)
  else void runShare(simulator, workerData as Share, (message) => parentPort!.postMessage(message))
}

async function runShare({ simulate }: Simulator, { from, to, step, twice }: Share, post: (message: FromShare) => void): Promise<void> {
  // Errors are everyday here, and their stacks a tenth of the work.
  Error.stackTraceLimit = 0
  const probes = new Map<string, number>()
  let [events, seeds] = [0, 0]
  for (let seed = from; seed < to; seed += step) {
    const verdict = await simulate(seed)
    if (verdict.failure !== null) return post({ kind: 'failed', seed, message: verdict.failure.message })
    if (twice && (await simulate(seed)).hash !== verdict.hash) return post({ kind: 'failed', seed, message: 'two runs of it differ' })
    for (const [name, n] of verdict.probes) probes.set(name, (probes.get(name) ?? 0) + n)
    events += verdict.events
    if (++seeds % 500 === 0) post({ kind: 'progress', seeds: 500 })
  }
  post({ kind: 'done', probes, events })
}

function main(simulator: Simulator): void {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '300' }, from: { type: 'string', default: '1' }, workers: { type: 'string', default: '1' },
      seed: { type: 'string' }, log: { type: 'boolean', default: false }, probes: { type: 'boolean', default: false },
      twice: { type: 'boolean', default: false },
    },
  })
  const from = Number(values.seed ?? values.from)
  if (values.log) {
    void simulator.simulate(from, true).then((verdict) => {
      process.stdout.write(`${verdict.log.join('')}${verdict.failure?.stack ?? 'no violation'}\n`)
      process.exitCode = verdict.failure === null ? 0 : 1
    })
    return
  }
  const seeds = values.seed === undefined ? Number(values.seeds) : 1
  const workers = Math.max(1, Math.min(seeds, Number(values.workers)))
  const probes = new Map<string, number>()
  let [done, left, events] = [0, workers, 0]
  const take = (message: FromShare): void => {
    if (message.kind === 'progress') {
      done += message.seeds
      console.log(`${done} of ${seeds} seeds`)
    } else if (message.kind === 'failed') {
      console.log(`seed ${message.seed} fails: ${message.message}`)
      console.log(`its log: node ${simulator.command} --seed ${message.seed} --log`)
      process.exit(1)
    } else {
      for (const [name, n] of message.probes) probes.set(name, (probes.get(name) ?? 0) + n)
      events += message.events
      if (--left === 0) report(simulator, seeds, events, probes, values.probes)
    }
  }
  for (let i = 0; i < workers; i++) {
    const share: Share = { from: from + i, to: from + seeds, step: workers, twice: values.twice }
    if (workers === 1) void runShare(simulator, share, take)
    else new Worker(new URL(simulator.url), { workerData: share }).on('message', take)
  }
}

function report({ probes: names }: Simulator, seeds: number, events: number, probes: ReadonlyMap<string, number>, all: boolean): void {
  const missed = names.filter((name) => (probes.get(name) ?? 0) === 0)
  if (all) for (const name of names) console.log(`${String(probes.get(name) ?? 0).padStart(8)} ${name}`)
  for (const name of missed) console.log(`never: ${name}`)
  console.log(`${seeds} seeds, ${events} events, no violation; ${names.length - missed.length} of ${names.length} probes hit`)
  if (missed.length > 0 && seeds >= FULL_RUN_SEEDS) process.exitCode = 1
}
