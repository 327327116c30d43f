// What starts functions without a request: the queue starts the writer, a schedule the archiver.
// Promises: no poller on a queue that is mostly empty (each costs some cents a month for asking), and
// a start that fails is told in the queue of failures.
import { Duration, Stack } from 'aws-cdk-lib'
import { PolicyDocument, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { EventSourceMapping, type Function } from 'aws-cdk-lib/aws-lambda'
import { SqsDestination } from 'aws-cdk-lib/aws-lambda-destinations'
import { CfnSchedule } from 'aws-cdk-lib/aws-scheduler'
import type { Queue } from 'aws-cdk-lib/aws-sqs'
import type { Construct } from 'constructs'
import type { Options } from './options.ts'

/** SQS' largest; without a window Lambda takes at most ten */
const BATCH_MAX = 10_000
const BATCH_MAX_AT_ONCE = 10

/** Batches as large as the window lets them grow; a message that fails comes again alone. */
export function feedWriter(scope: Construct, { freshnessSeconds, writers }: Options, queue: Queue, writer: Function): void {
  new EventSourceMapping(scope, 'Feed', {
    target: writer,
    eventSourceArn: queue.queueArn,
    batchSize: freshnessSeconds === 0 ? BATCH_MAX_AT_ONCE : BATCH_MAX,
    ...(freshnessSeconds === 0 ? {} : { maxBatchingWindow: Duration.seconds(freshnessSeconds) }),
    reportBatchItemFailures: true,
    maxConcurrency: writers,
  })
}

/** Once an hour, at a minute of AWS' choosing; the next hour is the retry, so a run has only one. */
export function everyHour(scope: Construct, name: string, target: Function, failures: Queue): void {
  const { account } = Stack.of(scope)
  target.configureAsyncInvoke({ retryAttempts: 1, maxEventAge: Duration.hours(1), onFailure: new SqsDestination(failures) })
  const role = new Role(scope, `${name}Role`, {
    assumedBy: new ServicePrincipal('scheduler.amazonaws.com', { conditions: { StringEquals: { 'aws:SourceAccount': account } } }),
    inlinePolicies: {
      start: new PolicyDocument({
        statements: [
          new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: [target.functionArn] }),
          new PolicyStatement({ actions: ['sqs:SendMessage'], resources: [failures.queueArn] }),
        ],
      }),
    },
  })
  new CfnSchedule(scope, name, {
    scheduleExpression: 'rate(1 hour)',
    flexibleTimeWindow: { mode: 'FLEXIBLE', maximumWindowInMinutes: 15 },
    target: {
      arn: target.functionArn,
      roleArn: role.roleArn,
      input: '{}',
      retryPolicy: { maximumRetryAttempts: 3, maximumEventAgeInSeconds: 3_600 },
      deadLetterConfig: { arn: failures.queueArn },
    },
  })
}
