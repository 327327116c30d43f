// Reads a data folder back with none of the server's code: SQLite for the file list, DuckDB for the
// slices, the formats as docs/format.md says.
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, openSync, readSync, closeSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api'

interface ListedSlice { readonly index: number; readonly streamId: string; readonly offset: number; readonly length: number; readonly rows: number }
interface ListedEntry { readonly fid: string; readonly key: string; readonly bytes: number; readonly hash: string; readonly state: string; readonly slices: readonly ListedSlice[]; readonly replaces: readonly { fid: string; indexes: number[] }[] }

export interface FolderReading {
  readonly entries: number
  readonly slices: number
  /** rows by the list's own counts */
  readonly listedRows: number
  /** messages in the queue and among the dead letters */
  readonly queued: number
  readonly dead: number
  readonly connection: DuckDBConnection
  /** files of a stream's slices, for read_parquet */
  readonly files: readonly string[]
  close(): void
}

/** slices of every stream with this name, cut out of their packs; hashes and sizes are checked */
export async function readFolder(dataDir: string, stream: string): Promise<FolderReading> {
  const db = new DatabaseSync(join(dataDir, 'nilometer.db'), { readOnly: true })
  const rows = db.prepare('SELECT pk, sk, v FROM item').all() as { pk: string; sk: string; v: Uint8Array }[]
  const value = (v: Uint8Array): unknown => JSON.parse(Buffer.from(v).toString('utf8'))
  const ids = new Set(rows.filter((r) => r.pk.startsWith('S#') && r.sk === `logs#${stream}`).map((r) => (value(r.v) as { id: string }).id))
  const entries = rows.filter((r) => r.pk.startsWith('F#') || r.pk.startsWith('L#')).map((r) => value(r.v) as ListedEntry)
  const replaced = new Set(entries.flatMap((e) => e.replaces.flatMap((ref) => ref.indexes.map((i) => `${ref.fid}/${i}`))))
  const folder = mkdtempSync(join(tmpdir(), 'nilometer-reader-'))
  const files: string[] = []
  let listedRows = 0
  let slices = 0
  for (const entry of entries) {
    const path = join(dataDir, 'objects', entry.key)
    if (!existsSync(path) || statSync(path).size !== entry.bytes) throw new Error(`${entry.key} is listed with ${entry.bytes} bytes and is not there so`)
    const bytes = read(path, 0, entry.bytes)
    if (createHash('sha256').update(bytes).digest('hex') !== entry.hash) throw new Error(`${entry.key} has not the listed hash`)
    for (const slice of entry.slices) {
      if (!ids.has(slice.streamId) || replaced.has(`${entry.fid}/${slice.index}`)) continue
      const file = join(folder, `${entry.fid}-${slice.index}.parquet`)
      writeFileSync(file, bytes.subarray(slice.offset, slice.offset + slice.length))
      files.push(file)
      listedRows += slice.rows
      slices++
    }
  }
  const one = (sql: string): number => Number(Object.values(db.prepare(sql).get() as Record<string, number>)[0])
  const queued = one('SELECT count(*) FROM queue')
  const dead = one('SELECT count(*) FROM dead')
  db.close()
  const connection = await (await DuckDBInstance.create(':memory:')).connect()
  return { entries: entries.length, slices, listedRows, queued, dead, connection, files, close: () => rmSync(folder, { recursive: true, force: true }) }
}

function read(path: string, offset: number, length: number): Buffer {
  const fd = openSync(path, 'r')
  const out = Buffer.alloc(length)
  readSync(fd, out, 0, length, offset)
  closeSync(fd)
  return out
}

/** one row of numbers over all the files */
export async function ask(reading: FolderReading, select: string): Promise<number[]> {
  if (reading.files.length === 0) return []
  const list = reading.files.map((f) => `'${f}'`).join(',')
  const result = await reading.connection.runAndReadAll(`SELECT ${select} FROM read_parquet([${list}], union_by_name=true)`)
  return result.getRows()[0]!.map(Number)
}
