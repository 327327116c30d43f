// What Lambda hands our functions, as far as we read it: the invocation's context and SQS events.
// Shapes: docs.aws.amazon.com/lambda/latest/dg/with-sqs.html, nodejs-context.html.

export interface LambdaContext {
  readonly awsRequestId: string
  readonly functionName: string
  getRemainingTimeInMillis(): number
}

export interface SqsRecord {
  readonly messageId: string
  readonly body: string
  readonly attributes: { readonly ApproximateReceiveCount: string }
}

export interface SqsEvent {
  readonly Records: readonly SqsRecord[]
}

/** with ReportBatchItemFailures: these come again, all others are deleted */
export interface SqsBatchResponse {
  readonly batchItemFailures: readonly { readonly itemIdentifier: string }[]
}
