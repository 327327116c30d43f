// What each function of the stack is, has and may, read from the template: exactly lib/env.ts.
import { expect, test } from 'vitest'
import { ENTRIES, ENV, grantsOf, type EntryName, type EnvKey, type Grant } from '../../lib/env.ts'
import { synthTemplate } from '../support/template.ts'
import { actionsOf, flat, functionOf, ofType, resourcesOf, statementsOf, type Statement } from './read-template.ts'

const NAMES = Object.keys(ENTRIES) as EntryName[]
const DEFAULT = synthTemplate().template
const ISOLATED = synthTemplate({ isolation: 'iam', architecture: 'x86_64', edge: 'function-url' }).template
const DISPOSABLE = synthTemplate({ removalPolicy: 'destroy', encryption: 'kms' }).template

test('a function has the variables of its entry and no other', () => {
  for (const template of [DEFAULT, ISOLATED]) {
    for (const name of NAMES) {
      const { Variables } = functionOf(template, name).properties['Environment'] as { Variables: Record<string, unknown> }
      expect([name, Object.keys(Variables).sort()]).toEqual([name, (ENTRIES[name].env as readonly EnvKey[]).map((key) => ENV[key].name).sort()])
    }
  }
})

test('a variable holds what its name says', () => {
  const values = Object.assign({}, ...NAMES.map((name) => (functionOf(DEFAULT, name).properties['Environment'] as { Variables: object }).Variables)) as Record<string, unknown>
  expect(Object.fromEntries(Object.entries(values).map(([name, value]) => [name, flat(value)]))).toEqual({
    NILOMETER_TABLE: '<Table>', NILOMETER_DOCUMENTS_TABLE: '<Documents>', NILOMETER_BUCKET: '<Bucket>', NILOMETER_QUEUE_URL: '<Queue>',
    NILOMETER_DEAD_LETTERS_URL: '<DeadLetters>', NILOMETER_LEAF_FUNCTION: '<Leaf>', NILOMETER_RETENTION_DAYS: '3650', NILOMETER_ANSWER_SECONDS: '28',
    NILOMETER_TENANT_ROLE: '', NILOMETER_LOG_LEVEL: 'warn', NILOMETER_ROOT_EMAIL: 'root@example.com',
    NILOMETER_ADMIN_PASSWORD_PARAMETER: '/nilometer/prod/admin-password', NILOMETER_INGEST_TOKEN_PARAMETER: '/nilometer/prod/ingest-token',
  })
})

test('a function has the memory, time, disk and runtime of its entry', () => {
  for (const name of NAMES) {
    const { memoryMb, timeoutSeconds, diskMb } = ENTRIES[name]
    expect(functionOf(DEFAULT, name).properties).toMatchObject({
      MemorySize: memoryMb, Timeout: timeoutSeconds, EphemeralStorage: { Size: diskMb }, Runtime: 'nodejs24.x', Architectures: ['arm64'],
      LoggingConfig: { LogFormat: 'JSON', SystemLogLevel: 'WARN', ApplicationLogLevel: 'WARN' },
    })
    expect(functionOf(ISOLATED, name).properties['Architectures']).toEqual(['x86_64'])
  }
})

test('behind a function URL a search may run as long as the function, elsewhere as long as the edge waits', () => {
  const { properties } = functionOf(ISOLATED, 'query')
  expect((properties['Environment'] as { Variables: Record<string, string> }).Variables['NILOMETER_ANSWER_SECONDS']).toBe('299')
  expect(properties['Timeout']).toBe(300)
})

test('each function writes to a log group of its own, kept for two weeks', () => {
  const groups = new Set(NAMES.map((name) => flat((functionOf(DEFAULT, name).properties['LoggingConfig'] as { LogGroup: unknown }).LogGroup)))
  expect(groups.size).toBe(NAMES.length)
  expect(ofType(DEFAULT, 'AWS::Logs::LogGroup').map(([, { Properties }]) => Properties['RetentionInDays'])).toEqual(NAMES.map(() => 14))
})

const ARNS: Readonly<Record<Grant['on'], string>> = {
  table: '<Table.Arn>', documents: '<Documents.Arn>', bucket: '<Bucket.Arn>', queue: '<Queue.Arn>', deadLetters: '<DeadLetters.Arn>',
  failures: '<Failures.Arn>', leaf: '<Leaf.Arn>', tenantRole: '<TenantRole.Arn>',
  adminPassword: 'arn:<AWS::Partition>:ssm:<AWS::Region>:<AWS::AccountId>:parameter/nilometer/prod/admin-password',
  ingestToken: 'arn:<AWS::Partition>:ssm:<AWS::Region>:<AWS::AccountId>:parameter/nilometer/prod/ingest-token',
}

/** one line for each action on each resource, with the keys it is bound to */
const asLines = (grant: Grant): string[] => grant.actions.flatMap((action) => {
  if (grant.on === 'bucket') return grant.keys!.map((key) => `${action} ${ARNS.bucket}/${key}${action === 's3:PutObject' ? ' if none' : ''}`)
  const keys = grant.on === 'table' || grant.on === 'documents' ? ` keys ${grant.keys!.join(' ')}` : ''
  return [`${action} ${ARNS[grant.on]}${keys}`]
})

function linesOf(statement: Statement): string[] {
  const { Condition = {} } = statement
  const keys = Condition['ForAllValues:StringLike']?.['dynamodb:LeadingKeys'] as readonly string[] | undefined
  // Without the second condition a request that names no key (a scan) would pass the first.
  if (keys !== undefined) expect(Condition['Null']).toEqual({ 'dynamodb:LeadingKeys': 'false' })
  const once = Condition['Null']?.['s3:if-none-match'] === 'false' ? ' if none' : ''
  return actionsOf(statement).flatMap((action) => resourcesOf(statement).map((resource) => `${action} ${resource}${once}${keys === undefined ? '' : ` keys ${keys.join(' ')}`}`))
}

test('a role may what its entry grants, write its own log, and nothing else', () => {
  const cases = [[DEFAULT, { isolation: 'keys', removal: 'retain' }], [ISOLATED, { isolation: 'iam', removal: 'retain' }], [DISPOSABLE, { isolation: 'keys', removal: 'destroy' }]] as const
  for (const [template, options] of cases) {
    for (const name of NAMES) {
      const statements = statementsOf(template, functionOf(template, name).roleId).filter((s) => !actionsOf(s)[0]!.startsWith('kms:'))
      const logs = `<${name[0]!.toUpperCase()}${name.slice(1)}Logs.Arn>`
      const wanted = [...grantsOf(name, options).flatMap(asLines), `logs:CreateLogStream ${logs}`, `logs:PutLogEvents ${logs}`]
      expect([name, statements.flatMap(linesOf).sort()]).toEqual([name, wanted.sort()])
    }
  }
})

test('no role has a managed policy', () => {
  expect(ofType(DEFAULT, 'AWS::IAM::Role').filter(([, { Properties }]) => 'ManagedPolicyArns' in Properties)).toEqual([])
})

const everyStatement = (template: typeof DEFAULT): readonly Statement[] => ofType(template, 'AWS::IAM::Role').flatMap(([id]) => statementsOf(template, id))

test('nobody may everything, or anything everywhere', () => {
  for (const template of [DEFAULT, ISOLATED, DISPOSABLE]) {
    for (const statement of everyStatement(template)) {
      expect(statement.Effect).toBe('Allow')
      expect(actionsOf(statement).filter((action) => action.includes('*'))).toEqual([])
      expect(resourcesOf(statement).filter((resource) => resource === '*' || /^arn:[^/]*\*/.test(resource))).toEqual([])
    }
  }
})

test('nobody may delete an object or an item', () => {
  for (const template of [DEFAULT, ISOLATED, DISPOSABLE]) {
    const deletes = everyStatement(template).flatMap(actionsOf).filter((action) => /^(s3|dynamodb):.*Delete/.test(action))
    expect(deletes).toEqual([])
  }
})

test('ingest cannot read data: no object, no query, no scan', () => {
  const actions = statementsOf(DEFAULT, functionOf(DEFAULT, 'ingest').roleId).flatMap(actionsOf)
  expect(actions.filter((action) => /^s3:Get|^s3:List|Query|Scan|BatchGet|ReceiveMessage/.test(action))).toEqual([])
})

test('with isolation iam neither leader nor leaf reads objects but answers; the tenant role reads one organisation', () => {
  const reads = (roleId: string): readonly string[] => statementsOf(ISOLATED, roleId).filter((s) => actionsOf(s).includes('s3:GetObject')).flatMap(resourcesOf)
  expect(reads(functionOf(ISOLATED, 'leaf').roleId)).toEqual([])
  expect(reads(functionOf(ISOLATED, 'query').roleId)).toEqual(['<Bucket.Arn>/answers/*'])
  const [tenantId, tenant] = ofType(ISOLATED, 'AWS::IAM::Role').find(([id]) => id.startsWith('TenantRole'))!
  expect(reads(tenantId)).toEqual(['<Bucket.Arn>/fresh/${aws:PrincipalTag/org}/*', '<Bucket.Arn>/data/org=${aws:PrincipalTag/org}/*'])
  const trust = (tenant.Properties['AssumeRolePolicyDocument'] as { Statement: readonly Statement[] }).Statement
  expect(trust.map(({ Principal }) => flat(Principal!.AWS))).toEqual(['<LeafRole.Arn>'])
  expect(trust[0]!.Condition).toEqual({ 'ForAllValues:StringEquals': { 'aws:TagKeys': ['org'] }, Null: { 'aws:RequestTag/org': 'false' } })
  for (const name of ['leaf', 'query'] as const) {
    const { Variables } = functionOf(ISOLATED, name).properties['Environment'] as { Variables: Record<string, unknown> }
    expect(flat(Variables['NILOMETER_TENANT_ROLE'])).toBe('<TenantRole.Arn>')
  }
})

test('with a key of one\'s own a role uses it through the services that hold rows only', () => {
  for (const name of NAMES) {
    const statement = statementsOf(DISPOSABLE, functionOf(DISPOSABLE, name).roleId).find((s) => actionsOf(s)[0]!.startsWith('kms:'))!
    expect(resourcesOf(statement)).toEqual(['<Key.Arn>'])
    expect((statement.Condition!['StringEquals']!['kms:ViaService'] as readonly unknown[]).map(flat)).toEqual(['s3', 'dynamodb', 'sqs'].map((s) => `${s}.<AWS::Region>.<AWS::URLSuffix>`))
  }
})
