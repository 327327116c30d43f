// One line a check, on standard output: what was held, in how long, or what is wrong. A check that
// cannot run here is told with its reason and counted; nothing is left out in silence.

export interface Report {
  /** runs a check; what it returns is told beside its name, what it throws makes it fail */
  check(name: string, run: () => Promise<string>): Promise<void>
  skip(name: string, why: string): void
  /** prints the counts */
  close(): { readonly passed: number; readonly failed: number; readonly skipped: number }
}

export function createReport(write: (line: string) => void): Report {
  const began = performance.now()
  const counts = { passed: 0, failed: 0, skipped: 0 }
  const seconds = (from: number): string => `${((performance.now() - from) / 1_000).toFixed(1)} s`
  return {
    async check(name, run) {
      const from = performance.now()
      try {
        const detail = await run()
        counts.passed++
        write(`ok    ${name}: ${detail} (${seconds(from)})`)
      } catch (error) {
        counts.failed++
        write(`FAIL  ${name}: ${error instanceof Error ? error.stack ?? error.message : String(error)} (${seconds(from)})`)
      }
    },
    skip(name, why) {
      counts.skipped++
      write(`skip  ${name}: ${why}`)
    },
    close() {
      write(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped in ${seconds(began)}`)
      return counts
    },
  }
}

/** throws unless it holds; the message says what was found instead */
export function hold(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(message)
}

/** deep equality by JSON, told with both sides cut to a readable length */
export function equal(actual: unknown, expected: unknown, what: string): void {
  const [a, e] = [JSON.stringify(actual), JSON.stringify(expected)]
  hold(a === e, `${what} is ${a?.slice(0, 500)} and should be ${e?.slice(0, 500)}`)
}

export const count = (n: number): string => n.toLocaleString('en-US')
