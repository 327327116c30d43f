// What stands in front: which path reaches which function, what is said when none answers, and what
// the stack tells about itself.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { asTemplates, restPaths, type Target } from '../../cdk/paths.ts'
import { INGEST_PATHS, QUERY_PATHS } from '../../functions/routes.ts'
import { synthTemplate } from '../support/template.ts'
import { flat, ofType } from './read-template.ts'

const RUNS = Number(process.env['NILOMETER_RUNS'] ?? 1)
const DOMAIN = { domain: 'logs.example.com', certificate: 'arn:aws:acm:us-east-1:111122223333:certificate/0a1b' }
const REST = synthTemplate().template
const HTTP = synthTemplate({ edge: 'http', ...DOMAIN }).template
const URLS = synthTemplate({ edge: 'function-url' }).template

interface Method {
  readonly 'x-amazon-apigateway-any-method': { readonly 'x-amazon-apigateway-integration': { readonly type: string; readonly httpMethod: string; readonly uri: unknown } }
}
interface Body {
  readonly paths: Readonly<Record<string, Method>>
  readonly 'x-amazon-apigateway-binary-media-types': readonly string[]
  readonly 'x-amazon-apigateway-gateway-responses': Readonly<Record<string, { readonly statusCode: string; readonly responseTemplates: Readonly<Record<string, string>>; readonly responseParameters?: Readonly<Record<string, string>> }>>
}
const body = ofType(REST, 'AWS::ApiGateway::RestApi')[0]![1].Properties['Body'] as Body

const functionBehind = (path: string): string => {
  const { uri, type, httpMethod } = body.paths[path]!['x-amazon-apigateway-any-method']['x-amazon-apigateway-integration']
  expect([type, httpMethod]).toEqual(['aws_proxy', 'POST'])
  return /functions\/<(\w+)\.Arn>\/invocations$/.exec(flat(uri))![1]!
}

test('the REST API sends ingest paths to the ingest function and all others to the query function', () => {
  const table = restPaths(INGEST_PATHS)
  expect(Object.keys(body.paths).sort()).toEqual([...table.keys()].sort())
  for (const [path, target] of table) expect([path, functionBehind(path)]).toEqual([path, target === 'ingest' ? 'Ingest' : 'Query'])
  for (const path of asTemplates(INGEST_PATHS)) expect([path, table.get(path)]).toEqual([path, 'ingest'])
  for (const path of ['/', '/{rest+}', '/api/{org}/{stream}', '/api/{org}/{stream}/{rest+}']) expect([path, table.get(path)]).toEqual([path, 'query'])
})

/** goes down as the narrowest reading of API Gateway's rules has it: a fixed name, else a variable, else the rest; never back */
function targetWithoutTurningBack(table: ReadonlyMap<string, Target>, path: string): Target | undefined {
  let at = ''
  const segments = path === '/' ? [] : path.slice(1).split('/')
  const has = (prefix: string): boolean => [...table.keys()].some((known) => known === prefix || known.startsWith(`${prefix}/`))
  for (const segment of segments) {
    const variable = [...table.keys()].map((known) => known.slice(0, at.length) === at ? /^\/(\{\w+\})(?=\/|$)/.exec(known.slice(at.length))?.[1] : undefined).find((found) => found !== undefined)
    if (has(`${at}/${segment}`)) at = `${at}/${segment}`
    else if (variable !== undefined) at = `${at}/${variable}`
    else return table.get(`${at}/{rest+}`)
  }
  return table.get(at === '' ? '/' : at)
}

test('every path that a route serves has one way down, and it ends at the right function', () => {
  const table = restPaths(INGEST_PATHS)
  const shapesOf = (paths: readonly string[]): readonly RegExp[] => paths.map((path) => new RegExp(`^${path.replace(/:stream/g, '(?!_)[^/]+').replace(/:\w+/g, '[^/]+').replace(/\*$/, '.+')}$`))
  const [ingest, query] = [shapesOf(INGEST_PATHS), shapesOf(QUERY_PATHS)]
  const served = fc.constantFrom(...INGEST_PATHS, ...QUERY_PATHS).chain((path) => fc.array(fc.constantFrom('v1', 'logs', 'streams', 'schema', 'policy', 'health', 'api', 'x'), { minLength: 4, maxLength: 4 })
    .map((names) => path.split('/').map((segment, i) => (segment.startsWith(':') || segment === '*' ? names[i % 4]! : segment)).join('/')))
  fc.assert(fc.property(served, (path) => {
    const right = ingest.some((shape) => shape.test(path)) ? 'ingest' : query.some((shape) => shape.test(path)) ? 'query' : 'none'
    expect([path, targetWithoutTurningBack(table, path)]).toEqual([path, right])
  }), { numRuns: 400 * RUNS })
})

test('the REST API passes bytes as they are, for protobuf and gzip are no text', () => {
  expect(body['x-amazon-apigateway-binary-media-types']).toEqual(['*/*'])
})

test('what API Gateway says of itself has our body, a status on which shippers keep their batch, and when to come back', () => {
  const responses = body['x-amazon-apigateway-gateway-responses']
  for (const type of ['DEFAULT_5XX', 'INTEGRATION_FAILURE', 'INTEGRATION_TIMEOUT']) {
    expect([type, responses[type]!.statusCode, responses[type]!.responseParameters]).toEqual([type, '503', { 'gatewayresponse.header.Retry-After': "'5'" }])
  }
  expect([responses['THROTTLED']!.statusCode, responses['THROTTLED']!.responseParameters]).toEqual(['429', { 'gatewayresponse.header.Retry-After': "'5'" }])
  expect(responses['REQUEST_TOO_LARGE']!.statusCode).toBe('413')
  expect(responses['MISSING_AUTHENTICATION_TOKEN']!.statusCode).toBe('404')
  for (const [type, { statusCode, responseTemplates }] of Object.entries(responses)) {
    const told = JSON.parse(responseTemplates['application/json']!) as Record<string, unknown>
    expect([type, told['code'], Object.keys(told)]).toEqual([type, Number(statusCode), ['code', 'error', 'message', 'trace_id']])
  }
})

test('the REST stage is throttled, logs no access and traces nothing', () => {
  const stage = ofType(REST, 'AWS::ApiGateway::Stage')[0]![1].Properties
  expect(stage['MethodSettings']).toMatchObject([{ HttpMethod: '*', ResourcePath: '/*', ThrottlingRateLimit: 500, ThrottlingBurstLimit: 1_000 }])
  expect(['AccessLogSetting', 'TracingEnabled', 'CacheClusterEnabled'].filter((name) => name in stage)).toEqual([])
})

test('the HTTP API has a route for each ingest path and the query function for the rest', () => {
  const targets = Object.fromEntries(ofType(HTTP, 'AWS::ApiGatewayV2::Integration').map(([id, { Properties }]) => [id, flat(Properties['IntegrationUri'])]))
  const routes = ofType(HTTP, 'AWS::ApiGatewayV2::Route').map(([, { Properties }]) => {
    const id = ((Properties['Target'] as { 'Fn::Join': readonly [string, readonly [string, { Ref: string }]] })['Fn::Join'][1][1]).Ref
    return [Properties['RouteKey'], targets[id]]
  })
  expect(routes).toEqual([...asTemplates(INGEST_PATHS).map((path) => [`ANY ${path}`, '<Ingest.Arn>']), ['$default', '<Query.Arn>']])
  for (const [, { Properties }] of ofType(HTTP, 'AWS::ApiGatewayV2::Integration')) expect(Properties).toMatchObject({ PayloadFormatVersion: '2.0', IntegrationType: 'AWS_PROXY' })
  expect(ofType(HTTP, 'AWS::ApiGatewayV2::Stage')[0]![1].Properties).toMatchObject({ StageName: '$default', AutoDeploy: true, DefaultRouteSettings: { ThrottlingRateLimit: 500 } })
})

test('function URLs are two, open to who can log in, and may be called no other way', () => {
  expect(ofType(URLS, 'AWS::Lambda::Url').map(([, { Properties }]) => flat(Properties['TargetFunctionArn'])).sort()).toEqual(['<Ingest.Arn>', '<Query.Arn>'])
  const open = ofType(URLS, 'AWS::Lambda::Permission').map(([, { Properties }]) => Properties)
  expect(open.every((p) => p['FunctionUrlAuthType'] === 'NONE' || p['InvokedViaFunctionUrl'] === true)).toBe(true)
})

test('only the edge\'s own API may call the functions behind it', () => {
  for (const template of [REST, HTTP]) {
    const permissions = ofType(template, 'AWS::Lambda::Permission').map(([, { Properties }]) => Properties)
    expect(permissions.map((p) => [p['Principal'], flat(p['FunctionName'])])).toEqual([['apigateway.amazonaws.com', '<Ingest.Arn>'], ['apigateway.amazonaws.com', '<Query.Arn>']])
    for (const p of permissions) expect(flat(p['SourceArn'])).toMatch(/:execute-api:<AWS::Region>:<AWS::AccountId>:<Api>\//)
  }
})

const outputsOf = (template: typeof REST): Record<string, string> => Object.fromEntries(Object.entries(template.Outputs).map(([name, { Value }]) => [name, flat(Value)]))

test('the outputs have plain names', () => {
  const api = 'https://<Api>.execute-api.<AWS::Region>.<AWS::URLSuffix>/<ApiDeploymentStageprod>/'
  const names = { AdminPasswordParameter: '/nilometer/prod/admin-password', IngestTokenParameter: '/nilometer/prod/ingest-token', BucketName: '<Bucket>' }
  expect(outputsOf(REST)).toEqual({ ApiUrl: api, UiUrl: `${api}web/`, OtlpEndpoint: `${api}api/default`, ...names })
  expect(outputsOf(URLS)).toEqual({
    ApiUrl: '<QueryFunctionUrl.FunctionUrl>', UiUrl: '<QueryFunctionUrl.FunctionUrl>web/', IngestUrl: '<IngestFunctionUrl.FunctionUrl>',
    OtlpEndpoint: '<IngestFunctionUrl.FunctionUrl>api/default', ...names,
  })
  expect(outputsOf(HTTP)).toMatchObject({ ApiUrl: 'https://logs.example.com/', DomainTarget: '<ApiDomain.RegionalDomainName>' })
  const own = outputsOf(synthTemplate(DOMAIN).template)
  expect(own).toMatchObject({ ApiUrl: 'https://logs.example.com/', OtlpEndpoint: 'https://logs.example.com/api/default', DomainTarget: '<ApiCustomDomain.RegionalDomainName>' })
})
