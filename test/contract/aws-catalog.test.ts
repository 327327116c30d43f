// The catalog on DynamoDB under the contract suite of its port, against dynoxide.
import { PutItemCommand } from '@aws-sdk/client-dynamodb'
import { test } from 'vitest'
import { createCatalog } from '../../lib/aws/catalog.ts'
import { encodeSweptSlot } from '../../lib/aws/catalog-items.ts'
import { packItem } from '../../lib/model/item-key.ts'
import { localDynamo, missingDynoxide } from '../support/dynoxide.ts'
import { START, movableClock } from '../support/local.ts'
import { catalogSuite } from './catalog.suite.ts'

const dynamo = localDynamo()

if (missingDynoxide !== null) {
  test.skip(`catalog: dynamodb (${missingDynoxide})`, () => undefined)
} else {
  catalogSuite('dynamodb', async () => {
    const { clock, advance } = movableClock()
    const tables = await dynamo.freshTables()
    const client = dynamo.client()
    return {
      port: createCatalog({ ...tables, client, clock }),
      other: createCatalog({ ...tables, client: dynamo.client(), clock }),
      now: clock.now,
      advance,
      sweepSlot: async (org, fid) => {
        await client.send(new PutItemCommand({ TableName: tables.table, Item: encodeSweptSlot(packItem(org, fid), START * 2) }))
      },
    }
  })
}
