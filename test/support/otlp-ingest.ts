// One OTLP logs body through check and decode, as the receiver and then the writer do it.
import type { DecodeContext, Verdict } from '../../lib/engine/ingest/decode/contract.ts'
import { check, decode } from '../../lib/engine/ingest/decode/index.ts'
import { Tables } from '../../lib/engine/store/columns.ts'
import { contextOf, rowsOf } from './otlp-oracle.ts'
import type { Row } from './otlp-oracle.ts'

export type Format = 'protobuf' | 'json'

/** the message ordinal that bodies are decoded under */
export const MESSAGE = 7

export interface Outcome {
  readonly verdict: Verdict
  readonly rows: Row[]
  readonly tables: Tables
}

/** checks and decodes copies of a body: both may change it */
export function ingestBody(body: Uint8Array, format: Format, changes: Partial<DecodeContext> = {}): Outcome {
  const context = contextOf(format, changes)
  const verdict = check(Buffer.from(body), context)
  const tables = new Tables()
  decode(Buffer.from(body), context, verdict.rejections.map((r) => r.ordinal), MESSAGE, tables)
  return { verdict, tables, rows: rowsOf(tables, context.stream ?? 'default') }
}

/** rejections as `ordinal slug` */
export const slugs = (verdict: Verdict): string[] => verdict.rejections.map((r) => `${r.ordinal} ${r.slug}`)
