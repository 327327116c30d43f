// Reads a synthesised template the way an auditor would: resources by type, references as text, and
// what a role may, statement by statement.
import type { Resource, Template } from '../support/template.ts'

export const ofType = (template: Template, type: string): readonly (readonly [id: string, resource: Resource])[] =>
  Object.entries(template.Resources).filter(([, resource]) => resource.Type === type)

/** logical ids end in a hash of the path, and would make every expectation unreadable */
const plain = (id: string): string => id.replace(/[0-9A-F]{8}$/, '')

/** an intrinsic as text: `<Bucket.Arn>/wal/*`, `<Table>` */
export function flat(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value)
  const { Ref, 'Fn::GetAtt': get, 'Fn::Join': join } = value as { Ref?: string; 'Fn::GetAtt'?: readonly [string, string]; 'Fn::Join'?: readonly [string, readonly unknown[]] }
  if (Ref !== undefined) return `<${plain(Ref)}>`
  if (get !== undefined) return `<${plain(get[0])}.${get[1]}>`
  if (join !== undefined) return join[1].map(flat).join(join[0])
  return JSON.stringify(value)
}

export interface Statement {
  readonly Effect: 'Allow' | 'Deny'
  readonly Action: string | readonly string[]
  readonly Resource: unknown
  readonly Principal?: { readonly AWS?: unknown; readonly Service?: unknown }
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}

const list = <T>(value: T | readonly T[]): readonly T[] => (Array.isArray(value) ? value as readonly T[] : [value as T])

export const actionsOf = (statement: Statement): readonly string[] => list(statement.Action)
export const resourcesOf = (statement: Statement): readonly string[] => list(statement.Resource).map(flat)

/** the statements of a role, those of policies attached to it included */
export function statementsOf(template: Template, roleId: string): readonly Statement[] {
  const own = (template.Resources[roleId]!.Properties['Policies'] ?? []) as readonly { PolicyDocument: { Statement: readonly Statement[] } }[]
  const attached = ofType(template, 'AWS::IAM::Policy').map(([, { Properties }]) => Properties)
    .filter(({ Roles }) => (Roles as readonly { Ref: string }[]).some(({ Ref }) => Ref === roleId))
  return [...own.flatMap((policy) => policy.PolicyDocument.Statement), ...attached.flatMap((policy) => (policy['PolicyDocument'] as { Statement: readonly Statement[] }).Statement)]
}

/** the function's resource and the id of its role, by the entry's name */
export function functionOf(template: Template, entry: string): { readonly properties: Readonly<Record<string, unknown>>; readonly roleId: string } {
  const found = ofType(template, 'AWS::Lambda::Function').find(([id]) => plain(id).toLowerCase() === entry)!
  const { Properties } = found[1]
  return { properties: Properties, roleId: (Properties['Role'] as { 'Fn::GetAtt': readonly [string, string] })['Fn::GetAtt'][0] }
}
