// What the stack costs when nothing arrives: at most half a dollar a month at every edge. And the bill
// would notice what makes idle stacks dear.
import { beforeAll, describe, expect, test } from 'vitest'
import { ASSUMPTIONS } from '../../scripts/cost/assumptions.ts'
import { idleBill, type Resource, type Template } from '../../scripts/cost/idle-bill.ts'
import { EDGES } from '../../scripts/cost/ingest-bill.ts'
import { synthTemplate } from '../support/template.ts'

const DOLLARS_MAX = 0.5

let template: Template
beforeAll(() => {
  template = synthTemplate().template
})

const withMore = (more: Readonly<Record<string, Resource>>): number => idleBill({ Resources: { ...template.Resources, ...more } }).dollars
const ofType = (type: string): [string, Resource][] => Object.entries(template.Resources).filter(([, { Type }]) => Type === type)

test.each(EDGES)('an idle stack with edge %s costs at most $0.50 a month', (edge) => {
  const bill = idleBill(synthTemplate({ edge }).template)
  expect(bill.dollars).toBeLessThanOrEqual(DOLLARS_MAX)
  // A bill that saw nothing would pass too.
  expect(bill.dollars).toBeGreaterThan(0.2)
})

describe('it would notice', () => {
  test.each<[string, Readonly<Record<string, Resource>>]>([
    ['a key of one\'s own', { Key: { Type: 'AWS::KMS::Key' } }],
    ['a NAT gateway', { Nat: { Type: 'AWS::EC2::NatGateway', Properties: {} } }],
    ['a second polled queue', { Feed2: { Type: 'AWS::Lambda::EventSourceMapping', Properties: { EventSourceArn: 'arn' } } }],
    ['provisioned concurrency', {
      F: { Type: 'AWS::Lambda::Function', Properties: { MemorySize: 512 } },
      Alias: { Type: 'AWS::Lambda::Alias', Properties: { FunctionName: { Ref: 'F' }, ProvisionedConcurrencyConfig: { ProvisionedConcurrentExecutions: 1 } } },
    }],
    ['a secret', { Secret: { Type: 'AWS::SecretsManager::Secret' } }],
    ['a table with provisioned capacity', { Table2: { Type: 'AWS::DynamoDB::Table', Properties: { ProvisionedThroughput: { ReadCapacityUnits: 5, WriteCapacityUnits: 5 } } } }],
    ['a cache of the API', { Stage2: { Type: 'AWS::ApiGateway::Stage', Properties: { CacheClusterEnabled: true } } }],
    ['more alarms than are free', Object.fromEntries(Array.from({ length: 14 }, (_, i) => [`Alarm${i}`, { Type: 'AWS::CloudWatch::Alarm', Properties: {} }]))],
    ['a large function started every minute', {
      F: { Type: 'AWS::Lambda::Function', Properties: { MemorySize: 10_240 } },
      Often: { Type: 'AWS::Scheduler::Schedule', Properties: { ScheduleExpression: 'rate(1 minute)', Target: { Arn: { 'Fn::GetAtt': ['F', 'Arn'] } } } },
    }],
  ])('%s', (_, more) => {
    expect(withMore(more)).toBeGreaterThan(DOLLARS_MAX)
  })

  test('a resource that nobody has priced, by its name and type', () => {
    expect(() => withMore({ Cluster: { Type: 'AWS::MSK::Cluster' } })).toThrow('Cluster is of type AWS::MSK::Cluster, which has no price')
  })
})

test('ten alarms, a disabled mapping and a disabled schedule cost nothing', () => {
  const alarms = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`Alarm${i}`, { Type: 'AWS::CloudWatch::Alarm', Properties: {} }]))
  const off = {
    Feed2: { Type: 'AWS::Lambda::EventSourceMapping', Properties: { Enabled: false } },
    Off: { Type: 'AWS::Scheduler::Schedule', Properties: { State: 'DISABLED', ScheduleExpression: 'rate(1 minute)' } },
  }
  expect(withMore({ ...alarms, ...off })).toBeCloseTo(idleBill(template).dollars, 9)
})

describe('the bill of ingestion assumes what the stack says', () => {
  interface Rule { readonly Prefix?: string; readonly ExpirationInDays?: number; readonly NoncurrentVersionExpiration?: { readonly NoncurrentDays: number } }
  const rules = (): readonly Rule[] => (ofType('AWS::S3::Bucket')[0]![1].Properties as { LifecycleConfiguration: { Rules: readonly Rule[] } }).LifecycleConfiguration.Rules
  /** the shortest of the rules that are about the prefix */
  const versionDays = (prefix: string): number =>
    Math.min(...rules().filter((rule) => prefix.startsWith(rule.Prefix ?? '')).flatMap((rule) => rule.NoncurrentVersionExpiration?.NoncurrentDays ?? []))

  test('how long spilled bodies and old versions stay', () => {
    expect(rules().find(({ Prefix }) => Prefix === 'wal/')?.ExpirationInDays).toBe(ASSUMPTIONS.walDays)
    expect(versionDays('wal/')).toBe(ASSUMPTIONS.walNoncurrentDays)
    expect(versionDays('fresh/')).toBe(ASSUMPTIONS.packNoncurrentDays)
    expect(versionDays('data/')).toBe(ASSUMPTIONS.noncurrentDays)
  })

  test('that functions keep quiet in their logs, and that nothing else logs', () => {
    const functions = ofType('AWS::Lambda::Function').filter(([, { Properties }]) => Properties?.['LoggingConfig'] !== undefined)
    expect(functions.length).toBeGreaterThanOrEqual(5)
    for (const [, { Properties }] of functions) expect(Properties!['LoggingConfig']).toMatchObject({ SystemLogLevel: 'WARN' })
    expect(ASSUMPTIONS.logBytesPerInvocation).toBe(0)
  })

  test('that the event source waits for batches of any size', () => {
    expect(ofType('AWS::Lambda::EventSourceMapping')[0]![1].Properties).toMatchObject({ BatchSize: 10_000, MaximumBatchingWindowInSeconds: 10 })
  })
})
