// The stack as CloudFormation would see it, synthesised in process with stand-ins for the bundles.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { App } from 'aws-cdk-lib'
import { NilometerStack } from '../../cdk/stack.ts'
import { readOptions } from '../../cdk/options.ts'

export interface Resource {
  readonly Type: string
  readonly Properties: Readonly<Record<string, unknown>>
  readonly [attribute: string]: unknown
}

export interface Template {
  readonly Resources: Readonly<Record<string, Resource>>
  readonly Outputs: Readonly<Record<string, { readonly Value: unknown }>>
}

export interface Synth {
  readonly app: App
  readonly stack: NilometerStack
  readonly template: Template
}

/** any small folder stands for a bundle: nothing of it is run */
const dir = join(import.meta.dirname, '../../functions/setup')

/** @param context as `cdk synth -c name=value` gives it */
export function synthTemplate(context: Readonly<Record<string, string>> = {}): Synth {
  const outdir = mkdtempSync(join(tmpdir(), 'nilometer-assembly-'))
  const app = new App({ outdir, analyticsReporting: false, treeMetadata: false, builtinCloudFormationValidation: false })
  const options = readOptions(context)
  const stack = new NilometerStack(app, `nilometer-${options.stage}`, { options, codeOf: () => ({ dir, handler: 'index.handler' }) })
  const template = app.synth().getStackByName(stack.stackName).template as Template
  rmSync(outdir, { recursive: true })
  return { app, stack, template }
}
