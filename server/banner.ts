// What a person sees at the start: the URL, the secrets that are shown once, three commands to try.
import type { ServerEnvironment } from './environment.ts'
import type { FirstSecrets } from '../lib/engine/access/first-credentials.ts'

export function bannerText(environment: ServerEnvironment, url: string, secrets: FirstSecrets): string {
  const { rootEmail } = environment
  const password = secrets.password ?? environment.rootPassword
  const user = password === null ? `${rootEmail}:YOUR_PASSWORD` : secrets.password === null ? `${rootEmail}:$ZO_ROOT_USER_PASSWORD` : `${rootEmail}:${password}`
  const lines = [`nilometer serves ${url}   data in ${environment.dataDir}`, '']
  if (secrets.password !== null) lines.push(`  user      ${rootEmail}`, `  password  ${secrets.password}   (generated; shown only this once)`)
  if (secrets.ingestToken !== null) lines.push(`  token     ${secrets.ingestToken}   (may only write; shown only this once)`)
  if (secrets.password !== null || secrets.ingestToken !== null) lines.push('')
  lines.push(
    `  send a line    curl -u "${user}" ${url}/api/default/hello/_json -d '[{"message":"hello, river"}]'`,
    `  find it        curl -u "${user}" ${url}/api/default/_search -d '{"query":{"sql":"SELECT * FROM hello","start_time":0,"end_time":2082758400000000}}'`,
    '  a small shop   npm run demo',
    '',
  )
  if (environment.ignored.length > 0) lines.push(`  not known and ignored: ${environment.ignored.join(', ')}`, '')
  return lines.join('\n')
}

export function printBanner(environment: ServerEnvironment, url: string, secrets: FirstSecrets): void {
  process.stdout.write(`${bannerText(environment, url, secrets)}\n`)
}
