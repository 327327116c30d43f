// What rests, read from the template: encrypted, closed, kept, written once, and free while idle.
import { expect, test } from 'vitest'
import { ENTRIES } from '../../lib/env.ts'
import { synthTemplate, type Resource } from '../support/template.ts'
import { actionsOf, flat, ofType, resourcesOf, type Statement } from './read-template.ts'

const { template: DEFAULT, stack } = synthTemplate()
const OTHER = synthTemplate({ freshnessSeconds: '0', removalPolicy: 'destroy', encryption: 'kms', writers: '40', stage: 'test-1' }).template

const one = (type: string, template = DEFAULT): Resource => {
  const found = ofType(template, type)
  expect(found).toHaveLength(1)
  return found[0]![1]
}
const named = (prefix: string, template = DEFAULT): Resource => Object.entries(template.Resources).find(([id]) => id.replace(/[0-9A-F]{8}$/, '') === prefix)![1]
const policyOf = (resource: Resource): readonly Statement[] => (resource.Properties['PolicyDocument'] as { Statement: readonly Statement[] }).Statement

test('the bucket is encrypted, versioned and closed', () => {
  expect(one('AWS::S3::Bucket').Properties).toMatchObject({
    BucketEncryption: { ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }] },
    PublicAccessBlockConfiguration: { BlockPublicAcls: true, BlockPublicPolicy: true, IgnorePublicAcls: true, RestrictPublicBuckets: true },
    VersioningConfiguration: { Status: 'Enabled' },
    OwnershipControls: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] },
  })
  expect(one('AWS::S3::Bucket', OTHER).Properties['BucketEncryption']).toMatchObject({
    ServerSideEncryptionConfiguration: [{ BucketKeyEnabled: true, ServerSideEncryptionByDefault: { SSEAlgorithm: 'aws:kms' } }],
  })
})

test('the bucket refuses to write a key of rows without the header that makes it once, from anybody', () => {
  const once = policyOf(one('AWS::S3::BucketPolicy')).find((s) => actionsOf(s).includes('s3:PutObject'))!
  expect(once).toMatchObject({ Effect: 'Deny', Principal: { AWS: '*' }, Condition: { Null: { 's3:if-none-match': 'true' } } })
  expect(Object.keys(once.Condition!)).toEqual(['Null'])
  expect(resourcesOf(once)).toEqual(['<Bucket.Arn>/fresh/*', '<Bucket.Arn>/data/*'])
})

test('bucket and queues refuse what does not come over TLS', () => {
  const policies = [...ofType(DEFAULT, 'AWS::S3::BucketPolicy'), ...ofType(DEFAULT, 'AWS::SQS::QueuePolicy')]
  expect(policies).toHaveLength(4)
  for (const [, policy] of policies) {
    const refusal = policyOf(policy).find((s) => s.Condition?.['Bool']?.['aws:SecureTransport'] === 'false')
    expect(refusal).toMatchObject({ Effect: 'Deny', Principal: { AWS: '*' } })
  }
})

test('the bucket policy allows nobody anything; only a stack that is to be destroyed has who empties it', () => {
  expect(policyOf(one('AWS::S3::BucketPolicy')).filter((s) => s.Effect === 'Allow')).toEqual([])
  const allowed = policyOf(one('AWS::S3::BucketPolicy', OTHER)).filter((s) => s.Effect === 'Allow')
  expect(allowed.map(({ Principal }) => flat(Principal!.AWS))).toEqual(['<CustomS3AutoDeleteObjectsCustomResourceProviderRole.Arn>'])
})

test('prefixes expire by the protocol\'s times, old versions within a week, and rows never', () => {
  const { Rules } = one('AWS::S3::Bucket').Properties['LifecycleConfiguration'] as { Rules: readonly Record<string, unknown>[] }
  expect(Rules.filter((rule) => 'ExpirationInDays' in rule).map((rule) => [rule['Prefix'], rule['ExpirationInDays']])).toEqual([['wal/', 30], ['lineage/', 40], ['answers/', 1]])
  const old = Rules.map((rule) => [rule['Prefix'] ?? '', (rule['NoncurrentVersionExpiration'] as { NoncurrentDays: number }).NoncurrentDays])
  expect(old).toEqual([['wal/', 1], ['lineage/', 7], ['answers/', 1], ['fresh/', 3], ['', 7]])
  expect(Rules.filter((rule) => !('Prefix' in rule))).toEqual([{
    Id: 'tidy', Status: 'Enabled', ExpiredObjectDeleteMarker: true, NoncurrentVersionExpiration: { NoncurrentDays: 7 }, AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 },
  }])
})

test('the tables are two, on demand, protected and restorable; what expires is in the first', () => {
  const tables = ofType(DEFAULT, 'AWS::DynamoDB::Table')
  expect(tables).toHaveLength(2)
  for (const [, { Properties }] of tables) {
    expect(Properties).toMatchObject({
      BillingMode: 'PAY_PER_REQUEST', DeletionProtectionEnabled: true, PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
      KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }, { AttributeName: 'sk', KeyType: 'RANGE' }],
      AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }, { AttributeName: 'sk', AttributeType: 'S' }],
    })
  }
  expect(named('Table').Properties['TimeToLiveSpecification']).toEqual({ AttributeName: 'exp', Enabled: true })
  expect(named('Documents').Properties['TimeToLiveSpecification']).toBeUndefined()
  expect(named('Table', OTHER).Properties).toMatchObject({ DeletionProtectionEnabled: false, SSESpecification: { SSEEnabled: true, SSEType: 'KMS' } })
})

test('what holds rows outlives the stack unless it is to be destroyed', () => {
  for (const name of ['Bucket', 'Table', 'Documents']) {
    expect([name, named(name)['DeletionPolicy'], named(name)['UpdateReplacePolicy']]).toEqual([name, 'Retain', 'Retain'])
    expect([name, named(name, OTHER)['DeletionPolicy']]).toEqual([name, 'Delete'])
  }
  expect(named('Key', OTHER)['DeletionPolicy']).toBe('Delete')
  expect(named('Key', synthTemplate({ encryption: 'kms' }).template)['DeletionPolicy']).toBe('Retain')
})

test('the queue keeps a message for 14 days, tries five times, and hides it for six runs of the writer and the window', () => {
  const longest = { MessageRetentionPeriod: 14 * 86_400, MaximumMessageSize: 2 ** 20 }
  expect(named('Queue').Properties).toMatchObject({ ...longest, SqsManagedSseEnabled: true, RedrivePolicy: { maxReceiveCount: 5 }, QueueName: 'nilometer-prod' })
  expect(named('Queue').Properties['VisibilityTimeout']).toBeGreaterThanOrEqual(6 * ENTRIES.writer.timeoutSeconds + 10)
  expect(named('Queue').Properties['FifoQueue']).toBeUndefined()
  expect(named('DeadLetters').Properties).toMatchObject(longest)
  expect(named('DeadLetters').Properties['VisibilityTimeout']).toBeGreaterThanOrEqual(6 * ENTRIES.archiver.timeoutSeconds)
  expect(named('Queue', OTHER).Properties).toMatchObject({ KmsMasterKeyId: expect.anything(), QueueName: 'nilometer-test-1' })
})

test('dead letters come from the queue alone, and nothing is dead lettered elsewhere', () => {
  const { redrivePermission, sourceQueueArns } = named('DeadLetters').Properties['RedriveAllowPolicy'] as { redrivePermission: string; sourceQueueArns: readonly unknown[] }
  expect([redrivePermission, ...sourceQueueArns.map(flat)]).toEqual(['byQueue', 'arn:<AWS::Partition>:sqs:<AWS::Region>:<AWS::AccountId>:nilometer-prod'])
  for (const name of ['Queue', 'Failures']) expect(named(name).Properties['RedriveAllowPolicy']).toEqual({ redrivePermission: 'denyAll' })
})

test('the writer is fed by the queue in the largest batches the window gives, and answers per message', () => {
  const feed = one('AWS::Lambda::EventSourceMapping').Properties
  expect([flat(feed['EventSourceArn']), flat(feed['FunctionName'])]).toEqual(['<Queue.Arn>', '<Writer>'])
  expect(feed).toMatchObject({ BatchSize: 10_000, MaximumBatchingWindowInSeconds: 10, FunctionResponseTypes: ['ReportBatchItemFailures'], ScalingConfig: { MaximumConcurrency: 2 } })
  const eager = one('AWS::Lambda::EventSourceMapping', OTHER).Properties
  expect(eager).toMatchObject({ BatchSize: 10, ScalingConfig: { MaximumConcurrency: 40 } })
  expect(eager['MaximumBatchingWindowInSeconds']).toBeUndefined()
})

test('an hourly schedule runs the archiver, and what fails is told in the queue of failures', () => {
  const { ScheduleExpression, Target } = one('AWS::Scheduler::Schedule').Properties as { ScheduleExpression: string; Target: { Arn: unknown; DeadLetterConfig: { Arn: unknown } } }
  expect([ScheduleExpression, flat(Target.Arn), flat(Target.DeadLetterConfig.Arn)]).toEqual(['rate(1 hour)', '<Archiver.Arn>', '<Failures.Arn>'])
  const { DestinationConfig } = one('AWS::Lambda::EventInvokeConfig').Properties as { DestinationConfig: { OnFailure: { Destination: unknown } } }
  expect(flat(DestinationConfig.OnFailure.Destination)).toBe('<Failures.Arn>')
})

test('nothing of the default stack costs while it is idle but bytes and the polled queue', () => {
  const free = new Set([
    'AWS::S3::Bucket', 'AWS::S3::BucketPolicy', 'AWS::DynamoDB::Table', 'AWS::SQS::Queue', 'AWS::SQS::QueuePolicy', 'AWS::Logs::LogGroup', 'AWS::IAM::Role', 'AWS::Lambda::Function',
    'AWS::Lambda::Permission', 'AWS::Lambda::EventSourceMapping', 'AWS::Lambda::EventInvokeConfig', 'AWS::Scheduler::Schedule', 'AWS::ApiGateway::RestApi', 'AWS::ApiGateway::Deployment',
    'AWS::ApiGateway::Stage', 'Custom::NilometerCredentials',
  ])
  expect([...new Set(Object.values(DEFAULT.Resources).map(({ Type }) => Type))].filter((type) => !free.has(type))).toEqual([])
  expect(ofType(DEFAULT, 'AWS::Lambda::EventSourceMapping')).toHaveLength(1)
  const text = JSON.stringify(DEFAULT)
  for (const costly of ['ProvisionedThroughput', 'ProvisionedConcurrency', 'ReservedConcurrentExecutions', 'KmsMasterKeyId', 'CacheClusterEnabled', 'VpcConfig', 'ProvisionedPollerConfig']) {
    expect(text).not.toContain(costly)
  }
  expect(one('AWS::KMS::Key', OTHER).Properties['EnableKeyRotation']).toBe(true)
})

test('the first credentials are made by the setup function, and CloudFormation does not wait for it for ever', () => {
  const { ServiceToken, ServiceTimeout, onDelete } = one('Custom::NilometerCredentials').Properties
  expect([flat(ServiceToken), onDelete]).toEqual(['<Setup.Arn>', 'keep'])
  expect(Number(ServiceTimeout)).toBeGreaterThan(ENTRIES.setup.timeoutSeconds)
  expect(Number(ServiceTimeout)).toBeLessThan(300)
  expect(one('Custom::NilometerCredentials', OTHER).Properties['onDelete']).toBe('remove')
})

test('the stage names the stack', () => {
  expect(stack.stackName).toBe('nilometer-prod')
})
