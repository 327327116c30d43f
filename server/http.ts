// The HTTP server around the app: Node's own, with the bounds a public door needs.
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import type { Hono } from 'hono'
import type { DoorEnv } from '../functions/door.ts'
import type { ServerEnvironment } from './environment.ts'

export interface HttpServer {
  readonly url: string
  /** no new connections; resolves when the requests under way are answered */
  stop(): Promise<void>
}

/** a client that sends its headers or body slower than this is closed (408 by Node) */
const HEADERS_TIMEOUT_MS = 20_000
const REQUEST_TIMEOUT_MS = 120_000
/** longer than load balancers keep idle connections, so that they and not we close them */
const KEEP_ALIVE_MS = 75_000
const STOP_WAIT_MS = 15_000

export async function listen(app: Hono<DoorEnv>, environment: ServerEnvironment): Promise<HttpServer> {
  const handle = getRequestListener(app.fetch, { overrideGlobalObjects: false })
  const server = createServer({
    headersTimeout: HEADERS_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS, keepAliveTimeout: KEEP_ALIVE_MS,
  }, (request, response) => void handle(request, response))
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(environment.port, environment.host, resolve)
  })
  const address = server.address() as AddressInfo
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address
  return { url: `http://${host}:${address.port}`, stop: () => stop(server) }
}

function stop(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const late = setTimeout(() => server.closeAllConnections(), STOP_WAIT_MS)
    server.close(() => {
      clearTimeout(late)
      resolve()
    })
    server.closeIdleConnections()
  })
}
