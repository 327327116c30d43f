// What a bench run shows: the tables for the terminal and for docs/bench.md, the change against the
// recorded run, and the figures themselves, kept in the document so that the next run finds them.
import type { CellFigures, Figures, ServerFigures, Spread } from './river-figures.ts'
import type { Format } from './river-load.ts'

const MARK = '<!-- figures: '
const NAMES: Readonly<Record<Format, string>> = { protobuf: 'OTLP protobuf', 'otlp-json': 'OTLP JSON', 'flat-json': 'flat JSON' }

/** what has to hold for 512 KB requests, CPU-ms per raw MB */
const BOTH_MAX: Readonly<Record<Format, number>> = { protobuf: 14, 'otlp-json': 13, 'flat-json': 9 }
const RECEIVE_MAX = 3.5
const STORED_MAX = 0.09
const DELAY_P99_MAX_MS = 50

/** the run that the document records; null: none, or one of another shape */
export function recordedIn(document: string): Figures | null {
  const from = document.indexOf(MARK)
  if (from < 0) return null
  try {
    return JSON.parse(document.slice(from + MARK.length, document.indexOf(' -->', from))) as Figures
  } catch {
    return null
  }
}

const kilobytes = (bytes: number): string => (bytes < 1e6 ? `${Math.round(bytes / 1024)} KB` : `${(bytes / 1e6).toFixed(1)} MB`)
const percent = (share: number): string => `${(share * 100).toFixed(1)} %`
const spread = ({ min, median }: Spread): string => `${min.toFixed(1)} / ${median.toFixed(1)}`

function change(now: number, before: number | undefined): string {
  if (before === undefined || !(before > 0)) return ''
  return ` (${now >= before ? '+' : '-'}${Math.abs(Math.round((now / before - 1) * 100))} %)`
}

type Row = readonly string[]

function table(head: Row, rows: readonly Row[]): string {
  const all = [head, ...rows]
  const widths = head.map((_, i) => Math.max(...all.map((row) => row[i]!.length)))
  const line = (row: Row): string => `| ${row.map((cell, i) => cell.padEnd(widths[i]!)).join(' | ')} |`
  return [line(head), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...rows.map(line)].join('\n')
}

const cellOf = (figures: Figures | null, { format, requestBytes }: CellFigures): CellFigures | undefined =>
  figures?.cells.find((c) => c.format === format && Math.abs(c.requestBytes / requestBytes - 1) < 0.1)

export function cpuTable(figures: Figures, before: Figures | null): string {
  const rows = figures.cells.map((c) => {
    const old = cellOf(before, c)
    return [
      NAMES[c.format], kilobytes(c.requestBytes), spread(c.receive), spread(c.queued), spread(c.write),
      spread(c.both) + change(c.both.median, old?.both.median), spread(c.gunzip), spread(c.zstd), spread(c.jsonParse),
      (c.both.median / c.gunzip.median).toFixed(1), (c.both.median / c.jsonParse.median).toFixed(1),
    ]
  })
  return table(['gzip', 'request', 'receive', 'receive + queue', 'write', 'both', '`gunzip`', '`zstd -1`', '`JSON.parse`', 'both / gunzip', 'both / parse'], rows)
}

export function storeTable(figures: Figures, before: Figures | null): string {
  const rows = figures.cells.map((c) => [
    NAMES[c.format], kilobytes(c.requestBytes), kilobytes(c.flushBytes), percent(c.storedPerRaw),
    percent(c.storedPerOtlpJson) + change(c.storedPerOtlpJson, cellOf(before, c)?.storedPerOtlpJson),
    c.gzipRatio.toFixed(1), percent(c.lateShare), String(c.streamsAPackMin), c.slicesAPack.toFixed(1), percent(c.overlapShare), kilobytes(c.peakRssBytes),
  ])
  return table(
    ['gzip', 'request', 'flush', 'stored / raw', 'stored / OTLP JSON', 'gzip ratio', 'late rows', 'streams a pack', 'slices a pack', 'overlapping', 'peak RSS'], rows)
}

export function serverTable(s: ServerFigures, before: ServerFigures | null): string {
  const mb = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`
  return table(['of the server', ''], [
    ['sent', `${mb(s.rawBytes)} raw in ${s.seconds.toFixed(0)} s, ${s.requests} requests, ${s.refused} not answered 200`],
    ['rate, of what it took and wrote at full speed', `${mb(s.rate)}/s of ${mb(s.capacity)}/s`],
    ['CPU-ms per raw MB, min / median of 5 s windows', spread(s.cpu) + change(s.cpu.median, before?.cpu.median)],
    ['event-loop delay, p50 / p99 / longest', `${s.delayP50Ms.toFixed(1)} / ${s.delayP99Ms.toFixed(1)} / ${s.delayMaxMs.toFixed(1)} ms`],
    ['answer at the client, p50 / p99', `${s.answerP50Ms.toFixed(0)} / ${s.answerP99Ms.toFixed(0)} ms`],
    ['peak RSS, the process / with its query processes', `${mb(s.peakRssBytes)} / ${mb(s.peakTreeRssBytes)}${change(s.peakRssBytes, before?.peakRssBytes)}`],
  ])
}

/** each demand with its figure; the medians count, the best round is told beside them */
export function verdicts(figures: Figures): string[] {
  const lines: string[] = []
  const add = (name: string, value: number, max: number, shown: string): void => {
    lines.push(`${value <= max ? 'holds' : 'FALLS SHORT'}: ${name}: ${shown}`)
  }
  for (const c of figures.cells.filter(({ requestBytes }) => requestBytes > 3e5 && requestBytes < 1e6)) {
    add(`${NAMES[c.format]}, receive + queue + write <= ${BOTH_MAX[c.format]}`, c.both.median, BOTH_MAX[c.format], `median ${c.both.median.toFixed(1)}, best ${c.both.min.toFixed(1)} CPU-ms per raw MB`)
    add(`${NAMES[c.format]}, receive <= ${RECEIVE_MAX}`, c.receive.median, RECEIVE_MAX, `median ${c.receive.median.toFixed(1)}, best ${c.receive.min.toFixed(1)} CPU-ms per raw MB`)
    add(`${NAMES[c.format]}, stored <= ${percent(STORED_MAX)} of the OTLP JSON`, c.storedPerOtlpJson, STORED_MAX, percent(c.storedPerOtlpJson))
  }
  if (figures.server !== null) {
    const { delayP99Ms } = figures.server
    add(`event-loop delay p99 <= ${DELAY_P99_MAX_MS} ms`, delayP99Ms, DELAY_P99_MAX_MS, `${delayP99Ms.toFixed(1)} ms`)
  }
  return lines
}

export function documentOf(figures: Figures): string {
  return `# The bench

\`${figures.command}\` wrote this file; \`npm run bench\` prints the change against it. What is measured and how: below.

- Date: ${figures.date}
- Machine: ${figures.machine}
- Load average (1, 5, 15 minutes) at the start and at the end: ${figures.load}. CPU time grows when others use the caches: on a busy
  machine compare the best round, and the ratios to the baselines of the same run.

CPU is CPU-ms (user + system, all threads: garbage collector, compiler, SQLite and files included) per raw MB, *best round / median*. A raw
MB is 10^6 bytes of uncompressed request body, for \`JSON.parse\` of OTLP JSON text.

## Receive, queue, write

${cpuTable(figures, null)}

*receive*: coding off, every record judged, envelope made, handed to a queue that does nothing. *receive + queue*: the same into the
SQLite queue, durable. *write*: out of the queue, decoded, packed, put, committed, deleted. *both*: the sum of the two before.

## Stored

${storeTable(figures, null)}

${figures.server === null ? '' : `## The server under load

One process sends gzip OTLP protobuf requests of 512 KB over four connections at two thirds of what the server took and wrote at full
speed; sender and server share the machine.

${serverTable(figures.server, null)}

`}## What must hold

${verdicts(figures).map((line) => `- ${line}`).join('\n')}

## How

- Logs of a shop's services (\`test/support/otlp-load.ts\`): 21 resource attributes, about 10 record attributes of two shapes, 12 bodies,
  80 % of records with trace ids; requests of 64 KB, 512 KB and 4 MB uncompressed, gzip, to three streams in turn. One
  resource in 16 is 3 or 50 hours late, and 1 % of records a day; requests that follow one another overlap by a second.
- Each cell of the tables is a process of its own (\`test/bench/river-stages.ts\`) with the embedded server's settings and its
  SQLite and file adapters: warm-up rounds, then rounds of 16 MB raw (two sets of requests in turn) without a forced collection between
  them, up to eight requests under way. A flush holds 16 MB raw, or the 98 messages that one transaction can claim. Baselines follow in
  the same process, over the same bodies.
- *Overlapping*: slices that begin before the one before them of the same stream and day has ended.
- The event loop's delay is \`nilometer_event_loop_delay_ms\` of \`/metrics\`: how much later than asked a timer of 10 ms fires.
- \`npm run bench -- --short\` runs the 512 KB cells and the server briefly; \`-- --record\` writes this file.

${MARK}${JSON.stringify(figures)} -->
`
}
