// Footers by slice, bounded by bytes, the least used leave first. Slices never change and fids are
// never reused, so a footer found here is right for ever.
import type { Footer } from '../store/parquet-footer.ts'

/** a parsed footer costs a few times its bytes: spans and chunk objects */
const OVERHEAD_FACTOR = 6

export class FooterCache {
  private readonly footers = new Map<string, Footer>()
  private bytes = 0
  readonly bytesMax: number

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax
  }

  get(key: string): Footer | undefined {
    const found = this.footers.get(key)
    if (found === undefined) return undefined
    this.footers.delete(key)
    this.footers.set(key, found)
    return found
  }

  set(key: string, footer: Footer): void {
    if (this.footers.has(key)) return
    this.footers.set(key, footer)
    this.bytes += footer.bytes.length * OVERHEAD_FACTOR
    for (const [oldest, gone] of this.footers) {
      if (this.bytes <= this.bytesMax) break
      this.footers.delete(oldest)
      this.bytes -= gone.bytes.length * OVERHEAD_FACTOR
    }
  }
}
