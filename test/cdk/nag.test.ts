// cdk-nag finds nothing that is not acknowledged with a reason, whatever the options.
import { NagPack, AwsSolutionsChecks } from 'cdk-nag'
import { CfnBucket } from 'aws-cdk-lib/aws-s3'
import { Validations } from 'aws-cdk-lib'
import { expect, test } from 'vitest'
import { ACKNOWLEDGED, packsFor } from '../../cdk/nag.ts'
import { synthTemplate, type Synth } from '../support/template.ts'

const DOMAIN = { domain: 'logs.example.com', certificate: 'arn:aws:acm:us-east-1:111122223333:certificate/0a1b' }
const VARIANTS: readonly Readonly<Record<string, string>>[] = [
  {},
  { edge: 'http', encryption: 'kms', freshnessSeconds: '0', ...DOMAIN },
  { edge: 'function-url', isolation: 'iam', encryption: 'kms', architecture: 'x86_64' },
  { removalPolicy: 'destroy', ...DOMAIN },
]

const findings = ({ app }: Synth): readonly string[] => packsFor(app).flatMap((pack: NagPack) => pack.validateScope(app).violations)
  .map(({ severity, ruleName, violatingResources }) => `${severity} ${ruleName}: ${violatingResources.map((r) => r.constructPath).join(', ')}`)

test.each(VARIANTS)('nothing is found with %j', (context) => {
  expect(findings(synthTemplate(context))).toEqual([])
})

test('an acknowledgement that nothing needs is taken out of the table', () => {
  const needed = new Set<string>()
  const key = Validations.ACKNOWLEDGED_RULES_METADATA_KEY
  for (const context of VARIANTS) {
    const synth = synthTemplate(context)
    for (const node of synth.app.node.findAll()) (node.node as unknown as { _metadata: { type: string }[] })._metadata = node.node.metadata.filter(({ type }) => type !== key)
    for (const finding of findings(synth)) needed.add(finding.split(' ')[1]!)
  }
  const unneeded = ACKNOWLEDGED.flatMap(({ ids }) => ids).filter((id) => ![...needed].some((rule) => rule.startsWith(id)))
  expect(unneeded).toEqual([])
})

test('a bucket that anybody adds without care is found', () => {
  const synth = synthTemplate()
  new CfnBucket(synth.stack, 'Careless')
  const found = findings(synth).join('\n')
  for (const rule of ['AwsSolutions-S1', 'AwsSolutions-S10', 'House-S3BucketVersioningEnabled']) expect(found).toContain(rule)
  expect(packsFor(synth.app).some((pack) => pack instanceof AwsSolutionsChecks)).toBe(true)
})

test('every acknowledgement has a reason that is a sentence', () => {
  for (const { reason } of ACKNOWLEDGED) expect(reason.split(' ').length).toBeGreaterThan(6)
})
