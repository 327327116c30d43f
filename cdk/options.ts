// What one may choose about a deployment (`cdk deploy -c name=value`), read and checked before
// anything is built: a mistake is told here with what would be right, and all mistakes at once.
// docs/deploy.md lists the same table.

export type EdgeKind = 'rest' | 'http' | 'function-url'

export interface Options {
  /** names the stack (`nilometer-{stage}`), its parameters and the REST API's stage */
  readonly stage: string
  /** longest wait of an accepted request for the writer: fewer and larger objects against newer rows */
  readonly freshnessSeconds: number
  readonly retentionDays: number
  readonly edge: EdgeKind
  readonly architecture: 'arm64' | 'x86_64'
  /** null: the edge's own name */
  readonly domain: { readonly name: string; readonly certificateArn: string } | null
  /** `kms`: a key of the account's own for bucket, tables and queues, at $1 a month */
  readonly encryption: 'managed' | 'kms'
  readonly removalPolicy: 'retain' | 'destroy'
  /** `iam`: a leaf reads through a role whose policy names the organisation */
  readonly isolation: 'keys' | 'iam'
  readonly rootEmail: string
  /** writers at once: each polls and flushes for itself, so more of them make more and smaller objects */
  readonly writers: number
}

export interface OptionRow {
  readonly name: string
  readonly meaning: string
  readonly right: string
  readonly fallback: string
}

const EDGES: readonly EdgeKind[] = ['rest', 'http', 'function-url']
const STAGE = /^[a-z][a-z0-9-]{0,19}$/
const EMAIL = /^[^\s@:]{1,64}@[^\s@:]{1,190}$/
const DOMAIN = /^(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$/
const CERTIFICATE = /^arn:[a-z-]+:acm:[a-z0-9-]+:\d{12}:certificate\/[\w-]+$/

export const OPTIONS: readonly OptionRow[] = [
  { name: 'stage', meaning: 'name of the deployment', right: '1 to 20 of a-z, 0-9 and -, a letter first', fallback: 'prod' },
  { name: 'freshnessSeconds', meaning: 'how long an accepted row may wait for company before it is written', right: 'a whole number from 0 to 300', fallback: '10' },
  { name: 'retentionDays', meaning: 'days a row is kept', right: 'a whole number from 1 to 36500', fallback: '3650' },
  { name: 'edge', meaning: 'what stands before the functions', right: EDGES.join(', '), fallback: 'rest' },
  { name: 'architecture', meaning: 'processors of the functions', right: 'arm64, x86_64', fallback: 'arm64' },
  { name: 'domain', meaning: 'host name of your own; needs certificate', right: 'a host name in lower case, with edge rest or http', fallback: '' },
  { name: 'certificate', meaning: 'ACM certificate of domain, in the stack\'s region', right: 'the ARN of an ACM certificate', fallback: '' },
  { name: 'encryption', meaning: 'keys at rest: of the services, or one of your own ($1 a month)', right: 'managed, kms', fallback: 'managed' },
  { name: 'removalPolicy', meaning: 'what becomes of bucket and tables with the stack', right: 'retain, destroy', fallback: 'retain' },
  { name: 'isolation', meaning: 'wall between organisations: key prefixes, or also IAM', right: 'keys, iam', fallback: 'keys' },
  { name: 'rootEmail', meaning: 'the root user', right: 'an email address', fallback: 'root@example.com' },
  { name: 'writers', meaning: 'writers at once', right: 'a whole number from 2 to 1000', fallback: '2' },
]

/** CDK keeps flags and answers of its own in the same map, under names with more than letters in them */
const FOREIGN = /[^A-Za-z]/

/**
 * @param context all of the app's context; a missing or empty value is the fallback
 * @throws Error with a line for each mistake
 */
export function readOptions(context: Readonly<Record<string, unknown>>): Options {
  const faults = Object.keys(context).filter((name) => !FOREIGN.test(name) && !OPTIONS.some((row) => row.name === name))
    .map((name) => `there is no option '${name}': there are ${OPTIONS.map((row) => row.name).join(', ')}`)
  const read = createReader(context, faults)
  const domain = read.match('domain', DOMAIN, true)
  const certificateArn = read.match('certificate', CERTIFICATE, true)
  const edge = read.oneOf('edge', EDGES)
  if ((domain === '') !== (certificateArn === '')) faults.push('domain and certificate belong together: give both or neither')
  if (domain !== '' && edge === 'function-url') faults.push('a function URL has no domain of its own: choose edge rest or http')
  const options: Options = {
    stage: read.match('stage', STAGE),
    freshnessSeconds: read.whole('freshnessSeconds', 0, 300),
    retentionDays: read.whole('retentionDays', 1, 36_500),
    edge,
    architecture: read.oneOf('architecture', ['arm64', 'x86_64']),
    domain: domain === '' ? null : { name: domain, certificateArn },
    encryption: read.oneOf('encryption', ['managed', 'kms']),
    removalPolicy: read.oneOf('removalPolicy', ['retain', 'destroy']),
    isolation: read.oneOf('isolation', ['keys', 'iam']),
    rootEmail: read.match('rootEmail', EMAIL).toLowerCase(),
    writers: read.whole('writers', 2, 1_000),
  }
  if (faults.length > 0) throw new Error(faults.join('\n'))
  return options
}

interface Reader {
  oneOf<T extends string>(name: string, values: readonly T[]): T
  whole(name: string, min: number, max: number): number
  match(name: string, shape: RegExp, mayBeEmpty?: boolean): string
}

function createReader(context: Readonly<Record<string, unknown>>, faults: string[]): Reader {
  const row = (name: string): OptionRow => OPTIONS.find((one) => one.name === name)!
  const text = (name: string): string => {
    const given = context[name]
    return given === undefined || given === null || given === '' ? row(name).fallback : String(given)
  }
  const wrong = (name: string): void => {
    faults.push(`${name} is '${text(name)}': it must be ${row(name).right}`)
  }
  return {
    oneOf(name, values) {
      const found = values.find((value) => value === text(name))
      if (found === undefined) faults.push(`${name} is '${text(name)}': it must be one of ${values.join(', ')}`)
      return found ?? values[0]!
    },
    whole(name, min, max) {
      const raw = text(name)
      const n = Number(raw)
      if (!/^\d+$/.test(raw) || n < min || n > max) wrong(name)
      return n
    },
    match(name, shape, mayBeEmpty = false) {
      const raw = text(name)
      if (!(mayBeEmpty && raw === '') && !shape.test(raw)) wrong(name)
      return raw
    },
  }
}
