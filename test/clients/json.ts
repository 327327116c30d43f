// The plain way in: arrays of objects to `_json` by fetch.
import { AUTHORIZATION } from '../support/server-process.ts'
import { slicesOf } from './logs.ts'
import type { LineTime, LogFile } from './logs.ts'
import { equal } from './report.ts'

const BATCH_LINES = 500

/** every text of a file into the stream `{name}`; its requests */
export async function sendJson(url: string, file: LogFile, timeOf: LineTime): Promise<number> {
  let requests = 0
  for (const [from, part] of slicesOf(file.texts, BATCH_LINES)) {
    const rows = part.map((message, i) => ({ _timestamp: timeOf(from + i), line: from + i, file: file.name, message }))
    const response = await fetch(`${url}/api/default/${file.name}/_json`, { method: 'POST', headers: { Authorization: AUTHORIZATION }, body: JSON.stringify(rows) })
    const reply = await response.json()
    equal([response.status, reply], [200, { code: 200, status: [{ name: file.name, successful: part.length, failed: 0 }] }], `the answer for ${file.name}`)
    requests++
  }
  return requests
}
