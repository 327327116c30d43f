// A few lines that declare what a request body holds: one declaration gives the TypeScript type, the
// check (lenient about unknown fields, strict about types, naming the field) and its JSON Schema.
import { EngineError } from '../model/errors.ts'

export interface Shape<T> {
  /** @throws EngineError `invalid_type` naming `path` */
  check(value: unknown, path: string): T
  readonly schema: Readonly<Record<string, unknown>>
}
export type Of<S> = S extends Shape<infer T> ? T : never

function wrong(path: string, want: string, value: unknown): EngineError {
  const got = value === null ? 'null' : Array.isArray(value) ? 'an array' : typeof value
  return new EngineError('invalid_type', `${path} is ${got}: it must be ${want}`)
}

export function text(fallback?: string): Shape<string> {
  return {
    schema: { type: 'string', ...(fallback === undefined ? {} : { default: fallback }) },
    check(value, path) {
      if (value === undefined && fallback !== undefined) return fallback
      if (typeof value !== 'string') throw wrong(path, 'text', value)
      return value
    },
  }
}

/** OpenObserve's clients send numbers as text now and then: digits in quotes are taken as the number */
export function integer(bounds: { min?: number; max?: number; fallback?: number } = {}): Shape<number> {
  const min = bounds.min ?? Number.MIN_SAFE_INTEGER
  const max = bounds.max ?? Number.MAX_SAFE_INTEGER
  return {
    schema: { type: 'integer', minimum: min, maximum: max, ...(bounds.fallback === undefined ? {} : { default: bounds.fallback }) },
    check(value, path) {
      if ((value === undefined || value === null) && bounds.fallback !== undefined) return bounds.fallback
      const n = typeof value === 'string' && /^-?\d{1,16}$/.test(value) ? Number(value) : value
      if (typeof n !== 'number' || !Number.isInteger(n)) throw wrong(path, 'a whole number', value)
      // Beyond 2^53 too: the bounds are safe integers. Nanoseconds end here.
      if (n < min || n > max) throw new EngineError('invalid_type', `${path} is ${n}: it must be from ${min} to ${max}`)
      return n
    },
  }
}

export function flag(fallback: boolean): Shape<boolean> {
  return {
    schema: { type: 'boolean', default: fallback },
    check(value, path) {
      if (value === undefined || value === null) return fallback
      if (typeof value !== 'boolean') throw wrong(path, 'true or false', value)
      return value
    },
  }
}

/** an object; fields it does not name are ignored */
export function object<F extends Record<string, Shape<unknown>>>(fields: F): Shape<{ readonly [K in keyof F]: Of<F[K]> }> {
  const properties = Object.fromEntries(Object.entries(fields).map(([name, shape]) => [name, shape.schema]))
  return {
    schema: { type: 'object', properties },
    check(value, path) {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(path, 'an object', value)
      const out: Record<string, unknown> = {}
      for (const [name, shape] of Object.entries(fields)) {
        const member = Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined
        out[name] = shape.check(member, path === '' ? name : `${path}.${name}`)
      }
      return out as { readonly [K in keyof F]: Of<F[K]> }
    },
  }
}
