// What is remembered of a credential ends within a minute, by whichever clock says so first: a host
// that sleeps between requests may find its monotonic clock where it left it.
import { expect, test } from 'vitest'
import { PLATFORM, createAuthenticator } from '../../lib/engine/access/login.ts'
import { mintToken } from '../../lib/engine/access/token.ts'
import { memoryPorts } from '../support/memory-ports.ts'

test.for([
  ['59 s by both clocks', 59_000, 59_000, true],
  ['a minute by both', 60_000, 60_000, false],
  ['hours by the wall clock alone', 10, 7_200_000, false],
  ['a minute by the monotonic clock alone', 60_000, 10, false],
  ['a wall clock that was set back', 10, -5_000, false],
] as const)('a revoked token is refused after %s', async ([, monotonicMs, wallMs, stillKnown]) => {
  const { catalog, clock: start } = memoryPorts()
  let nowMs = 1_000
  let now = start.now()
  const clock = { now: () => now, monotonicMs: () => nowMs, sleep: () => Promise.resolve() }
  const token = mintToken(Buffer.alloc(40, 'a token of ours '), 'default', 'ingest', now)
  await catalog.putDocument(PLATFORM, 'token', token.id, token.document, 0)
  const authenticator = await createAuthenticator(catalog, clock, Buffer.alloc(32, 7))
  const ask = (): Promise<unknown> => authenticator.authenticate(`Bearer ${token.text}`)
  await ask()
  await catalog.putDocument(PLATFORM, 'token', token.id, { ...token.document, revoked: true }, 1)
  nowMs += monotonicMs
  now += wallMs * 1_000
  if (stillKnown) await ask()
  else await expect(ask()).rejects.toMatchObject({ slug: 'unauthenticated' })
})
