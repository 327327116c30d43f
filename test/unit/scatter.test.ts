// Scatter over leaves that do what a test says, in virtual time: every slice is taken once or the query
// fails for a reason; late leaves are asked twice and count once.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { scatter, type Scattered, type Scattering } from '../../lib/engine/query/scatter.ts'
import { deadlineCheck } from '../../lib/engine/query/scan.ts'
import type { Leaves } from '../../lib/engine/ports.ts'
import { EngineError, type ErrorSlug } from '../../lib/model/errors.ts'
import type { Share, ShareOutcome } from '../../lib/model/share.ts'
import { fidsOf, outcomeOf, shareOf, virtualClock } from '../support/leaves.ts'
import { MemoryTelemetry } from '../support/memory-ports.ts'
import { errorOf } from '../support/sql-pool.ts'
import { runs } from '../support/tables.ts'

type Answer = (share: Share, call: number) => Promise<ShareOutcome> | ShareOutcome

function world(far: Answer | null, over: Partial<Scattering> = {}, near: Answer = (share) => outcomeOf(share)) {
  const clock = virtualClock()
  const telemetry = new MemoryTelemetry()
  const taken: { origin: number; fids: string[] }[] = []
  const asked: { where: 'near' | 'far'; fids: string[] }[] = []
  let out = 0
  let mostOut = 0
  const leavesOf = (where: 'near' | 'far', answer: Answer): Leaves => ({
    scan: async (share) => {
      asked.push({ where, fids: share.slices.map(({ fid }) => fid) })
      mostOut = Math.max(mostOut, ++out)
      try {
        return await answer(share, asked.length)
      } finally {
        out--
      }
    },
  })
  const scattering: Scattering = {
    near: leavesOf('near', near), far: far === null ? null : leavesOf('far', far), clock, telemetry, leavesMax: 100, hedgeFloorMs: 100,
    check: deadlineCheck(clock, 10_000), budgeted: (share) => share,
    take: async (origin, outcome) => { taken.push({ origin, fids: fidsOf(outcome) }) },
    ...over,
  }
  const go = (shares: readonly (readonly string[])[]): Promise<Scattered> => scatter(scattering, shares.map((fids) => shareOf(fids)), far !== null)
  return { go, clock, telemetry, asked, fids: () => taken.flatMap((t) => t.fids).sort(), taken, mostOut: () => mostOut }
}

const failing = (share: Share, slug: ErrorSlug, ...fids: string[]): ShareOutcome =>
  outcomeOf(share, share.slices.flatMap(({ fid }, slice) => (fids.includes(fid) ? [{ slice, error: new EngineError(slug, `${fid} is away`) }] : [])))

describe('what fails', () => {
  test('a failed slice is scanned again, it alone, and taken once', async () => {
    const w = world((share, call) => (call === 1 ? failing(share, 'unavailable', 'b') : outcomeOf(share)))
    await w.go([['a', 'b', 'c']])
    expect(w.asked.map(({ fids }) => fids)).toEqual([['a', 'b', 'c'], ['b']])
    expect(w.taken).toEqual([{ origin: 0, fids: ['a', 'c'] }, { origin: 0, fids: ['b'] }])
    expect(w.telemetry.total('leaf_retries_total')).toBe(1)
  })

  test('a slice that fails twice fails the query with 503 file_unreadable', async () => {
    let tries = 0
    const w = world((share) => (share.slices.some(({ fid }) => fid === 'b') && ++tries <= 2 ? failing(share, 'internal', 'b') : outcomeOf(share)))
    expect(await errorOf(w.go([['a', 'b'], ['c']]))).toMatchObject({ slug: 'file_unreadable', kind: 'unavailable', detail: { retryAfterSeconds: 1 } })
    expect(tries).toBe(2)
  })

  test('in embedded mode too', async () => {
    const w = world(null, {}, (share, call) => (call === 1 ? failing(share, 'unavailable', 'a') : outcomeOf(share)))
    await w.go([['a', 'b']])
    expect(w.fids()).toEqual(['a', 'b'])
    expect(await errorOf(world(null, {}, (share) => failing(share, 'unavailable', 'a')).go([['a']]))).toMatchObject({ slug: 'file_unreadable' })
  })

  test('a missing object is told at once: the list is old', async () => {
    const w = world((share) => failing(share, 'not_found', 'a'))
    expect((await errorOf(w.go([['a']]))).slug).toBe('not_found')
    expect(w.asked).toHaveLength(1)
  })

  test('a share whose leaf ended is sent again in two halves', async () => {
    const w = world((share, call) => {
      if (call === 1) throw new EngineError('unavailable', 'the leaf ended')
      return outcomeOf(share)
    })
    await w.go([['a', 'b', 'c']])
    expect(w.asked.map(({ fids }) => fids)).toEqual([['a', 'b', 'c'], ['a', 'b'], ['c']])
    expect(w.fids()).toEqual(['a', 'b', 'c'])
  })

  test('a share whose leaf ends twice fails the query', async () => {
    const w = world(() => { throw new EngineError('unavailable', 'the leaf ended') })
    expect(await errorOf(w.go([['a'], ['b']]))).toMatchObject({ slug: 'file_unreadable' })
  })

  test.each<ErrorSlug>(['too_costly', 'query_timeout', 'internal', 'invalid_query'])('%s of a leaf goes straight up', async (slug) => {
    const w = world(() => { throw new EngineError(slug, 'no') })
    expect((await errorOf(w.go([['a']]))).slug).toBe(slug)
    expect(w.asked).toHaveLength(1)
  })
})

describe('too many functions', () => {
  test('a share that is refused waits until one of ours ends', async () => {
    const w = world(async (share) => {
      if (w.mostOut() > 2 && w.asked.length <= 4) throw new EngineError('limited', 'throttled')
      await w.clock.sleep(50)
      return outcomeOf(share)
    })
    await w.go([['a'], ['b'], ['c'], ['d']])
    expect(w.fids()).toEqual(['a', 'b', 'c', 'd'])
    expect(w.asked.every(({ where }) => where === 'far')).toBe(true)
    expect(w.telemetry.total('leaf_throttles_total')).toBe(2)
    expect(w.telemetry.total('leaf_retries_total')).toBe(0)
  })

  test('where none runs the leader scans by itself', async () => {
    const w = world(() => { throw new EngineError('limited', 'throttled') })
    await w.go([['a'], ['b'], ['c']])
    expect(w.fids()).toEqual(['a', 'b', 'c'])
    expect(w.asked.filter(({ where }) => where === 'near').length).toBeGreaterThan(0)
  })

  test('no more leaves are out than allowed', async () => {
    const w = world(async (share) => {
      await w.clock.sleep(30)
      return outcomeOf(share)
    }, { leavesMax: 3 })
    await w.go(Array.from({ length: 10 }, (_, i) => [`f${i}`]))
    expect(w.mostOut()).toBe(3)
    expect(w.fids()).toHaveLength(10)
  })
})

describe('who is late', () => {
  const names = Array.from({ length: 20 }, (_, i) => [`f${String(i).padStart(2, '0')}`])
  const all = names.flat()

  test.each([[300, 'the first answers last'], [500, 'the second answers last']])('is asked twice and counts once: %i ms, %s', async (lateMs) => {
    let late = 0
    const w = world(async (share) => {
      await w.clock.sleep(share.slices[0]!.fid !== 'f07' ? 40 : ++late === 1 ? lateMs : 300)
      return outcomeOf(share)
    })
    const done = await w.go(names)
    expect(w.fids()).toEqual(all)
    expect(w.asked.filter(({ fids }) => fids[0] === 'f07')).toHaveLength(2)
    expect(w.telemetry.total('leaf_hedges_total')).toBe(1)
    expect(done.farShares).toBe(20)
    // The loser comes when all is over, and is nobody's.
    await w.clock.sleep(1_000)
    expect(w.fids()).toEqual(all)
  })

  test('a loser that comes while others are out is dropped whole', async () => {
    let late = 0
    const w = world(async (share) => {
      const { fid } = share.slices[0]!
      await w.clock.sleep(fid === 'f03' ? (++late === 1 ? 160 : 30) : fid === 'f04' ? 400 : 10)
      return outcomeOf(share)
    })
    await w.go(names)
    expect(w.fids()).toEqual(all)
  })

  test('one of two that breaks leaves the other to answer', async () => {
    let late = 0
    const w = world(async (share) => {
      if (share.slices[0]!.fid !== 'f07') return outcomeOf(share)
      if (++late === 2) throw new EngineError('unavailable', 'broken')
      await w.clock.sleep(500)
      return outcomeOf(share)
    })
    await w.go(names)
    expect(w.fids()).toEqual(all)
    expect(late).toBe(2)
    expect(w.telemetry.total('leaf_retries_total')).toBe(0)
  })

  test('nobody is late below the floor, nor while many are out', async () => {
    const quick = world(async (share) => {
      await quick.clock.sleep(share.slices[0]!.fid === 'f00' ? 90 : 10)
      return outcomeOf(share)
    })
    await quick.go(names)
    const many = world(async (share) => {
      await many.clock.sleep(share.slices[0]!.fid < 'f05' ? 900 : 10)
      return outcomeOf(share)
    })
    await many.go(names)
    expect([quick, many].map((w) => w.telemetry.total('leaf_hedges_total'))).toEqual([0, 0])
  })
})

describe('an answer that lies elsewhere', () => {
  const spilled = (outcome: ShareOutcome, fetch: () => Promise<void>): ShareOutcome =>
    ({ ...outcome, pieces: [], more: async () => { await fetch(); return outcome.pieces } })

  test('is fetched when there is room, two at a time', async () => {
    let fetching = 0
    let most = 0
    const w = world((share) => spilled(outcomeOf(share), async () => {
      most = Math.max(most, ++fetching)
      await w.clock.sleep(30)
      fetching--
    }))
    await w.go(Array.from({ length: 9 }, (_, i) => [`a${i}`, `b${i}`]))
    expect([most, w.fids().length, w.asked.length]).toEqual([2, 18, 9])
  })

  test('and cannot be fetched is scanned again, all of it, once', async () => {
    let fetches = 0
    const w = world((share) => spilled(failing(share, 'unavailable', 'b'), async () => {
      if (++fetches === 1) throw new EngineError('unavailable', 'the answer is gone')
    }))
    expect((await errorOf(w.go([['a', 'b', 'c']]))).slug).toBe('file_unreadable')
    expect(w.asked.map(({ fids }) => fids)).toEqual([['a', 'b', 'c'], ['a', 'b', 'c']])
    const v = world((share, call) => spilled(outcomeOf(share), async () => {
      if (call === 1) throw new EngineError('unavailable', 'the answer is gone')
    }))
    await v.go([['a', 'b', 'c']])
    expect(v.fids()).toEqual(['a', 'b', 'c'])
  })
})

test('leaves that never answer end with the query\'s deadline', async () => {
  const w = world(() => new Promise<never>(() => {}))
  expect((await errorOf(w.go([['a'], ['b']]))).slug).toBe('query_timeout')
  expect(w.clock.monotonicMs()).toBeLessThan(10_200)
})

test('whatever leaves do, each slice is taken exactly once or the query fails for a reason', async () => {
  const flaw = fc.constantFrom<'none' | 'spill' | 'lost' | 'slices' | 'unavailable' | 'limited' | 'hang'>('none', 'none', 'none', 'spill', 'spill', 'lost', 'slices', 'unavailable', 'limited', 'hang')
  const call = fc.record({ flaw, ms: fc.nat(400), picks: fc.infiniteStream(fc.boolean()) })
  await fc.assert(fc.asyncProperty(
    fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 12 }), fc.infiniteStream(call), fc.integer({ min: 1, max: 8 }), fc.boolean(),
    async (sizes, calls, leavesMax, embedded) => {
      const failures = new Map<string, number>()
      let flawed = false
      const answer: Answer = async (share) => {
        const { flaw: kind, ms, picks } = calls.next().value!
        await w.clock.sleep(ms)
        if (kind === 'hang') await w.clock.sleep(3_000)
        if (kind === 'unavailable' || kind === 'limited') {
          flawed ||= kind === 'unavailable'
          throw new EngineError(kind, 'no')
        }
        if (kind === 'spill' || kind === 'lost') {
          const { pieces, ...rest } = outcomeOf(share)
          flawed ||= kind === 'lost'
          return { ...rest, pieces: [], more: () => w.clock.sleep(ms).then(() => (kind === 'spill' ? pieces : Promise.reject(new EngineError('unavailable', 'gone')))) }
        }
        if (kind !== 'slices') return outcomeOf(share)
        const bad = share.slices.map(({ fid }) => fid).filter(() => picks.next().value)
        for (const fid of bad) failures.set(fid, (failures.get(fid) ?? 0) + 1)
        flawed ||= bad.length > 0
        return failing(share, 'unavailable', ...bad)
      }
      const w = world(embedded ? null : answer, { leavesMax, check: () => {} }, embedded ? answer : (share) => outcomeOf(share))
      const shares = sizes.map((n, i) => Array.from({ length: n }, (_, j) => `${i}-${j}`))
      try {
        await w.go(shares)
        expect(w.fids()).toEqual(shares.flat().sort())
        for (const { origin, fids } of w.taken) expect(fids.every((fid) => fid.startsWith(`${origin}-`))).toBe(true)
      } catch (error) {
        if (!(error instanceof EngineError)) throw error
        expect([flawed || embedded, error.slug === 'file_unreadable' || (embedded && error.slug === 'limited')]).toEqual([true, true])
        const once = w.fids()
        expect(new Set(once).size).toBe(once.length)
      }
    }), { numRuns: runs(150) })
})
