// What all our SDK clients have in common: one attempt (our own decorator repeats, under a deadline it
// knows), sockets that are kept, and timeouts on each step, so that no call hangs for the life of its
// function. Region, endpoint and credentials come from the standard AWS_* environment, which the SDK
// reads itself, unless a caller gives them.

export interface ClientOptions {
  readonly endpoint?: string
  readonly region?: string
  readonly credentials?: Credentials | (() => Promise<Credentials>)
  /** until a socket is connected, also waiting for a free one of `socketsMax` */
  readonly connectionTimeoutMs?: number
  /** until the answer's headers, the request's body sent */
  readonly requestTimeoutMs?: number
  /** between two parts of an answer's body */
  readonly silenceTimeoutMs?: number
  readonly socketsMax?: number
}

export interface Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
  readonly expiration?: Date
}

/** what each service's client adds: how long its slowest sound answer takes */
export interface ClientLimits {
  readonly connectionTimeoutMs: number
  readonly requestTimeoutMs: number
  readonly silenceTimeoutMs: number
  readonly socketsMax: number
}

/** of S3, whichever client asks: 5 MB take some 70 ms at the 75 MB/s a Lambda keeps up; what takes a hundred times that is lost */
export const S3_LIMITS: ClientLimits = { connectionTimeoutMs: 2_500, requestTimeoutMs: 10_000, silenceTimeoutMs: 5_000, socketsMax: 128 }

/** the configuration that every client of ours is made with */
export function clientConfig(options: ClientOptions, limits: ClientLimits) {
  const { endpoint, region, credentials, ...given } = options
  const { connectionTimeoutMs, requestTimeoutMs, silenceTimeoutMs, socketsMax } = { ...limits, ...given }
  const agent = { keepAlive: true, maxSockets: socketsMax }
  return {
    maxAttempts: 1,
    requestHandler: {
      connectionTimeout: connectionTimeoutMs,
      requestTimeout: requestTimeoutMs,
      // Without this the SDK only warns.
      throwOnRequestTimeout: true,
      socketTimeout: silenceTimeoutMs,
      httpAgent: agent,
      httpsAgent: agent,
    },
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === undefined ? {} : { region }),
    ...(credentials === undefined ? {} : { credentials }),
  }
}
