// Where everything rests: one bucket, two tables, the queue with its dead letters, and the queue of
// runs that failed. Promises: encrypted, reached over TLS only, never public, nothing provisioned,
// nothing that costs while idle but bytes; and what holds data outlives the stack unless told otherwise.
import { Duration, RemovalPolicy, Size, Stack } from 'aws-cdk-lib'
import { AttributeType, BillingMode, Table, TableEncryption } from 'aws-cdk-lib/aws-dynamodb'
import { AnyPrincipal, Effect, PolicyStatement } from 'aws-cdk-lib/aws-iam'
import { Key } from 'aws-cdk-lib/aws-kms'
import { BlockPublicAccess, Bucket, BucketEncryption, ObjectOwnership, type LifecycleRule } from 'aws-cdk-lib/aws-s3'
import { Queue, QueueEncryption, RedrivePermission, type QueueProps, type RedriveAllowPolicy } from 'aws-cdk-lib/aws-sqs'
import type { Construct } from 'constructs'
import { ENTRIES } from '../lib/env.ts'
import type { Options } from './options.ts'

export interface Storage {
  readonly bucket: Bucket
  readonly table: Table
  readonly documents: Table
  readonly queue: Queue
  readonly deadLetters: Queue
  /** what asynchronous runs and schedules failed with, for a person to read */
  readonly failures: Queue
  /** only with encryption `kms` */
  readonly key: Key | null
}

export function newStorage(scope: Construct, options: Options): Storage {
  const removalPolicy = options.removalPolicy === 'destroy' ? RemovalPolicy.DESTROY : RemovalPolicy.RETAIN
  const key = options.encryption === 'kms'
    ? new Key(scope, 'Key', { enableKeyRotation: true, removalPolicy, description: `nilometer ${options.stage}: bucket, tables, queues` })
    : null
  return {
    bucket: newBucket(scope, removalPolicy, key),
    table: newTable(scope, 'Table', removalPolicy, key, 'exp'),
    documents: newTable(scope, 'Documents', removalPolicy, key),
    ...newQueues(scope, options, key),
    key,
  }
}

interface Lifetime {
  readonly prefix: string
  /** days an object lives; absent: until something deletes it on purpose */
  readonly days?: number
  /** days that what expired or was deleted is kept on as an old version, the undo of a deletion that should not have been */
  readonly oldDays: number
}

/** the longest undo, also of every prefix that is not named */
const OLD_DAYS = 7
const LIFETIMES: readonly Lifetime[] = [
  // Longer than a message can come again: 14 d in the queue, 14 more when its dead letter is sent back.
  { prefix: 'wal/', days: 30, oldDays: 1 },
  // Longer than a claim lives (30 d), so that a rebuild finds every message's lineage.
  { prefix: 'lineage/', days: 40, oldDays: OLD_DAYS },
  { prefix: 'answers/', days: 1, oldDays: 1 },
  // A pack's rows are in a file by then; a weekend in which a bad merge can still be undone from its inputs.
  { prefix: 'fresh/', oldDays: 3 },
]

function newBucket(scope: Construct, removalPolicy: RemovalPolicy, key: Key | null): Bucket {
  // Where two rules meet, S3 follows the shorter one.
  const lifetimes: LifecycleRule[] = LIFETIMES.map(({ prefix, days, oldDays }) => ({
    id: `${days === undefined ? 'keep' : 'expire'}-${prefix.slice(0, -1)}`, prefix, noncurrentVersionExpiration: Duration.days(oldDays),
    ...(days === undefined ? {} : { expiration: Duration.days(days) }),
  }))
  const bucket = new Bucket(scope, 'Bucket', {
    ...(key === null ? { encryption: BucketEncryption.S3_MANAGED } : { encryption: BucketEncryption.KMS, encryptionKey: key, bucketKeyEnabled: true }),
    blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
    objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
    enforceSSL: true,
    minimumTLSVersion: 1.2,
    versioned: true,
    lifecycleRules: [...lifetimes, {
      id: 'tidy', noncurrentVersionExpiration: Duration.days(OLD_DAYS), expiredObjectDeleteMarker: true,
      abortIncompleteMultipartUploadAfter: Duration.days(1),
    }],
    removalPolicy,
    // Only who asks to destroy gets a function (CDK's own) that empties the bucket when the stack goes.
    autoDeleteObjects: removalPolicy === RemovalPolicy.DESTROY,
  })
  // A key is written once: without the header S3 would put a second object over a listed one. Multipart
  // uploads carry the header on their last call only, so they are refused as well: none of ours is one.
  bucket.addToResourcePolicy(new PolicyStatement({
    sid: 'WrittenOnce', effect: Effect.DENY, principals: [new AnyPrincipal()], actions: ['s3:PutObject'],
    resources: ['fresh/*', 'data/*'].map((keys) => bucket.arnForObjects(keys)),
    conditions: { Null: { 's3:if-none-match': 'true' } },
  }))
  return bucket
}

function newTable(scope: Construct, id: string, removalPolicy: RemovalPolicy, key: Key | null, timeToLiveAttribute?: string): Table {
  return new Table(scope, id, {
    partitionKey: { name: 'pk', type: AttributeType.STRING },
    sortKey: { name: 'sk', type: AttributeType.STRING },
    billingMode: BillingMode.PAY_PER_REQUEST,
    pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
    deletionProtection: removalPolicy === RemovalPolicy.RETAIN,
    removalPolicy,
    ...(key === null ? { encryption: TableEncryption.DEFAULT } : { encryption: TableEncryption.CUSTOMER_MANAGED, encryptionKey: key }),
    ...(timeToLiveAttribute === undefined ? {} : { timeToLiveAttribute }),
  })
}

/** the longest SQS keeps anything: how long the tables may be away before a row is lost */
const RETENTION = Duration.days(14)
const RECEIVES_MAX = 5

/** what the three queues have in common; the key is for those that hold rows */
function queueProps(key: Key | null): QueueProps {
  return {
    ...(key === null ? { encryption: QueueEncryption.SQS_MANAGED } : { encryption: QueueEncryption.KMS, encryptionMasterKey: key, dataKeyReuse: Duration.hours(1) }),
    enforceSSL: true,
    maxMessageSizeBytes: Size.mebibytes(1).toBytes(),
    retentionPeriod: RETENTION,
  }
}

function newQueues(scope: Construct, options: Options, key: Key | null): Pick<Storage, 'queue' | 'deadLetters' | 'failures'> {
  const none: RedriveAllowPolicy = { redrivePermission: RedrivePermission.DENY_ALL }
  // The name is ours to choose, so that each of the two queues can name the other.
  const queueName = `nilometer-${options.stage}`
  const source = Queue.fromQueueArn(scope, 'QueueByName', Stack.of(scope).formatArn({ service: 'sqs', resource: queueName }))
  const deadLetters = new Queue(scope, 'DeadLetters', {
    ...queueProps(key),
    visibilityTimeout: Duration.seconds(6 * ENTRIES.archiver.timeoutSeconds),
    redriveAllowPolicy: { redrivePermission: RedrivePermission.BY_QUEUE, sourceQueues: [source] },
  })
  const queue = new Queue(scope, 'Queue', {
    ...queueProps(key),
    queueName,
    // Six runs of the writer and the window in which Lambda collects a batch: AWS' rule for event sources.
    visibilityTimeout: Duration.seconds(6 * ENTRIES.writer.timeoutSeconds + options.freshnessSeconds),
    deadLetterQueue: { queue: deadLetters, maxReceiveCount: RECEIVES_MAX },
    redriveAllowPolicy: none,
  })
  const failures = new Queue(scope, 'Failures', { ...queueProps(null), redriveAllowPolicy: none })
  return { queue, deadLetters, failures }
}
