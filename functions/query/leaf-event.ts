// One invocation of a leaf: a share in, what came of it out. Never throws: the leader is told what went
// wrong, and what is too much for a reply is put in the bucket.
import { answerKey, bodyOf, decodeShare, encodeFailure, encodeReply, INLINE_BYTES_MAX } from '../../lib/aws/leaf-wire.ts'
import type { LeafFailure, LeafReply } from '../../lib/aws/leaf-wire.ts'
import { leafScan, type LeafWork } from '../../lib/engine/query/leaf.ts'
import type { Ids } from '../../lib/engine/ports.ts'
import { asEngineError, ERROR_KINDS } from '../../lib/model/errors.ts'

export interface LeafEventWork extends LeafWork {
  readonly ids: Pick<Ids, 'ulid'>
  /** pieces above this are put in the bucket; default: what a reply holds */
  readonly inlineBytesMax?: number
}

/** of the function's remaining time: what answering takes, milliseconds */
const ANSWER_MS = 1_000

/** @param remainingMs what Lambda's context says: no share may take longer */
export async function answerLeafEvent(work: LeafEventWork, event: unknown, remainingMs: number): Promise<LeafReply | LeafFailure> {
  try {
    const asked = decodeShare(event)
    const share = { ...asked, deadlineMs: Math.min(asked.deadlineMs, Math.max(1, remainingMs - ANSWER_MS)) }
    const outcome = await leafScan(work, share)
    const body = bodyOf(outcome)
    if (body.length <= (work.inlineBytesMax ?? INLINE_BYTES_MAX)) return encodeReply(share, outcome, body, null)
    const key = answerKey(share.org, work.ids.ulid())
    // `exists` is our own put, repeated: the key has 80 bits of chance.
    await work.ports.blobs.put(key, body)
    return encodeReply(share, outcome, body, key)
  } catch (thrown) {
    const error = asEngineError(thrown)
    const { level } = ERROR_KINDS[error.kind]
    work.ports.telemetry.log(level, 'a leaf could not scan its share', { slug: error.slug, reason: error.message, cause: String(error.detail.cause ?? '') })
    return encodeFailure(error)
  }
}
