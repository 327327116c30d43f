// Every option is checked before anything is built, and a mistake says what would be right.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { OPTIONS, readOptions } from '../../cdk/options.ts'

const mistakesOf = (context: Readonly<Record<string, unknown>>): readonly string[] => {
  try {
    readOptions(context)
    return []
  } catch (error) {
    return (error as Error).message.split('\n')
  }
}

test('without options there is a deployment', () => {
  expect(readOptions({})).toEqual({
    stage: 'prod', freshnessSeconds: 10, retentionDays: 3_650, edge: 'rest', architecture: 'arm64', domain: null, encryption: 'managed',
    removalPolicy: 'retain', isolation: 'keys', rootEmail: 'root@example.com', writers: 2,
  })
})

const DOMAIN = { domain: 'logs.example.com', certificate: 'arn:aws:acm:eu-west-1:111122223333:certificate/0a1b-2c' }

test('each option is read', () => {
  const given = {
    stage: 'test-2', freshnessSeconds: '0', retentionDays: 30, edge: 'http', architecture: 'x86_64', encryption: 'kms', removalPolicy: 'destroy', isolation: 'iam',
    rootEmail: 'Ann@Example.org', writers: '1000', ...DOMAIN,
  }
  expect(Object.keys(given).sort()).toEqual(OPTIONS.map(({ name }) => name).sort())
  expect(readOptions(given)).toEqual({
    stage: 'test-2', freshnessSeconds: 0, retentionDays: 30, edge: 'http', architecture: 'x86_64', encryption: 'kms', removalPolicy: 'destroy', isolation: 'iam',
    rootEmail: 'ann@example.org', writers: 1_000, domain: { name: DOMAIN.domain, certificateArn: DOMAIN.certificate },
  })
})

const WRONG: readonly (readonly [name: string, value: string])[] = [
  ['stage', 'Prod'], ['stage', 'a'.repeat(21)], ['stage', '1st'], ['freshnessSeconds', '301'], ['freshnessSeconds', '-1'], ['freshnessSeconds', '1.5'], ['freshnessSeconds', '10s'],
  ['retentionDays', '0'], ['retentionDays', '36501'], ['edge', 'grpc'], ['architecture', 'arm'], ['encryption', 'none'], ['removalPolicy', 'RETAIN'], ['isolation', 'vpc'],
  ['rootEmail', 'root'], ['rootEmail', 'a b@c.de'], ['writers', '1'], ['writers', '1001'],
]

test.each(WRONG)('%s = %s is refused with the value and what would be right', (name, value) => {
  const right = OPTIONS.find((row) => row.name === name)!.right
  const mistakes = mistakesOf({ [name]: value })
  expect(mistakes).toHaveLength(1)
  expect(mistakes[0]).toContain(`${name} is '${value}': it must be `)
  expect(mistakes[0]).toContain(right)
})

test('a domain needs its certificate, a certificate its domain, and neither stands before a function URL', () => {
  expect(mistakesOf({ domain: DOMAIN.domain })).toEqual(['domain and certificate belong together: give both or neither'])
  expect(mistakesOf({ certificate: DOMAIN.certificate })).toEqual(['domain and certificate belong together: give both or neither'])
  expect(mistakesOf({ ...DOMAIN, edge: 'function-url' })).toEqual(['a function URL has no domain of its own: choose edge rest or http'])
  expect(mistakesOf({ ...DOMAIN, domain: 'https://logs.example.com' })[0]).toContain('it must be a host name')
  expect(mistakesOf({ ...DOMAIN, certificate: 'arn:aws:iam::1:x' })[0]).toContain('it must be the ARN of an ACM certificate')
})

test('an option that is misspelt is named, and what CDK itself keeps in the context is not', () => {
  expect(mistakesOf({ freshness: '5' })[0]).toMatch(/^there is no option 'freshness': there are stage, freshnessSeconds,/)
  expect(mistakesOf({ '@aws-cdk/core:enablePartitionLiterals': true, 'aws:cdk:enable-path-metadata': true, 'aws:cdk:bundling-stacks': ['**'], 'cli-telemetry': false })).toEqual([])
})

test('all mistakes are told at once', () => {
  expect(mistakesOf({ edge: 'x', writers: '0', stage: '' , retentionDays: 'x' })).toHaveLength(3)
})

test('docs/deploy.md has every option with its fallback', () => {
  const text = readFileSync(join(import.meta.dirname, '../../docs/deploy.md'), 'utf8')
  for (const { name, fallback } of OPTIONS) expect(text).toContain(`| \`${name}\` | ${fallback === '' ? '' : `\`${fallback}\``}`)
})
