// The one door to the decoders: which of them reads a body follows from its route and format.
import type { Check, Decode } from './contract.ts'
import { checkBulk, decodeBulk } from './bulk.ts'
import { checkJson, decodeJson } from './json.ts'
import { checkMulti, decodeMulti } from './multi.ts'
import { checkOtlpLogsJson, decodeOtlpLogsJson } from './otlp-logs-json.ts'
import { checkOtlpLogs, decodeOtlpLogs } from './otlp-logs.ts'

/** judges every record of a body; see `Check` for what it throws */
export const check: Check = (body, context) => {
  switch (context.route) {
    case 'json': return checkJson(body, context)
    case 'multi': return checkMulti(body, context)
    case 'bulk': return checkBulk(body, context)
    case 'otlp-logs': return context.format === 'protobuf' ? checkOtlpLogs(body, context) : checkOtlpLogsJson(body, context)
  }
}

/** writes every accepted record of a checked body into its stream's table */
export const decode: Decode = (body, context, rejected, message, tables) => {
  switch (context.route) {
    case 'json': return decodeJson(body, context, rejected, message, tables)
    case 'multi': return decodeMulti(body, context, rejected, message, tables)
    case 'bulk': return decodeBulk(body, context, rejected, message, tables)
    case 'otlp-logs':
      return context.format === 'protobuf' ? decodeOtlpLogs(body, context, rejected, message, tables) : decodeOtlpLogsJson(body, context, rejected, message, tables)
  }
}
