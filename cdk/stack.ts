// STORY: the whole of nilometer on AWS, read from top to bottom: what rests, what writes, what reads,
// what stands in front, what starts by itself, and the first credentials. Idle it costs what its bytes
// cost and one polled queue.
import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib'
import type { Construct } from 'constructs'
import { ENTRIES } from '../lib/env.ts'
import { ANSWER_SECONDS, newEdge, type Edge } from './edge.ts'
import { newFunction, type CodeOf, type Making } from './function.ts'
import { acknowledgeStack } from './nag.ts'
import type { Options } from './options.ts'
import { everyHour, feedWriter } from './schedule.ts'
import { addFirstCredentials, parameterOf } from './setup.ts'
import { newStorage } from './storage.ts'
import { isolateLeaf } from './tenants.ts'

export interface NilometerProps extends StackProps {
  readonly options: Options
  readonly codeOf: CodeOf
}

export class NilometerStack extends Stack {
  constructor(scope: Construct, id: string, { options, codeOf, ...props }: NilometerProps) {
    super(scope, id, { description: 'nilometer: logs, metrics and traces at nil cost when idle', ...props })
    const storage = newStorage(this, options)
    const { bucket, table, documents, queue, deadLetters, failures } = storage
    const adminPassword = parameterOf(this, options, 'admin-password')
    const ingestToken = parameterOf(this, options, 'ingest-token')
    const answerSeconds = ANSWER_SECONDS[options.edge]
    const making: Making = { options, codeOf, key: storage.key }

    const env = {
      bucket: bucket.bucketName, table: table.tableName, documents: documents.tableName, queueUrl: queue.queueUrl, deadLettersUrl: deadLetters.queueUrl,
      adminPassword: adminPassword.name, ingestToken: ingestToken.name, rootEmail: options.rootEmail,
      retentionDays: String(options.retentionDays), answerSeconds: String(answerSeconds), tenantRole: '', logLevel: 'warn',
    }
    const arns = {
      bucket: bucket.bucketArn, table: table.tableArn, documents: documents.tableArn, queue: queue.queueArn, deadLetters: deadLetters.queueArn,
      failures: failures.queueArn, adminPassword: adminPassword.arn, ingestToken: ingestToken.arn,
    }

    const ingest = newFunction(this, 'ingest', making, { env, arns })
    const writer = newFunction(this, 'writer', making, { env, arns })
    feedWriter(this, options, queue, writer)
    const archiver = newFunction(this, 'archiver', making, { env, arns })
    everyHour(this, 'ArchiveDeadLetters', archiver, failures)

    const leaf = newFunction(this, 'leaf', making, { env, arns })
    const tenantRole = options.isolation === 'iam' ? isolateLeaf(this, options, storage, leaf).roleArn : ''
    const query = newFunction(this, 'query', making, {
      env: { ...env, tenantRole, leafFunction: leaf.functionName }, arns: { ...arns, leaf: leaf.functionArn },
    }, Math.max(ENTRIES.query.timeoutSeconds, answerSeconds + 1))
    const edge = newEdge(this, options, { ingest, query })

    const setup = newFunction(this, 'setup', making, { env, arns })
    addFirstCredentials(this, options, setup, [table, documents], [adminPassword, ingestToken])
    acknowledgeStack(this)
    this.#say(edge, { AdminPasswordParameter: adminPassword.name, IngestTokenParameter: ingestToken.name, BucketName: bucket.bucketName })
  }

  /** plain names: `cdk deploy --outputs-file out.json` is what scripts read */
  #say({ apiUrl, ingestUrl, domainTarget }: Edge, names: Readonly<Record<string, string>>): void {
    const outputs: Readonly<Record<string, string>> = {
      ApiUrl: apiUrl,
      UiUrl: `${apiUrl}web/`,
      OtlpEndpoint: `${ingestUrl}api/default`,
      ...names,
      ...(ingestUrl === apiUrl ? {} : { IngestUrl: ingestUrl }),
      ...(domainTarget === null ? {} : { DomainTarget: domainTarget }),
    }
    for (const [name, value] of Object.entries(outputs)) new CfnOutput(this, name, { value })
  }
}
