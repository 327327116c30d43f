// The rules the stack is held to: cdk-nag's AwsSolutions and Serverless packs and some single rules,
// at every synth. What is not followed is acknowledged here, with the reason, and nowhere else.
import { CfnResource, Stack, Validations } from 'aws-cdk-lib'
import type { PolicyStatement, Role } from 'aws-cdk-lib/aws-iam'
import { AwsSolutionsChecks, NagMessageLevel, NagPack, ServerlessChecks, rules } from 'cdk-nag'
import { flattenCfnReference } from 'cdk-nag/lib/utils/flatten-cfn-reference.js'
import type { IConstruct } from 'constructs'

/** rules that no pack of ours has, by the names security reviews use */
const SINGLE_RULES = [
  rules.lambda.LambdaEventSourceSQSVisibilityTimeout, rules.lambda.LambdaConcurrency,
  rules.lambda.LambdaFunctionPublicAccessProhibited, rules.lambda.LambdaFunctionUrlAuth, rules.lambda.LambdaInsideVPC,
  rules.s3.S3BucketVersioningEnabled, rules.s3.S3BucketLevelPublicAccessProhibited, rules.s3.S3BucketReplicationEnabled,
  rules.dynamodb.DynamoDBPITREnabled, rules.secretsmanager.SecretsManagerUsingKMSKey,
]

class HouseChecks extends NagPack {
  override readonly name = 'House'
  protected override packName = 'House'

  protected override checkResource(node: CfnResource): void {
    for (const rule of SINGLE_RULES) {
      const info = `${rule.name} is not fulfilled`
      this.applyRule({ rule, node, info, explanation: info, level: NagMessageLevel.ERROR })
    }
  }
}

/** the packs; `cdk synth` runs them, and test/cdk holds that none finds anything */
export const packsFor = (scope: IConstruct): readonly NagPack[] =>
  [new AwsSolutionsChecks(scope), new ServerlessChecks(scope), new HouseChecks(scope)]

/** A statement that names keys by a prefix has a star, though never a whole resource. */
export function acknowledgeKeys(role: Role, statements: readonly PolicyStatement[]): void {
  const stack = Stack.of(role)
  const resources = statements.flatMap((statement) => statement.resources).map((arn) => flattenCfnReference(stack.resolve(arn) as object))
  for (const resource of new Set(resources.filter((arn) => arn.includes('*')))) {
    Validations.of(role).acknowledge({
      id: `AwsSolutions-IAM5[Resource::${resource}]`,
      reason: 'one prefix of one bucket, or the streams of one log group: their names are made at run time',
    })
  }
}

export interface Acknowledged {
  /** CloudFormation types of the resources meant */
  readonly types: readonly string[]
  /** ends of the construct paths meant; absent: every resource of the types */
  readonly only?: readonly string[]
  readonly ids: readonly string[]
  readonly reason: string
}

/** What we do not follow, and why. */
export const ACKNOWLEDGED: readonly Acknowledged[] = [
  {
    types: ['AWS::S3::Bucket'], ids: ['AwsSolutions-S1'],
    reason: 'an access log would be one more object for each of ours, kept and paid for; CloudTrail data events are there for who must have them',
  },
  {
    types: ['AWS::S3::Bucket'], ids: ['House-S3BucketReplicationEnabled'],
    reason: 'a second region doubles the price of storage; versions and the tables\' point-in-time recovery undo mistakes, and replication can be put on the bucket from outside',
  },
  {
    types: ['AWS::SQS::Queue'], only: ['/DeadLetters/Resource', '/Failures/Resource'], ids: ['AwsSolutions-SQS3', 'Serverless-SQSRedrivePolicy'],
    reason: 'these are where messages end: nothing follows a queue of dead letters, and nobody polls the queue of failures',
  },
  {
    types: ['AWS::Lambda::EventSourceMapping'], ids: ['Serverless-LambdaEventSourceMappingDestination'],
    reason: 'a queue\'s event source has no destination of its own: the queue\'s redrive policy is it',
  },
  {
    types: ['AWS::Lambda::Function'], ids: ['Serverless-LambdaDLQ'],
    reason: 'functions are called by who waits for the answer; the one that is not has an on-failure destination, which tells more than a dead letter',
  },
  {
    types: ['AWS::Lambda::Function'], ids: ['Serverless-LambdaTracing'],
    reason: 'X-Ray is paid per trace and would trace every request twice; searches carry a receipt and a trace id of ours',
  },
  {
    types: ['AWS::Lambda::Function'], ids: ['House-LambdaConcurrency'],
    reason: 'reserving takes from the account\'s pool, 10 in a new account, and the deployment would fail; the edge is throttled, the writer has a maximum of its own',
  },
  {
    types: ['AWS::Lambda::Function'], ids: ['House-LambdaInsideVPC'],
    reason: 'in a VPC a function needs NAT or endpoints, which cost while idle; it reaches AWS APIs only, over TLS, with its own role',
  },
  {
    types: ['AWS::ApiGateway::RestApi'], ids: ['AwsSolutions-APIG2'],
    reason: 'bodies are protobuf, NDJSON and compressed bytes, which API Gateway cannot check; our door and decoders check every one',
  },
  {
    types: ['AWS::ApiGateway::Stage', 'AWS::ApiGatewayV2::Stage'], ids: ['AwsSolutions-APIG1', 'Serverless-APIGWAccessLogging', 'AwsSolutions-APIG6'],
    reason: 'a line of access log costs more than the Lambda run it tells of; requests are counted by ourselves',
  },
  {
    types: ['AWS::ApiGateway::Stage'], ids: ['AwsSolutions-APIG3'],
    reason: 'a web ACL costs $5 a month idle; every route but health needs a credential, and the stage is throttled',
  },
  {
    types: ['AWS::ApiGateway::Stage'], ids: ['Serverless-APIGWXrayEnabled'],
    reason: 'X-Ray is paid per trace and would trace every request twice',
  },
  {
    types: ['AWS::ApiGatewayV2::Route'], ids: ['AwsSolutions-APIG4'],
    reason: 'the function behind authenticates each request (functions/door.ts): passwords and tokens of our own, which shippers send as Basic or Bearer',
  },
  {
    types: ['AWS::Lambda::Url'], ids: ['House-LambdaFunctionUrlAuth'],
    reason: 'the function behind authenticates each request (functions/door.ts); shippers cannot sign requests for AWS',
  },
  {
    types: ['AWS::Lambda::Permission'], ids: ['House-LambdaFunctionPublicAccessProhibited'],
    reason: 'a function URL for everybody is what edge function-url asks for; the door behind it authenticates',
  },
]

/** Puts the table's reasons on the resources they are about. */
export function acknowledgeStack(stack: Stack): void {
  const resources = stack.node.findAll().filter((node) => CfnResource.isCfnResource(node))
  for (const { types, only, ids, reason } of ACKNOWLEDGED) {
    const meant = resources.filter((node) => types.includes(node.cfnResourceType) && (only?.some((end) => node.node.path.endsWith(end)) ?? true))
    for (const node of meant) Validations.of(node).acknowledge(...ids.map((id) => ({ id, reason })))
  }
}
