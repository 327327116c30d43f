// What AWS charges: one table, read by the receipt of a query, by `npm run cost` and by the test of
// the idle bill. List prices of us-east-1 in USD, without taxes, discounts or free tiers, except the
// three that are named. `month` is the newest month whose pages or announcements the figure was read
// from; `assumed` ones are general knowledge that no dated page was at hand for.

export interface Price {
  /** USD for one unit */
  readonly dollars: number
  readonly unit: string
  /** where the figure stands */
  readonly source: string
  /** YYYY-MM, or `assumed` */
  readonly month: string
}

export const PRICES = {
  // Lambda. Tiers begin at 6 (x86) and 7.5 (arm) milliard GB-seconds a month: never reached here.
  lambdaRequest: { dollars: 0.2e-6, unit: 'invocation', source: 'aws.amazon.com/lambda/pricing', month: '2026-05' },
  lambdaArmGbSecond: { dollars: 1.33334e-5, unit: 'GB-second (1,024 MB), arm64', source: 'aws.amazon.com/lambda/pricing', month: '2026-05' },
  lambdaX86GbSecond: { dollars: 1.66667e-5, unit: 'GB-second (1,024 MB), x86_64', source: 'aws.amazon.com/lambda/pricing', month: '2026-05' },
  /** only what a function has above 512 MB, and only while it runs */
  lambdaDiskGbSecond: { dollars: 3.09e-8, unit: 'GB-second of /tmp above 512 MB', source: 'aws.amazon.com/lambda/pricing', month: 'assumed' },
  lambdaProvisionedGbSecond: { dollars: 3.3334e-6, unit: 'GB-second of provisioned concurrency, arm64', source: 'aws.amazon.com/lambda/pricing', month: 'assumed' },

  // SQS. Each 64 KiB of payload is a request, on send and on receive. The price falls above 100 milliard a month.
  sqsRequest: { dollars: 0.4e-6, unit: 'request of up to 64 KiB, standard queue', source: 'aws.amazon.com/sqs/pricing', month: '2026-06' },

  // S3 Standard. The storage price falls by 4 % above 50 TB.
  s3Put: { dollars: 5e-6, unit: 'PUT or LIST', source: 'aws.amazon.com/s3/pricing', month: '2026-05' },
  s3Get: { dollars: 0.4e-6, unit: 'GET', source: 'aws.amazon.com/s3/pricing', month: '2026-05' },
  s3GbMonth: { dollars: 0.023, unit: 'GB-month, Standard', source: 'aws.amazon.com/s3/pricing', month: '2026-05' },

  // DynamoDB on demand, Standard table class.
  dynamoWrite: { dollars: 0.625e-6, unit: 'write request unit (1 KB)', source: 'aws.amazon.com/dynamodb/pricing/on-demand', month: '2025-11' },
  dynamoRead: { dollars: 0.125e-6, unit: 'read request unit (4 KB, strongly consistent)', source: 'aws.amazon.com/dynamodb/pricing/on-demand', month: '2025-11' },
  dynamoGbMonth: { dollars: 0.25, unit: 'GB-month', source: 'aws.amazon.com/dynamodb/pricing/on-demand', month: 'assumed' },
  dynamoPitrGbMonth: { dollars: 0.2, unit: 'GB-month of point-in-time recovery', source: 'aws.amazon.com/dynamodb/pricing/on-demand', month: 'assumed' },
  dynamoProvisionedWriteHour: { dollars: 0.00065, unit: 'provisioned write unit and hour', source: 'aws.amazon.com/dynamodb/pricing/provisioned', month: 'assumed' },
  dynamoProvisionedReadHour: { dollars: 0.00013, unit: 'provisioned read unit and hour', source: 'aws.amazon.com/dynamodb/pricing/provisioned', month: 'assumed' },

  // API Gateway. Tiers below: 20 KB requests at 1 TB a day are 1.5 milliard a month.
  restRequest: { dollars: 3.5e-6, unit: 'request, REST API', source: 'aws.amazon.com/api-gateway/pricing', month: 'assumed' },
  httpRequest: { dollars: 1e-6, unit: 'request of up to 512 KiB, HTTP API', source: 'aws.amazon.com/api-gateway/pricing', month: '2026-09' },
  restCacheHour: { dollars: 0.02, unit: 'hour of the smallest cache of a stage', source: 'aws.amazon.com/api-gateway/pricing', month: 'assumed' },

  // The rest. A rule of EventBridge on a schedule costs nothing beside what it invokes.
  schedulerInvocation: { dollars: 1e-6, unit: 'invocation by EventBridge Scheduler', source: 'aws.amazon.com/eventbridge/pricing', month: 'assumed' },
  logsGb: { dollars: 0.5, unit: 'GB taken in by CloudWatch Logs', source: 'aws.amazon.com/cloudwatch/pricing', month: '2026-06' },
  alarmMonth: { dollars: 0.1, unit: 'alarm and month, metric at 60 s', source: 'aws.amazon.com/cloudwatch/pricing', month: 'assumed' },
  alarmDearMonth: { dollars: 0.5, unit: 'composite, anomaly or high-resolution alarm and month, at most', source: 'aws.amazon.com/cloudwatch/pricing', month: 'assumed' },
  dashboardMonth: { dollars: 3, unit: 'dashboard and month', source: 'aws.amazon.com/cloudwatch/pricing', month: 'assumed' },
  metricMonth: { dollars: 0.3, unit: 'metric of one\'s own and month', source: 'aws.amazon.com/cloudwatch/pricing', month: 'assumed' },
  kmsKeyMonth: { dollars: 1, unit: 'key and month', source: 'aws.amazon.com/kms/pricing', month: 'assumed' },
  secretMonth: { dollars: 0.4, unit: 'secret and month', source: 'aws.amazon.com/secrets-manager/pricing', month: 'assumed' },
  ssmAdvancedMonth: { dollars: 0.05, unit: 'advanced parameter and month; standard ones are free', source: 'aws.amazon.com/systems-manager/pricing', month: 'assumed' },
  natGatewayHour: { dollars: 0.045, unit: 'NAT gateway and hour', source: 'aws.amazon.com/vpc/pricing', month: 'assumed' },
  interfaceEndpointHour: { dollars: 0.01, unit: 'interface endpoint, zone and hour', source: 'aws.amazon.com/privatelink/pricing', month: 'assumed' },
  publicAddressHour: { dollars: 0.005, unit: 'public IPv4 address and hour', source: 'aws.amazon.com/vpc/pricing', month: 'assumed' },
  webAclMonth: { dollars: 5, unit: 'web ACL and month', source: 'aws.amazon.com/waf/pricing', month: 'assumed' },
  hostedZoneMonth: { dollars: 0.5, unit: 'hosted zone and month', source: 'aws.amazon.com/route53/pricing', month: 'assumed' },
  /** into AWS and between Lambda, S3, SQS and DynamoDB of one region nothing is charged; out of it this, after 100 GB a month */
  egressGb: { dollars: 0.09, unit: 'GB out to the internet', source: 'aws.amazon.com/ec2/pricing/on-demand', month: 'assumed' },
} as const satisfies Readonly<Record<string, Price>>

export type PriceName = keyof typeof PRICES

/** USD of so many units, at the first tier */
export const dollarsOf = (name: PriceName, units: number): number => PRICES[name].dollars * units

/** the permanent free quotas that are counted, per account and month; no other is */
export const FREE_A_MONTH = { alarms: 10, dashboards: 3, schedulerInvocations: 14e6 } as const

/** what API Gateway asks above so many requests a month, ascending */
const REQUEST_TIERS: Readonly<Record<'restRequest' | 'httpRequest', readonly (readonly [above: number, dollars: number])[]>> = {
  restRequest: [[333e6, 2.8e-6], [1e9, 2.38e-6], [20e9, 1.51e-6]],
  httpRequest: [[300e6, 0.9e-6]],
}

/** USD of a month's requests to an API, tier by tier */
export function apiDollars(api: 'restRequest' | 'httpRequest', requestsAMonth: number): number {
  const tiers = [[0, PRICES[api].dollars], ...REQUEST_TIERS[api]] as const
  return tiers.reduce((sum, [above, dollars], i) => {
    const end = tiers[i + 1]?.[0] ?? Infinity
    return sum + Math.max(0, Math.min(requestsAMonth, end) - above) * dollars
  }, 0)
}

/** Lambda bills memory in GB of 1,024 MB */
export const gbOfMb = (mb: number): number => mb / 1_024
