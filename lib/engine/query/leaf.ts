// A leaf: scans its share as the leader would, and where that is much, filters and projects it in its
// own sandbox before it travels. The filter may only leave out rows that cannot matter, and where it
// fails the extracts go as they are, so that every error is the leader's to find.
import { asEngineError } from '../../model/errors.ts'
import type { Conjunct, Piece, Share, ShareOutcome } from '../../model/share.ts'
import type { Ports, SqlSession } from '../ports.ts'
import type { Settings } from '../settings.ts'
import { parseFooter } from '../store/parquet-footer.ts'
import { bytesOf, groupFiles, landPieces } from './extracts.ts'
import type { FooterCache } from './footer-cache.ts'
import { deadlineCheck, scanShare } from './scan.ts'
import { MACRO_NAMES, macroCall, macroStatement } from './sql/macros.ts'
import { dataView, identifier, literal, NUMBER_TEXT_MACROS, viewName } from './views.ts'

export interface LeafWork {
  readonly ports: Pick<Ports, 'blobs' | 'sql' | 'clock' | 'telemetry'>
  readonly settings: Settings
  readonly footers: FooterCache
}

/** what a leaf answers to its share. @throws as scanShare */
export async function leafScan(work: LeafWork, share: Share): Promise<ShareOutcome> {
  const { ports, settings, footers } = work
  const { blobs, clock } = ports
  const check = deadlineCheck(clock, share.deadlineMs)
  const filter = filterOf(share)
  const bytesHere = share.slices.reduce((sum, { length }) => sum + length, 0)
  // A cold sandbox takes as long as a scan: where one may be needed it starts at once.
  const sandbox = filter === null || bytesHere <= settings.leafFilterAboveBytes ? null
    : ports.sql.open({ deadlineMs: share.deadlineMs, memoryBytes: settings.sandboxMemoryBytes })
  sandbox?.catch(() => {})
  try {
    const outcome = await scanShare({ blobs, coalesceBytes: settings.coalesceBytes, footers, check }, share)
    if (filter === null || sandbox === null || bytesOf(outcome.pieces) <= settings.leafFilterAboveBytes) return outcome
    return { ...outcome, pieces: await smallerPieces(work, share, filter, outcome.pieces, sandbox) }
  } finally {
    await sandbox?.then((session) => session.close(), () => {})
  }
}

/** the pieces filtered, or as they are when that fails or spares nothing */
async function smallerPieces({ ports }: LeafWork, share: Share, filter: string, pieces: readonly Piece[], sandbox: Promise<SqlSession>): Promise<readonly Piece[]> {
  try {
    const filtered = await filterPieces(await sandbox, share, filter, pieces)
    const spared = bytesOf(pieces) - bytesOf(filtered)
    if (spared <= 0) return pieces
    ports.telemetry.count('leaf_filtered_bytes_total', spared)
    return filtered
  } catch (error) {
    ports.telemetry.count('leaf_filter_failures_total', 1, { slug: asEngineError(error).slug })
    return pieces
  }
}

/** a predicate that every row that matters fulfils: the statement's own, else what each scan's plan says; null: none */
export function filterOf(share: Share): string | null {
  if (share.where !== null) return share.where
  const names = new Set(['_timestamp', ...share.columns])
  const scans = share.scans.map((conjuncts) => conjuncts.filter((c) => names.has(c.column) && !isImplied(share, c)))
  if (scans.some((conjuncts) => conjuncts.length === 0)) return null
  return scans.map((conjuncts) => `(${conjuncts.map((c) => conjunctSql(share, c)).join(' AND ')})`).join(' OR ')
}

/** the range, which every plan repeats and every view holds anyway */
const isImplied = ({ range }: Share, { column, op, value }: Conjunct): boolean =>
  column === '_timestamp' && ((op === '>=' && Number(value) <= range.startTime) || (op === '<' && Number(value) >= range.endTime))

function conjunctSql({ fields }: Share, { column, op, value, text }: Conjunct): string {
  if (op === 'not-null') return `${identifier(column)} IS NOT NULL`
  // A literal with a point is a DECIMAL to DuckDB: as DOUBLE it is compared as the plan did.
  const compared = text ? literal(value) : fields[column] === 'double' ? `${literal(value)}::DOUBLE` : value
  return `${identifier(column)} ${op} ${compared}`
}

/** all pieces as one, with the catalog's types: the rows in range that pass, in their order */
async function filterPieces(session: SqlSession, share: Share, filter: string, pieces: readonly Piece[]): Promise<Piece[]> {
  const table = { type: 'logs', name: 'share', fields: share.fields, fullText: [] } as const
  const groups = await groupFiles(session, 'x', share.fields, await landPieces(session, 'x', pieces))
  const view = dataView(table, groups, new Set(share.columns), share.range)
  const macros = MACRO_NAMES.filter((name) => filter.includes(`${macroCall(name)}(`)).map(macroStatement)
  await session.prepare(['CREATE SCHEMA logs', ...NUMBER_TEXT_MACROS, ...macros, view])
  const columns = ['_timestamp', ...share.columns].map(identifier).join(', ')
  const bytes = await session.copy(`SELECT ${columns} FROM ${viewName(table)} WHERE (${filter})`, 'filtered.parquet')
  return parseFooter(bytes).rows === 0 ? [] : [{ parts: [bytes], differing: new Map() }]
}
