// What stands between the Internet and the two functions that answer requests. Three kinds with the
// same paths behind them: a REST API (its own faults are told as 503 with Retry-After, so that no
// shipper drops a batch for them), an HTTP API (a third of the price, faults told its way), and
// function URLs (free, but each has its own host name: one to send to, one to ask).
import { Stack } from 'aws-cdk-lib'
import { ApiDefinition, EndpointType, SecurityPolicy, SpecRestApi } from 'aws-cdk-lib/aws-apigateway'
import { CfnApi, CfnApiMapping, CfnDomainName, CfnIntegration, CfnRoute, CfnStage } from 'aws-cdk-lib/aws-apigatewayv2'
import { Certificate } from 'aws-cdk-lib/aws-certificatemanager'
import { ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { FunctionUrlAuthType, InvokeMode, type Function } from 'aws-cdk-lib/aws-lambda'
import type { Construct } from 'constructs'
import { INGEST_PATHS } from '../functions/routes.ts'
import { gatewayResponses } from './gateway-responses.ts'
import type { EdgeKind, Options } from './options.ts'
import { asTemplates, restPaths, type Target } from './paths.ts'

export type Behind = Readonly<Record<Target, Function>>

export interface Edge {
  /** base URLs, each with a last slash; the same one but for function URLs */
  readonly apiUrl: string
  readonly ingestUrl: string
  /** what the DNS record of the domain must point to; null: no domain */
  readonly domainTarget: string | null
}

/** How long a search may run behind each: API Gateway waits 29 or 30 s, a function URL as long as its function. */
export const ANSWER_SECONDS: Readonly<Record<EdgeKind, number>> = { rest: 28, http: 28, 'function-url': 299 }

/** Requests in a second and at once: ten times what 1 TB a day in 264 KB requests needs, and a bound on what a flood can cost. */
const THROTTLE = { rate: 500, burst: 1_000 }

export function newEdge(scope: Construct, options: Options, behind: Behind): Edge {
  switch (options.edge) {
    case 'rest': return restEdge(scope, options, behind)
    case 'http': return httpEdge(scope, options, behind)
    case 'function-url': return urlEdge(behind)
  }
}

const APIGATEWAY = new ServicePrincipal('apigateway.amazonaws.com')

function restEdge(scope: Construct, options: Options, behind: Behind): Edge {
  const { partition, region } = Stack.of(scope)
  const integration = (target: Target): object => ({
    type: 'aws_proxy', httpMethod: 'POST', passthroughBehavior: 'when_no_match',
    uri: `arn:${partition}:apigateway:${region}:lambda:path/2015-03-31/functions/${behind[target].functionArn}/invocations`,
  })
  const paths = [...restPaths(INGEST_PATHS)].map(([path, target]) => {
    const parameters = [...path.matchAll(/\{(\w+)\+?\}/g)].map((m) => ({ name: m[1]!, in: 'path', required: true, schema: { type: 'string' } }))
    return [path, { 'x-amazon-apigateway-any-method': { parameters, responses: {}, 'x-amazon-apigateway-integration': integration(target) } }]
  })
  const api = new SpecRestApi(scope, 'Api', {
    restApiName: `nilometer-${options.stage}`,
    // In one document, for a change of it replaces all that stood there before.
    apiDefinition: ApiDefinition.fromInline({
      openapi: '3.0.1',
      info: { title: `nilometer-${options.stage}`, version: '1' },
      paths: Object.fromEntries(paths),
      'x-amazon-apigateway-binary-media-types': ['*/*'],
      'x-amazon-apigateway-gateway-responses': gatewayResponses(),
    }),
    endpointTypes: [EndpointType.REGIONAL],
    cloudWatchRole: false,
    deployOptions: { stageName: options.stage, throttlingRateLimit: THROTTLE.rate, throttlingBurstLimit: THROTTLE.burst },
    ...(options.domain === null ? {} : {
      domainName: {
        domainName: options.domain.name, endpointType: EndpointType.REGIONAL, securityPolicy: SecurityPolicy.TLS_1_2,
        certificate: Certificate.fromCertificateArn(scope, 'Certificate', options.domain.certificateArn),
      },
    }),
  })
  // CDK's own output of the same URL.
  api.node.tryRemoveChild('Endpoint')
  for (const fn of [behind.ingest, behind.query]) fn.addPermission('ByApi', { principal: APIGATEWAY, sourceArn: api.arnForExecuteApi('*', '/*', options.stage) })
  const url = options.domain === null ? api.url : `https://${options.domain.name}/`
  return { apiUrl: url, ingestUrl: url, domainTarget: api.domainName?.domainNameAliasDomainName ?? null }
}

function httpEdge(scope: Construct, options: Options, behind: Behind): Edge {
  const api = new CfnApi(scope, 'Api', { name: `nilometer-${options.stage}`, protocolType: 'HTTP' })
  const { partition, region, account } = Stack.of(scope)
  const target = (name: Target): string => {
    const integration = new CfnIntegration(scope, `Api${name}`, {
      apiId: api.ref, integrationType: 'AWS_PROXY', integrationUri: behind[name].functionArn, payloadFormatVersion: '2.0', timeoutInMillis: 30_000,
    })
    behind[name].addPermission('ByApi', { principal: APIGATEWAY, sourceArn: `arn:${partition}:execute-api:${region}:${account}:${api.ref}/*` })
    return `integrations/${integration.ref}`
  }
  const [ingest, query] = [target('ingest'), target('query')]
  for (const [i, path] of asTemplates(INGEST_PATHS).entries()) new CfnRoute(scope, `ApiRoute${i}`, { apiId: api.ref, routeKey: `ANY ${path}`, target: ingest })
  new CfnRoute(scope, 'ApiRouteElse', { apiId: api.ref, routeKey: '$default', target: query })
  const stage = new CfnStage(scope, 'ApiStage', {
    apiId: api.ref, stageName: '$default', autoDeploy: true,
    defaultRouteSettings: { throttlingRateLimit: THROTTLE.rate, throttlingBurstLimit: THROTTLE.burst },
  })
  const url = options.domain === null ? `${api.attrApiEndpoint}/` : `https://${options.domain.name}/`
  return { apiUrl: url, ingestUrl: url, domainTarget: options.domain === null ? null : httpDomain(scope, options.domain, api, stage) }
}

function httpDomain(scope: Construct, { name, certificateArn }: NonNullable<Options['domain']>, api: CfnApi, stage: CfnStage): string {
  const domain = new CfnDomainName(scope, 'ApiDomain', {
    domainName: name, domainNameConfigurations: [{ certificateArn, endpointType: 'REGIONAL', securityPolicy: 'TLS_1_2' }],
  })
  new CfnApiMapping(scope, 'ApiMapping', { apiId: api.ref, domainName: domain.ref, stage: stage.ref })
  return domain.attrRegionalDomainName
}

function urlEdge(behind: Behind): Edge {
  const url = (target: Target): string => {
    const own = behind[target].addFunctionUrl({ authType: FunctionUrlAuthType.NONE, invokeMode: InvokeMode.BUFFERED })
    return own.url
  }
  return { apiUrl: url('query'), ingestUrl: url('ingest'), domainTarget: null }
}
