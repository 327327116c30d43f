// OTLP's replies in protobuf, by hand: two messages of two fields each. Field numbers are those of
// opentelemetry/proto/collector/logs/v1/logs_service.proto and google/rpc/status.proto.
import type { PartialSuccess, RpcStatus } from '../../lib/api/ingest.ts'

const encoder = new TextEncoder()

/** base-128, least significant group first; a non-negative safe integer */
function varint(n: number): number[] {
  const out: number[] = []
  while (n >= 0x80) {
    out.push((n % 0x80) | 0x80)
    n = Math.floor(n / 0x80)
  }
  out.push(n)
  return out
}

/** wire type 0; proto3 leaves zero out */
const numberField = (field: number, n: number): number[] => (n === 0 ? [] : [field << 3, ...varint(n)])

/** wire type 2; proto3 leaves empty text out */
function bytesField(field: number, bytes: Uint8Array | number[]): number[] {
  return bytes.length === 0 ? [] : [(field << 3) | 2, ...varint(bytes.length), ...bytes]
}

/** ExportLogsServiceResponse: `partial_success` = 1 { rejected_log_records = 1, error_message = 2 } */
export function otlpLogsProtobuf(partial: PartialSuccess | null): Uint8Array<ArrayBuffer> {
  if (partial === null) return new Uint8Array(0)
  const inner = [...numberField(1, partial.rejected), ...bytesField(2, encoder.encode(partial.message))]
  return Uint8Array.from(bytesField(1, inner))
}

/** google.rpc.Status: `code` = 1, `message` = 2 */
export function rpcStatusProtobuf(status: RpcStatus): Uint8Array<ArrayBuffer> {
  return Uint8Array.from([...numberField(1, status.code), ...bytesField(2, encoder.encode(status.message))])
}
