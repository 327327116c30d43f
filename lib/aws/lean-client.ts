// A client of one AWS service with the SDK's shape as far as our adapters use it: made with the same
// configuration, sends the same commands once, throws errors that look the same. Bundles of functions
// that stand at the edge have it in the SDK's place (cdk/bundle.ts): it loads in a few milliseconds.
import type { Credentials } from './client-options.ts'
import { credentialsMissing, exchange, textOf, transportOf, type Limits, type Transport } from './lean-request.ts'
import { signPost } from './sign-post.ts'

export interface LeanConfig {
  readonly endpoint?: string
  readonly region?: string
  readonly credentials?: Credentials
  readonly requestHandler?: Partial<Limits> & { readonly httpsAgent?: AgentOptions; readonly httpAgent?: AgentOptions }
}
interface AgentOptions {
  readonly keepAlive?: boolean
  readonly maxSockets?: number
}

export interface LeanService {
  readonly name: string
  /** before the operation's name in `X-Amz-Target` */
  readonly target: string
  readonly contentType: string
  /** the input as JSON has it, and the output back */
  readonly encode: (input: never) => unknown
  readonly decode: (output: never) => unknown
}

/** a request yet to be sent */
export abstract class LeanCommand<I> {
  abstract readonly operation: string
  readonly input: I
  constructor(input: I) {
    this.input = input
  }
}

const DEFAULT_LIMITS: Limits = { connectionTimeout: 2_000, requestTimeout: 5_000, socketTimeout: 5_000 }

/** an answer that is no success, as the SDK throws it: `name`, `$metadata`, and what the body says */
export class LeanServiceError extends Error {
  readonly $metadata: { readonly httpStatusCode: number }
  constructor(name: string, message: string, status: number, body: object) {
    super(message)
    Object.assign(this, body)
    this.name = name
    this.$metadata = { httpStatusCode: status }
  }
}

export type ErrorOf = (name: string, message: string, status: number, body: object) => Error

export class LeanClient {
  private readonly config: LeanConfig
  private readonly service: LeanService
  private readonly errorOf: ErrorOf
  private readonly limits: Limits
  private readonly transports = new Map<string, Transport>()

  constructor(config: LeanConfig, service: LeanService, errorOf: ErrorOf = (...args) => new LeanServiceError(...args)) {
    this.config = config
    this.service = service
    this.errorOf = errorOf
    this.limits = { ...DEFAULT_LIMITS, ...config.requestHandler }
  }

  /** @param elsewhere where this request goes, when not to the service's own address */
  protected async ask(operation: string, input: unknown, elsewhere?: URL): Promise<unknown> {
    const { region = '', credentials } = this.config
    if (credentials === undefined) throw credentialsMissing()
    const { name, target, contentType, encode, decode } = this.service
    const endpoint = new URL(this.config.endpoint ?? elsewhere ?? `https://${name}.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`)
    const body = JSON.stringify(encode(input as never))
    const headers = signPost({ host: endpoint.host, contentType, target: `${target}.${operation}`, body, service: name, region, at: new Date(), credentials })
    const reply = await exchange(this.transport(endpoint.protocol), { endpoint, headers, body }, this.limits)
    const { status } = reply
    const text = textOf(reply)
    const answer = parsed(text)
    if (status === 200 && answer !== null) return decode(answer as never)
    const { __type: type = '', message, Message } = (answer ?? {}) as { __type?: string; message?: string; Message?: string }
    // A good status with what is no JSON stays a failure without a name, of that status.
    throw this.errorOf(type.slice(type.lastIndexOf('#') + 1) || 'Unknown', message ?? Message ?? text.slice(0, 200), status, answer === null ? {} : decode(answer as never) as object)
  }

  destroy(): void {
    for (const { agent } of this.transports.values()) agent.destroy()
  }

  private transport(protocol: string): Transport {
    let made = this.transports.get(protocol)
    if (made === undefined) {
      const { httpAgent = {}, httpsAgent = {} } = this.config.requestHandler ?? {}
      made = transportOf(protocol, protocol === 'http:' ? httpAgent : httpsAgent)
      this.transports.set(protocol, made)
    }
    return made
  }
}

/** null: no JSON object */
function parsed(text: string): object | null {
  try {
    const value = JSON.parse(text) as unknown
    return typeof value === 'object' && value !== null ? value : null
  } catch {
    return null
  }
}
