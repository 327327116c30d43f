// The Lambda functions on a simulated AWS: 240 seeds without a violation, every rare branch reached, and
// the same seed twice the same run. More: npm run test:lambda -- --seeds 20000 (docs/simulation.md).
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { probesOfBoth } from './probes.ts'
import { simulate } from './simulate.ts'
import { readFailures } from './source.ts'

/** the first stretch of seeds of this length that reaches every rare branch */
const FIRST = 401
const SEEDS = 240
/** six CPU-seconds of work, on machines that may be busy */
const TIMEOUT_MS = 180_000

const { stackTraceLimit } = Error
beforeAll(() => {
  // Errors are everyday here, and their stacks a tenth of the work.
  Error.stackTraceLimit = 0
})
afterAll(() => {
  Error.stackTraceLimit = stackTraceLimit
})

describe('the functions on a simulated Lambda', () => {
  it(`keep every invariant in ${SEEDS} worlds, and every rare branch is reached in one of them`, async () => {
    const hit = new Set<string>()
    for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
      const verdict = await simulate(seed)
      expect(verdict.failure, `seed ${seed}: node test/simulation/lambda/run.ts --seed ${seed} --log`).toBeNull()
      for (const [name, n] of verdict.probes) if (n > 0) hit.add(name)
    }
    expect(probesOfBoth().filter((name) => !hit.has(name))).toEqual([])
  }, TIMEOUT_MS)

  it('run the same world twice from one seed', async () => {
    const hashes = new Set<string>()
    for (let seed = 1; seed <= 15; seed++) {
      const first = await simulate(seed)
      const second = await simulate(seed, true)
      expect(second.hash, `seed ${seed}`).toBe(first.hash)
      expect(second.events).toBe(first.events)
      hashes.add(first.hash)
    }
    expect(hashes.size).toBe(15)
  }, TIMEOUT_MS)
})

describe('the event source', () => {
  const ids = new Set(['a', 'b'])
  const read = (answer: unknown): readonly string[] | null => {
    const failed = readFailures(answer, ids)
    return failed === null ? null : [...failed]
  }

  it('takes nothing and an empty list for success', () => {
    for (const answer of [null, undefined, {}, { batchItemFailures: null }, { batchItemFailures: [] }]) expect(read(answer)).toEqual([])
  })

  it('fails what the answer names', () => {
    expect(read({ batchItemFailures: [{ itemIdentifier: 'b' }] })).toEqual(['b'])
  })

  it('fails the whole batch for an answer that is malformed or names a stranger', () => {
    for (const failures of ['b', [null], [{}], [{ itemIdentifier: '' }], [{ itemIdentifier: null }], [{ id: 'b' }], [{ itemIdentifier: 'c' }]]) {
      expect(read({ batchItemFailures: failures })).toBeNull()
    }
    expect(read('done')).toBeNull()
  })
})
