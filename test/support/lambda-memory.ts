// Both HTTP functions and embedded mode's app over ports in memory, made alike: the same requests must
// have the same answers. Also bundled by tests as the functions are, to run on the bundle's own classes.
import { behindDoor } from '../../functions/behind-door.ts'
import { createIngestApp } from '../../functions/ingest/app.ts'
import { lambdaDoor } from '../../functions/lambda-door.ts'
import type { LambdaContext, LambdaResult } from '../../functions/lambda.ts'
import { createQueryApp } from '../../functions/query/app.ts'
import { createDeadline } from '../../lib/aws/deadline.ts'
import { PLATFORM, createAuthenticator } from '../../lib/engine/access/login.ts'
import { mintToken, type TokenScope } from '../../lib/engine/access/token.ts'
import type { Ports } from '../../lib/engine/ports.ts'
import type { SearchState } from '../../lib/engine/query/search.ts'
import type { Settings } from '../../lib/engine/settings.ts'
import { memoryPorts, type MemoryPorts } from './memory-ports.ts'

export type Invoke = (event: unknown, context: LambdaContext) => Promise<LambdaResult>

export interface MemoryLambda {
  readonly ports: MemoryPorts
  readonly ingest: Invoke
  readonly query: Invoke
  /** which classes answer */
  readonly responseClass: unknown
}

export const TOKENS: Readonly<Record<TokenScope, string>> = {
  ingest: mintToken(Buffer.alloc(40, 'ingest token '), 'default', 'ingest', 0).text,
  read: mintToken(Buffer.alloc(40, 'read token '), 'default', 'read', 0).text,
  admin: mintToken(Buffer.alloc(40, 'admin token '), 'default', 'admin', 0).text,
}

export async function addTokens({ catalog }: Pick<Ports, 'catalog'>): Promise<void> {
  for (const scope of ['ingest', 'read', 'admin'] as const) {
    const token = mintToken(Buffer.alloc(40, `${scope} token `), 'default', scope, 0)
    await catalog.putDocument(PLATFORM, 'token', token.id, token.document, 0)
  }
}

/** what a search needs beside the ports is not made here: no memory port runs SQL */
const NO_STATE = {} as SearchState

export async function memoryLambda(settings: Settings, replace: (ports: MemoryPorts) => Partial<Ports> = () => ({})): Promise<MemoryLambda> {
  const made = memoryPorts()
  await addTokens(made)
  const ports = { ...made, ...replace(made) }
  const { clock, ids, telemetry } = ports
  const authenticator = await createAuthenticator(ports.catalog, clock, new Uint8Array(32))
  const version = '0.0.0'
  // The real clock: a deadline of the test's own would never come.
  const deadline = createDeadline({ monotonicMs: () => performance.now() })
  const ingest = createIngestApp({ ports, settings, version, flush: async () => undefined })
  const query = createQueryApp({ ports, settings, version, state: NO_STATE, renderMetrics: () => 'metrics\n' })
  const over = (app: typeof ingest): Invoke => lambdaDoor({ app: behindDoor({ authenticator, clock, ids, telemetry }, [app]), deadline, telemetry })
  return { ports: made, ingest: over(ingest), query: over(query), responseClass: Response }
}
