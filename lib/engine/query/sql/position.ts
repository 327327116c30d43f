// Where in the user's text: DuckDB counts bytes in the tree and characters in parser errors; people
// and editors want lines and columns. One place converts.

export interface Position {
  /** 1-based */
  readonly line: number
  /** 1-based, in characters (code points) */
  readonly column: number
}

/** the position of a code point offset; beyond the end it is the end */
export function positionOfCharacter(sql: string, characters: number): Position {
  let line = 1
  let column = 1
  let n = 0
  for (const c of sql) {
    if (n++ >= characters) break
    if (c === '\n') {
      line++
      column = 1
    } else column++
  }
  return { line, column }
}

/** the position of a UTF-8 byte offset */
export function positionOfByte(sql: string, bytes: number): Position {
  let characters = 0
  let n = 0
  for (const c of sql) {
    if (n >= bytes) break
    n += utf8Length(c.codePointAt(0)!)
    characters++
  }
  return positionOfCharacter(sql, characters)
}

/** the position of an index of the JS string (UTF-16 units) */
export function positionOfIndex(sql: string, index: number): Position {
  let characters = 0
  for (const _ of sql.slice(0, index)) characters++
  return positionOfCharacter(sql, characters)
}

/** the index in the JS string of a UTF-8 byte offset */
export function indexOfByte(sql: string, bytes: number): number {
  let index = 0
  let n = 0
  for (const c of sql) {
    if (n >= bytes) break
    n += utf8Length(c.codePointAt(0)!)
    index += c.length
  }
  return index
}

const utf8Length = (code: number): number => (code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4)

/** the text of `error_detail` */
export const positionText = (at: Position): string => `line ${at.line}, column ${at.column}`

/** the members of ErrorDetail that say where; empty when nobody knows */
export function where(at: Position | null): { detail?: string; position?: Position } {
  return at === null ? {} : { detail: positionText(at), position: at }
}
