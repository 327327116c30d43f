// The CDK app: `npx cdk deploy -c stage=...`. Reads the options, bundles the functions, builds the
// stack and checks it. Needs neither Docker nor, when DuckDB's binding is at hand, the network.
import { join } from 'node:path'
import { Annotations, App, Validations } from 'aws-cdk-lib'
import { bundleFunctions } from './bundle.ts'
import { packsFor } from './nag.ts'
import { readOptions, type Options } from './options.ts'
import { NilometerStack } from './stack.ts'

const BUNDLES = join(import.meta.dirname, '../node_modules/.cache/nilometer/bundles')

// Neither usage data nor stack traces leave this machine or burden the template.
const app = new App({ analyticsReporting: false, treeMetadata: false })
const options = optionsOrExit()
const bundles = await bundleFunctions(join(BUNDLES, options.architecture), options.architecture)
const stack = new NilometerStack(app, `nilometer-${options.stage}`, { options, codeOf: (entry) => bundles[entry] })
for (const missing of new Set(Object.values(bundles).map((bundle) => bundle.missing))) {
  if (missing !== null) Annotations.of(stack).addWarningV2('nilometer:binding', `searches will fail once deployed: ${missing}`)
}
Validations.of(app).addPlugins(...packsFor(app))

function optionsOrExit(): Options {
  try {
    return readOptions(app.node.getAllContext())
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`)
    process.exit(1)
  }
}
