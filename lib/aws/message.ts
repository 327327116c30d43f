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
  if (line === null || !isWhole(line[3]!)) throw new EngineError('malformed', 'the message is not one of ours: it must be `n1 org bid base64`')
  const { buffer, byteOffset, length } = Buffer.from(line[3]!, 'base64')
  // Plain: a Buffer's `slice` would be a view, and small ones share a pool.
  return { org: line[1] as OrgId, bid: line[2]!, receives, bytes: new Uint8Array(buffer, byteOffset, length) }
}

/** base64 as encoders write it: Node would also decode one that was cut, and bits beyond the last byte */
function isWhole(base64: string): boolean {
  const last = base64.slice(-4)
  return base64.length % 4 === 0 && Buffer.from(last, 'base64').toString('base64') === last
}
