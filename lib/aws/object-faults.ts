// What may be wrong with an object that was asked for, in the same words whichever client asked
// (blobs.ts by the SDK, lean-blobs.ts without).
import type { ByteRange } from '../engine/ports.ts'
import { EngineError } from '../model/errors.ts'

export const missing = (key: string, cause: unknown): EngineError => new EngineError('not_found', `the object ${key} does not exist`, { cause })

/** S3 does not tell a role that lists nothing whether an object exists */
export const missingOrDenied = (key: string, cause: unknown): EngineError =>
  new EngineError('not_found', `the object ${key} does not exist, or s3:GetObject is not granted to this function`, { cause })

export const damaged = (key: string): EngineError => new EngineError('unavailable', `the object ${key} came damaged: its SHA-256 differs`)

/** @param instead what came, or why nothing did */
export const truncated = (key: string, { offset, length }: ByteRange, instead: string): EngineError =>
  new EngineError('unavailable', `the object ${key} is truncated: ${length} bytes from ${offset} were asked for, ${instead}`)
