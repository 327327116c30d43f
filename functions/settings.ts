// The settings on AWS, where they differ from embedded mode's: Lambda takes and gives at most 6 MB of
// text for one invocation, and what is queued is paid for by the chunk.
import { DEFAULT_SETTINGS, checkSettings, type Settings } from '../lib/engine/settings.ts'

/** an invocation's answer as Lambda takes it, bytes of JSON text */
export const LAMBDA_ANSWER_BYTES_MAX = 6 * 2 ** 20
/** of which status, headers and the names around the body take less than */
export const LAMBDA_ANSWER_HEAD_BYTES = 64 * 2 ** 10
/** a body that always fits, for base64 makes 4 bytes of 3: as large as the largest request body */
export const ANSWER_BODY_BYTES_MAX = 4_500_000

/** what a search answer has around its rows: column names, counts, the receipt */
const SEARCH_HEAD_BYTES = 500_000

export interface Deployment {
  readonly retentionDays: number
  /** longest search; absent where there are none */
  readonly answerSeconds?: number
}

export function settingsOnAws({ retentionDays, answerSeconds }: Deployment): Settings {
  return checkSettings({
    ...DEFAULT_SETTINGS,
    bodyBytesMax: 4_500_000,
    // Whatever fits a message of 1 MiB as base64 beside the largest header (28 KiB are left for it): a blob
    // that stays for weeks costs more than the chunks of any message (docs/cost.md).
    spillAboveBytes: 740 * 1_024,
    replyBytesMax: ANSWER_BODY_BYTES_MAX,
    // /tmp of the query function is 2 GB: what its leaves send lies there, beside the sandbox's own files.
    gatherBytesMax: 1.5 * 2 ** 30,
    queryBytesMax: ANSWER_BODY_BYTES_MAX - SEARCH_HEAD_BYTES,
    retentionDays,
    ...(answerSeconds === undefined ? {} : { queryDeadlineMs: answerSeconds * 1_000 }),
  })
}
