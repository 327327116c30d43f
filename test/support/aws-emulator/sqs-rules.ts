// What SQS enforces and fauxqs does not: receipt handles that were really handed out. Sizes, batches and
// characters fauxqs checks itself. docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference
import { awsError, jsonOf } from './request.ts'
import type { Answer, AwsRequest, Forward } from './request.ts'

export function sqsRules(forward: Forward): Forward {
  const handedOut = new Set<string>()

  async function receive(request: AwsRequest): Promise<Answer> {
    const answer = await forward(request)
    const { Messages = [] } = answer.status === 200 ? jsonOf(answer.body) as { Messages?: readonly { ReceiptHandle: string }[] } : {}
    for (const { ReceiptHandle } of Messages) handedOut.add(ReceiptHandle)
    return answer
  }

  return async (request) => {
    if (request.operation === 'ReceiveMessage') return receive(request)
    if (request.operation !== 'DeleteMessage' && request.operation !== 'ChangeMessageVisibility') return forward(request)
    // One that was handed out once stays good: a stale one deletes nothing and is no error, as on a standard queue.
    if (handedOut.has(String(jsonOf(request.body)['ReceiptHandle']))) return forward(request)
    return awsError(request, 404, 'ReceiptHandleIsInvalid', 'The input receipt handle is not a valid receipt handle.')
  }
}
