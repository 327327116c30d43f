// One Lambda function from an entry of lib/env.ts: its variables and its grants are the entry's, so
// that one the stack does not wire does not compile, and none can be had beside it. Each has a role
// and a log group of its own and may write to that group alone.
import { Duration, RemovalPolicy, Size, Stack } from 'aws-cdk-lib'
import { PolicyDocument, PolicyStatement, Role, ServicePrincipal, type IRole } from 'aws-cdk-lib/aws-iam'
import type { Key } from 'aws-cdk-lib/aws-kms'
import { ApplicationLogLevel, Architecture, Code, Function, LoggingFormat, Runtime, SystemLogLevel, Tracing } from 'aws-cdk-lib/aws-lambda'
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs'
import type { Construct } from 'constructs'
import { ENTRIES, ENV, grantsOf, type EntryName, type EnvKey, type Grant, type Resource } from '../lib/env.ts'
import { acknowledgeKeys } from './nag.ts'
import type { Options } from './options.ts'

/** where an entry's bundle is (cdk/bundle.ts) */
export type CodeOf = (entry: EntryName) => { readonly dir: string; readonly handler: string }

type EnvOf<E extends EntryName> = (typeof ENTRIES)[E]['env'][number]
type ResourceOf<E extends EntryName> = (typeof ENTRIES)[E]['grants'][number]['on']

/** what the entry names, as the stack has it: values of variables, ARNs of resources */
export interface Wiring<E extends EntryName> {
  readonly env: { readonly [K in EnvOf<E>]: string }
  readonly arns: { readonly [R in ResourceOf<E>]: string } & { readonly tenantRole?: string }
}

export interface Making {
  readonly options: Options
  readonly codeOf: CodeOf
  readonly key: Key | null
}

/** long enough to look into last week's trouble; logs cost fifty times what rows cost */
const LOG_RETENTION = RetentionDays.TWO_WEEKS

/** @param timeoutSeconds only where the edge lets a search run longer than the entry says */
export function newFunction<E extends EntryName>(
  scope: Construct, name: E, { options, codeOf, key }: Making, wiring: Wiring<E>, timeoutSeconds: number = ENTRIES[name].timeoutSeconds,
): Function {
  const entry = ENTRIES[name]
  const { dir, handler } = codeOf(name)
  const id = name[0]!.toUpperCase() + name.slice(1)
  const logGroup = new LogGroup(scope, `${id}Logs`, { retention: LOG_RETENTION, removalPolicy: RemovalPolicy.DESTROY })
  const grants = grantsOf(name, { isolation: options.isolation, removal: options.removalPolicy })
  return new Function(scope, id, {
    description: `nilometer ${options.stage}: ${name}`,
    runtime: Runtime.NODEJS_24_X,
    architecture: options.architecture === 'arm64' ? Architecture.ARM_64 : Architecture.X86_64,
    code: Code.fromAsset(dir),
    handler,
    memorySize: entry.memoryMb,
    timeout: Duration.seconds(timeoutSeconds),
    ephemeralStorageSize: Size.mebibytes(entry.diskMb),
    environment: environmentOf(name, wiring.env),
    role: newRole(scope, `${id}Role`, statementsOf(grants, wiring.arns, key), logGroup),
    logGroup,
    // Lambda's own START, END and REPORT lines cost as much as the requests they tell of.
    loggingFormat: LoggingFormat.JSON,
    systemLogLevelV2: SystemLogLevel.WARN,
    applicationLogLevelV2: ApplicationLogLevel.WARN,
    tracing: Tracing.DISABLED,
  })
}

function environmentOf<E extends EntryName>(name: E, env: Readonly<Record<EnvOf<E>, string>>): Record<string, string> {
  return Object.fromEntries((ENTRIES[name].env as readonly EnvOf<E>[]).map((key) => [ENV[key as EnvKey].name, env[key]]))
}

/** the grants as IAM says them; a grant whose resource the stack does not have is a mistake of ours */
function statementsOf(grants: readonly Grant[], arns: Readonly<Partial<Record<Resource, string>>>, key: Key | null): PolicyStatement[] {
  const statements = grants.filter(({ on }) => on !== 'tenantRole').map(({ on, actions, keys }) => {
    const arn = arns[on]
    if (arn === undefined) throw new Error(`a grant is on ${on}, which the stack has not wired`)
    return new PolicyStatement({
      actions: [...actions],
      resources: on === 'bucket' ? keys!.map((pattern) => `${arn}/${pattern}`) : [arn],
      ...(on === 'bucket' && actions.includes('s3:PutObject') ? { conditions: { Null: { 's3:if-none-match': 'false' } } } : {}),
      ...(on === 'table' || on === 'documents' ? { conditions: leadingKeys(keys!) } : {}),
    })
  })
  return key === null ? statements : [...statements, throughServices(key)]
}

/**
 * Items under these partition keys only. `ForAllValues` is true also for a request that has no key at
 * all (a scan), so the key must be there.
 */
const leadingKeys = (patterns: readonly string[]): Record<string, Record<string, unknown>> => ({
  'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': [...patterns] },
  Null: { 'dynamodb:LeadingKeys': 'false' },
})

/** the account's own key, used only by the services that hold the rows, in the function's name */
function throughServices(key: Key): PolicyStatement {
  const { region, urlSuffix } = Stack.of(key)
  return new PolicyStatement({
    actions: ['kms:Decrypt', 'kms:DescribeKey', 'kms:Encrypt', 'kms:GenerateDataKey', 'kms:ReEncryptFrom', 'kms:ReEncryptTo'],
    resources: [key.keyArn],
    conditions: { StringEquals: { 'kms:ViaService': ['s3', 'dynamodb', 'sqs'].map((service) => `${service}.${region}.${urlSuffix}`) } },
  })
}

/** The role as a whole, in one resource: a function never runs before it may do what it must. */
function newRole(scope: Construct, id: string, statements: readonly PolicyStatement[], logGroup: LogGroup): IRole {
  const logs = new PolicyStatement({ actions: ['logs:CreateLogStream', 'logs:PutLogEvents'], resources: [logGroup.logGroupArn] })
  const role = new Role(scope, id, {
    assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
    inlinePolicies: { grants: new PolicyDocument({ statements: [...statements, logs] }) },
  })
  acknowledgeKeys(role, [...statements, logs])
  return role.withoutPolicyUpdates()
}
