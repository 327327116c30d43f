// The version as package.json says it: bundles have it written in, sources read it.
import { readFileSync } from 'node:fs'

declare const NILOMETER_VERSION: string | undefined

export const version: string = typeof NILOMETER_VERSION === 'string'
  ? NILOMETER_VERSION
  : (JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }).version
