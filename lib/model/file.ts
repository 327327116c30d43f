// The file list's nouns: an entry is one immutable object (a pack of several slices, or a compacted
// file of one), a slice the rows of one stream incarnation and UTC day inside it.
import type { Day, Micros } from './time.ts'

export interface Slice {
  /** position in the object's slice table; (fid, index) names a slice for ever */
  readonly index: number
  readonly streamId: string
  readonly inc: number
  readonly day: Day
  /** inclusive bounds of `_timestamp` */
  readonly minTs: Micros
  readonly maxTs: Micros
  readonly rows: number
  /** bytes of the request text these rows came from (uncompressed), for cost and statistics */
  readonly rawBytes: number
  /** where in the object the slice's complete Parquet file stands */
  readonly offset: number
  readonly length: number
}

/** slices that an entry replaces: of the object `fid`, these indexes */
export interface SliceRef {
  readonly fid: string
  readonly indexes: readonly number[]
}

export interface Entry {
  /** `fresh`: packs of an organisation; `stream`: compacted files of one stream incarnation */
  readonly list: 'fresh' | 'stream'
  readonly fid: string
  readonly key: string
  readonly state: 'live' | 'replaced'
  readonly slices: readonly Slice[]
  /** size of the object in bytes and its SHA-256 in hex */
  readonly bytes: number
  readonly hash: string
  readonly replaces: readonly SliceRef[]
}
