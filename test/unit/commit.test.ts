// The commit's rounds against a catalog and a store that answer as scripted: every outcome of the
// protocol's pseudo-code, what is asked again and what is never done.
import { describe, expect, it } from 'vitest'
import { QUARANTINE, commitMessages, sinceNow, type Build } from '../../lib/engine/ingest/commit.ts'
import { DEFAULT_SETTINGS } from '../../lib/engine/settings.ts'
import type { Change, CommitOutcome, Holder } from '../../lib/engine/ports.ts'
import { EngineError } from '../../lib/model/errors.ts'
import type { OrgId } from '../../lib/model/stream.ts'
import { memoryPorts } from '../support/memory-ports.ts'

const ORG = 'o1' as OrgId
const BIDS = ['A', 'B', 'C']
const committed: CommitOutcome = { kind: 'committed' }
const lost = () => new EngineError('unavailable', 'no answer')
const claimedBy = (fid: string): Holder => ({ kind: 'claim', fid })

interface Sent { readonly token: string; readonly fid: string | null; readonly bids: string[] }
type Answer = CommitOutcome | EngineError | ((sent: Sent) => CommitOutcome)

/** answers commits in turn, and notes them, puts and builds */
function scripted(answers: Answer[], puts: ('created' | 'exists' | EngineError)[] = []) {
  const ports = memoryPorts()
  const sent: Sent[] = []
  const built: string[] = []
  const stored: string[] = []
  const deleted: string[] = []
  ports.blobs.put = async (key) => {
    stored.push(key)
    const answer = puts.shift() ?? 'created'
    if (answer instanceof EngineError) throw answer
    return answer
  }
  ports.blobs.delete = async (key) => { deleted.push(key) }
  ports.catalog.commit = async (_org, token, changes: readonly Change[]) => {
    const entry = changes.find((c) => c.kind === 'put-entry')
    const request = { token, fid: entry?.entry.fid ?? null, bids: changes.flatMap((c) => (c.kind === 'put-claim' ? [c.bid] : [])) }
    sent.push(request)
    const answer = answers.shift() ?? committed
    if (answer instanceof EngineError) throw answer
    return typeof answer === 'function' ? answer(request) : answer
  }
  const build: Build = (fid, positions) => {
    built.push(`${fid}:${positions.join('')}`)
    return { bytes: new Uint8Array(4), slices: [] }
  }
  const run = (settings = DEFAULT_SETTINGS) => commitMessages(ports, settings, ORG, sinceNow(ports), BIDS, build)
  return { ports, sent, built, stored, deleted, run }
}

describe('a commit', () => {
  it('puts the pack, then its entry with a claim for each message', async () => {
    const s = scripted([])
    expect(await s.run()).toEqual(['committed', 'committed', 'committed'])
    expect(s.stored).toEqual([`fresh/o1/${s.sent[0]!.fid}.pack`])
    expect(s.sent).toEqual([{ token: s.sent[0]!.fid, fid: s.sent[0]!.fid, bids: BIDS }])
  })

  it('whose answer was lost is sent again as the same request, and its own claim tells that it took place', async () => {
    const s = scripted([lost(), lost(), ({ fid }) => ({ kind: 'refused', holders: [{ kind: 'entry' }, claimedBy(fid!), claimedBy(fid!), claimedBy(fid!)] })])
    expect(await s.run()).toEqual(['committed', 'committed', 'committed'])
    expect(s.built).toHaveLength(1)
    expect(new Set(s.sent.map((x) => JSON.stringify(x))).size).toBe(1)
    expect(s.sent).toHaveLength(3)
  })

  it('that finds its own claims although its entry has left the list took place', async () => {
    const s = scripted([lost(), ({ fid }) => ({ kind: 'refused', holders: [null, claimedBy(fid!), claimedBy(fid!), claimedBy(fid!)] })])
    expect(await s.run()).toEqual(['committed', 'committed', 'committed'])
    expect(s.built).toHaveLength(1)
  })

  it('leaves out messages that another one claimed, under a new id', async () => {
    const s = scripted([{ kind: 'refused', holders: [null, null, claimedBy('X'), null] }])
    expect(await s.run()).toEqual(['committed', 'committed', 'committed'])
    expect(s.sent.map((x) => x.bids)).toEqual([BIDS, ['A', 'C']])
    expect(s.built.map((b) => b.split(':')[1])).toEqual(['012', '02'])
    expect(s.sent[1]!.fid).not.toBe(s.sent[0]!.fid)
  })

  it('of messages that are all claimed is no commit', async () => {
    const s = scripted([{ kind: 'refused', holders: [null, claimedBy('X'), claimedBy('Y'), claimedBy('X')] }])
    expect(await s.run()).toEqual(['committed', 'committed', 'committed'])
    expect(s.sent).toHaveLength(1)
  })

  it('tells a claim of the quarantine from one of a pack', async () => {
    const s = scripted([{ kind: 'refused', holders: [null, claimedBy(QUARANTINE), null, null] }])
    expect(await s.run()).toEqual([QUARANTINE, 'committed', 'committed'])
  })

  it('whose slot was swept is made again with the same messages under a new id', async () => {
    const s = scripted([{ kind: 'refused', holders: [{ kind: 'swept' }, null, null, null] }])
    expect(await s.run()).toEqual(['committed', 'committed', 'committed'])
    expect(s.sent.map((x) => x.bids)).toEqual([BIDS, BIDS])
    expect(s.sent[1]!.fid).not.toBe(s.sent[0]!.fid)
    expect(s.stored).toHaveLength(2)
  })

  it('that met another transaction waits and is sent again unchanged', async () => {
    const s = scripted([new EngineError('conflict', 'another transaction')])
    const before = s.ports.clock.now()
    expect(await s.run()).toEqual(['committed', 'committed', 'committed'])
    expect(s.built).toHaveLength(1)
    expect(s.ports.clock.now()).toBeGreaterThan(before)
  })

  it('is given up after commitRounds, and what is not in is delivered again', async () => {
    const swept: CommitOutcome = { kind: 'refused', holders: [{ kind: 'swept' }, null, claimedBy('X'), null] }
    const still: CommitOutcome = { kind: 'refused', holders: [{ kind: 'swept' }, null, null] }
    const s = scripted([swept, still, still])
    const [a, b, c] = await s.run({ ...DEFAULT_SETTINGS, commitRounds: 3 })
    expect(b).toBe('committed')
    expect(a).toMatchObject({ kind: 'conflict' })
    expect(c).toMatchObject({ kind: 'conflict' })
    expect(s.sent).toHaveLength(3)
  })

  it('that stays unknown is given up as unavailable, and nothing is cleaned up', async () => {
    const s = scripted(Array.from({ length: 100 }, lost))
    for (const fate of await s.run()) expect(fate).toMatchObject({ kind: 'unavailable' })
    expect(new Set(s.sent.map((x) => x.token)).size).toBe(1)
    expect(s.deleted).toEqual([])
  })

  it('is not sent once the attempt is older than attemptMsMax, by either clock', async () => {
    for (const stopped of [false, true]) {
      const s = scripted([lost()])
      const monotonic = s.ports.clock.monotonicMs()
      if (stopped) s.ports.clock.monotonicMs = () => monotonic
      s.ports.clock.sleep = async () => { s.ports.clock.micros += (DEFAULT_SETTINGS.attemptMsMax + 1) * 1_000 }
      const [fate] = await s.run()
      expect(fate).toMatchObject({ kind: 'unavailable' })
      expect(s.sent).toHaveLength(1)
    }
  })

  it('that fails for another reason is not repeated', async () => {
    const s = scripted([new EngineError('internal', 'a bug')])
    for (const fate of await s.run()) expect(fate).toMatchObject({ kind: 'internal' })
    expect(s.sent).toHaveLength(1)
  })

  it('asserts that an entry of its own is never listed without claims', async () => {
    const s = scripted([{ kind: 'refused', holders: [{ kind: 'entry' }, null, null, null] }])
    for (const fate of await s.run()) expect(fate).toMatchObject({ kind: 'internal' })
  })
})

describe('a pack', () => {
  it('whose key is taken is our own from a request without an answer', async () => {
    const s = scripted([], [lost(), 'exists'])
    expect(await s.run()).toEqual(['committed', 'committed', 'committed'])
    expect(new Set(s.stored).size).toBe(1)
    expect(s.sent).toHaveLength(1)
  })

  it('that cannot be put is not committed', async () => {
    const s = scripted([], Array.from({ length: 100 }, lost))
    for (const fate of await s.run()) expect(fate).toMatchObject({ kind: 'unavailable' })
    expect(s.sent).toEqual([])
  })
})
