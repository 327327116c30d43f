// A DynamoDB on this machine for contract tests: dynoxide, one process per test file on 127.0.0.1, with
// fresh tables as the stack makes them. It keeps transactions, conditions, tokens and 1 MB pages.
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { CreateTableCommand, UpdateTimeToLiveCommand } from '@aws-sdk/client-dynamodb'
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { afterAll, beforeAll } from 'vitest'
import type { ClientOptions } from '../../lib/aws/client-options.ts'
import { dynamoClient } from '../../lib/aws/dynamo.ts'

const BINARY = join(import.meta.dirname, `../../node_modules/@dynoxide/${process.platform}-${process.arch}/dynoxide`)

/** why the tests of this file cannot run here; null: they can */
export const missingDynoxide: string | null = existsSync(BINARY) ? null : `no dynoxide for ${process.platform}-${process.arch}`

export interface Tables {
  readonly table: string
  readonly documents: string
}

export interface LocalDynamo {
  /** http://127.0.0.1:port, once the file's tests run */
  readonly endpoint: () => string
  readonly client: (over?: ClientOptions) => DynamoDBClient
  readonly freshTables: () => Promise<Tables>
}

const CREDENTIALS = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'example' }

/** a client of any server on this machine */
export const clientAt = (endpoint: string, over: ClientOptions = {}): DynamoDBClient =>
  dynamoClient({ endpoint, region: 'eu-central-1', credentials: CREDENTIALS, ...over })

/** call once at the top of a test file; the process ends with the file's tests */
export function localDynamo(): LocalDynamo {
  let child: ChildProcess | null = null
  let endpoint = ''
  let made = 0
  const clients: DynamoDBClient[] = []
  const client = (over?: ClientOptions): DynamoDBClient => {
    const one = clientAt(endpoint, over)
    clients.push(one)
    return one
  }
  beforeAll(async () => {
    if (missingDynoxide !== null) return
    const started = await startDynoxide()
    child = started.child
    endpoint = started.endpoint
  })
  afterAll(() => {
    for (const one of clients) one.destroy()
    child?.kill()
  })
  return {
    endpoint: () => endpoint,
    client,
    freshTables: async () => {
      made += 1
      const tables = { table: `list-${made}`, documents: `documents-${made}` }
      await createTables(clients[0] ?? client(), tables)
      return tables
    },
  }
}

/** for programs that are no test file: they end the process themselves */
export async function startDynoxide(): Promise<{ readonly endpoint: string; readonly child: ChildProcess }> {
  const port = await freePort()
  const child = spawn(BINARY, ['--host', '127.0.0.1', '--port', String(port)], { stdio: ['ignore', 'pipe', 'pipe'] })
  await listening(child)
  return { endpoint: `http://127.0.0.1:${port}`, child }
}

export async function createTables(client: DynamoDBClient, { table, documents }: Tables): Promise<void> {
  for (const name of [table, documents]) await createTable(client, name)
  await client.send(new UpdateTimeToLiveCommand({ TableName: table, TimeToLiveSpecification: { AttributeName: 'exp', Enabled: true } }))
}

async function createTable(client: DynamoDBClient, name: string): Promise<void> {
  await client.send(new CreateTableCommand({
    TableName: name,
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }, { AttributeName: 'sk', AttributeType: 'S' }],
    KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }, { AttributeName: 'sk', KeyType: 'RANGE' }],
  }))
}

/** dynoxide says which port it was given, not which it got: so the port is chosen here */
async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
  const { port } = probe.address() as AddressInfo
  await new Promise((resolve) => probe.close(resolve))
  return port
}

/** resolves when the process says that it listens */
async function listening(child: ChildProcess): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    let said = ''
    const hear = (chunk: unknown): void => {
      said += String(chunk)
      if (said.includes('listening')) resolve()
    }
    child.stdout?.on('data', hear)
    child.stderr?.on('data', hear)
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`dynoxide ended with ${code}: ${said}`)))
  })
}
