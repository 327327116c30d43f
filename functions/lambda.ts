// What Lambda hands our functions, as far as we read it: the invocation's context, SQS events,
// and what an HTTP event is answered with.
// Shapes: docs.aws.amazon.com/lambda/latest/dg/with-sqs.html, nodejs-context.html.

export interface LambdaContext {
  readonly awsRequestId: string
  readonly functionName: string
  getRemainingTimeInMillis(): number
}

export type Json = Readonly<Record<string, unknown>>
export const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

/** of an HTTP event's payload: 1 is a REST API's, 2 an HTTP API's and a function URL's */
export type EventVersion = 1 | 2

/** of both payload versions; `cookies` is of 2, `multiValueHeaders` of 1 */
export interface LambdaResult {
  readonly statusCode: number
  readonly headers: Readonly<Record<string, string>>
  readonly multiValueHeaders?: Readonly<Record<string, readonly string[]>>
  readonly cookies?: readonly string[]
  readonly body: string
  readonly isBase64Encoded: boolean
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
