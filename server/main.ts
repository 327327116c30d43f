// STORY: one process that is the whole of nilometer. Read the environment, hold the data folder, open
// the ports, make sure there is a root user, serve, say how to begin, and stop without losing a row.
import './collector.ts'
import { randomBytes } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { createAuthenticator } from '../lib/engine/access/login.ts'
import { newSearchState } from '../lib/engine/query/search.ts'
import { systemClock } from '../lib/node/clock.ts'
import { holdFolder } from '../lib/local/folder-lock.ts'
import { createTelemetry } from '../lib/node/telemetry.ts'
import { createApp } from './app.ts'
import { printBanner } from './banner.ts'
import { readServerEnvironment } from './environment.ts'
import { listen } from './http.ts'
import { openServerPorts } from './open-ports.ts'
import { ensureRootUser } from '../lib/engine/access/first-credentials.ts'
import { stopOnSignals } from './stop.ts'
import { version } from './version.ts'

const environment = readServerEnvironment(process.env, availableParallelism())
const telemetry = createTelemetry({ clock: systemClock, level: environment.logLevel })
const lock = holdFolder(environment.dataDir)
const opened = await openServerPorts(environment, telemetry)
const { ports, writer } = opened
const secrets = await ensureRootUser(ports.catalog, ports.clock, environment.rootEmail, environment.rootPassword, randomBytes)
const authenticator = await createAuthenticator(ports.catalog, systemClock, randomBytes(32))
const app = createApp({
  ports, settings: environment.settings, state: newSearchState(), authenticator, version, flush: () => writer.flush(),
  renderMetrics: () => opened.renderMetrics(),
})
const server = await listen(app, environment)
stopOnSignals([() => server.stop(), () => opened.close(), () => lock.release()], telemetry)
printBanner(environment, server.url, secrets)
opened.warm()
