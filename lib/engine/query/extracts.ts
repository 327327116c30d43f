// Pieces become files that a sandbox reads as one view: written into the session's directory, grouped
// by the types of their columns, each group behind an empty file that fixes names and types. The leader
// lands what leaves send; a leaf lands its own extracts before it filters them.
import type { Fields, FieldType } from '../../model/schema.ts'
import type { Piece } from '../../model/share.ts'
import type { SqlSession } from '../ports.ts'
import { assembleExtract, planExtract } from '../store/extract.ts'
import { parseFooter } from '../store/parquet-footer.ts'
import { emptyParquet } from '../store/parquet-write.ts'
import { TIME_COLUMN } from '../store/types.ts'
import type { FileGroup } from './views.ts'

/** files have `_timestamp` as time, SQL has it as a number */
export const PLAIN: ReadonlySet<string> = new Set([TIME_COLUMN])

/** an empty Parquet file with `_timestamp` BIGINT and these columns */
export function emptyFile(fields: Fields): Uint8Array[] {
  const footer = parseFooter(emptyParquet(fields))
  return assembleExtract(footer, planExtract(footer, null, () => false, 0), [], PLAIN)
}

export const bytesOf = (pieces: readonly Piece[]): number =>
  pieces.reduce((sum, { parts }) => parts.reduce((s, part) => s + part.length, sum), 0)

export interface Landed {
  readonly path: string
  readonly differing: ReadonlyMap<string, FieldType>
}

/** writes pieces as files `{name}-{n}.parquet`, in their order; `name` is used once in a session */
export function landPieces(session: SqlSession, name: string, pieces: readonly Piece[]): Promise<Landed[]> {
  return Promise.all(pieces.map(async ({ parts, differing }, i) => ({ path: await session.writeFile(`${name}-${i}.parquet`, parts), differing })))
}

/** Landed files as a view reads them; at least one group. `fields`: the wanted columns by the catalog. */
export async function groupFiles(session: SqlSession, name: string, fields: Fields, landed: readonly Landed[]): Promise<FileGroup[]> {
  const groups = new Map<string, { types: ReadonlyMap<string, FieldType>; paths: string[] }>()
  for (const { path, differing } of landed) {
    const key = JSON.stringify([...differing])
    const group = groups.get(key)
    if (group === undefined) groups.set(key, { types: differing, paths: [path] })
    else group.paths.push(path)
  }
  if (groups.size === 0) groups.set('', { types: new Map(), paths: [] })
  const out: FileGroup[] = []
  for (const { types, paths } of groups.values()) {
    const own = Object.fromEntries(Object.entries(fields).map(([column, type]) => [column, types.get(column) ?? type]))
    const first = await session.writeFile(`${name}-types-${out.length}.parquet`, emptyFile(own))
    out.push({ types, paths: [first, ...paths] })
  }
  return out
}
