// Drains the dead letters into the quarantine, ten at a time. Twice at once, cut off, or not at all for
// an hour: what is not done comes again, and its claim tells what became of it.
import type { DeadLetters } from '../../lib/aws/dead-letters.ts'
import type { Ports } from '../../lib/engine/ports.ts'
import type { Settings } from '../../lib/engine/settings.ts'
import type { LambdaContext } from '../lambda.ts'
import { archiveLetter, type LetterFate } from './archive-letter.ts'

export interface Archiving {
  readonly ports: Ports
  readonly settings: Settings
  readonly deadLetters: DeadLetters
}

/** messages by what became of them */
export type Archived = Record<LetterFate, number>

/** a message takes two requests; a round of receiving begun with less may be cut off, for nothing */
const ROUND_MS_MIN = 15_000

/** Until the queue is empty or the time is short. @throws EngineError when the queue cannot be read */
export async function archiveDeadLetters(
  { ports, settings, deadLetters }: Archiving, context: Pick<LambdaContext, 'getRemainingTimeInMillis'>,
): Promise<Archived> {
  const sum: Archived = { parked: 0, written: 0, failed: 0, foreign: 0 }
  while (context.getRemainingTimeInMillis() > ROUND_MS_MIN) {
    const letters = await deadLetters.receive()
    if (letters.length === 0) break
    await Promise.all(letters.map(async (letter) => {
      sum[await archiveLetter(ports, settings, deadLetters, letter)]++
    }))
  }
  return sum
}
