// The route table and what credentials may do with it.
import { describe, expect, test } from 'vitest'
import { ROLE_PERMISSIONS, type Permission, type Principal, type Role } from '../../lib/model/access.ts'
import { EngineError } from '../../lib/model/errors.ts'
import type { OrgId } from '../../lib/model/stream.ts'
import { matchRoute, permit, ROUTES } from '../../lib/engine/access/permit.ts'

const slugOf = (run: () => unknown): string => {
  try {
    run()
    return 'none'
  } catch (error) {
    return (error as EngineError).slug
  }
}
const principal = (role: Role, kind: Principal['kind'] = 'password'): Principal =>
  ({ kind, name: 'x', role, orgs: role === 'root' ? null : ['o1' as OrgId] })
const known = (org: string): boolean => org === 'default' || org === 'o1'
const concrete = (path: string): string => path.replace(':org', 'o1').replace(':stream', 's').replace('*', 'x/y')

describe('matching', () => {
  test('every row of the table is reached by its own method and path', () => {
    for (const row of ROUTES) {
      for (const method of row.methods) expect(matchRoute(method, concrete(row.path)).row.need).toBe(row.need)
    }
  })

  test('what is not in the table does not exist', () => {
    for (const path of ['/', '/api', '/api/o1/nothing', '//api//o1//streams', '/api/o1/streams;x=1', '/API/o1', '/api/o1/s/_json/x', '/..%2fapi/o1', '/api/o1/%']) {
      expect([path, slugOf(() => matchRoute('GET', path))]).toEqual([path, 'not_found'])
    }
    expect(slugOf(() => matchRoute('DELETE', '/api/o1/_search'))).toBe('not_found')
  })

  test('one trailing slash is the same route', () => {
    expect(matchRoute('GET', '/api/o1/streams/').row.path).toBe('/api/:org/streams')
    expect(matchRoute('HEAD', '/api/o1/').row.path).toBe('/api/:org')
  })

  test('an organisation that is not one is refused before anything else', () => {
    for (const org of ['%2e%2e', '%252e%252e%252f', 'o1%2Fo2', 'O1', 'o1%20', '%EF%BD%8F1', 'a'.repeat(300), '-a', 'null%00']) {
      expect([org, slugOf(() => matchRoute('GET', `/api/${org}/streams`))]).toEqual([org, 'invalid_org'])
    }
  })
})

describe('permissions', () => {
  test('roles are monotone from viewer to root', () => {
    const order: readonly Role[] = ['viewer', 'editor', 'admin', 'root']
    order.slice(1).forEach((role, i) => {
      for (const p of ROLE_PERMISSIONS[order[i]!]) expect(ROLE_PERMISSIONS[role].has(p)).toBe(true)
    })
  })

  test('a token that may write reaches the ingest rows and no other', () => {
    for (const row of ROUTES) {
      if (row.need === null) continue
      const slug = slugOf(() => permit(principal('ingest', 'token'), row.need as Permission, 'o1', known))
      expect([row.path, slug]).toEqual([row.path, row.need === 'ingest' ? 'none' : 'scope'])
    }
  })

  test('a credential of one organisation is refused in another, whatever the route', () => {
    for (const row of ROUTES) {
      if (row.need !== null) expect(slugOf(() => permit(principal('admin'), row.need as Permission, 'default', known))).toBe('org')
    }
  })

  test('root may act in every organisation there is, and a typo makes no new one', () => {
    expect(permit(principal('root'), 'admin', 'default', known)).toBe('default')
    expect(permit(principal('root'), 'ingest', null, known)).toBe('default')
    expect(slugOf(() => permit(principal('root'), 'ingest', 'defualt', known))).toBe('org')
  })

  test('a viewer may not write', () => {
    expect(slugOf(() => permit(principal('viewer'), 'ingest', 'o1', known))).toBe('role')
  })
})
