// The three classes of the web that an app behind Lambda touches, without the machinery of fetch: Node
// loads its own on first use, which takes longer than all our code together. Bundles put these in the
// place of the globals of the same names (cdk/bundle.ts). What our apps and Hono use works as in the
// fetch standard, with bodies that are there as a whole; what they do not use is not there.

type Pairs = Iterable<readonly [string, string]>
export type HeadersLike = Pairs | Readonly<Record<string, string>>

const NAME = /^[!#$%&'*+\-.^_`|~\dA-Za-z]+$/
/** a value must fit a header line: one byte a character, and nothing that ends the line */
const VALUE = /^[^\0\r\n\u0100-\uffff]*$/
const EDGES = /^[\t\n\r ]+|[\t\n\r ]+$/g

function checkedName(name: string): string {
  if (!NAME.test(name)) throw new TypeError(`invalid header name: ${JSON.stringify(name.slice(0, 80))}`)
  return name.toLowerCase()
}

function checkedValue(value: string): string {
  const trimmed = String(value).replace(EDGES, '')
  if (!VALUE.test(trimmed)) throw new TypeError('invalid header value: it holds a character no header line can carry')
  return trimmed
}

const isPairs = (init: HeadersLike): init is Pairs => Symbol.iterator in init

/** by lower-case name; `set-cookie` alone keeps its values apart */
export class Headers {
  private readonly lists = new Map<string, string[]>()

  constructor(init?: HeadersLike | null) {
    if (init === undefined || init === null) return
    for (const [name, value] of isPairs(init) ? init : Object.entries(init)) this.append(name, value)
  }
  append(name: string, value: string): void {
    const key = checkedName(name)
    const values = this.lists.get(key)
    if (values === undefined) this.lists.set(key, [checkedValue(value)])
    else values.push(checkedValue(value))
  }
  set(name: string, value: string): void {
    this.lists.set(checkedName(name), [checkedValue(value)])
  }
  get(name: string): string | null {
    const key = checkedName(name)
    return this.lists.get(key)?.join(key === 'cookie' ? '; ' : ', ') ?? null
  }
  has(name: string): boolean {
    return this.lists.has(checkedName(name))
  }
  delete(name: string): void {
    this.lists.delete(checkedName(name))
  }
  getSetCookie(): string[] {
    return [...(this.lists.get('set-cookie') ?? [])]
  }
  forEach(each: (value: string, name: string) => void): void {
    for (const [name, value] of this) each(value, name)
  }
  *entries(): Generator<[string, string]> {
    for (const name of [...this.lists.keys()].sort()) {
      if (name === 'set-cookie') for (const cookie of this.getSetCookie()) yield [name, cookie]
      else yield [name, this.get(name)!]
    }
  }
  *keys(): Generator<string> {
    for (const [name] of this) yield name
  }
  *values(): Generator<string> {
    for (const [, value] of this) yield value
  }
  [Symbol.iterator](): Generator<[string, string]> {
    return this.entries()
  }
}

export type Body = string | Uint8Array | ArrayBuffer | null

function bytesOf(body: Body): Uint8Array<ArrayBuffer> {
  if (body === null) return new Uint8Array(0)
  if (typeof body === 'string') return Buffer.from(body, 'utf8')
  return (body instanceof ArrayBuffer ? new Uint8Array(body) : body) as Uint8Array<ArrayBuffer>
}

/** a body that is there as a whole, given once as often as one asks */
class WithBody {
  readonly headers: Headers
  /** as it was given; the standard has a stream here */
  readonly body: Body
  constructor(body: Body, headers: HeadersLike | null | undefined) {
    this.body = body
    this.headers = new Headers(headers)
  }
  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return bytesOf(this.body)
  }
  async arrayBuffer(): Promise<ArrayBuffer> {
    const { buffer, byteOffset, byteLength } = bytesOf(this.body)
    return byteLength === buffer.byteLength ? buffer : buffer.slice(byteOffset, byteOffset + byteLength)
  }
  /** as UTF-8, without a byte order mark */
  async text(): Promise<string> {
    const bytes = bytesOf(this.body)
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8')
    return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text
  }
  async json(): Promise<unknown> {
    return JSON.parse(await this.text()) as unknown
  }
}

export interface RequestOptions {
  readonly method?: string
  readonly headers?: HeadersLike
  readonly body?: Body
}

export class Request extends WithBody {
  readonly url: string
  readonly method: string
  constructor(url: string, { method = 'GET', headers, body = null }: RequestOptions = {}) {
    super(body, headers)
    this.url = url
    this.method = method
  }
}

export interface ResponseOptions {
  readonly status?: number
  readonly headers?: HeadersLike
}

/** statuses that have no body (fetch standard, "null body status") */
const BODILESS: ReadonlySet<number> = new Set([204, 205, 304])

export class Response extends WithBody {
  readonly status: number
  constructor(body: Body = null, { status = 200, headers }: ResponseOptions = {}) {
    if (!Number.isInteger(status) || status < 200 || status > 599) throw new RangeError(`invalid status ${status}: it must be 200 to 599`)
    if (body !== null && BODILESS.has(status)) throw new TypeError(`a response of status ${status} has no body`)
    super(body, headers)
    this.status = status
    if (typeof body === 'string' && !this.headers.has('content-type')) this.headers.set('content-type', 'text/plain;charset=UTF-8')
  }
  get ok(): boolean {
    return this.status < 300
  }
  static json(value: unknown, options: ResponseOptions = {}): Response {
    const response = new Response(JSON.stringify(value), options)
    if (new Headers(options.headers).has('content-type')) return response
    response.headers.set('content-type', 'application/json')
    return response
  }
}
