// What cdk.json starts: plain JavaScript, so that a Node too old for the sources can still say so.
const major = Number(process.versions.node.split('.')[0])
if (major < 24) {
  process.stderr.write(`nilometer deploys with Node 24, this is ${process.version}: run "npx cdk ..." in this folder, which brings its own\n`)
  process.exit(1)
}
await import('./app.ts')
