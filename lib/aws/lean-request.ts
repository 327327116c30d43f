// One request of AWS's over Node's own HTTP, with an end to every wait: what the functions at the edge
// need of an SDK, without loading one. Its failures look like the SDK's to failures.ts.
import { Agent as HttpAgent, request as httpRequest } from 'node:http'
import type { Agent, ClientRequest, IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'

export interface LeanRequest {
  readonly endpoint: URL
  readonly headers: Readonly<Record<string, string>>
  /** of a POST; null: a GET */
  readonly body: string | null
}

export interface Limits {
  /** until a socket is connected, milliseconds */
  readonly connectionTimeout: number
  /** until the answer's headers */
  readonly requestTimeout: number
  /** between two parts of anything */
  readonly socketTimeout: number
}

export interface Transport {
  readonly request: typeof import('node:http').request
  readonly agent: Agent
}

/** to endpoints of this protocol */
export const transportOf = (protocol: string, options: { readonly keepAlive?: boolean; readonly maxSockets?: number }): Transport =>
  (protocol === 'http:' ? { request: httpRequest, agent: new HttpAgent(options) } : { request: httpsRequest, agent: new HttpsAgent(options) })

export interface LeanAnswer {
  readonly status: number
  /** by lower-case name */
  readonly headers: IncomingHttpHeaders
  readonly bytes: Buffer
}

export const textOf = ({ bytes }: LeanAnswer): string => bytes.toString('utf8')

/** the text of the first element of this name, or ''; what AWS answers in XML here is flat */
export const xmlText = (xml: string, name: string): string => new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1] ?? ''

/** an answer that is no success, as the SDK throws it */
export function xmlFailure(answer: LeanAnswer): Error {
  const xml = textOf(answer)
  return Object.assign(new Error(xmlText(xml, 'Message')), { name: xmlText(xml, 'Code') || 'Unknown', $metadata: { httpStatusCode: answer.status } })
}

export const credentialsMissing = (): Error => Object.assign(new Error('the client was made without credentials'), { name: 'CredentialsProviderError' })

const late = (what: string): Error => Object.assign(new Error(`${what} took too long`), { name: 'TimeoutError' })

/** @throws Error with the socket's `code`, or `TimeoutError` */
export function exchange({ request, agent }: Transport, { endpoint, headers, body }: LeanRequest, limits: Limits): Promise<LeanAnswer> {
  return new Promise((resolve, reject) => {
    const sent: ClientRequest = request(endpoint, { ...(body === null ? { method: 'GET', headers } : { method: 'POST', headers: { ...headers, 'content-length': String(Buffer.byteLength(body)) } }), agent }, (answer: IncomingMessage) => {
      clearTimeout(untilAnswer)
      const parts: Buffer[] = []
      answer.on('data', (part: Buffer) => parts.push(part))
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, bytes: Buffer.concat(parts) }))
      answer.on('error', reject)
    })
    const untilAnswer = setTimeout(() => sent.destroy(late('the answer')), limits.requestTimeout)
    const untilConnected = setTimeout(() => sent.destroy(late('the connection')), limits.connectionTimeout)
    sent.on('socket', (socket) => {
      const connected = (): void => clearTimeout(untilConnected)
      if (socket.connecting) socket.once('connect', connected)
      else connected()
    })
    sent.setTimeout(limits.socketTimeout, () => sent.destroy(late('the socket')))
    sent.on('error', reject)
    sent.on('close', () => {
      clearTimeout(untilAnswer)
      clearTimeout(untilConnected)
      // A connection that closes in the middle of an answer has said so already.
      reject(Object.assign(new Error('the connection closed before the answer was whole'), { code: 'ECONNRESET' }))
    })
    sent.end(body ?? undefined)
  })
}
