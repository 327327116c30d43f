// What S3 enforces and fauxqs does not: conditional puts, checksums, the length of keys.
// docs.aws.amazon.com/AmazonS3/latest/userguide: conditional-writes, checking-object-integrity, object-keys.
import { createHash } from 'node:crypto'
import { awsError, header } from './request.ts'
import type { Answer, AwsRequest, Forward } from './request.ts'
import type { S3Listing } from './s3-listing.ts'

const KEY_BYTES_MAX = 1_024

export function s3Rules({ forward, has }: S3Listing): Forward {
  /** per key: the last conditional put on its way */
  const tails = new Map<string, Promise<unknown>>()

  /** puts of one key one after the other: looking and writing are then one step */
  function alone(name: string, work: () => Promise<Answer>): Promise<Answer> {
    const turn = (tails.get(name) ?? Promise.resolve()).then(work, work)
    tails.set(name, turn)
    const leave = (): void => { if (tails.get(name) === turn) tails.delete(name) }
    turn.then(leave, leave)
    return turn
  }

  async function put(request: AwsRequest): Promise<Answer> {
    const refused = damaged(request)
    if (refused !== null) return refused
    const condition = header(request, 'if-none-match')
    if (condition === undefined) return forward(request)
    if (condition !== '*') return awsError(request, 501, 'NotImplemented', 'A header you provided implies functionality that is not implemented')
    return alone(`${request.bucket}/${request.key}`, async () => {
      if (has(request.bucket, request.key)) return awsError(request, 412, 'PreconditionFailed', 'At least one of the pre-conditions you specified did not hold')
      return forward(request)
    })
  }

  return async (request) => {
    if (Buffer.byteLength(request.key) > KEY_BYTES_MAX) return awsError(request, 400, 'KeyTooLongError', 'Your key is too long')
    return request.operation === 'PutObject' ? put(request) : forward(request)
  }
}

/** a body that is not what its headers say it is */
function damaged(request: AwsRequest): Answer | null {
  const digest = createHash('sha256').update(request.body).digest()
  const checksum = header(request, 'x-amz-checksum-sha256')
  if (checksum !== undefined && checksum !== digest.toString('base64')) {
    return awsError(request, 400, 'BadDigest', 'The SHA256 you specified did not match the calculated checksum.')
  }
  const signed = header(request, 'x-amz-content-sha256')
  if (signed !== undefined && /^[0-9a-f]{64}$/.test(signed) && signed !== digest.toString('hex')) {
    return awsError(request, 400, 'XAmzContentSHA256Mismatch', 'The provided x-amz-content-sha256 header does not match what was computed.')
  }
  return null
}
