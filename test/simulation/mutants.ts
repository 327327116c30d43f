// Does the simulator notice? Plants bugs in a temporary copy of the engine, one at a time, as patches of
// its text, and runs seeds until one fails. Every mutant must be killed; the canary, a patch that
// changes nothing, must live, else the harness kills by breaking.
//   node test/simulation/mutants.ts [--seeds 14000] [--only <part of a name>]
import { spawn } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

export interface Mutant {
  readonly name: string
  readonly file: string
  /** stands in the file exactly once */
  readonly from: string
  readonly to: string
}

const COMMIT = 'lib/engine/ingest/commit.ts'
const WRITE = 'lib/engine/ingest/write.ts'
const QUARANTINE = 'lib/engine/ingest/quarantine.ts'
const FLUSH = 'lib/engine/ingest/flush.ts'
const FILES = 'lib/engine/store/files.ts'

export const CANARY: Mutant = { name: 'canary', file: COMMIT, from: 'return []\n', to: 'return [ ]\n' }

export const MUTANTS: readonly Mutant[] = [
  { name: 'one claim per pack', file: COMMIT, from: 'const claims = todo.map(', to: 'const claims = todo.slice(0, 1).map(' },
  {
    name: 'the pack is listed in a transaction before its claims', file: COMMIT,
    from: 'const outcome = await commitSame(ports, settings, org, attempt, [...entry, ...claims])',
    to: 'const outcome = await commitSame(ports, settings, org, attempt, entry.length > 0 ? entry : claims)',
  },
  { name: 'a refused commit means that all is in', file: COMMIT, from: "if (holder?.kind !== 'claim') return true", to: "if (holder?.kind !== 'claim') { fates[position] = 'committed'; return false }" },
  { name: 'a claim by another is taken for our own', file: COMMIT, from: 'holders.some((holder) => isClaimOf(holder, attempt.fid))', to: "holders.some((holder) => holder?.kind === 'claim')" },
  { name: 'no answer counts as success', file: COMMIT, from: 'if (!REPEATED.has(kind) || tries >= TRIES_MAX) throw error', to: "if (kind === 'unavailable' && tries > 1) return { kind: 'committed' } as T\n      if (!REPEATED.has(kind) || tries >= TRIES_MAX) throw error" },
  {
    name: 'the pack of an unknown commit is cleaned up', file: COMMIT,
    from: 'for (const position of todo) fates[position] = asEngineError(error)',
    to: 'for (const { key } of lastKeys) await ports.blobs.delete(key).catch(() => undefined)\n      for (const position of todo) fates[position] = asEngineError(error)',
  },
  { name: 'the id of an attempt is used again', file: COMMIT, from: 'startAttempt(ports, since), bids', to: "({ fid: ids0(ports, bids), since }), bids" },
  { name: 'a claim of the quarantine counts as committed', file: COMMIT, from: "fates[position] = holder.fid === QUARANTINE ? QUARANTINE : 'committed'", to: "fates[position] = 'committed'" },
  { name: 'the age is not looked at again', file: COMMIT, from: 'if (isTooOld(ports, settings, attempt, judgedAt)) {', to: 'if (tries < 0) {' },
  { name: 'each attempt starts its own age', file: COMMIT, from: '({ fid: ports.ids.ulid(), since })', to: '({ fid: ports.ids.ulid(), since: since.at > 0 ? sinceNow(ports) : since })' },
  { name: 'each group of a batch starts its own age', file: WRITE, from: 'await writeGroup(writing, group)', to: 'await writeGroup({ ...writing, since: sinceNow(ports) }, group)' },
  { name: 'only the monotonic clock tells an attempt\'s age', file: COMMIT, from: '(now - at) / MICROS_PER_MS > settings.attemptMsMax ||', to: '(at < 0 && now < 0 && MICROS_PER_MS < 0) ||' },
  { name: 'no age fence', file: WRITE, from: 'const oldest = since.at - settings.ageFenceMicros', to: 'const oldest = since.at - 100 * settings.ageFenceMicros' },
  { name: 'a message twice in a batch is claimed twice', file: WRITE, from: 'else if (!own.some(({ bid }) => bid === message.bid)) own.push(message)', to: 'else own.push(message)' },
  { name: 'what cannot be had now is parked', file: 'lib/engine/ingest/batch.ts', from: "else if (ERROR_KINDS[result.kind].onQueue === 'park')", to: "else if (ERROR_KINDS[result.kind].level !== 'error')" },
  { name: 'a message is deleted before it is in the quarantine', file: QUARANTINE, from: 'await putParked(ports,', to: 'void putParked.length; if (attempt.fid === bid) await putParked(ports,' },
  { name: 'a parked message points to a blob that goes', file: QUARANTINE, from: 'const spilled = await spilledBody(ports, message)', to: 'const spilled = message.bid === "" ? await spilledBody(ports, message) : null' },
  { name: 'the quarantine\'s object is put whoever holds the claim', file: QUARANTINE, from: "if (holder?.kind === 'claim' && holder.fid !== QUARANTINE) return 'committed'", to: 'void holder' },
  { name: 'rows of messages that dropped out stay in the pack', file: FLUSH, from: 'position[table.messages[row]!]! >= 0', to: 'position[table.messages[row]!]! >= -1' },
  { name: 'ordinals are not those of the rebuilt pack', file: FLUSH, from: 'positions[row] = position[ordinal]!', to: 'positions[row] = Math.min(ordinal, position.length - 1)' },
  { name: 'a pack is never cut', file: FLUSH, from: 'if (groups.length <= groupsMax) return [all]', to: 'if (groups.length <= groupsMax + 1e9) return [all]' },
  { name: 'the incarnation is that of the writing', file: 'lib/engine/ingest/conform.ts', from: 'acceptedAt.map((time) => incarnationAt(item, time))', to: 'acceptedAt.map((time) => incarnationAt(item, time + 1e15))' },
  { name: 'a stream\'s item is cached for ever', file: 'lib/engine/store/streams.ts', from: 'if (cached !== undefined && isFresh(cached, ports.clock, settings.incCacheMs))', to: 'if (cached !== undefined && (isFresh(cached, ports.clock, settings.incCacheMs) || cached.readAt > 0))' },
  { name: 'the schema follows the commit', file: 'lib/engine/store/schemas.ts', from: '(await ports.catalog.putSchema(org, streamId, inc, joined, stored.version))', to: '(void ports.catalog.putSchema(org, streamId, inc, joined, stored.version).catch(() => false), true)' },
  { name: 'a schema race is won by the last', file: 'lib/engine/store/schemas.ts', from: 'if (won) {', to: 'if (won || joined !== stored.fields) {' },
  { name: 'a schema is put without the stored fields', file: 'lib/engine/store/schemas.ts', from: 'ports.catalog.putSchema(org, streamId, inc, joined,', to: 'ports.catalog.putSchema(org, streamId, inc, admitted,' },
  { name: 'the reader does not resolve', file: FILES, from: 'if (gone?.has(slice.index)) continue', to: 'if (gone?.has(-1)) continue' },
  { name: 'the reader takes live entries only', file: FILES, from: 'for (const slice of entry.slices) {\n      if (slice.streamId', to: "for (const slice of entry.state === 'live' ? entry.slices : []) {\n      if (slice.streamId" },
  { name: 'an entry is replaced whole', file: FILES, from: 'if (gone?.has(slice.index)) continue', to: 'if (gone !== undefined) continue' },
  { name: 'no deadline for a listing', file: FILES, from: 'if (monotonic <= settings.listDeadlineMs && wall <= settings.listDeadlineMs) return entries', to: 'if (monotonic + wall >= 0 || listing > 0) return entries' },
  { name: 'only the monotonic clock tells a listing\'s time', file: FILES, from: '&& wall <= settings.listDeadlineMs) return', to: '&& (wall <= settings.listDeadlineMs || wall > 0)) return' },
  { name: 'a reader takes the first incarnation', file: FILES, from: 'streamId: item.id, inc: item.inc, startTime', to: 'streamId: item.id, inc: item.history[0]!.inc, startTime' },
]

/** helpers that two patches need */
const EXTRA: Readonly<Record<string, string>> = {
  'the pack of an unknown commit is cleaned up': `
const lastKeys: { key: string }[] = []
`,
  'the id of an attempt is used again': `
const ids0 = (ports: Ports, bids: readonly string[]): string => '01KF0R0000' + bids[0]!.slice(10) + (ports === null ? '' : '')
`,
}

function plant(root: string, mutant: Mutant): void {
  const path = join(root, mutant.file)
  const text = readFileSync(path, 'utf8')
  if (text.split(mutant.from).length !== 2) throw new Error(`mutant "${mutant.name}" does not apply: its text stands ${text.split(mutant.from).length - 1} times in ${mutant.file}`)
  let patched = text.replace(mutant.from, () => mutant.to) + (EXTRA[mutant.name] ?? '')
  if (mutant.name.includes('cleaned up')) patched = patched.replace('if (pack !== null) await putPack(', 'if (pack !== null) lastKeys.splice(0, 1, { key: packKey(org, attempt.fid) })\n  if (pack !== null) await putPack(')
  writeFileSync(path, patched)
}

/** the line of the failing seed, or null when every seed passed */
function hunt(root: string, script: string, seeds: number): Promise<string | null> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(root, script), '--seeds', String(seeds)], { stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => { output += chunk.toString() })
    child.stderr.on('data', (chunk: Buffer) => { output += chunk.toString() })
    child.on('close', (code) => resolve(code === 0 ? null : (/^seed .*$/m.exec(output)?.[0] ?? `broken: ${output.slice(0, 500)}`)))
  })
}

/** @param script the simulator that hunts it */
async function tryMutant(mutant: Mutant, script: string, seeds: number): Promise<string | null> {
  const project = join(import.meta.dirname, '../..')
  const root = mkdtempSync(join(tmpdir(), 'nilometer-mutant-'))
  try {
    for (const part of ['lib', 'functions', 'test/simulation', 'package.json']) cpSync(join(project, part), join(root, part), { recursive: true })
    symlinkSync(join(project, 'node_modules'), join(root, 'node_modules'))
    plant(root, mutant)
    return await hunt(root, script, seeds)
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

/** hunts each of them, the canary first; exits 1 when one lives that should not, or dies that should not */
export async function huntAll(canary: Mutant, mutants: readonly Mutant[], script: string, seedsDefault: number): Promise<void> {
  const { values } = parseArgs({ options: { seeds: { type: 'string', default: String(seedsDefault) }, only: { type: 'string', default: '' } } })
  let surprises = 0
  for (const mutant of [canary, ...mutants].filter(({ name }) => name.includes(values.only))) {
    const isCanary = mutant === canary
    const killed = await tryMutant(mutant, script, isCanary ? 60 : Number(values.seeds)).catch((error: unknown) => `broken: ${String(error)}`)
    const good = isCanary ? killed === null : killed !== null && !killed.startsWith('broken')
    if (!good) surprises++
    console.log(`${good ? ' ' : '!'} ${mutant.name.padEnd(56)} ${killed === null ? 'lives' : killed}`)
  }
  process.exitCode = surprises === 0 ? 0 : 1
}

if (import.meta.main) await huntAll(CANARY, MUTANTS, 'test/simulation/run.ts', 14_000)
