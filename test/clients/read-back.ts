// What went in comes out: a stream's texts by SQL, in the order of their line numbers, compared with
// the file's bytes and with the times they were sent with.
import { search } from '../support/server-process.ts'
import type { Hit } from '../support/server-process.ts'
import type { LineTime, LogFile } from './logs.ts'
import { equal, hold } from './report.ts'

/** a file as one way in has stored it */
export interface Stored {
  readonly file: LogFile
  readonly stream: string
  /** the field that holds the text */
  readonly field: 'message' | 'body'
}

const PAGE_ROWS = 700

/** throws at the first text, number or time that differs; how many texts were equal */
export async function readBack(url: string, stored: Stored, timeOf: LineTime): Promise<number> {
  const { stream, field } = stored
  const { hits } = await search(url, `SELECT line, ${field}, _timestamp FROM "${stream}" ORDER BY line`)
  compare(stored, hits, timeOf)
  return hits.length
}

/** the same by pages of a query that asks for a part at a time */
export async function readBackByPages(url: string, stored: Stored, timeOf: LineTime): Promise<number> {
  const { stream, field } = stored
  const hits: Hit[] = []
  let pages = 0
  for (let more = true; more; pages++) {
    const page = await search(url, `SELECT line, ${field}, _timestamp FROM "${stream}" ORDER BY line`, { from: hits.length, size: PAGE_ROWS })
    hits.push(...page.hits)
    more = page.hits.length === PAGE_ROWS
  }
  compare(stored, hits, timeOf)
  return pages
}

function compare({ file, stream, field }: Stored, hits: readonly Hit[], timeOf: LineTime): void {
  for (const [line, text] of file.texts.entries()) {
    const hit = hits[line]
    hold(hit !== undefined, `${stream} has ${hits.length} rows of ${file.texts.length}`)
    if (hit['line'] === line && hit[field] === text && hit['_timestamp'] === timeOf(line)) continue
    equal([hit['line'], hit[field], hit['_timestamp']], [line, text, timeOf(line)], `row ${line} of ${stream}`)
  }
  equal(hits.length, file.texts.length, `the number of rows of ${stream}`)
  // Equal strings could still be other bytes than the file's: what came back, joined, is the file.
  const joined = Buffer.from(hits.map((hit) => hit[field] as string).join('\n'))
  hold(file.replaced > 0 || joined.equals(file.bytes), `${stream}: the texts joined are not the file's bytes`)
}
