// The outcome of a setup, told to CloudFormation at the URL it gave. By Node's own client: a signed
// PUT without a content type, which an SDK would add.
import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'

const TRIES = 3
const TRY_MS = 3_000
const PAUSE_MS = 500
/** what telling may take, with its repetitions and some more */
export const TELL_MS_MAX = TRIES * (TRY_MS + PAUSE_MS) + 1_500

/** Never throws; an outcome that cannot be told is written to the log. */
export async function tell(url: string, body: string): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await put(url, body)
    } catch (error) {
      if (tries === TRIES) {
        process.stdout.write(`${JSON.stringify({ level: 'error', message: 'CloudFormation could not be told the outcome', reason: String(error), outcome: body })}\n`)
        return
      }
      await sleep(PAUSE_MS)
    }
  }
}

function put(url: string, body: string): Promise<void> {
  const request = url.startsWith('http:') ? requestHttp : requestHttps
  return new Promise((resolve, reject) => {
    // The URL is signed without one.
    const sent = request(url, { method: 'PUT', headers: { 'content-type': '', 'content-length': Buffer.byteLength(body) } }, (response) => {
      response.resume()
      response.on('error', reject)
      response.on('end', () => {
        const status = response.statusCode ?? 0
        if (status >= 200 && status < 300) resolve()
        else reject(new Error(`the answer was ${status}`))
      })
    })
    sent.setTimeout(TRY_MS, () => sent.destroy(new Error(`no answer within ${TRY_MS} ms`)))
    sent.on('error', reject)
    sent.end(body)
  })
}
