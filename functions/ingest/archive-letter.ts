// One dead letter: claim first, object second (engine/ingest/quarantine.ts), and only then the message is
// done. A text that is not ours has no organisation it could be kept under: it is left where it is, named
// in the log each time, until the queue's retention ends.
import type { DeadLetterMessage, DeadLetters } from '../../lib/aws/dead-letters.ts'
import { decodeMessage } from '../../lib/aws/message.ts'
import { parkMessage } from '../../lib/engine/ingest/quarantine.ts'
import type { DeliveredMessage, Ports } from '../../lib/engine/ports.ts'
import type { Settings } from '../../lib/engine/settings.ts'
import { EngineError } from '../../lib/model/errors.ts'

/** `written`: its rows were in after all; `failed`: it comes again; `foreign`: not ours */
export type LetterFate = 'parked' | 'written' | 'failed' | 'foreign'

/** never throws */
export async function archiveLetter(ports: Ports, settings: Settings, deadLetters: DeadLetters, letter: DeadLetterMessage): Promise<LetterFate> {
  const { receipt, messageId, receives } = letter
  const { clock, telemetry } = ports
  const message = messageOf(letter)
  if (message === null) {
    telemetry.log('error', 'a dead letter is not ours and is left where it is', { messageId, receives })
    return 'foreign'
  }
  const { org, bid, bytes } = message
  const reason = `the message was delivered ${receives} times and could not be written`
  const fate = await parkMessage(ports, settings, { at: clock.now(), ms: clock.monotonicMs() }, { org, bid, reason, envelope: bytes })
  try {
    if (fate instanceof EngineError) throw fate
    await deadLetters.done(receipt)
    return fate === 'committed' ? 'written' : 'parked'
  } catch (error) {
    telemetry.log('error', 'a dead letter could not be archived and comes again', { org, bid, messageId, cause: String(error) })
    return 'failed'
  }
}

function messageOf({ text, receives }: DeadLetterMessage): DeliveredMessage | null {
  try {
    return decodeMessage(text, receives)
  } catch {
    return null
  }
}
