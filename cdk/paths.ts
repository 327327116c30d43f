// The paths of the REST API as a tree in which every request that a route serves has one way down: at
// each node API Gateway takes the fixed name before the variable one and the variable one before the
// rest, and what it does when that way ends nowhere is not written down.

export type Target = 'ingest' | 'query'

/** `{name}` is one segment, `{rest+}` at the end one or more */
export type PathTable = ReadonlyMap<string, Target>

const REST = '{rest+}'
const isVariable = (segment: string): boolean => segment.startsWith('{') && segment !== REST
/** names that begin so are ours: no stream has one, and below them only what the routes name is served */
const isReserved = (segment: string): boolean => segment.startsWith('_')

/** @param paths as in functions/routes.ts: `:name`, and a last `*` */
export const asTemplates = (paths: readonly string[]): readonly string[] =>
  paths.map((path) => path.replace(/:(\w+)/g, '{$1}').replace(/\*$/, REST))

/**
 * Ingest paths to the ingest function, every other path to the query function; what no route serves may
 * end nowhere, and the API itself says 404.
 * @param ingest as in functions/routes.ts
 */
export function restPaths(ingest: readonly string[]): PathTable {
  const table = new Map<string, Target>()
  for (const path of besideNames(asTemplates(ingest))) {
    const segments = path.split('/').slice(1)
    for (const [i] of segments.entries()) {
      const prefix = `/${segments.slice(0, i).join('/')}`
      if (!table.has(prefix)) table.set(prefix, 'query')
    }
    table.set(path, 'ingest')
  }
  for (const path of table.keys()) {
    const open = !path.endsWith(REST) && !path.split('/').some(isReserved) && !childrenOf(table, path).some(isVariable)
    if (open) table.set(path === '/' ? `/${REST}` : `${path}/${REST}`, 'query')
  }
  return table
}

/** what may follow `{stream}` may follow a stream named like one of its fixed neighbours (`v1`) */
function besideNames(paths: readonly string[]): ReadonlySet<string> {
  const all = new Set(paths)
  for (const path of paths) {
    const segments = path.split('/')
    for (const [i, segment] of segments.entries()) {
      if (!isVariable(segment) || i === segments.length - 1) continue
      const before = segments.slice(0, i).join('/')
      for (const name of childrenOf(all, before).filter((child) => !child.startsWith('{') && !isReserved(child))) {
        all.add([before, name, ...segments.slice(i + 1)].join('/'))
      }
    }
  }
  return all
}

function childrenOf(paths: Pick<ReadonlySet<string>, 'keys'>, parent: string): readonly string[] {
  const prefix = parent === '/' ? '/' : `${parent}/`
  return [...new Set([...paths.keys()].filter((path) => path.startsWith(prefix) && path !== prefix).map((path) => path.slice(prefix.length).split('/')[0]!))]
}
