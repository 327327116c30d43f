// S3, SQS, SSM and STS in the test's own process: fauxqs without a port of its own, and in front of it a
// loopback server that enforces what AWS enforces and fauxqs does not, counts requests, and lets a test
// provoke faults. SSM and STS are the front's own. Proven by test/unit/aws-emulator.test.ts.
import { createServer } from 'node:http'
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { CreateQueueCommand } from '@aws-sdk/client-sqs'
import type { S3Client } from '@aws-sdk/client-s3'
import type { SQSClient } from '@aws-sdk/client-sqs'
import type { SSMClient } from '@aws-sdk/client-ssm'
import { buildApp } from 'fauxqs'
import { s3Client } from '../../lib/aws/blobs.ts'
import { ssmClient } from '../../lib/aws/parameters.ts'
import { sqsClient } from '../../lib/aws/queue.ts'
import { Faults, withFault } from './aws-emulator/faults.ts'
import type { Fault, Outcome } from './aws-emulator/faults.ts'
import { awsRequest } from './aws-emulator/request.ts'
import type { Answer, AwsRequest, Forward } from './aws-emulator/request.ts'
import { s3Listing } from './aws-emulator/s3-listing.ts'
import { s3Rules } from './aws-emulator/s3-rules.ts'
import { sqsRules } from './aws-emulator/sqs-rules.ts'
import { parameterStore } from './aws-emulator/ssm.ts'
import { tenantRoles } from './aws-emulator/sts.ts'

/** what clients need to reach the emulator; anybody's keys will do */
export interface EmulatorAccess {
  readonly endpoint: string
  readonly region: string
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string }
}

export interface QueueSettings {
  /** default 30 */
  readonly visibilitySeconds?: number
  /** where messages go that were delivered so often */
  readonly deadLetters?: { readonly queueUrl: string; readonly maxReceiveCount: number }
}

export interface AwsEmulator extends EmulatorAccess {
  readonly s3: S3Client
  readonly sqs: SQSClient
  readonly ssm: SSMClient
  /** a fresh bucket's name */
  createBucket(): Promise<string>
  /** a fresh queue's URL */
  createQueue(settings?: QueueSettings): Promise<string>
  provoke(fault: Fault): void
  /** requests so far by operation (`PutObject`, `SendMessage`...) */
  readonly requests: ReadonlyMap<string, number>
  /** the last request of an operation */
  last(operation: string): AwsRequest | undefined
  /** connections that clients have opened */
  connections(): number
  close(): Promise<void>
}

export interface EmulatorOptions {
  /** false: fauxqs as it is, to show what the front is for */
  readonly rules?: boolean
}

const REGION = 'us-east-1'
const ACCOUNT = '000000000000'
const CREDENTIALS = { accessKeyId: 'AKIAEMULATOR', secretAccessKey: 'emulator' }

/** fauxqs, asked without a socket */
function emulated(app: ReturnType<typeof buildApp>): Forward {
  return async ({ method, url, headers, body }) => {
    const answer = await app.inject({ method: method as 'GET', url, headers, payload: body })
    const { 'transfer-encoding': _chunked, connection: _connection, ...kept } = answer.headers
    return { status: answer.statusCode, headers: kept as OutgoingHttpHeaders, body: answer.rawPayload }
  }
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part as Buffer)
  return Buffer.concat(parts)
}

function write(response: ServerResponse, { answer, end }: Outcome): void {
  if (answer !== null) {
    const { status, headers, body } = answer
    response.writeHead(status, { 'content-length': body.length, ...headers })
    // A close that overtakes the bytes before it would be another fault than the one that was asked for.
    if (end === 'complete') response.end(body)
    else response.write(body, () => { if (end === 'close') response.destroy() })
  } else if (end === 'close') response.destroy()
}

export async function startEmulator({ rules = true }: EmulatorOptions = {}): Promise<AwsEmulator> {
  const app = buildApp({ logger: false, defaultRegion: REGION })
  const behind = emulated(app)
  const tenants = tenantRoles()
  const services = {
    s3: rules ? tenants.guard(s3Rules(s3Listing(behind))) : behind,
    sqs: rules ? sqsRules(behind) : behind,
    ssm: parameterStore(),
    sts: tenants.sts,
  }
  const forward: Forward = (request): Promise<Answer> => services[request.service](request)
  const faults = new Faults()
  const requests = new Map<string, number>()
  const lasts = new Map<string, AwsRequest>()
  let connections = 0
  let made = 0

  async function serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const request = awsRequest(incoming.method ?? '', incoming.url ?? '', incoming.headers, await bodyOf(incoming))
    requests.set(request.operation, (requests.get(request.operation) ?? 0) + 1)
    lasts.set(request.operation, request)
    write(response, await withFault(faults.take(request.operation), request, forward))
  }

  const server = createServer((incoming, response) => {
    // A client that hangs up has its own error; the front has none to tell.
    serve(incoming, response).catch(() => response.destroy())
  })
  server.on('connection', () => { connections += 1 })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const access: EmulatorAccess = { endpoint, region: REGION, credentials: CREDENTIALS }
  const clients = { s3: s3Client({ ...access, forcePathStyle: true }), sqs: sqsClient(access), ssm: ssmClient(access) }

  async function createBucket(): Promise<string> {
    const bucket = `bucket-${made += 1}`
    await app.inject({ method: 'PUT', url: `/${bucket}` })
    return bucket
  }

  async function createQueue({ visibilitySeconds = 30, deadLetters }: QueueSettings = {}): Promise<string> {
    const name = `queue-${made += 1}`
    const redrive = deadLetters === undefined ? {} : {
      RedrivePolicy: JSON.stringify({
        deadLetterTargetArn: `arn:aws:sqs:${REGION}:${ACCOUNT}:${deadLetters.queueUrl.split('/').at(-1)}`, maxReceiveCount: deadLetters.maxReceiveCount,
      }),
    }
    await clients.sqs.send(new CreateQueueCommand({ QueueName: name, Attributes: { VisibilityTimeout: String(visibilitySeconds), ...redrive } }))
    return `${endpoint}/${ACCOUNT}/${name}`
  }

  return {
    ...access, ...clients, createBucket, createQueue, requests,
    provoke: (fault) => faults.provoke(fault),
    last: (operation) => lasts.get(operation),
    connections: () => connections,
    close: async () => {
      for (const client of Object.values(clients)) client.destroy()
      server.closeAllConnections()
      await new Promise((resolve) => { server.close(resolve) })
      await app.close()
    },
  }
}
