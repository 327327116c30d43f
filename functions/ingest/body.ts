// Reads a request's body, never more of it than the limit allows.
import { EngineError } from '../../lib/model/errors.ts'

/**
 * The body's bytes, as sent. A declared length above the limit is refused before a byte is read; an
 * undeclared one is cut off at the limit.
 * @throws EngineError `payload_too_large`, `malformed` when the body broke off
 */
export async function readBody(request: Request, bytesMax: number): Promise<Uint8Array> {
  const header = request.headers.get('content-length')
  if (header === null) return readChunks(request, bytesMax)
  const declared = Number(header)
  if (declared > bytesMax) throw tooLarge(bytesMax)
  const body = new Uint8Array(await whole(request.arrayBuffer()))
  if (body.length !== declared) throw new EngineError('malformed', `the body has ${body.length} bytes, its Content-Length says ${header}`)
  return body
}

async function readChunks(request: Request, bytesMax: number): Promise<Uint8Array> {
  if (request.body === null) return new Uint8Array(0)
  const reader = request.body.getReader()
  const chunks: Uint8Array[] = []
  let total = 0
  for (;;) {
    const { done, value } = await whole(reader.read())
    if (done) return Buffer.concat(chunks, total)
    total += value.length
    if (total > bytesMax) {
      // Not awaited: a sender that never stops must not hold up its own refusal.
      reader.cancel().catch(() => undefined)
      throw tooLarge(bytesMax)
    }
    chunks.push(value)
  }
}

/** a body that breaks off is the sender's fault, whatever the connection calls it */
async function whole<T>(reading: Promise<T>): Promise<T> {
  try {
    return await reading
  } catch (cause) {
    throw new EngineError('malformed', 'the body broke off before its end: send it again', { cause })
  }
}

const tooLarge = (bytesMax: number): EngineError =>
  new EngineError('payload_too_large', `the body is longer than ${bytesMax} bytes: split the request`)
