// The retry decorator: which errors it repeats, how often, and that it never sleeps past a deadline.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { REPEATABLE, retried } from '../../lib/aws/retry.ts'
import type { RetryOptions } from '../../lib/aws/retry.ts'
import { ERROR_SLUGS, EngineError } from '../../lib/model/errors.ts'
import type { ErrorSlug } from '../../lib/model/errors.ts'
import { MemoryIds, MemoryTelemetry } from '../support/memory-ports.ts'

const RUNS = Number(process.env['NILOMETER_RUNS'] ?? 1)

/** time that passes by sleeping and by trying; every sleep is recorded */
class Bench {
  nowMs = 0
  readonly sleeps: { readonly from: number; readonly ms: number }[] = []
  readonly telemetry = new MemoryTelemetry()
  readonly options: RetryOptions
  constructor(deadlineMs: number, random: () => number, over: Partial<RetryOptions> = {}) {
    this.options = {
      clock: {
        sleep: async (ms) => {
          this.sleeps.push({ from: this.nowMs, ms })
          this.nowMs += ms
        },
      },
      ids: { random }, telemetry: this.telemetry, deadline: { remainingMs: () => deadlineMs - this.nowMs }, ...over,
    }
  }
}

/** a port of one method that fails so often, each try taking so long */
function port(bench: Bench, failures: readonly ErrorSlug[], tryMs: number) {
  const calls: (readonly unknown[])[] = []
  return {
    calls,
    name: 'kept',
    async ask(...args: readonly unknown[]): Promise<string> {
      calls.push(args)
      bench.nowMs += tryMs
      const slug = failures[calls.length - 1]
      if (slug !== undefined) throw new EngineError(slug, `try ${calls.length}`)
      return `answered ${calls.length}`
    },
    async other(): Promise<string> {
      return this.ask('other')
    },
  }
}

test('an answer is an answer: one try, no wait, nothing counted', async () => {
  const bench = new Bench(1_000, () => 0.5)
  const inside = port(bench, [], 0)
  expect(await retried(inside, ['ask'], bench.options).ask(1, 'two')).toBe('answered 1')
  expect(inside.calls).toEqual([[1, 'two']])
  expect(bench.sleeps).toEqual([])
  expect(bench.telemetry.total('request_repeated')).toBe(0)
})

test('the same request is repeated with the same arguments until it is answered', async () => {
  const bench = new Bench(60_000, () => 0.5)
  const inside = port(bench, ['unavailable', 'limited', 'conflict'], 1)
  expect(await retried(inside, ['ask'], bench.options).ask('k')).toBe('answered 4')
  expect(inside.calls).toEqual([['k'], ['k'], ['k'], ['k']])
  expect(bench.sleeps.map(({ ms }) => ms)).toEqual([25, 50, 100])
  expect(bench.telemetry.total('request_repeated', { operation: 'ask' })).toBe(3)
  expect(bench.telemetry.total('request_repeated', { kind: 'limited' })).toBe(1)
})

test('only methods that were named are repeated, and members are reached as they are', async () => {
  const bench = new Bench(60_000, () => 0.5)
  const inside = port(bench, ['unavailable'], 0)
  const decorated = retried(inside, ['ask'], bench.options)
  await expect(decorated.other()).rejects.toMatchObject({ slug: 'unavailable' })
  expect(inside.calls).toHaveLength(1)
  expect(decorated.name).toBe('kept')
  expect(await decorated.other()).toBe('answered 2')
})

test('exactly conflict, unavailable and limited are repeated, of all errors there are', async () => {
  for (const slug of Object.keys(ERROR_SLUGS) as ErrorSlug[]) {
    const bench = new Bench(60_000, () => 0.5)
    const inside = port(bench, [slug], 0)
    await retried(inside, ['ask'], bench.options).ask().catch(() => undefined)
    expect([slug, inside.calls.length]).toEqual([slug, ['conflict', 'unavailable', 'limited'].includes(ERROR_SLUGS[slug]) ? 2 : 1])
  }
})

test('what nobody named is not repeated', async () => {
  const bench = new Bench(60_000, () => 0.5)
  let calls = 0
  const decorated = retried({ ask: async () => { calls += 1; throw new TypeError('a bug') } }, ['ask'], bench.options)
  await expect(decorated.ask()).rejects.toThrow('a bug')
  expect(calls).toBe(1)
})

test('tries and waits are bounded, the last error rises, and no sleep ends past the deadline', async () => {
  const slugs = fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom<ErrorSlug>('unavailable', 'limited', 'conflict') },
    { weight: 1, arbitrary: fc.constantFrom<ErrorSlug>('not_found', 'internal') },
  )
  await fc.assert(fc.asyncProperty(
    fc.array(slugs, { maxLength: 12 }), fc.nat(1_500), fc.nat(200), fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), { minLength: 1 }),
    fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 400 }), fc.integer({ min: 1, max: 1_000 }),
    async (failures, deadlineMs, tryMs, chances, triesMax, waitMs, waitMsMax) => {
      let n = 0
      const bench = new Bench(deadlineMs, () => chances[n++ % chances.length] ?? 0, { triesMax, waitMs, waitMsMax, tryMs: 100 })
      const inside = port(bench, failures, tryMs)
      const outcome = await retried(inside, ['ask'], bench.options).ask().then((text) => text, (error: Error) => error.message)

      const tries = inside.calls.length
      expect(tries).toBeLessThanOrEqual(triesMax)
      // What the last try gave is what rises.
      expect(outcome).toBe(failures[tries - 1] === undefined ? `answered ${tries}` : `try ${tries}`)
      // Every try but the last failed in a way that may pass.
      for (const slug of failures.slice(0, tries - 1)) expect(['unavailable', 'limited', 'conflict']).toContain(slug)
      expect(bench.sleeps).toHaveLength(tries - 1)
      for (const [i, { from, ms }] of bench.sleeps.entries()) {
        expect(ms).toBeLessThanOrEqual(Math.min(waitMs * 2 ** i, waitMsMax))
        // There is still time for a try after it.
        expect(from + ms + 100).toBeLessThanOrEqual(deadlineMs)
      }
      const bound = Array.from({ length: triesMax - 1 }, (_, i) => Math.min(waitMs * 2 ** i, waitMsMax)).reduce((sum, ms) => sum + ms, 0)
      expect(bench.sleeps.reduce((sum, { ms }) => sum + ms, 0)).toBeLessThanOrEqual(bound)
    },
  ), { numRuns: 300 * RUNS })
})

test('it gives up early only when tries or time have run out', async () => {
  await fc.assert(fc.asyncProperty(fc.nat(3_000), fc.nat(300), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), async (deadlineMs, tryMs, chance) => {
    const bench = new Bench(deadlineMs, () => chance, { tryMs: 100 })
    const inside = port(bench, Array.from({ length: 9 }, () => 'unavailable' as const), tryMs)
    await retried(inside, ['ask'], bench.options).ask().catch(() => undefined)
    const next = chance * 50 * 2 ** (inside.calls.length - 1)
    if (inside.calls.length < 4) expect(bench.nowMs + next + 100).toBeGreaterThan(deadlineMs)
  }), { numRuns: 200 * RUNS })
})

test('waits are spread over their whole range: writers that failed together do not meet again', async () => {
  const ids = new MemoryIds({ now: () => 0, monotonicMs: () => 0, sleep: async () => undefined })
  const waits: number[] = []
  for (let i = 0; i < 400; i += 1) {
    const bench = new Bench(60_000, () => ids.random())
    await retried(port(bench, ['unavailable'], 0), ['ask'], bench.options).ask()
    waits.push(bench.sleeps[0]?.ms ?? -1)
  }
  for (const quarter of [0, 12.5, 25, 37.5]) {
    const share = waits.filter((ms) => ms >= quarter && ms < quarter + 12.5).length / waits.length
    expect(share).toBeGreaterThan(0.15)
  }
})

test('what must not be repeated is not among the repeatable', () => {
  expect(REPEATABLE.catalog).not.toContain('commit')
  expect(REPEATABLE.catalog).not.toContain('putDocument')
  expect(REPEATABLE.deadLetters).not.toContain('receive')
})
