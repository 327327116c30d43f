// One execution environment: loads a bundled function as Lambda's runtime does and runs one event at a
// time, each under the time it is given; between events it stands still. Plain JavaScript, so that its
// own start is Node's alone. Arguments: the module, the export.
import { pathToFileURL } from 'node:url'

const [file, name] = process.argv.slice(2)
const { [name]: handler } = await import(pathToFileURL(file).href)

process.on('message', async ({ id, event, remainingMs }) => {
  const endsAt = performance.now() + remainingMs
  const context = { awsRequestId: `request-${id}`, functionName: name, getRemainingTimeInMillis: () => Math.max(0, endsAt - performance.now()) }
  try {
    process.send({ id, result: await handler(event, context) })
  } catch (error) {
    process.send({ id, error: { errorType: error.name, errorMessage: error.message, trace: error.stack } })
  }
})
process.send({ ready: true })
