// The entry of `npm start`: plain JavaScript, so that a Node too old for the sources can still say so.
const major = Number(process.versions.node.split('.')[0])
if (major < 24) {
  process.stderr.write(`nilometer runs on Node 24, this is ${process.version}: start it with "npm start", which brings its own\n`)
  process.exit(1)
}
await import('./main.ts')
