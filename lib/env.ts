// One typed contract for what runs on AWS: every variable once, and for each Lambda entry which
// variables, memory, time and grants it has. `cdk/function.ts` gives a function exactly this, and
// `readEnv` reads exactly this, so neither can want what the other does not know. Nobody else in
// `functions` reads process.env. Tunables are not here: they are settings.
import { assert } from './model/errors.ts'

export interface Variable<T> {
  readonly name: string
  readonly meaning: string
  /** @throws Error saying what would be right */
  readonly parse: (raw: string) => T
  /** absent: the variable must be set */
  readonly fallback?: T
}

const text = (name: string, meaning: string): Variable<string> => ({ name, meaning, parse: (raw) => raw })

function whole(name: string, meaning: string, min: number, max: number, fallback?: number): Variable<number> {
  const parse = (raw: string): number => {
    const n = Number(raw)
    if (!Number.isSafeInteger(n) || n < min || n > max) throw new Error(`${name} is '${raw}': it must be a whole number from ${min} to ${max}`)
    return n
  }
  return fallback === undefined ? { name, meaning, parse } : { name, meaning, parse, fallback }
}

type LogLevel = 'debug' | 'info' | 'warn' | 'error'
const LOG_LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']

/** every variable of every function */
export const ENV = {
  table: text('NILOMETER_TABLE', 'table of the file list, claims, garbage, streams and schemas'),
  documents: text('NILOMETER_DOCUMENTS_TABLE', 'table of users, tokens and other documents'),
  bucket: text('NILOMETER_BUCKET', 'bucket of all objects'),
  queueUrl: text('NILOMETER_QUEUE_URL', 'URL of the queue of accepted requests'),
  deadLettersUrl: text('NILOMETER_DEAD_LETTERS_URL', 'URL of the queue of messages that could not be written'),
  leafFunction: text('NILOMETER_LEAF_FUNCTION', 'name of the function that scans shares of a query'),
  adminPassword: text('NILOMETER_ADMIN_PASSWORD_PARAMETER', 'SSM parameter that holds the root user\'s password'),
  ingestToken: text('NILOMETER_INGEST_TOKEN_PARAMETER', 'SSM parameter that holds the first ingestion token'),
  rootEmail: { ...text('NILOMETER_ROOT_EMAIL', 'the root user'), fallback: 'root@example.com' },
  retentionDays: whole('NILOMETER_RETENTION_DAYS', 'days a row is kept', 1, 36_500, 3_650),
  /** of an answer: the edge's own limit, or the function URL's */
  answerSeconds: whole('NILOMETER_ANSWER_SECONDS', 'longest search, seconds: what the edge waits', 1, 900, 28),
  tenantRole: { ...text('NILOMETER_TENANT_ROLE', 'role a leaf assumes with the organisation as its tag; empty: its own role reads'), fallback: '' },
  logLevel: {
    name: 'NILOMETER_LOG_LEVEL', meaning: 'debug, info, warn or error', fallback: 'warn' as LogLevel,
    parse: (raw: string): LogLevel => {
      const level = LOG_LEVELS.find((l) => l === raw)
      if (level === undefined) throw new Error(`NILOMETER_LOG_LEVEL is '${raw}': it must be one of ${LOG_LEVELS.join(', ')}`)
      return level
    },
  },
} as const satisfies Record<string, Variable<unknown>>

export type EnvKey = keyof typeof ENV
type ValueOf<K extends EnvKey> = ReturnType<(typeof ENV)[K]['parse']>

/** what a grant is about; `cdk/function.ts` turns it into an ARN */
export type Resource =
  | 'table' | 'documents' | 'bucket' | 'queue' | 'deadLetters' | 'failures' | 'leaf' | 'adminPassword' | 'ingestToken' | 'tenantRole'

export interface Grant {
  readonly on: Resource
  /** IAM actions, none with a star */
  readonly actions: readonly string[]
  /**
   * bucket: patterns of object keys; tables: patterns of partition keys (dynamodb:LeadingKeys). Absent
   * only where the resource has no parts.
   */
  readonly keys?: readonly string[]
}

const READ_ITEMS = ['dynamodb:GetItem', 'dynamodb:Query'] as const
/** how an event source reads a queue for a function */
const CONSUME = ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:ChangeMessageVisibility', 'sqs:GetQueueAttributes'] as const
/** where users and tokens stand: no organisation can have this name */
const CREDENTIALS = ['_platform#*'] as const

export interface Entry {
  /** path of the source file, from the root of the repository */
  readonly file: string
  readonly handler: string
  /** megabytes; 1,769 are one vCPU */
  readonly memoryMb: number
  readonly timeoutSeconds: number
  /** /tmp; 512 is what Lambda gives for nothing */
  readonly diskMb: number
  /** whether DuckDB's binding and the sandbox stand beside the bundle */
  readonly sql: boolean
  readonly env: readonly EnvKey[]
  readonly grants: readonly Grant[]
}

/** Every Lambda function of the stack. */
export const ENTRIES = {
  ingest: {
    file: 'functions/ingest/handler.ts', handler: 'handler', memoryMb: 512, timeoutSeconds: 29, diskMb: 512, sql: false,
    env: ['table', 'documents', 'bucket', 'queueUrl', 'retentionDays', 'logLevel'],
    grants: [
      { on: 'queue', actions: ['sqs:SendMessage'] },
      { on: 'bucket', actions: ['s3:PutObject'], keys: ['wal/*'] },
      { on: 'table', actions: ['dynamodb:GetItem', 'dynamodb:PutItem'], keys: ['K#*'] },
      { on: 'documents', actions: ['dynamodb:GetItem'], keys: CREDENTIALS },
    ],
  },
  writer: {
    file: 'functions/ingest/writer.ts', handler: 'handler', memoryMb: 1_769, timeoutSeconds: 120, diskMb: 512, sql: false,
    env: ['table', 'documents', 'bucket', 'retentionDays', 'logLevel'],
    grants: [
      { on: 'queue', actions: CONSUME },
      { on: 'bucket', actions: ['s3:GetObject'], keys: ['wal/*'] },
      { on: 'bucket', actions: ['s3:PutObject'], keys: ['fresh/*', 'quarantine/*'] },
      {
        on: 'table', actions: ['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:UpdateItem', 'dynamodb:ConditionCheckItem'],
        keys: ['F#*', 'C#*', 'S#*', 'M#*'],
      },
    ],
  },
  archiver: {
    file: 'functions/ingest/archiver.ts', handler: 'handler', memoryMb: 512, timeoutSeconds: 120, diskMb: 512, sql: false,
    env: ['table', 'documents', 'bucket', 'deadLettersUrl', 'logLevel'],
    grants: [
      { on: 'deadLetters', actions: CONSUME },
      { on: 'bucket', actions: ['s3:GetObject'], keys: ['wal/*'] },
      { on: 'bucket', actions: ['s3:PutObject'], keys: ['quarantine/*'] },
      { on: 'table', actions: ['dynamodb:GetItem', 'dynamodb:PutItem'], keys: ['C#*'] },
      // Lambda itself sends there, in the function's name, what an asynchronous run failed with.
      { on: 'failures', actions: ['sqs:SendMessage'] },
    ],
  },
  query: {
    file: 'functions/query/handler.ts', handler: 'handler', memoryMb: 1_769, timeoutSeconds: 29, diskMb: 2_048, sql: true,
    env: ['table', 'documents', 'bucket', 'leafFunction', 'retentionDays', 'answerSeconds', 'tenantRole', 'logLevel'],
    grants: [
      { on: 'table', actions: READ_ITEMS, keys: ['F#*', 'L#*', 'S#*', 'M#*'] },
      { on: 'documents', actions: READ_ITEMS, keys: CREDENTIALS },
      { on: 'bucket', actions: ['s3:GetObject'], keys: ['fresh/*', 'data/*', 'answers/*'] },
      { on: 'leaf', actions: ['lambda:InvokeFunction'] },
    ],
  },
  leaf: {
    file: 'functions/query/leaf.ts', handler: 'handler', memoryMb: 3_008, timeoutSeconds: 300, diskMb: 2_048, sql: true,
    env: ['bucket', 'tenantRole', 'logLevel'],
    grants: [
      { on: 'bucket', actions: ['s3:GetObject'], keys: ['fresh/*', 'data/*'] },
      { on: 'bucket', actions: ['s3:PutObject'], keys: ['answers/*'] },
    ],
  },
  setup: {
    file: 'functions/setup/handler.ts', handler: 'handler', memoryMb: 512, timeoutSeconds: 60, diskMb: 512, sql: false,
    env: ['table', 'documents', 'adminPassword', 'ingestToken', 'rootEmail', 'logLevel'],
    grants: [
      { on: 'documents', actions: ['dynamodb:GetItem', 'dynamodb:Query', 'dynamodb:PutItem'], keys: CREDENTIALS },
      { on: 'adminPassword', actions: ['ssm:GetParameter', 'ssm:PutParameter'] },
      { on: 'ingestToken', actions: ['ssm:GetParameter', 'ssm:PutParameter'] },
    ],
  },
} as const satisfies Record<string, Entry>

export type EntryName = keyof typeof ENTRIES

/** options of the stack that change what a function may */
export interface GrantOptions {
  /** `iam`: a leaf reads objects only as the organisation it works for, the leader none but answers */
  readonly isolation: 'keys' | 'iam'
  /** `destroy`: what setup made goes with the stack */
  readonly removal: 'retain' | 'destroy'
}

const ISOLATED: Readonly<Partial<Record<EntryName, readonly Grant[]>>> = {
  query: [
    ...ENTRIES.query.grants.filter(({ on }) => on !== 'bucket'),
    { on: 'bucket', actions: ['s3:GetObject'], keys: ['answers/*'] },
  ],
  leaf: [
    { on: 'tenantRole', actions: ['sts:AssumeRole', 'sts:TagSession'] },
    { on: 'bucket', actions: ['s3:PutObject'], keys: ['answers/*'] },
  ],
}

const DISPOSABLE: Readonly<Partial<Record<EntryName, readonly Grant[]>>> = {
  setup: [
    { on: 'adminPassword', actions: ['ssm:DeleteParameter'] },
    { on: 'ingestToken', actions: ['ssm:DeleteParameter'] },
  ],
}

/** What an entry may under the stack's options: this and nothing else. */
export function grantsOf(entry: EntryName, { isolation, removal }: GrantOptions): readonly Grant[] {
  const base = (isolation === 'iam' ? ISOLATED[entry] : undefined) ?? ENTRIES[entry].grants
  return removal === 'destroy' ? [...base, ...(DISPOSABLE[entry] ?? [])] : base
}

/** patterns of the keys that the tenant role may read */
export const tenantKeys = (org: string): readonly string[] => [`fresh/${org}/*`, `data/org=${org}/*`]
export const TENANT_TAG = 'org'

export type EntryEnv<E extends EntryName> = { readonly [K in (typeof ENTRIES)[E]['env'][number]]: ValueOf<K> }

/**
 * The entry's variables, read and checked.
 * @throws Error naming every variable that is missing or wrong, all at once
 */
export function readEnv<E extends EntryName>(entry: E, env: Readonly<Record<string, string | undefined>>): EntryEnv<E> {
  const faults: string[] = []
  const values: [string, unknown][] = []
  for (const key of ENTRIES[entry].env as readonly EnvKey[]) {
    const variable: Variable<unknown> = ENV[key]
    const raw = env[variable.name]
    if (raw === undefined || raw === '') {
      if ('fallback' in variable) values.push([key, variable.fallback])
      else faults.push(`${variable.name} is missing: ${variable.meaning}`)
      continue
    }
    try {
      values.push([key, variable.parse(raw)])
    } catch (error) {
      faults.push((error as Error).message)
    }
  }
  if (faults.length > 0) throw new Error(faults.join('\n'))
  return Object.fromEntries(values) as EntryEnv<E>
}

assert(Object.values(ENTRIES).every(({ grants }) => grants.every(({ actions }) => actions.every((a) => !a.includes('*')))), 'no grant has a star in its action')
