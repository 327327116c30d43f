// A batch: messages of one organisation, opened and decoded into tables together. Opening fetches
// spilled bodies and checks them; decoding is a pure function of each message. A message that fails
// either is named with its reason and leaves no trace in the tables; its neighbours go on.
import { createHash } from 'node:crypto'
import type { DeliveredMessage, Ports } from '../ports.ts'
import { Tables } from '../store/columns.ts'
import { ERROR_KINDS, EngineError, asEngineError } from '../../model/errors.ts'
import { decode } from './decode/index.ts'
import { decodeEnvelope, type EnvelopeHeader } from './envelope.ts'
import { inflate } from './inflate.ts'

/** a message whose header is read and whose body is at hand, still coded */
export interface OpenMessage {
  readonly delivered: DeliveredMessage
  readonly header: EnvelopeHeader
  readonly body: Uint8Array
}

export interface FailedMessage {
  readonly delivered: DeliveredMessage
  readonly error: EngineError
}

export interface Opened {
  readonly opened: OpenMessage[]
  /** cannot be written, now or ever */
  readonly unreadable: FailedMessage[]
  /** cannot be had just now */
  readonly unavailable: FailedMessage[]
}

/** Reads headers and fetches spilled bodies, all at once. Never throws for a message's sake. */
export async function openMessages(ports: Ports, messages: readonly DeliveredMessage[]): Promise<Opened> {
  const out: Opened = { opened: [], unreadable: [], unavailable: [] }
  const results = await Promise.all(messages.map((message) => openMessage(ports, message).catch(asEngineError)))
  results.forEach((result, i) => {
    if (!(result instanceof EngineError)) out.opened.push(result)
    else if (ERROR_KINDS[result.kind].onQueue === 'park') out.unreadable.push({ delivered: messages[i]!, error: result })
    else out.unavailable.push({ delivered: messages[i]!, error: result })
  })
  return out
}

/** @throws malformed, not_found (the spilled body has expired), unavailable */
async function openMessage(ports: Ports, delivered: DeliveredMessage): Promise<OpenMessage> {
  const { header, body } = decodeEnvelope(delivered.bytes)
  if (header.org !== delivered.org || header.bid !== delivered.bid) {
    throw new EngineError('malformed', `the envelope of message ${delivered.bid} is that of another message: ${header.bid}`)
  }
  if (header.spill === null) return { delivered, header, body }
  const bytes = await ports.blobs.get(header.spill.key)
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  if (bytes.length !== header.spill.bytes || sha256 !== header.spill.sha256) {
    throw new EngineError('malformed', `the spilled body of message ${delivered.bid} is not the one that was accepted: its SHA-256 differs`)
  }
  return { delivered, header, body: bytes }
}

export interface Batch {
  /** the position of a message is its ordinal in the tables */
  readonly messages: readonly OpenMessage[]
  readonly tables: Tables
  readonly undecodable: readonly FailedMessage[]
}

/**
 * Decodes messages into one set of tables. A decoder that throws may have left half a message behind,
 * so the others are decoded again without it: rare, and bounded by the batch.
 * @param spare tables of an earlier batch that is done: their memory is used again
 */
export function decodeMessages(messages: readonly OpenMessage[], spare: Tables | null = null): Batch {
  const undecodable: FailedMessage[] = []
  let todo = messages
  for (let tables = new Tables(spare); ; tables = new Tables()) {
    const failed = todo.find((message, ordinal) => {
      const error = decodeInto(tables, message, ordinal)
      if (error !== null) undecodable.push({ delivered: message.delivered, error })
      return error !== null
    })
    if (failed === undefined) return { messages: todo, tables, undecodable }
    todo = todo.filter((message) => message !== failed)
  }
}

function decodeInto(tables: Tables, { header, body }: OpenMessage, ordinal: number): EngineError | null {
  try {
    // A fresh buffer for each: the decoder undoes escapes in place.
    decode(inflate(body, header.coding, header.rawBytes), header.context, header.rejected, ordinal, tables)
    return null
  } catch (error) {
    return asEngineError(error)
  }
}
