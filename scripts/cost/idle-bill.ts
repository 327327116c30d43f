// What a stack costs a month when nothing arrives, from its CloudFormation template: resource by
// resource. A type that is not in the table is an error, so that whoever adds one must price it.
import { dollarsOf, FREE_A_MONTH, gbOfMb, PRICES } from '../../lib/model/prices.ts'
import { ASSUMPTIONS, LONG_POLL_SECONDS } from './assumptions.ts'
import { invocationsOfSchedule } from './schedule-rate.ts'

export interface Resource {
  readonly Type: string
  readonly Properties?: Readonly<Record<string, unknown>>
}

export interface Template {
  readonly Resources: Readonly<Record<string, Resource>>
}

export interface IdleLine {
  /** logical id and type */
  readonly resource: string
  readonly type: string
  /** USD a month */
  readonly dollars: number
  readonly why: string
}

export interface IdleBill {
  readonly lines: readonly IdleLine[]
  /** USD a month */
  readonly dollars: number
}

const SECONDS_PER_MONTH = 30 * 86_400
const HOURS_PER_MONTH = 720

/** an invocation that finds nothing to do: a few reads and out */
const IDLE_TICK = { readUnits: 2, sqsRequests: 1 } as const
const WARM_MS = 100
/** started anew, its start billed too: what comes less often than a few times an hour finds no warm function */
const COLD_MS = 1_500
const WARM_TIMES_MIN = 4 * HOURS_PER_MONTH

const idleMs = (times: number): number => (times < WARM_TIMES_MIN ? COLD_MS : WARM_MS)

interface Charge {
  readonly dollars: number
  readonly why: string
}

type Properties = Readonly<Record<string, unknown>>
type Pricing = (properties: Properties, template: Template) => Charge

const NOTHING: Charge = { dollars: 0, why: '' }
const free: Pricing = () => NOTHING
const monthly = (dollars: number, why: string): Pricing => () => ({ dollars, why })
const hourly = (dollars: number, why: string): Pricing => () => ({ dollars: dollars * HOURS_PER_MONTH, why })

const record = (value: unknown): Properties => (typeof value === 'object' && value !== null ? value as Properties : {})
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])
const number = (value: unknown, fallback: number): number => (typeof value === 'number' || typeof value === 'string' ? Number(value) : fallback)

/** the logical id that a Ref, GetAtt or text with one means */
function referred(value: unknown): string | null {
  const { Ref, 'Fn::GetAtt': att } = record(value)
  if (typeof Ref === 'string') return Ref
  const first = Array.isArray(att) ? att[0] : att
  return typeof first === 'string' ? first.split('.')[0]! : null
}

/** an enabled mapping polls whether or not anything is there: 20 s a poll */
const eventSource: Pricing = (p) => {
  if (p['Enabled'] === false) return NOTHING
  if (p['ProvisionedPollerConfig'] !== undefined) throw new Error('provisioned pollers have no known price')
  const receives = (ASSUMPTIONS.pollers * SECONDS_PER_MONTH) / LONG_POLL_SECONDS
  return { dollars: dollarsOf('sqsRequest', receives), why: `${ASSUMPTIONS.pollers} pollers, ${receives.toLocaleString('en-US')} empty receives` }
}

function provisioned(p: Properties, functionRef: unknown, template: Template): Charge {
  const units = number(record(p['ProvisionedConcurrencyConfig'])['ProvisionedConcurrentExecutions'], 0)
  if (units === 0) return NOTHING
  const { Properties: lambda } = template.Resources[referred(functionRef) ?? ''] ?? {}
  const memoryMb = number(lambda?.['MemorySize'], 128)
  return { dollars: dollarsOf('lambdaProvisionedGbSecond', units * gbOfMb(memoryMb) * SECONDS_PER_MONTH), why: `${units} of ${memoryMb} MB always warm` }
}

const table: Pricing = (p) => {
  if (p['BillingMode'] === 'PAY_PER_REQUEST') return NOTHING
  const capacity = [p, ...list(p['GlobalSecondaryIndexes']).map(record)].map((part) => record(part['ProvisionedThroughput']))
  const anHour = (c: Properties): number => dollarsOf('dynamoProvisionedWriteHour', number(c['WriteCapacityUnits'], 5)) +
    dollarsOf('dynamoProvisionedReadHour', number(c['ReadCapacityUnits'], 5))
  return { dollars: capacity.reduce((n, c) => n + anHour(c), 0) * HOURS_PER_MONTH, why: 'provisioned capacity' }
}

/** what a schedule invokes does a little work each time */
function tick(targetRef: unknown, times: number, template: Template): number {
  const target = template.Resources[referred(targetRef) ?? '']
  if (target?.Type !== 'AWS::Lambda::Function') return 0
  const gbSeconds = (idleMs(times) / 1e3) * gbOfMb(number(target.Properties?.['MemorySize'], 128))
  const compute = dollarsOf('lambdaRequest', 1) + dollarsOf('lambdaX86GbSecond', gbSeconds)
  return times * (compute + dollarsOf('dynamoRead', IDLE_TICK.readUnits) + dollarsOf('sqsRequest', IDLE_TICK.sqsRequests))
}

const rule: Pricing = (p, template) => {
  if (p['State'] === 'DISABLED' || p['ScheduleExpression'] === undefined) return NOTHING
  const times = invocationsOfSchedule(String(p['ScheduleExpression']))
  const dollars = list(p['Targets']).reduce<number>((n, target) => n + tick(record(target)['Arn'], times, template), 0)
  return { dollars, why: `${times.toLocaleString('en-US')} invocations of ${idleMs(times)} ms` }
}

const schedule: Pricing = (p, template) => {
  if (p['State'] === 'DISABLED') return NOTHING
  const times = invocationsOfSchedule(String(p['ScheduleExpression']))
  return { dollars: tick(record(p['Target'])['Arn'], times, template), why: `${times.toLocaleString('en-US')} invocations of ${idleMs(times)} ms` }
}

const stage: Pricing = (p) => (p['CacheClusterEnabled'] === true
  ? { dollars: PRICES.restCacheHour.dollars * HOURS_PER_MONTH, why: 'a cache, at least the smallest' } : NOTHING)

const parameter: Pricing = (p) => (p['Tier'] === 'Advanced' ? { dollars: PRICES.ssmAdvancedMonth.dollars, why: 'advanced parameter' } : NOTHING)

/** gateway endpoints are free, the others cost in each zone */
const endpoint: Pricing = (p) => (p['VpcEndpointType'] === 'Interface'
  ? { dollars: PRICES.interfaceEndpointHour.dollars * HOURS_PER_MONTH * Math.max(1, list(p['SubnetIds']).length), why: 'interface endpoint' } : NOTHING)

/** each type that a template may hold; alarms, dashboards and schedules have free quotas and are summed below */
const TYPES: Readonly<Record<string, Pricing>> = {
  'AWS::Lambda::Function': free, 'AWS::Lambda::Permission': free, 'AWS::Lambda::LayerVersion': free, 'AWS::Lambda::EventInvokeConfig': free,
  'AWS::Lambda::Url': free, 'AWS::Lambda::EventSourceMapping': eventSource, 'AWS::Lambda::CodeSigningConfig': free,
  'AWS::Lambda::Version': (p, t) => provisioned(p, p['FunctionName'], t), 'AWS::Lambda::Alias': (p, t) => provisioned(p, p['FunctionName'], t),
  'AWS::IAM::Role': free, 'AWS::IAM::Policy': free, 'AWS::IAM::ManagedPolicy': free, 'AWS::IAM::User': free,
  'AWS::S3::Bucket': free, 'AWS::S3::BucketPolicy': free,
  'AWS::SQS::Queue': free, 'AWS::SQS::QueuePolicy': free, 'AWS::SNS::Topic': free, 'AWS::SNS::Subscription': free, 'AWS::SNS::TopicPolicy': free,
  'AWS::DynamoDB::Table': table, 'AWS::DynamoDB::GlobalTable': table,
  'AWS::ApiGateway::RestApi': free, 'AWS::ApiGateway::Account': free, 'AWS::ApiGateway::Deployment': free, 'AWS::ApiGateway::Stage': stage,
  'AWS::ApiGateway::Resource': free, 'AWS::ApiGateway::Method': free, 'AWS::ApiGateway::GatewayResponse': free, 'AWS::ApiGateway::DomainName': free,
  'AWS::ApiGateway::BasePathMapping': free, 'AWS::ApiGateway::RequestValidator': free, 'AWS::ApiGateway::UsagePlan': free,
  'AWS::ApiGatewayV2::Api': free, 'AWS::ApiGatewayV2::Stage': free, 'AWS::ApiGatewayV2::Route': free, 'AWS::ApiGatewayV2::Integration': free,
  'AWS::ApiGatewayV2::DomainName': free, 'AWS::ApiGatewayV2::ApiMapping': free,
  'AWS::CertificateManager::Certificate': free, 'AWS::Route53::RecordSet': free, 'AWS::Route53::HostedZone': monthly(PRICES.hostedZoneMonth.dollars, 'hosted zone'),
  'AWS::Logs::LogGroup': free, 'AWS::Logs::SubscriptionFilter': free, 'AWS::Logs::MetricFilter': monthly(PRICES.metricMonth.dollars, 'a metric, as soon as it counts'),
  'AWS::Events::Rule': rule, 'AWS::Events::EventBus': free, 'AWS::Scheduler::Schedule': schedule, 'AWS::Scheduler::ScheduleGroup': free,
  'AWS::CloudWatch::Alarm': free, 'AWS::CloudWatch::CompositeAlarm': monthly(PRICES.alarmDearMonth.dollars, 'composite alarm'),
  'AWS::CloudWatch::AnomalyDetector': monthly(PRICES.alarmDearMonth.dollars, 'anomaly detection'), 'AWS::CloudWatch::Dashboard': free,
  'AWS::SSM::Parameter': parameter, 'AWS::SecretsManager::Secret': monthly(PRICES.secretMonth.dollars, 'secret'),
  'AWS::KMS::Key': monthly(PRICES.kmsKeyMonth.dollars, 'key'), 'AWS::KMS::Alias': free,
  'AWS::EC2::NatGateway': hourly(PRICES.natGatewayHour.dollars, 'NAT gateway'), 'AWS::EC2::EIP': hourly(PRICES.publicAddressHour.dollars, 'public address'),
  'AWS::EC2::VPCEndpoint': endpoint,
  'AWS::EC2::VPC': free, 'AWS::EC2::Subnet': free, 'AWS::EC2::RouteTable': free, 'AWS::EC2::Route': free, 'AWS::EC2::SubnetRouteTableAssociation': free,
  'AWS::EC2::SecurityGroup': free, 'AWS::EC2::InternetGateway': free, 'AWS::EC2::VPCGatewayAttachment': free,
  'AWS::WAFv2::WebACL': monthly(PRICES.webAclMonth.dollars, 'web ACL'), 'AWS::WAFv2::WebACLAssociation': free,
  'AWS::CloudFormation::CustomResource': free, 'AWS::CDK::Metadata': free,
}

/** what only costs beyond a free quota: its type, how many are free and what one more costs */
const QUOTAS: readonly { readonly type: string; readonly free: number; readonly each: number; readonly what: string }[] = [
  { type: 'AWS::CloudWatch::Alarm', free: FREE_A_MONTH.alarms, each: PRICES.alarmMonth.dollars, what: 'alarms' },
  { type: 'AWS::CloudWatch::Dashboard', free: FREE_A_MONTH.dashboards, each: PRICES.dashboardMonth.dollars, what: 'dashboards' },
]

/** alarms on several metrics are billed for each of them */
const unitsOf = ({ Properties: p }: Resource): number => Math.max(1, list(p?.['Metrics']).filter((m) => record(m)['MetricStat'] !== undefined).length)

function beyondQuotas(resources: readonly Resource[]): IdleLine[] {
  const times = resources.filter(({ Type, Properties: p }) => Type === 'AWS::Scheduler::Schedule' && p?.['State'] !== 'DISABLED')
    .reduce((n, { Properties: p }) => n + invocationsOfSchedule(String(p?.['ScheduleExpression'])), 0)
  const scheduled = Math.max(0, times - FREE_A_MONTH.schedulerInvocations)
  return [
    ...QUOTAS.map(({ type, free: quota, each, what }) => {
      const units = resources.filter(({ Type }) => Type === type).reduce((n, resource) => n + unitsOf(resource), 0)
      return { resource: `${what} beyond ${quota}`, type, dollars: Math.max(0, units - quota) * each, why: `${units} ${what}` }
    }),
    { resource: 'scheduler', type: 'AWS::Scheduler::Schedule', dollars: dollarsOf('schedulerInvocation', scheduled), why: `${times} invocations` },
  ]
}

/**
 * The bill of a template with nothing arriving and nothing stored.
 * @throws Error naming a resource whose type has no price here
 */
export function idleBill(template: Template): IdleBill {
  const own = Object.entries(template.Resources).map(([id, resource]): IdleLine => {
    const pricing = resource.Type.startsWith('Custom::') ? free : TYPES[resource.Type]
    if (pricing === undefined) {
      throw new Error(`${id} is of type ${resource.Type}, which has no price: add it to scripts/cost/idle-bill.ts with what it costs when nothing arrives`)
    }
    return { resource: id, type: resource.Type, ...pricing(resource.Properties ?? {}, template) }
  })
  const lines = [...own, ...beyondQuotas(Object.values(template.Resources))]
  return { lines, dollars: lines.reduce((n, line) => n + line.dollars, 0) }
}
