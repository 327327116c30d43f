// What a column is between decoding and Parquet: one field with one settled type. Read by settle.ts
// (which makes it), the Parquet encoder and the pack builder; the mapping of our five types to
// Parquet's stands here once, for real files and for the planner's empty ones alike.
import type { SchemaElement } from 'hyparquet'
import type { FieldType } from '../../model/schema.ts'
import type { TextColumn } from './columns.ts'
import type { BoolColumn, DoubleColumn, IntColumn } from './number-columns.ts'

export type ColumnValues = TextColumn | IntColumn | DoubleColumn | BoolColumn

/** One field of a table with one type; `values` covers every row of the table (no shorter arrays). */
export interface SettledColumn {
  readonly name: string
  /** `int` and `int64` have an IntColumn, `double` a DoubleColumn, `bool` a BoolColumn, `string` a TextColumn */
  readonly type: FieldType
  readonly values: ColumnValues
  /** rows of the table without a value; below the number of rows */
  readonly nulls: number
}

export const TIME_COLUMN = '_timestamp'
/** index of a row's message in the slice's `bids`; only in packs, dropped by the first compaction */
export const MESSAGE_COLUMN = '_b'

/** microseconds since 1970 UTC, never null; both annotations, since older readers know only the converted type */
export const TIME_ELEMENT: SchemaElement = {
  name: TIME_COLUMN,
  type: 'INT64',
  repetition_type: 'REQUIRED',
  converted_type: 'TIMESTAMP_MICROS',
  logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MICROS' },
}

export const MESSAGE_ELEMENT: SchemaElement = {
  name: MESSAGE_COLUMN,
  type: 'INT32',
  repetition_type: 'REQUIRED',
}

/** the Parquet leaf of a field; every field may be null */
export function schemaElement(name: string, type: FieldType): SchemaElement {
  const leaf = { name, repetition_type: 'OPTIONAL' } as const
  switch (type) {
    case 'bool': return { ...leaf, type: 'BOOLEAN' }
    case 'int': return { ...leaf, type: 'INT64' }
    case 'int64': return { ...leaf, type: 'INT64' }
    case 'double': return { ...leaf, type: 'DOUBLE' }
    case 'string': return { ...leaf, type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' } }
  }
}
