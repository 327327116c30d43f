// The engine on a simulated AWS: 300 seeds without a violation, every rare branch reached, and the same
// seed twice the same run. More: node test/simulation/run.ts --seeds 20000 (docs/simulation.md).
import { describe, expect, it } from 'vitest'
import { addProbes, newProbes, unhit } from './probes.ts'
import { simulate } from './simulate.ts'

const SEEDS = 300
/** five CPU-seconds of work, on machines that may be busy */
const TIMEOUT_MS = 180_000

describe('the engine on a simulated AWS', () => {
  it(`keeps every invariant in ${SEEDS} worlds, and every rare branch is reached in one of them`, async () => {
    const probes = newProbes()
    for (let seed = 1; seed <= SEEDS; seed++) {
      const verdict = await simulate(seed)
      expect(verdict.failure, `seed ${seed}: node test/simulation/run.ts --from ${seed} --log`).toBeNull()
      addProbes(probes, verdict.probes)
    }
    expect(unhit(probes)).toEqual([])
  }, TIMEOUT_MS)

  it('runs the same world twice from one seed', async () => {
    const hashes = new Set<string>()
    for (let seed = 1; seed <= 40; seed++) {
      const first = await simulate(seed)
      const second = await simulate(seed, true)
      expect(second.hash, `seed ${seed}`).toBe(first.hash)
      expect(second.events).toBe(first.events)
      hashes.add(first.hash)
    }
    expect(hashes.size).toBe(40)
  }, TIMEOUT_MS)
})
