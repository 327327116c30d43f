// OTLP logs from plain objects, as protobuf bytes and as OTLP JSON text. Written from the proto files
// (opentelemetry/proto/logs/v1, common/v1) without our decoder's help, so tests can hold one against
// the other. Nothing is checked or defaulted: what the object has is what the bytes say.

export type AnyValue =
  | { readonly kind: 'none' }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'bool'; readonly value: boolean }
  | { readonly kind: 'int'; readonly value: bigint }
  | { readonly kind: 'double'; readonly value: number }
  | { readonly kind: 'bytes'; readonly value: Uint8Array }
  | { readonly kind: 'array'; readonly values: readonly AnyValue[] }
  | { readonly kind: 'map'; readonly values: readonly KeyValue[] }

export interface KeyValue {
  readonly key: string
  /** null: the field is absent */
  readonly value: AnyValue | null
}

export interface LogRecord {
  readonly time?: bigint
  readonly observedTime?: bigint
  readonly severityNumber?: number
  readonly severityText?: string
  readonly body?: AnyValue
  readonly attributes?: readonly KeyValue[]
  readonly droppedAttributes?: number
  readonly flags?: number
  readonly traceId?: Uint8Array
  readonly spanId?: Uint8Array
}

export interface ScopeLogs {
  readonly name?: string
  readonly version?: string
  readonly records: readonly LogRecord[]
}

export interface ResourceLogs {
  readonly attributes?: readonly KeyValue[]
  readonly scopes: readonly ScopeLogs[]
}

export interface LogsRequest {
  readonly resources: readonly ResourceLogs[]
}

export const text = (value: string): AnyValue => ({ kind: 'text', value })
export const int = (value: bigint | number): AnyValue => ({ kind: 'int', value: BigInt(value) })
export const double = (value: number): AnyValue => ({ kind: 'double', value })
export const bool = (value: boolean): AnyValue => ({ kind: 'bool', value })
export const bytes = (value: Uint8Array): AnyValue => ({ kind: 'bytes', value })
export const array = (...values: AnyValue[]): AnyValue => ({ kind: 'array', values })
export const map = (...values: KeyValue[]): AnyValue => ({ kind: 'map', values })
export const none: AnyValue = { kind: 'none' }
export const kv = (key: string, value: AnyValue | string | null): KeyValue =>
  ({ key, value: typeof value === 'string' ? text(value) : value })

/** a request of one resource and one scope */
export const requestOf = (records: readonly LogRecord[], attributes: readonly KeyValue[] = []): LogsRequest =>
  ({ resources: [{ attributes, scopes: [{ records }] }] })

// --- protobuf

export function varint(value: bigint): Buffer {
  const out: number[] = []
  let rest = BigInt.asUintN(64, value)
  while (rest > 127n) {
    out.push(Number(rest & 127n) | 128)
    rest >>= 7n
  }
  out.push(Number(rest))
  return Buffer.from(out)
}

export const tag = (field: number, wireType: number): Buffer => varint(BigInt(field * 8 + wireType))

/** a length-delimited field */
export function field(number: number, payload: Uint8Array): Buffer {
  return Buffer.concat([tag(number, 2), varint(BigInt(payload.length)), payload])
}

export const varintField = (number: number, value: bigint): Buffer => Buffer.concat([tag(number, 0), varint(value)])

function fixed64Field(number: number, value: bigint): Buffer {
  const out = Buffer.alloc(8)
  out.writeBigUInt64LE(BigInt.asUintN(64, value))
  return Buffer.concat([tag(number, 1), out])
}

function doubleField(number: number, value: number): Buffer {
  const out = Buffer.alloc(8)
  out.writeDoubleLE(value)
  return Buffer.concat([tag(number, 1), out])
}

function fixed32Field(number: number, value: number): Buffer {
  const out = Buffer.alloc(4)
  out.writeUInt32LE(value)
  return Buffer.concat([tag(number, 5), out])
}

const textField = (number: number, value: string): Buffer => field(number, Buffer.from(value, 'utf8'))

export function anyValueBytes(value: AnyValue): Buffer {
  switch (value.kind) {
    case 'none': return Buffer.alloc(0)
    case 'text': return textField(1, value.value)
    case 'bool': return varintField(2, value.value ? 1n : 0n)
    case 'int': return varintField(3, value.value)
    case 'double': return doubleField(4, value.value)
    case 'array': return field(5, Buffer.concat(value.values.map((v) => field(1, anyValueBytes(v)))))
    case 'map': return field(6, Buffer.concat(value.values.map((v) => field(1, keyValueBytes(v)))))
    case 'bytes': return field(7, value.value)
  }
}

export function keyValueBytes({ key, value }: KeyValue): Buffer {
  return Buffer.concat([textField(1, key), value === null ? Buffer.alloc(0) : field(2, anyValueBytes(value))])
}

export function recordBytes(r: LogRecord): Buffer {
  const parts: Buffer[] = []
  if (r.time !== undefined) parts.push(fixed64Field(1, r.time))
  if (r.severityNumber !== undefined) parts.push(varintField(2, BigInt(r.severityNumber)))
  if (r.severityText !== undefined) parts.push(textField(3, r.severityText))
  if (r.body !== undefined) parts.push(field(5, anyValueBytes(r.body)))
  for (const a of r.attributes ?? []) parts.push(field(6, keyValueBytes(a)))
  if (r.droppedAttributes !== undefined) parts.push(varintField(7, BigInt(r.droppedAttributes)))
  if (r.flags !== undefined) parts.push(fixed32Field(8, r.flags))
  if (r.traceId !== undefined) parts.push(field(9, r.traceId))
  if (r.spanId !== undefined) parts.push(field(10, r.spanId))
  if (r.observedTime !== undefined) parts.push(fixed64Field(11, r.observedTime))
  return Buffer.concat(parts)
}

function scopeLogsBytes(s: ScopeLogs): Buffer {
  const scope: Buffer[] = []
  if (s.name !== undefined) scope.push(textField(1, s.name))
  if (s.version !== undefined) scope.push(textField(2, s.version))
  return Buffer.concat([field(1, Buffer.concat(scope)), ...s.records.map((r) => field(2, recordBytes(r)))])
}

/** `resourceLast`: fields in another order, which protobuf allows */
export function encodeProtobuf(request: LogsRequest, resourceLast = false): Buffer {
  return Buffer.concat(request.resources.map((r) => {
    const resource = field(1, Buffer.concat((r.attributes ?? []).map((a) => field(1, keyValueBytes(a)))))
    const scopes = r.scopes.map((s) => field(2, scopeLogsBytes(s)))
    return field(1, Buffer.concat(resourceLast ? [...scopes, resource] : [resource, ...scopes]))
  }))
}

// --- OTLP JSON

/** how an encoder may write the same thing */
export interface JsonStyle {
  /** names as in the proto files: `time_unix_nano` */
  readonly snakeCase?: boolean
  /** 64-bit integers as JSON numbers, not strings */
  readonly bareIntegers?: boolean
  /** every object's members in reverse order */
  readonly reversed?: boolean
  /** white space around every token */
  readonly spaced?: boolean
  /** every character of every string as an escape */
  readonly escaped?: boolean
  /** an unknown member in every object, and nulls for absent ones */
  readonly noisy?: boolean
}

class JsonWriter {
  private readonly style: JsonStyle
  constructor(style: JsonStyle) {
    this.style = style
  }

  string(value: string): string {
    if (this.style.escaped !== true) return JSON.stringify(value)
    let out = ''
    for (let i = 0; i < value.length; i++) out += `\\u${value.charCodeAt(i).toString(16).padStart(4, '0')}`
    return `"${out}"`
  }

  private space(): string {
    return this.style.spaced === true ? ' \n\t' : ''
  }

  /** members whose text is null are absent */
  object(members: readonly (readonly [string, string | null])[]): string {
    const space = this.space()
    const { snakeCase = false, reversed = false, noisy = false } = this.style
    const out: string[] = []
    if (noisy) out.push('"unknownField":"\\u00e9\\n","another":-1.5e3')
    for (const [name, value] of members) {
      if (value === null && !noisy) continue
      const shown = snakeCase ? name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`) : name
      out.push(`${this.string(shown)}${space}:${space}${value ?? 'null'}`)
    }
    if (reversed) out.reverse()
    return `{${space}${out.join(`${space},${space}`)}${space}}`
  }

  list(values: readonly string[]): string {
    const space = this.space()
    return `[${space}${values.join(`${space},`)}${space}]`
  }

  int64(value: bigint): string {
    return this.style.bareIntegers === true ? String(value) : this.string(String(value))
  }

  double(value: number): string {
    if (!Number.isFinite(value)) return this.string(String(value))
    return Object.is(value, -0) ? '-0' : String(value)
  }

  any(value: AnyValue): string {
    switch (value.kind) {
      case 'none': return this.object([['stringValue', null]])
      case 'text': return this.object([['stringValue', this.string(value.value)]])
      case 'bool': return this.object([['boolValue', String(value.value)]])
      case 'int': return this.object([['intValue', this.int64(value.value)]])
      case 'double': return this.object([['doubleValue', this.double(value.value)]])
      case 'bytes': return this.object([['bytesValue', this.string(Buffer.from(value.value).toString('base64'))]])
      case 'array': return this.object([['arrayValue', this.object([['values', this.list(value.values.map((v) => this.any(v)))]])]])
      case 'map': return this.object([['kvlistValue', this.object([['values', this.keyValues(value.values)]])]])
    }
  }

  keyValues(values: readonly KeyValue[]): string {
    return this.list(values.map(({ key, value }) => this.object([['key', this.string(key)], ['value', value === null ? null : this.any(value)]])))
  }

  private id(value: Uint8Array | undefined): string | null {
    return value === undefined ? null : this.string(Buffer.from(value).toString('hex'))
  }

  record(r: LogRecord): string {
    const optional = <T>(value: T | undefined, write: (value: T) => string): string | null => (value === undefined ? null : write(value))
    return this.object([
      ['timeUnixNano', optional(r.time, (v) => this.int64(v))],
      ['observedTimeUnixNano', optional(r.observedTime, (v) => this.int64(v))],
      ['severityNumber', optional(r.severityNumber, String)],
      ['severityText', optional(r.severityText, (v) => this.string(v))],
      ['body', optional(r.body, (v) => this.any(v))],
      ['attributes', optional(r.attributes, (v) => this.keyValues(v))],
      ['droppedAttributesCount', optional(r.droppedAttributes, String)],
      ['flags', optional(r.flags, String)],
      ['traceId', this.id(r.traceId)],
      ['spanId', this.id(r.spanId)],
    ])
  }

  request(request: LogsRequest): string {
    const scope = (s: ScopeLogs): string => this.object([
      ['scope', this.object([['name', s.name === undefined ? null : this.string(s.name)], ['version', s.version === undefined ? null : this.string(s.version)]])],
      ['logRecords', this.list(s.records.map((r) => this.record(r)))],
    ])
    return this.object([['resourceLogs', this.list(request.resources.map((r) => this.object([
      ['resource', this.object([['attributes', this.keyValues(r.attributes ?? [])]])],
      ['scopeLogs', this.list(r.scopes.map(scope))],
    ])))]])
  }
}

export function encodeJson(request: LogsRequest, style: JsonStyle = {}): Buffer {
  return Buffer.from(new JsonWriter(style).request(request), 'utf8')
}
