// The section "Cold start" of docs/bench.md: what was measured, against what, and what was wanted.

export interface ColdRun {
  /** from the start of the process to its first reply, milliseconds */
  readonly wallMs: number
  /** user and system, all threads, of the process itself (a sandbox child is not counted) */
  readonly cpuMs: number
  /** whether Node loaded its own fetch */
  readonly fetch: boolean
}

export interface ColdCase {
  readonly name: string
  /** the goal, wall */
  readonly overBareMs: number
  readonly runs: ColdRun[]
}

export interface ColdFigures {
  readonly bare: readonly ColdRun[]
  readonly cases: readonly ColdCase[]
  readonly rounds: number
  readonly machine: string
  readonly load: readonly number[]
}

const SECTION = /\n## Cold start\n[\s\S]*?(?=\n## |$)/

/** the section as a document has it, or nothing */
export const coldStartOf = (document: string): string => SECTION.exec(document)?.[0] ?? ''

/** the document with this section in the place of the one it has, or at its end */
export const withColdStart = (document: string, section: string): string => `${document.replace(SECTION, '').trimEnd()}\n\n${section}`

function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? NaN
}

const ms = (n: number): string => n.toFixed(0)
const wall = (runs: readonly ColdRun[]): number => medianOf(runs.map((run) => run.wallMs))
const cpu = (runs: readonly ColdRun[]): number => medianOf(runs.map((run) => run.cpuMs))
const least = (runs: readonly ColdRun[]): number => Math.min(...runs.map((run) => run.wallMs))

export function coldStartSection({ bare, cases, rounds, machine, load }: ColdFigures): string {
  const row = (name: string, runs: readonly ColdRun[], goal: number | null): string => [
    name, ms(wall(runs)), ms(least(runs)), ms(cpu(runs)), ms(wall(runs) - wall(bare)), ms(least(runs) - least(bare)), ms(cpu(runs) - cpu(bare)), goal === null ? '-' : `${goal}`,
  ].join(' | ')
  const fetched = cases.filter(({ runs }) => runs.some((run) => run.fetch)).map(({ name }) => name)
  return `## Cold start

\`npm run bench:cold -- --record\` wrote this section (${new Date().toISOString().slice(0, 10)}; ${machine}; load average at the end ${load.map((n) => n.toFixed(1)).join(', ')}).
From the start of a process of plain Node to its first reply: bundles as they are deployed, DynamoDB, S3 and SQS on the same machine.
Medians of ${rounds} runs, in turn with bare Node (a module that prints at once); milliseconds. Whoever shares the machine shows in the
medians of wall time first: the least of each is beside them.

| | wall | least wall | CPU | wall over bare | least over bare | CPU over bare | goal over bare |
|---|---|---|---|---|---|---|---|
| ${row('bare Node', bare, null)} |
${cases.map(({ name, runs, overBareMs }) => `| ${row(name, runs, overBareMs)} |`).join('\n')}

CPU is that of the function's own process; the first search also starts a sandbox child, whose CPU is not in it. ${fetched.length === 0 ? 'None of them loads' : `These load: ${fetched.join('; ')};`} Node's own \`fetch\`.
\`module.enableCompileCache\` is of no use on Lambda: nothing but the package is there at a cold start, and a cache made
elsewhere is refused by another V8 or CPU. Lambda's own part (the package's download, the runtime's start) is not in these figures.
`
}
