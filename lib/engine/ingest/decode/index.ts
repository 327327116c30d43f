// The one door to the decoders: which of them reads a body follows from its route and format.
import type { Check, Decode, DecodeContext } from './contract.ts'
import { checkBulk, decodeBulk, keptBulkWalk } from './bulk.ts'
import { checkJson, decodeJson, keptReaders } from './json.ts'
import { checkMulti, decodeMulti } from './multi.ts'
import { checkOtlpLogsJson, decodeOtlpLogsJson, keptJsonWalks } from './otlp-logs-json.ts'
import { checkOtlpLogs, decodeOtlpLogs, keptWalks } from './otlp-logs.ts'

type Kind = 'text' | 'bulk' | 'protobuf' | 'otlp-json'
const KEEPERS: Readonly<Record<Kind, () => unknown>> = { text: keptReaders, bulk: keptBulkWalk, protobuf: keptWalks, 'otlp-json': keptJsonWalks }
/** of a kind that was met once: undefined; more often: what keeps its compiled code alive */
const kept = new Map<Kind, unknown>()

/** With the second body of a kind: a function that was started for one body is not to wait for any of this. */
function keepFor({ route, format }: DecodeContext): void {
  const kind = route === 'bulk' ? 'bulk' : route !== 'otlp-logs' ? 'text' : format === 'protobuf' ? 'protobuf' : 'otlp-json'
  if (kept.get(kind) === undefined) kept.set(kind, kept.has(kind) ? KEEPERS[kind]() : undefined)
}

/** judges every record of a body; see `Check` for what it throws */
export const check: Check = (body, context) => {
  keepFor(context)
  switch (context.route) {
    case 'json': return checkJson(body, context)
    case 'multi': return checkMulti(body, context)
    case 'bulk': return checkBulk(body, context)
    case 'otlp-logs': return context.format === 'protobuf' ? checkOtlpLogs(body, context) : checkOtlpLogsJson(body, context)
  }
}

/** writes every accepted record of a checked body into its stream's table */
export const decode: Decode = (body, context, rejected, message, tables) => {
  keepFor(context)
  switch (context.route) {
    case 'json': return decodeJson(body, context, rejected, message, tables)
    case 'multi': return decodeMulti(body, context, rejected, message, tables)
    case 'bulk': return decodeBulk(body, context, rejected, message, tables)
    case 'otlp-logs':
      return context.format === 'protobuf' ? decodeOtlpLogs(body, context, rejected, message, tables) : decodeOtlpLogsJson(body, context, rejected, message, tables)
  }
}
