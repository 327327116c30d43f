// A message as a queue of text carries it: version, organisation, bid, and the envelope's bytes in
// base64, on one line. Who receives it must know whose it is without opening the envelope.
import type { DeliveredMessage, QueueMessage } from '../engine/ports.ts'
import { EngineError } from '../model/errors.ts'
import type { OrgId } from '../model/stream.ts'

const VERSION = 'n1'
/** organisation ids and bids as lib/engine/store/layout.ts has them in keys */
const LINE = /^n1 ([a-z0-9][a-z0-9_-]{0,63}) ([0-9A-HJKMNP-TV-Z]{26}(?:~[1-9][0-9]*)?) ([A-Za-z0-9+/]*={0,2})$/

/** SQS: 1 MiB for a message, attributes included; we send none */
export const MESSAGE_TEXT_MAX = 2 ** 20

export function encodeMessage({ org, bid, bytes }: QueueMessage): string {
  return `${VERSION} ${org} ${bid} ${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64')}`
}

/**
 * @param receives deliveries so far, this one included
 * @throws EngineError `malformed` for a text that `encodeMessage` does not make
 */
export function decodeMessage(text: string, receives: number): DeliveredMessage {
  const line = LINE.exec(text)
  if (line === null) throw new EngineError('malformed', 'the message is not one of ours: it must be `n1 org bid base64`')
  return { org: line[1] as OrgId, bid: line[2]!, receives, bytes: Buffer.from(line[3]!, 'base64') }
}
