// What is stored after a fuzz run, twice over: by the server's own SQL, and from its data folder with
// none of its code (SQLite for the file list, DuckDB for the slices, every column of every row read).
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { DuckDBInstance } from '@duckdb/node-api'
import { AUTHORIZATION, search } from '../support/server-process.ts'

export interface Stored {
  /** rows by stream */
  readonly rows: ReadonlyMap<string, number>
  readonly queued: number
  readonly dead: number
  readonly parked: boolean
}

interface ListedEntry {
  readonly key: string
  readonly hash: string
  readonly slices: readonly { readonly index: number; readonly streamId: string; readonly offset: number; readonly length: number; readonly rows: number }[]
}

const valueOf = (v: Uint8Array): unknown => JSON.parse(Buffer.from(v).toString('utf8'))

/** @throws Error when an object is not what the list says, or a slice cannot be read */
export async function storedInFolder(dataDir: string): Promise<Stored> {
  const db = new DatabaseSync(join(dataDir, 'nilometer.db'), { readOnly: true })
  const items = db.prepare('SELECT pk, sk, v FROM item').all() as { pk: string; sk: string; v: Uint8Array }[]
  const one = (sql: string): number => Number(Object.values(db.prepare(sql).get()!)[0])
  const [queued, dead] = [one('SELECT count(*) FROM queue'), one('SELECT count(*) FROM dead')]
  db.close()
  const names = new Map(items.filter(({ pk }) => pk.startsWith('S#')).map(({ sk, v }) => [(valueOf(v) as { id: string }).id, sk.slice(sk.indexOf('#') + 1)]))
  const folder = mkdtempSync(join(tmpdir(), 'nilometer-fuzz-slices-'))
  const files = new Map<string, { readonly paths: string[]; listed: number }>()
  for (const { pk, sk, v } of items) {
    if (!pk.startsWith('F#') && !pk.startsWith('L#')) continue
    const entry = valueOf(v) as ListedEntry
    const bytes = readFileSync(join(dataDir, 'objects', entry.key))
    if (createHash('sha256').update(bytes).digest('hex') !== entry.hash) throw new Error(`${entry.key} has not the listed hash`)
    for (const slice of entry.slices) {
      const path = join(folder, `${sk.replaceAll('#', '-')}-${slice.index}.parquet`)
      writeFileSync(path, bytes.subarray(slice.offset, slice.offset + slice.length))
      const name = names.get(slice.streamId) ?? `unknown ${slice.streamId}`
      const own = files.get(name) ?? { paths: [], listed: 0 }
      own.paths.push(path)
      own.listed += slice.rows
      files.set(name, own)
    }
  }
  const rows = await rowsOf(files)
  rmSync(folder, { recursive: true, force: true })
  return { rows, queued, dead, parked: existsSync(join(dataDir, 'objects', 'quarantine')) }
}

async function rowsOf(files: ReadonlyMap<string, { readonly paths: readonly string[]; readonly listed: number }>): Promise<Map<string, number>> {
  const connection = await (await DuckDBInstance.create(':memory:')).connect()
  const rows = new Map<string, number>()
  for (const [name, { paths, listed }] of files) {
    const list = paths.map((p) => `'${p}'`).join(',')
    // The hash of whole rows makes DuckDB decode every column.
    const result = await connection.runAndReadAll(`SELECT count(*), count(hash(t)) FROM read_parquet([${list}], union_by_name=true) t`)
    const [count, hashed] = result.getRows()[0]!.map(Number)
    if (count !== listed || hashed !== count) throw new Error(`${name} lists ${listed} rows and holds ${count}`)
    rows.set(name, count)
  }
  connection.closeSync()
  return rows
}

/** rows by stream as SQL answers, for every stream the server lists */
export async function storedBySql(url: string): Promise<Map<string, number>> {
  const response = await fetch(`${url}/api/default/streams`, { headers: { Authorization: AUTHORIZATION } })
  const { list } = await response.json() as { list: { name: string; stats: { doc_num: number } }[] }
  const rows = new Map<string, number>()
  for (const { name, stats } of list) {
    const { hits } = await search(url, `SELECT count(*) AS n, count(_timestamp) AS t FROM "${name}"`)
    const { n, t } = hits[0] as { n: number; t: number }
    if (n !== t || n !== stats.doc_num) throw new Error(`${name} counts ${n} rows, ${t} times, and its statistics say ${stats.doc_num}`)
    rows.set(name, n)
  }
  return rows
}
