// What must hold in a data folder after any crash and recovery, read with none of the server's code:
// acknowledged requests are in exactly once, others once or not at all, always whole; every entry has
// its object; entries and claims tell the same story.
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { readFolder, type FolderReading } from '../support/independent-reader.ts'
import { ALL_REQUESTS, GARBAGE, type ScriptedRequest } from './crash-workload.ts'

interface FoundRow {
  readonly stream: string
  readonly fid: string
  readonly req: string
  readonly i: number
  readonly text: string
}

export interface Expectation {
  /** requests that must be in */
  readonly once: ReadonlySet<string>
  /** whether the unreadable message was acknowledged */
  readonly garbage: boolean
}

/** what is wrong; empty: nothing */
export async function faultsOf(dataDir: string, expected: Expectation): Promise<string[]> {
  const rows: FoundRow[] = []
  const faults: string[] = []
  let reading: FolderReading | null = null
  for (const stream of ['alpha', 'beta']) {
    try {
      reading = await readFolder(dataDir, stream)
    } catch (error) {
      return [String(error)]
    }
    const own = await rowsOf(reading, stream)
    if (own.length !== reading.listedRows) faults.push(`${stream} lists ${reading.listedRows} rows and holds ${own.length}`)
    rows.push(...own)
    reading.connection.closeSync()
    reading.close()
  }
  for (const scripted of ALL_REQUESTS) faults.push(...faultsOfRequest(scripted, rows, expected.once.has(scripted.name)))
  const known = new Set(ALL_REQUESTS.map(({ name }) => name))
  faults.push(...rows.filter(({ req, i }) => !known.has(req) || i === 99).map(({ req, i }) => `row ${i} of ${req} was never accepted`))
  faults.push(...faultsOfClaims(dataDir, rows), ...faultsOfQueue(dataDir, reading!, expected.garbage))
  return faults
}

async function rowsOf({ files, connection }: FolderReading, stream: string): Promise<FoundRow[]> {
  if (files.length === 0) return []
  const list = files.map((f) => `'${f}'`).join(',')
  const result = await connection.runAndReadAll(`SELECT filename, req, i, text FROM read_parquet([${list}], union_by_name=true, filename=true)`)
  return result.getRows().map(([filename, req, i, text]) =>
    ({ stream, fid: /([0-9A-Z]{26})-\d+\.parquet$/.exec(String(filename))![1]!, req: String(req), i: Number(i), text: String(text) }))
}

function faultsOfRequest({ name, rows }: ScriptedRequest, found: readonly FoundRow[], mustBeIn: boolean): string[] {
  const own = found.filter(({ req }) => req === name)
  if (own.length === 0) return mustBeIn ? [`${name} is missing`] : []
  if (own.length !== rows.length) return [`${name} has ${own.length} rows, ${rows.length} were accepted`]
  const wrong = rows.filter((row) => own.filter((f) => f.stream === row.stream && f.i === row.i && f.text === row.text).length !== 1)
  const packs = new Set(own.map(({ fid }) => fid))
  return [
    ...wrong.map(({ i }) => `row ${i} of ${name} is not there once as it was sent`),
    ...(packs.size === 1 ? [] : [`${name} lies in ${packs.size} packs`]),
  ]
}

/** each pack holds the rows of as many requests as there are claims for it, and claims name nothing else */
function faultsOfClaims(dataDir: string, rows: readonly FoundRow[]): string[] {
  const db = new DatabaseSync(join(dataDir, 'nilometer.db'), { readOnly: true })
  const items = db.prepare('SELECT pk, sk, v FROM item').all() as { pk: string; sk: string; v: Uint8Array }[]
  db.close()
  const entries = new Set(items.filter(({ pk }) => pk.startsWith('F#')).map(({ sk }) => sk))
  const claims = new Map<string, number>()
  const faults: string[] = []
  for (const { pk, v } of items) {
    if (!pk.startsWith('C#')) continue
    const { fid } = JSON.parse(Buffer.from(v).toString('utf8')) as { fid: string }
    if (fid !== 'quarantine') claims.set(fid, (claims.get(fid) ?? 0) + 1)
    else if (!pk.endsWith(`#${GARBAGE.bid}`)) faults.push(`${pk} was parked`)
    if (fid !== 'quarantine' && !entries.has(fid)) faults.push(`${pk} claims ${fid}, which is not listed`)
  }
  for (const fid of entries) {
    const requests = new Set(rows.filter((row) => row.fid === fid).map(({ req }) => req)).size
    if (requests === 0 || claims.get(fid) !== requests) faults.push(`${fid} holds ${requests} requests and has ${claims.get(fid) ?? 0} claims`)
  }
  return faults
}

function faultsOfQueue(dataDir: string, { queued, dead }: FolderReading, garbage: boolean): string[] {
  const faults = queued === 0 ? [] : [`${queued} messages are queued`]
  const folder = join(dataDir, 'objects', 'quarantine')
  const parked = existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.includes(GARBAGE.bid)).length : 0
  if (dead !== 0 || parked > 1) faults.push(`${dead} letters are dead, ${parked} objects in the quarantine`)
  if (garbage && parked !== 1) faults.push('the unreadable message was acknowledged and is not in the quarantine')
  return faults
}
