// Which function answers which path, for an edge that routes by path: what needs the permission to
// ingest goes to the ingest function, but for the flush, which asks about what can be searched.
import { ROUTES } from '../lib/engine/access/permit.ts'

const FLUSH = '/node/flush'
const isIngest = ({ need, path }: (typeof ROUTES)[number]): boolean => need === 'ingest' && path !== FLUSH

const pathsOf = (ingest: boolean): readonly string[] => [...new Set(ROUTES.filter((row) => isIngest(row) === ingest).map(({ path }) => path))]

/** `:name` stands for one segment, a last `*` for one or more, as in lib/engine/access/permit.ts */
export const INGEST_PATHS: readonly string[] = pathsOf(true)
/** these, and whatever else comes: it answers 404 for the rest */
export const QUERY_PATHS: readonly string[] = pathsOf(false)
