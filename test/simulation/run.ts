// The simulator from the command line:
//   node test/simulation/run.ts --seeds 20000 --from 1 [--workers 2] [--twice] [--probes] [--log]
// Prints progress, then the probes nobody hit; exits 1 with the failing seed. `--twice` runs every seed
// again and compares the hashes of the two logs, `--log` prints the whole log of one seed.
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads'
import { parseArgs } from 'node:util'
import { PROBES, addProbes, newProbes, unhit, type ProbeCounts } from './probes.ts'
import { simulate } from './simulate.ts'

interface Share {
  readonly from: number
  readonly to: number
  readonly step: number
  readonly twice: boolean
}
type FromShare =
  | { readonly kind: 'progress'; readonly seeds: number }
  | { readonly kind: 'failed'; readonly seed: number; readonly message: string }
  | { readonly kind: 'done'; readonly probes: ProbeCounts; readonly events: number }

async function runShare({ from, to, step, twice }: Share, post: (message: FromShare) => void): Promise<void> {
  const probes = newProbes()
  let [events, seeds] = [0, 0]
  for (let seed = from; seed < to; seed += step) {
    const verdict = await simulate(seed)
    if (twice && (await simulate(seed)).hash !== verdict.hash) return post({ kind: 'failed', seed, message: 'two runs of it differ' })
    if (verdict.failure !== null) return post({ kind: 'failed', seed, message: verdict.failure.message })
    addProbes(probes, verdict.probes)
    events += verdict.events
    if (++seeds % 500 === 0) post({ kind: 'progress', seeds: 500 })
  }
  post({ kind: 'done', probes, events })
}

function main(): void {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '300' }, from: { type: 'string', default: '1' }, workers: { type: 'string', default: '1' },
      log: { type: 'boolean', default: false }, probes: { type: 'boolean', default: false },
      twice: { type: 'boolean', default: false },
    },
  })
  const from = Number(values.from)
  if (values.log) {
    void simulate(from, true).then((verdict) => {
      process.stdout.write(`${verdict.log.join('')}${verdict.failure?.stack ?? 'no violation'}\n`)
      process.exitCode = verdict.failure === null ? 0 : 1
    })
    return
  }
  const seeds = Number(values.seeds)
  const workers = Math.max(1, Number(values.workers))
  const probes = newProbes()
  let [done, left, events] = [0, workers, 0]
  const take = (message: FromShare): void => {
    if (message.kind === 'progress') {
      done += message.seeds
      console.log(`${done} of ${seeds} seeds`)
    } else if (message.kind === 'failed') {
      console.log(`seed ${message.seed} fails: ${message.message}`)
      console.log(`its log: node test/simulation/run.ts --from ${message.seed} --log`)
      process.exit(1)
    } else {
      addProbes(probes, message.probes)
      events += message.events
      if (--left === 0) report(seeds, events, probes, values.probes)
    }
  }
  for (let i = 0; i < workers; i++) {
    const share: Share = { from: from + i, to: from + seeds, step: workers, twice: values.twice }
    if (workers === 1) void runShare(share, take)
    else new Worker(new URL(import.meta.url), { workerData: share }).on('message', take)
  }
}

function report(seeds: number, events: number, probes: ProbeCounts, all: boolean): void {
  const missed = unhit(probes)
  console.log(`${seeds} seeds, ${events} events, no violation; ${PROBES.length - missed.length} of ${PROBES.length} probes hit`)
  if (all) for (const [name, n] of probes) console.log(`${String(n).padStart(8)} ${name}`)
  for (const name of missed) console.log(`never: ${name}`)
}

if (isMainThread) main()
else void runShare(workerData as Share, (message) => parentPort!.postMessage(message))
