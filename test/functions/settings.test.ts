// The settings on AWS fit what SQS and Lambda take, at their worst.
import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { settingsOnAws } from '../../functions/settings.ts'
import { encodeMessage, MESSAGE_TEXT_MAX } from '../../lib/aws/message.ts'
import { encodeEnvelope } from '../../lib/engine/ingest/envelope.ts'
import type { OrgId } from '../../lib/model/stream.ts'

const settings = settingsOnAws({ retentionDays: 30 })

test('the largest body that does not spill fits a message, with the largest header there is', () => {
  const org = 'o'.repeat(64) as OrgId
  const bid = '01M7ZBVTS8708YCXYNC7A2P78E'
  const at = Number.MAX_SAFE_INTEGER
  const body = randomBytes(settings.spillAboveBytes)
  // Every second record refused: nothing but a bitmap of all of them says which.
  const rejected = Array.from({ length: settings.recordsMax / 2 }, (_, i) => 2 * i + 1)
  const bytes = encodeEnvelope({
    v: 1, bid, org, acceptedAt: at, sentAt: at, coding: 'identity', rejected, records: settings.recordsMax,
    rawBytes: settings.inflatedBytesMax, bodyBytes: body.length, spill: null, replay: 1e9,
    context: {
      route: 'otlp-logs', format: 'protobuf', stream: '\u{1F30A}'.repeat(25), acceptedAt: at, oldest: at, newest: at, flattenLevels: settings.flattenLevels,
      recordsMax: settings.recordsMax, recordBytesMax: settings.recordBytesMax, recordFieldsMax: settings.recordFieldsMax, keyBytesMax: settings.keyBytesMax,
      depthMax: settings.depthMax, requestStreamsMax: settings.requestStreamsMax, requestPartitionsMax: settings.requestPartitionsMax,
    },
  }, body)
  expect(encodeMessage({ org, bid: `${bid}~999999999`, bytes }).length).toBeLessThanOrEqual(MESSAGE_TEXT_MAX)
})
