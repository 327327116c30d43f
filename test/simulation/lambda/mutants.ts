// Does the simulated Lambda layer notice? Plants bugs in a temporary copy of the glue, one at a time, and
// runs seeds until one fails. Every mutant must be killed; the canary must live.
//   node test/simulation/lambda/mutants.ts [--seeds 3000] [--only <part of a name>]
import { huntAll, type Mutant } from '../mutants.ts'

const EVENT = 'functions/ingest/write-event.ts'
const ARCHIVE = 'functions/ingest/archive-event.ts'
const LETTER = 'functions/ingest/archive-letter.ts'
const MESSAGE = 'lib/aws/message.ts'
const RETRY = 'lib/aws/retry.ts'
const WIRE = 'lib/aws/leaf-wire.ts'
const RECEIVE = 'lib/engine/ingest/receive.ts'
const WRITE = 'lib/engine/ingest/write.ts'
const SCATTER = 'lib/engine/query/scatter.ts'

export const CANARY: Mutant = { name: 'canary', file: EVENT, from: 'const failed = new Set<string>()', to: 'const failed  = new Set<string>()' }

export const MUTANTS: readonly Mutant[] = [
  { name: 'failures are not reported', file: EVENT, from: 'return { batchItemFailures: [...failed].map(', to: 'return { batchItemFailures: [...failed].slice(failed.size).map(' },
  { name: 'failures are reported by bid', file: EVENT, from: 'for (const messageId of messageIds.get(bid) ?? []) failed.add(messageId)', to: 'failed.add(bid)' },
  { name: 'of two messages of one bid one is forgotten', file: EVENT, from: '[...(messageIds.get(message.bid) ?? []), messageId]', to: 'messageIds.get(message.bid) ?? [messageId]' },
  { name: 'a message that is not ours is done', file: EVENT, from: '      failed.add(messageId)\n      ports', to: '      ports' },
  { name: 'only the first failure is reported', file: EVENT, from: 'for (const { bid, error } of outcome.retry) {', to: 'for (const { bid, error } of outcome.retry.slice(0, 1)) {' },
  { name: 'what was parked comes again for ever', file: EVENT, from: 'for (const { bid, error } of outcome.retry) {', to: "for (const { bid, error } of [...outcome.retry, ...outcome.park.map((p) => ({ bid: p.bid, error: asEngineError(p.reason) }))]) {" },
  { name: 'no time is ever enough', file: EVENT, from: 'context.getRemainingTimeInMillis() > FLUSH_MS_MIN', to: 'context.getRemainingTimeInMillis() > 5 * FLUSH_MS_MIN' },
  { name: 'what was not begun is done', file: WRITE, from: 'else for (const { bid } of group) writing.ends.set(bid, OUT_OF_TIME)', to: "else for (const { bid } of group) writing.ends.set(bid, OUT_OF_TIME.kind === 'unavailable' ? 'committed' : OUT_OF_TIME)" },
  { name: 'the client hears 200 before the queue has it', file: RECEIVE, from: 'await answered(ports.queue.send({ org: request.org, bid: identity.bid, bytes }))', to: 'void answered(ports.queue.send({ org: request.org, bid: identity.bid, bytes })).catch(() => undefined)' },
  { name: 'a message is sent before its body is stored', file: RECEIVE, from: 'await answered(ports.blobs.put(spill.key, kept.body))', to: 'void answered(ports.blobs.put(spill.key, kept.body)).catch(() => undefined)' },
  { name: 'a retry under a key has a bid of its own', file: 'lib/engine/ingest/idempotency.ts', from: 'return { bid: stands.bid, acceptedAt', to: 'return { bid, acceptedAt' },
  { name: 'a message is read from the pool\'s beginning', file: MESSAGE, from: 'bytes: new Uint8Array(buffer, byteOffset, length) }', to: 'bytes: new Uint8Array(buffer, 0, length) }' },
  { name: 'a repeated request counts as done', file: RETRY, from: 'if (!REPEATED.has(kind) || tries >= triesMax) throw error', to: 'if (tries >= triesMax) return undefined as T\n      if (!REPEATED.has(kind)) throw error' },
  { name: 'a dead letter is done before it is parked', file: LETTER, from: 'const fate = await parkMessage(', to: 'await deadLetters.done(receipt).catch(() => undefined)\n  const fate = await parkMessage(' },
  { name: 'a dead letter is done though it could not be parked', file: LETTER, from: 'if (fate instanceof EngineError) throw fate', to: 'void EngineError' },
  { name: 'a dead letter whose rows are in is a failure', file: LETTER, from: 'if (fate instanceof EngineError) throw fate', to: "if (fate instanceof EngineError || fate === 'committed') throw fate" },
  { name: 'a dead letter that is not ours is done', file: LETTER, from: "return 'foreign'", to: "await deadLetters.done(receipt)\n    return 'foreign'" },
  { name: 'the archiver always runs out of time', file: ARCHIVE, from: 'const ROUND_MS_MIN = 15_000', to: 'const ROUND_MS_MIN = 150_000' },
  { name: 'a message is parked without its claim', file: 'lib/engine/ingest/quarantine.ts', from: 'const outcome = await commitSame(', to: "const outcome = Number(bid.length) > 0 ? { kind: 'committed' as const, holders: [] as { kind: 'claim'; fid: string }[] } : await commitSame(" },
  { name: 'both answers of a hedge are taken', file: SCATTER, from: 'if (!run.out.has(job)) return\n', to: '\n' },
  { name: 'slices that failed are left out', file: SCATTER, from: 'if (failed.length === 0) return', to: 'if (failed.length >= 0) return' },
  { name: 'what was answered is scanned again with what failed', file: SCATTER, from: '[failed.map(({ slice }) => job.share.slices[slice]!)]', to: '[job.share.slices]' },
  { name: 'an answer in the bucket that cannot be read is empty', file: SCATTER, from: 'failed: job.share.slices.map((_, slice)', to: 'failed: job.share.slices.slice(job.share.slices.length).map((_, slice)' },
  { name: 'the part of an answer that is in the bucket is left out', file: SCATTER, from: 'pieces: [...outcome.pieces, ...pieces]', to: 'pieces: outcome.pieces.slice(pieces.length > 0 ? 0 : 1)' },
  { name: 'a share that failed is forgotten', file: SCATTER, from: 'return shareFailed(run, job, arrival.error)', to: 'return shareFailed === null ? undefined : undefined' },
  { name: 'half of a share that failed is forgotten', file: SCATTER, from: '[slices.slice(0, half), slices.slice(half)]', to: '[slices.slice(0, half)]' },
  { name: 'a share that was refused is forgotten', file: SCATTER, from: 'run.waiting.unshift(jobOf(job.origin, job.share, job.attempt, others > 0))', to: 'if (others < 0) run.waiting.unshift(jobOf(job.origin, job.share, job.attempt, others > 0))' },
  { name: 'a share is cut without its neighbours', file: 'lib/engine/query/shares.ts', from: '      last.push(slice)\n', to: '' },
  { name: 'a slice that cannot be read is empty', file: 'lib/engine/query/scan.ts', from: 'else failed.push({ slice: i, error })', to: 'else void failed' },
  { name: 'a reply need not answer every slice', file: WIRE, from: "assert(answered.length === share.slices.length && answered.every((slice, i) => slice === i), 'every slice is answered exactly once')", to: 'void answered' },
]

if (import.meta.main) await huntAll(CANARY, MUTANTS, 'test/simulation/lambda/run.ts', 3_000)
