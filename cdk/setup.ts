// The first credentials, made while the stack is: a resource whose function (functions/setup) writes
// the root password and one ingestion token to SSM as SecureStrings, which CloudFormation itself
// cannot make, and their hashes to the documents.
import { CustomResource, Duration, Stack } from 'aws-cdk-lib'
import type { Table } from 'aws-cdk-lib/aws-dynamodb'
import type { Function } from 'aws-cdk-lib/aws-lambda'
import type { Construct } from 'constructs'
import { ENTRIES } from '../lib/env.ts'
import type { Options } from './options.ts'

export interface Parameter {
  readonly name: string
  readonly arn: string
}

export function parameterOf(scope: Construct, { stage }: Options, what: string): Parameter {
  const name = `/nilometer/${stage}/${what}`
  return { name, arn: Stack.of(scope).formatArn({ service: 'ssm', resource: 'parameter', resourceName: name.slice(1) }) }
}

/** beyond the function's own end: CloudFormation stops waiting even if nobody answers it */
const SERVICE_TIMEOUT = Duration.seconds(ENTRIES.setup.timeoutSeconds + 60)

/** It runs again when what it works on changes, and finds then what is there already. */
export function addFirstCredentials(scope: Construct, options: Options, setup: Function, tables: readonly Table[], parameters: readonly Parameter[]): void {
  const resource = new CustomResource(scope, 'FirstCredentials', {
    resourceType: 'Custom::NilometerCredentials',
    serviceToken: setup.functionArn,
    serviceTimeout: SERVICE_TIMEOUT,
    properties: {
      rootEmail: options.rootEmail,
      tables: tables.map(({ tableName }) => tableName),
      parameters: parameters.map(({ name }) => name),
      onDelete: options.removalPolicy === 'destroy' ? 'remove' : 'keep',
    },
  })
  resource.node.addDependency(...tables)
}
