// The second wall between organisations (`isolation: iam`): a role that may read only the objects of
// the organisation its session is tagged with. A leaf has no read of its own and takes this role with
// the tag of the organisation it works for; a mistake in our code then still reads nobody else's rows.
import { ArnPrincipal, CfnPolicy, PolicyDocument, PolicyStatement, Role } from 'aws-cdk-lib/aws-iam'
import type { Function } from 'aws-cdk-lib/aws-lambda'
import type { Construct } from 'constructs'
import { ENV, grantsOf, tenantKeys, TENANT_TAG } from '../lib/env.ts'
import { acknowledgeKeys } from './nag.ts'
import type { Options } from './options.ts'
import type { Storage } from './storage.ts'

/** What `isolation: iam` adds to a leaf: the role, the right to take it, and its name. */
export function isolateLeaf(scope: Construct, options: Options, storage: Storage, leaf: Function): Role {
  const tenantRole = newTenantRole(scope, storage, leaf.role!.roleArn)
  leaf.addEnvironment(ENV.tenantRole.name, tenantRole.roleArn)
  // Apart from the leaf's own policies, for the two roles name each other.
  const { actions } = grantsOf('leaf', { isolation: options.isolation, removal: options.removalPolicy }).find(({ on }) => on === 'tenantRole')!
  const policy = new CfnPolicy(scope, 'LeafTakesTenantRole', {
    policyName: 'tenant',
    policyDocument: new PolicyDocument({ statements: [new PolicyStatement({ actions: [...actions], resources: [tenantRole.roleArn] })] }),
    roles: [leaf.role!.roleName],
  })
  leaf.node.addDependency(policy)
  return tenantRole
}

/** taken by the leaf's role only, and only with the one tag */
function newTenantRole(scope: Construct, { bucket, key }: Storage, leafRoleArn: string): Role {
  const read = new PolicyStatement({
    actions: ['s3:GetObject'],
    resources: tenantKeys(`\${aws:PrincipalTag/${TENANT_TAG}}`).map((keys) => bucket.arnForObjects(keys)),
  })
  const statements = key === null ? [read] : [read, new PolicyStatement({ actions: ['kms:Decrypt'], resources: [key.keyArn] })]
  const role = new Role(scope, 'TenantRole', {
    assumedBy: new ArnPrincipal(leafRoleArn).withConditions({
      'ForAllValues:StringEquals': { 'aws:TagKeys': [TENANT_TAG] },
      Null: { [`aws:RequestTag/${TENANT_TAG}`]: 'false' },
    }).withSessionTags(),
    inlinePolicies: { read: new PolicyDocument({ statements }) },
    description: 'reads the objects of one organisation, named by the tag of its session',
  })
  acknowledgeKeys(role, statements)
  return role
}
