// Passwords at rest: argon2id (m = 19 MiB, t = 2, p = 1; OWASP's minimum) in PHC strings that carry
// their own parameters, so that they can be raised later and old hashes still verify.
import { argon2, timingSafeEqual, type Argon2Parameters } from 'node:crypto'

export interface PasswordCost {
  readonly memoryKib: number
  readonly passes: number
  readonly parallelism: number
}
export const PASSWORD_COST: PasswordCost = { memoryKib: 19 * 1024, passes: 2, parallelism: 1 }
const TAG_BYTES = 32
export const SALT_BYTES = 16
/** beyond this a password is refused before any hashing (hostile.md 6) */
export const PASSWORD_BYTES_MAX = 4_096

const unpadded = (b: Uint8Array): string => Buffer.from(b).toString('base64').replace(/=+$/, '')

function derive(password: Uint8Array, salt: Uint8Array, cost: PasswordCost, tagLength: number): Promise<Buffer> {
  const parameters: Argon2Parameters = {
    message: password, nonce: salt, parallelism: cost.parallelism, tagLength, memory: cost.memoryKib, passes: cost.passes,
  }
  return new Promise((resolve, reject) => {
    argon2('argon2id', parameters, (error, tag) => (error ? reject(error) : resolve(tag)))
  })
}

/** the PHC string of a password; `salt` is SALT_BYTES random bytes */
export async function hashPassword(password: Uint8Array, salt: Uint8Array, cost: PasswordCost = PASSWORD_COST): Promise<string> {
  return phcOf(salt, await derive(password, salt, cost, TAG_BYTES), cost)
}

/** @param tag what hashing gave, TAG_BYTES bytes */
export function phcOf(salt: Uint8Array, tag: Uint8Array, cost: PasswordCost): string {
  return `$argon2id$v=19$m=${cost.memoryKib},t=${cost.passes},p=${cost.parallelism}$${unpadded(salt)}$${unpadded(tag)}`
}

const PHC = /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,2})\$([A-Za-z0-9+/]{1,128})\$([A-Za-z0-9+/]{1,128})$/

/** false also for a string that is no PHC string of ours */
export async function verifyPassword(password: Uint8Array, phc: string): Promise<boolean> {
  const m = PHC.exec(phc)
  if (m === null) return false
  const cost = { memoryKib: Number(m[1]), passes: Number(m[2]), parallelism: Number(m[3]) }
  const want = Buffer.from(m[5]!, 'base64')
  const got = await derive(password, Buffer.from(m[4]!, 'base64'), cost, want.length)
  return timingSafeEqual(got, want)
}
