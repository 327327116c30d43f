// What one cold start runs: the module and its first event, then how long and how much CPU it took. With
// no arguments bare Node: it prints at once. Plain JavaScript, for stripping types is no cost of Lambda's.
const [file, name, eventText] = process.argv.slice(2)

const say = (result) => {
  const { user, system } = process.cpuUsage()
  process.stdout.write(`${JSON.stringify({ status: result?.statusCode ?? null, body: result?.body?.slice(0, 500), cpuMs: (user + system) / 1e3, fetch: process.moduleLoadList.some((m) => m.includes('undici/undici')) })}\n`)
}

if (file === undefined) say(null)
else {
  const { [name]: handler } = await import(file)
  const endsAt = performance.now() + 60_000
  say(await handler(JSON.parse(eventText), { awsRequestId: 'r', functionName: name, getRemainingTimeInMillis: () => endsAt - performance.now() }))
}
