// In the place of `@aws-sdk/client-dynamodb` for functions that read items and put single ones: the names
// that lib/aws imports, and what they do there. Protocol: docs.aws.amazon.com/amazondynamodb/latest/
// developerguide/Programming.LowLevelAPI.html
import { LeanClient, LeanCommand, LeanServiceError, type LeanConfig } from './lean-client.ts'

type Json = Readonly<Record<string, unknown>>
const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

/** in items and keys: values by attribute; in lists of items too */
const ITEMS: ReadonlySet<string> = new Set(['Item', 'Key', 'Items', 'ExclusiveStartKey', 'LastEvaluatedKey', 'ExpressionAttributeValues'])

/** `each` attribute value of what has values, all else as it is */
const mapped = (body: Json, each: (value: unknown) => unknown): Json =>
  Object.fromEntries(Object.entries(body).map(([name, value]) => {
    if (!ITEMS.has(name) || value === undefined) return [name, value]
    const item = (attributes: unknown): unknown => Object.fromEntries(Object.entries(attributes as Json).map(([key, one]) => [key, each(one)]))
    return [name, Array.isArray(value) ? value.map(item) : item(value)]
  }))

/** bytes go as base64, wherever they stand in a value */
function encodeValue(value: unknown): unknown {
  if (!isObject(value)) return value
  const { B: bytes, M: map, L: list } = value
  if (bytes instanceof Uint8Array) return { B: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64') }
  if (isObject(map)) return { M: Object.fromEntries(Object.entries(map).map(([key, one]) => [key, encodeValue(one)])) }
  return Array.isArray(list) ? { L: list.map(encodeValue) } : value
}

function decodeValue(value: unknown): unknown {
  if (!isObject(value)) return value
  const { B: bytes, M: map, L: list } = value
  if (typeof bytes === 'string') return { B: new Uint8Array(Buffer.from(bytes, 'base64')) }
  if (isObject(map)) return { M: Object.fromEntries(Object.entries(map).map(([key, one]) => [key, decodeValue(one)])) }
  return Array.isArray(list) ? { L: list.map(decodeValue) } : value
}

const SERVICE = {
  name: 'dynamodb', target: 'DynamoDB_20120810', contentType: 'application/x-amz-json-1.0',
  encode: (input: Json) => mapped(input, encodeValue), decode: (output: Json) => mapped(output, decodeValue),
}

export class ConditionalCheckFailedException extends LeanServiceError {}
/** thrown by transactions, which these functions have no grant for */
export class TransactionCanceledException extends LeanServiceError {}

export class DynamoDBClient extends LeanClient {
  constructor(config: LeanConfig) {
    super(config, SERVICE, (name, ...rest) => (name === 'ConditionalCheckFailedException' ? new ConditionalCheckFailedException(name, ...rest) : new LeanServiceError(name, ...rest)))
  }
  send({ operation, input }: LeanCommand<unknown>): Promise<unknown> {
    return this.ask(operation, input)
  }
}

export class GetItemCommand extends LeanCommand<Json> {
  readonly operation = 'GetItem'
}
export class PutItemCommand extends LeanCommand<Json> {
  readonly operation = 'PutItem'
}
export class QueryCommand extends LeanCommand<Json> {
  readonly operation = 'Query'
}
/** its items stand deeper than this client looks for bytes */
export class TransactWriteItemsCommand extends LeanCommand<Json> {
  readonly operation = 'TransactWriteItems'
  constructor(input: Json) {
    super(input)
    throw new Error('this function commits nothing: the client of its bundle has no transactions')
  }
}
