// A DynamoDB table as the adapters use it: read one item, read a part of a partition to its end, put an
// item on a condition, put several or none. Every read is consistent: half the price would be 0.06
// dollars less a million reads, and the reader's rule, schemas and revoked tokens all rest on it.
// Needs only GetItem, Query, PutItem (env.ts); errors come in our words.
import { createHash } from 'node:crypto'
import {
  ConditionalCheckFailedException, GetItemCommand, PutItemCommand, QueryCommand, TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb'
import type { DynamoDBClient, QueryCommandOutput } from '@aws-sdk/client-dynamodb'
import { EngineError, assert } from '../model/errors.ts'
import type { ItemKey } from '../model/item-key.ts'
import type { Micros } from '../model/time.ts'
import type { Item } from './attributes.ts'
import { dynamoError, failedConditions } from './dynamo-errors.ts'
import { ITEM_BYTES_MAX, itemBytes } from './item-size.ts'
import { signAt } from './signing-date.ts'

/** what must hold of the item that stands (or of there being none) for a put to take place */
export interface Condition {
  readonly expression: string
  readonly values?: Item
}

export const ABSENT: Condition = { expression: 'attribute_not_exists(pk)' }

/** `stands`: what the put met instead; null: no item */
export type PutOutcome = { readonly written: true } | { readonly written: false; readonly stands: Item | null }

export interface Items {
  get(key: ItemKey): Promise<Item | null>
  /** a partition, or its sort keys from `from` to `to`, both included, in order and to the last page */
  query(pk: string, range?: { readonly from: string; readonly to: string }): Promise<readonly Item[]>
  put(item: Item, condition: Condition): Promise<PutOutcome>
  /**
   * All items, each only if absent, or none.
   * @returns null when they are in (now, or by an earlier request with the token); else, per item and in
   * order, what stands in its way
   * @throws conflict, limited (nothing happened), unavailable (unknown)
   */
  putAll(items: readonly Item[], token: string, signedAt?: Micros): Promise<readonly (Item | null)[] | null>
}

export function openItems(client: DynamoDBClient, table: string): Items {
  async function get({ pk, sk }: ItemKey): Promise<Item | null> {
    const command = new GetItemCommand({ TableName: table, Key: { pk: { S: pk }, sk: { S: sk } }, ConsistentRead: true })
    const { Item: item } = await client.send(command).catch(rethrow('dynamodb:GetItem'))
    return item ?? null
  }

  async function query(pk: string, range?: { readonly from: string; readonly to: string }): Promise<readonly Item[]> {
    const found: Item[] = []
    let next: Item | undefined
    do {
      const page: QueryCommandOutput = await client.send(new QueryCommand({
        TableName: table,
        ConsistentRead: true,
        KeyConditionExpression: range === undefined ? 'pk = :pk' : 'pk = :pk AND sk BETWEEN :from AND :to',
        ExpressionAttributeValues: { ':pk': { S: pk }, ...(range === undefined ? {} : { ':from': { S: range.from }, ':to': { S: range.to } }) },
        ...(next === undefined ? {} : { ExclusiveStartKey: next }),
      })).catch(rethrow('dynamodb:Query'))
      for (const item of page.Items ?? []) found.push(item)
      next = page.LastEvaluatedKey
    } while (next !== undefined)
    return found
  }

  async function put(item: Item, { expression, values }: Condition): Promise<PutOutcome> {
    try {
      await client.send(new PutItemCommand({
        TableName: table, Item: item, ConditionExpression: expression, ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
        ...(values === undefined ? {} : { ExpressionAttributeValues: values }),
      }))
      return { written: true }
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return { written: false, stands: error.Item ?? null }
      throw dynamoError('dynamodb:PutItem', error)
    }
  }

  async function putAll(items: readonly Item[], token: string, signedAt?: Micros): Promise<readonly (Item | null)[] | null> {
    for (const item of items) assert(itemBytes(item) <= ITEM_BYTES_MAX, `an item of a commit has at most ${ITEM_BYTES_MAX} bytes: ${item['pk']?.S}`)
    const command = new TransactWriteItemsCommand({
      ClientRequestToken: clientToken(table, token),
      TransactItems: items.map((item) => ({
        Put: { TableName: table, Item: item, ConditionExpression: ABSENT.expression, ReturnValuesOnConditionCheckFailure: 'ALL_OLD' },
      })),
    })
    try {
      await client.send(signedAt === undefined ? command : signAt(command, signedAt))
      return null
    } catch (error) {
      return failedConditions(error, items.length).map((reason) => {
        if (reason === null) return null
        // Who holds a claim decides whether a message is in; a refusal that does not say is no answer.
        if (reason.Item === undefined) throw new EngineError('unavailable', 'DynamoDB did not say what stands in the way: send the transaction again')
        return reason.Item
      })
    }
  }

  return { get, query, put, putAll }
}

const rethrow = (action: string) => (error: unknown): never => {
  throw dynamoError(action, error)
}

/** DynamoDB takes 1 to 36 characters and remembers them for ten minutes, per account; 27 of base64 are 160 bits */
const clientToken = (table: string, token: string): string =>
  createHash('sha256').update(`${table}#${token}`).digest('base64url').slice(0, 27)
