// Elasticsearch's `_bulk`: a line of action, then (but for `delete`) a line of source. Every action
// has an item in the answer, in order. A line that should be an action and is not leaves no way to
// tell actions from sources, so it refuses the whole body; a bad source is its own item's fault.
import { EngineError } from '../../../model/errors.ts'
import type { ErrorSlug } from '../../../model/errors.ts'
import { cleanStreamName } from '../../../model/stream.ts'
import { Source } from '../../store/columns.ts'
import type { Tables } from '../../store/columns.ts'
import type { BulkItem, DecodeContext, Verdict } from './contract.ts'
import { RecordReader } from './json-record.ts'
import { Judge } from './judge.ts'
import type { Destination, Refusal } from './judge.ts'
import { KEPT_CONTEXT } from './json.ts'
import { isFaultOfLine, Lines, readLine, repairedUtf8 } from './multi.ts'
import { CLOSE_OBJECT, END, NULL, OPEN_OBJECT, QUOTE, Scanner } from './scanner.ts'

/** Elasticsearch's limit; bounds what the answer repeats */
const ID_BYTES_MAX = 512
/** raw spellings of stream names remembered for one body */
const SPELLINGS_MAX = 1_000

const ACTIONS: ReadonlySet<string> = new Set(['create', 'index', 'update', 'delete'])

/** @throws as `Check` */
export function checkBulk(body: Uint8Array, context: DecodeContext): Verdict {
  const judge = new Judge(context, null, [])
  new BulkWalk(body, judge, 0).run()
  return judge.verdict
}

/** as `Decode` */
export function decodeBulk(body: Uint8Array, context: DecodeContext, rejected: readonly number[], message: number, tables: Tables): void {
  new BulkWalk(body, new Judge(context, tables, rejected), message).run()
}

class BulkWalk {
  private readonly judge: Judge
  private readonly message: number
  private readonly source: Source
  private readonly scanner: Scanner
  private readonly reader: RecordReader
  private readonly lines: Lines
  /** what each raw `_index` came to: a stream, or why it is none */
  private readonly spellings = new Map<string, Destination | Refusal>()
  private lineNumber = 0
  private action: BulkItem['action'] = 'index'
  /** range of `_index` and of `_id`; from -1 = not given */
  private indexFrom = -1
  private indexTo = 0
  private idFrom = -1
  private idTo = 0
  private indexText: string | null = null
  /** where the last action's record went, or why nowhere; null: to be found out */
  private settled: Destination | Refusal | null = null
  /** the last action line when nothing of it was changed; empty = none */
  private lastFrom = 0
  private lastTo = 0

  constructor(body: Uint8Array, judge: Judge, message: number) {
    this.judge = judge
    this.message = message
    this.source = new Source(repairedUtf8(body))
    this.scanner = new Scanner(this.source, judge.context.depthMax, 'the line')
    this.reader = new RecordReader(judge, this.scanner, message, true)
    this.lines = new Lines(this.source.bytes)
  }

  run(): void {
    while (this.nextLine()) {
      // Blank lines between actions mean nothing, as in Elasticsearch.
      if (this.scanner.peek() === END) continue
      this.readAction()
      const store = this.judge.begin()
      const hasSource = this.action !== 'delete' && this.nextLine()
      if (!store) continue
      const refusal = this.settle(hasSource)
      if (this.judge.checking) this.item(refusal)
    }
    this.judge.finish(this.message)
  }

  private nextLine(): boolean {
    if (!this.lines.next()) return false
    this.lineNumber++
    this.scanner.reset(this.lines.from, this.lines.to)
    return true
  }

  /** @throws malformed: the line is no action, and so is the whole body none */
  private readAction(): void {
    if (this.isLastAction()) return
    const { from, to } = this.lines
    this.lastFrom = from
    // Undoing an escape changes the line: it cannot be compared with any more.
    this.lastTo = this.source.bytes.subarray(from, to).includes(0x5c) ? from : to
    try {
      this.readActionLine()
    } catch (error) {
      if (!isFaultOfLine(error)) throw error
      throw new EngineError(error.slug, `line ${this.lineNumber} should be an action such as {"index":{"_index":"name"}}: ${error.message}`)
    }
  }

  /** Most senders repeat one action line: byte for byte the last one again, it means what that meant. */
  private isLastAction(): boolean {
    const { from, to } = this.lines
    const { lastFrom } = this
    const length = this.lastTo - lastFrom
    if (length === 0 || to - from !== length) return false
    const { bytes } = this.source
    for (let i = 0; i < length; i++) if (bytes[from + i] !== bytes[lastFrom + i]) return false
    return true
  }

  private readActionLine(): void {
    const { scanner } = this
    scanner.open(OPEN_OBJECT)
    if (!scanner.more(true)) scanner.fail('create, index, update or delete')
    scanner.key()
    const name = scanner.to - scanner.from > 6 ? '' : this.source.bytes.toString('latin1', scanner.from, scanner.to)
    if (!isAction(name)) return scanner.fail('create, index, update or delete')
    this.action = name
    this.readParameters()
    if (scanner.peek() !== CLOSE_OBJECT) scanner.fail('} after one action')
    scanner.at++
    scanner.depth--
    scanner.finish()
  }

  private readParameters(): void {
    const { scanner, source } = this
    this.indexFrom = -1
    this.idFrom = -1
    this.settled = null
    this.indexText = null
    scanner.open(OPEN_OBJECT)
    for (let first = true; scanner.more(first); first = false) {
      scanner.key()
      const { from, to } = scanner
      const isIndex = isText(source, from, to, '_index')
      const isId = !isIndex && isText(source, from, to, '_id')
      const c = scanner.peek()
      if (!isIndex && !isId) scanner.skipValue()
      else if (c === NULL) scanner.literal()
      else if (c === QUOTE) {
        scanner.string()
        if (isIndex) this.setIndex()
        else this.setId()
      } else if (isId && (c === 0x2d || (c >= 0x30 && c <= 0x39))) {
        // Elasticsearch takes a number's text as the id.
        scanner.number()
        this.setId()
      } else scanner.fail(isIndex ? 'a name in quotes' : 'an id in quotes')
    }
  }

  private setIndex(): void {
    this.indexFrom = this.scanner.from
    this.indexTo = this.scanner.to
  }

  private setId(): void {
    this.idFrom = this.scanner.from
    this.idTo = this.scanner.to
  }

  /** stores the source of the action just read; gives why it cannot be, or null */
  private settle(hasSource: boolean): Refusal | null {
    const { judge, scanner } = this
    const target = this.target()
    if ('slug' in target) return judge.reject(null, target.slug, target.message)
    const refuse = (slug: ErrorSlug, message: string): Refusal => judge.reject(target, slug, message)
    if (this.action === 'delete') return refuse('malformed', 'delete is not supported: records are only appended, and expire by retention')
    if (this.idFrom >= 0 && this.idTo - this.idFrom > ID_BYTES_MAX) return refuse('malformed', `the _id is ${this.idTo - this.idFrom} bytes long: at most ${ID_BYTES_MAX}`)
    if (!hasSource || scanner.peek() === END) return refuse('malformed', 'the action has no source: put an object on the next line')
    if (this.action === 'update') {
      const refusal = this.enterDoc(refuse)
      if (refusal !== null) return refusal
    }
    return readLine(scanner, judge, this.reader, target, this.idFrom, this.idTo)
  }

  /** where the action's record goes, or why nowhere */
  private target(): Destination | Refusal {
    return (this.settled ??= this.findTarget())
  }

  private findTarget(): Destination | Refusal {
    const { stream } = this.judge.context
    if (this.indexFrom < 0) {
      if (stream !== null) return this.judge.destination(stream)
      return { slug: 'invalid_stream', message: 'the action names no index: give _index, or a stream in the path' }
    }
    const spelling = this.source.bytes.toString('utf8', this.indexFrom, this.indexTo)
    let target = this.spellings.get(spelling)
    if (target === undefined) {
      target = this.named(spelling)
      if (this.spellings.size < SPELLINGS_MAX) this.spellings.set(spelling, target)
    }
    return target
  }

  private named(spelling: string): Destination | Refusal {
    try {
      return this.judge.destination(cleanStreamName(spelling))
    } catch (error) {
      if (error instanceof EngineError && error.slug === 'invalid_stream') return { slug: error.slug, message: error.message }
      throw error
    }
  }

  /** narrows the scanner to the object under `doc` of an update's source; gives why there is none, or null */
  private enterDoc(refuse: (slug: ErrorSlug, message: string) => Refusal): Refusal | null {
    const { scanner, source } = this
    let from = -1
    let to = 0
    try {
      scanner.open(OPEN_OBJECT)
      for (let first = true; scanner.more(first); first = false) {
        scanner.key()
        const isDoc = isText(source, scanner.from, scanner.to, 'doc')
        const object = scanner.peek() === OPEN_OBJECT
        const start = scanner.at
        scanner.skipValue()
        if (isDoc) {
          from = object ? start : -1
          to = scanner.at
        }
      }
      scanner.finish()
    } catch (error) {
      if (!isFaultOfLine(error)) throw error
      return refuse(error.slug, error.message)
    }
    if (from < 0) return refuse('malformed', 'the update has no doc: give the fields as an object under doc')
    // Its depth, counted from the line's root, has just been checked.
    scanner.reset(from, to)
    return null
  }

  private item(refusal: Refusal | null): void {
    const { bytes } = this.source
    const index = (this.indexText ??= this.indexFrom < 0 ? this.judge.context.stream ?? '' : bytes.toString('utf8', this.indexFrom, this.indexTo))
    const id = this.idFrom < 0 ? null : bytes.toString('utf8', this.idFrom, this.idTo)
    this.judge.verdict.items.push({ action: this.action, index, id, error: refusal })
  }
}

function isAction(name: string): name is BulkItem['action'] {
  return ACTIONS.has(name)
}

function isText({ bytes }: Source, from: number, to: number, text: string): boolean {
  if (to - from !== text.length) return false
  for (let i = 0; i < text.length; i++) if (bytes[from + i] !== text.charCodeAt(i)) return false
  return true
}

/** a walk to be held for ever, for the reason `keptReaders` gives */
export function keptBulkWalk(): unknown {
  const walk = new BulkWalk(Buffer.from('{"index":{"_index":"x","_id":"y"}}\n{"a":"x"}\n'), new Judge(KEPT_CONTEXT, null, []), 0)
  walk.run()
  return walk
}
