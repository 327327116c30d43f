// Imported before anything else: says what to run when Node is too old, instead of a stack.
const major = Number(process.versions.node.split('.')[0])
if (major < 24) {
  process.stderr.write(`nilometer runs on Node 24, this is ${process.version}: start it with "npm start", which brings its own\n`)
  process.exit(1)
}
