// A request over a socket as it stands, path and headers untouched: what `fetch` would clean up first.
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import type { PlainRequest } from './lambda-events.ts'

export interface PlainAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

export function sendPlain(url: string, { method, path, headers = {}, body }: PlainRequest): Promise<PlainAnswer> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ hostname, port, method, path, headers: headers as Record<string, string | string[]>, agent: false }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks) }))
    })
    sent.on('error', reject)
    sent.end(body)
  })
}
