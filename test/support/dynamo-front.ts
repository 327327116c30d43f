// A loopback server in front of DynamoDB, or instead of it: it sees every request, passes it on, and on
// a test's word loses the answer after the effect, answers itself, or never answers.
import { createServer, request as httpRequest } from 'node:http'
import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface SeenRequest {
  /** `PutItem`, `Query`, ... */
  readonly operation: string
  readonly headers: IncomingHttpHeaders
  readonly text: string
  readonly body: Readonly<Record<string, unknown>>
}

export type Turn =
  /** has its effect, and its answer never comes */
  | { readonly kind: 'lose' }
  | { readonly kind: 'hang' }
  /** answers without passing it on; `type` is the exception's name */
  | { readonly kind: 'say'; readonly status: number; readonly type?: string; readonly more?: Readonly<Record<string, unknown>>; readonly date?: Date }

export interface DynamoFront {
  readonly endpoint: string
  readonly seen: SeenRequest[]
  /** answers that came from behind, as they passed */
  readonly answers: Readonly<Record<string, unknown>>[]
  /** what happens to the next request; asked for each until it is set anew; null: it passes */
  turn: (seen: SeenRequest) => Turn | null
  /** members put into each request that passes */
  extra: Readonly<Record<string, unknown>>
  readonly close: () => Promise<void>
}

/** @param behind the endpoint it stands in front of */
export async function dynamoFront(behind = ''): Promise<DynamoFront> {
  const server = createServer((incoming, answer) => {
    const parts: Buffer[] = []
    incoming.on('data', (part: Buffer) => parts.push(part))
    incoming.on('end', () => {
      const text = Buffer.concat(parts).toString('utf8')
      const operation = String(incoming.headers['x-amz-target']).split('.')[1] ?? ''
      const seen: SeenRequest = { operation, headers: incoming.headers, text, body: JSON.parse(text) as SeenRequest['body'] }
      front.seen.push(seen)
      const turn = front.turn(seen)
      if (turn?.kind === 'hang') return
      if (turn?.kind === 'say') say(answer, turn)
      else pass(seen, answer, turn?.kind === 'lose')
    })
  })
  function pass({ headers, body }: SeenRequest, answer: ServerResponse, lost: boolean): void {
    const sent = JSON.stringify({ ...body, ...front.extra })
    const onward = httpRequest(behind, { method: 'POST', headers: { ...headers, host: new URL(behind).host, 'content-length': Buffer.byteLength(sent) } }, (response) => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.on('end', () => {
        const bytes = Buffer.concat(parts)
        front.answers.push(JSON.parse(bytes.toString('utf8')) as Record<string, unknown>)
        if (lost) answer.destroy()
        else answer.writeHead(response.statusCode ?? 500, { 'content-type': 'application/x-amz-json-1.0' }).end(bytes)
      })
    })
    onward.end(sent)
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const front: DynamoFront = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen: [],
    answers: [],
    turn: () => null,
    extra: {},
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return front
}

function say(answer: ServerResponse, { status, type, more = {}, date = new Date() }: Extract<Turn, { kind: 'say' }>): void {
  const body = type === undefined ? more : { __type: `com.amazonaws.dynamodb.v20120810#${type}`, message: 'so it is', ...more }
  answer.writeHead(status, { 'content-type': 'application/x-amz-json-1.0', date: date.toUTCString() }).end(JSON.stringify(body))
}
