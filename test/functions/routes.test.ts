// Each path is answered by the function that the edge sends it to, and only there; each function's file
// is what lib/env.ts names.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { INGEST_PATHS, QUERY_PATHS } from '../../functions/routes.ts'
import { settingsOnAws } from '../../functions/settings.ts'
import { ROUTES } from '../../lib/engine/access/permit.ts'
import { ENTRIES } from '../../lib/env.ts'
import { contextOf, eventOf } from '../support/lambda-events.ts'
import { TOKENS, memoryLambda } from '../support/lambda-memory.ts'

const missing = '"error":"not_found","message":"there is no such route'

test('every path of the permission table belongs to one function', () => {
  expect([...INGEST_PATHS, ...QUERY_PATHS].sort()).toEqual([...new Set(ROUTES.map(({ path }) => path))].sort())
  expect(INGEST_PATHS).toContain('/api/:org/_license')
  expect(QUERY_PATHS).toContain('/node/flush')
})

test('each function has a handler for every path it is sent, and none for the other\'s', async () => {
  const lambda = await memoryLambda(settingsOnAws({ retentionDays: 30 }))
  for (const { methods, path } of ROUTES) {
    const [own, other] = INGEST_PATHS.includes(path) ? [lambda.ingest, lambda.query] : [lambda.query, lambda.ingest]
    const url = path.replace(':org', 'default').replace(':stream', 's').replace('*', 'x')
    for (const method of methods) {
      const event = eventOf('rest', { method, path: url, headers: { Authorization: `Bearer ${TOKENS.admin}` }, body: '{}' })
      expect([method, path, (await own(event, contextOf())).body]).not.toEqual([method, path, expect.stringContaining(missing)])
      const elsewhere = await other(event, contextOf())
      expect([method, path, elsewhere.statusCode]).toEqual([method, path, 404])
    }
  }
})

test('every entry is a file', () => {
  expect(Object.values(ENTRIES).map(({ file }) => file).filter((file) => !existsSync(join(import.meta.dirname, '../..', file)))).toEqual([])
})
