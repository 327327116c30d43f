// Columns of numbers and truth values while rows are decoded: a value and a presence a row, growing as
// rows come. Rows beyond the length are null.

export function grownInt32(a: Int32Array, length: number, fill: number): Int32Array<ArrayBuffer> {
  const b = new Int32Array(Math.max(length, a.length * 2))
  if (fill !== 0) b.fill(fill, a.length)
  b.set(a)
  return b
}

export function grownBytes(a: Uint8Array, length: number): Uint8Array {
  const b = new Uint8Array(Math.max(length, a.length * 2))
  b.set(a)
  return b
}

/** memory this many times what was needed is given back when a column is used again */
const SPARE_FACTOR = 8
const SPARE_ELEMENTS_MIN = 16_384

/** whether an array of that length may serve again where `needed` elements were used */
export const fits = (length: number, needed: number): boolean => length <= Math.max(SPARE_ELEMENTS_MIN, needed * SPARE_FACTOR)

/** 64-bit integers as two int32 halves: value = hi * 2^32 + (lo >>> 0) */
export class IntColumn {
  readonly kind = 'int'
  halves: Int32Array
  present: Uint8Array
  constructor(rows: number) {
    this.halves = new Int32Array(Math.max(rows, 16) * 2)
    this.present = new Uint8Array(Math.max(rows, 16))
  }
  set(row: number, lo: number, hi: number): void {
    if (row >= this.present.length) {
      this.present = grownBytes(this.present, row + 1)
      this.halves = grownInt32(this.halves, this.present.length * 2, 0)
    }
    this.halves[row * 2] = lo
    this.halves[row * 2 + 1] = hi
    this.present[row] = 1
  }
  /** as new, with the memory it has; `rows` is what the last flush needed */
  reset(rows: number): void {
    if (fits(this.present.length, rows)) {
      this.present.fill(0)
      return
    }
    this.present = new Uint8Array(16)
    this.halves = new Int32Array(32)
  }
  /** of memory held */
  get bytes(): number {
    return 9 * this.present.length
  }
  has(row: number): boolean {
    return row < this.present.length && this.present[row] === 1
  }
  clear(row: number): void {
    if (row < this.present.length) this.present[row] = 0
  }
}

export class DoubleColumn {
  readonly kind = 'double'
  values: Float64Array
  present: Uint8Array
  constructor(rows: number) {
    this.values = new Float64Array(Math.max(rows, 16))
    this.present = new Uint8Array(Math.max(rows, 16))
  }
  set(row: number, value: number): void {
    if (row >= this.present.length) {
      this.present = grownBytes(this.present, row + 1)
      const values = new Float64Array(this.present.length)
      values.set(this.values)
      this.values = values
    }
    this.values[row] = value
    this.present[row] = 1
  }
  /** see `IntColumn.reset` */
  reset(rows: number): void {
    if (fits(this.present.length, rows)) {
      this.present.fill(0)
      return
    }
    this.present = new Uint8Array(16)
    this.values = new Float64Array(16)
  }
  /** of memory held */
  get bytes(): number {
    return 9 * this.present.length
  }
  has(row: number): boolean {
    return row < this.present.length && this.present[row] === 1
  }
  clear(row: number): void {
    if (row < this.present.length) this.present[row] = 0
  }
}

export class BoolColumn {
  readonly kind = 'bool'
  values: Uint8Array
  present: Uint8Array
  constructor(rows: number) {
    this.values = new Uint8Array(Math.max(rows, 16))
    this.present = new Uint8Array(Math.max(rows, 16))
  }
  set(row: number, value: boolean): void {
    if (row >= this.present.length) {
      this.present = grownBytes(this.present, row + 1)
      this.values = grownBytes(this.values, this.present.length)
    }
    this.values[row] = value ? 1 : 0
    this.present[row] = 1
  }
  /** see `IntColumn.reset` */
  reset(rows: number): void {
    if (fits(this.present.length, rows)) {
      this.present.fill(0)
      return
    }
    this.present = new Uint8Array(16)
    this.values = new Uint8Array(16)
  }
  /** of memory held */
  get bytes(): number {
    return 2 * this.present.length
  }
  has(row: number): boolean {
    return row < this.present.length && this.present[row] === 1
  }
  clear(row: number): void {
    if (row < this.present.length) this.present[row] = 0
  }
}
