// Streams, schemas, remembered requests and documents as items of DynamoDB. Promises: what is decoded
// is what was encoded; any other item throws an EngineError that names it; one too large for DynamoDB
// is refused with its own reason before anything is sent.
import type { Document, RememberedRequest } from '../engine/ports.ts'
import { EngineError } from '../model/errors.ts'
import type { ErrorSlug } from '../model/errors.ts'
import { documentIdOf, documentItem, rememberedItem, schemaItem, streamItem } from '../model/item-key.ts'
import { FIELD_TYPES } from '../model/schema.ts'
import type { FieldType, Fields, Schema } from '../model/schema.ts'
import { STREAM_TYPES } from '../model/stream.ts'
import type { OrgId, StreamItem, StreamSettings } from '../model/stream.ts'
import { expiry, jsonAttributes, jsonOf, jsonTextOf, keyAttributes, textOf, unreadable, whole, wholeOf } from './attributes.ts'
import type { Item } from './attributes.ts'
import { ITEM_BYTES_MAX, itemBytes } from './item-size.ts'

function fitting(item: Item, slug: ErrorSlug, what: string): Item {
  const bytes = itemBytes(item)
  if (bytes <= ITEM_BYTES_MAX) return item
  throw new EngineError(slug, `${what} takes ${bytes} bytes, compressed: an item of the catalog holds ${ITEM_BYTES_MAX}`)
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value)

const STREAM_STATES = { live: 'l', deleted: 'd' } as const

/** history and settings are apart from `inc` and each other: each is changed alone, on its own condition */
export function encodeStream({ org, type, name, id, inc, history, settings, state }: StreamItem): Item {
  return fitting({
    ...keyAttributes(streamItem(org, type, name)), id: { S: id }, inc: whole(inc), st: { S: STREAM_STATES[state] },
    hs: { S: JSON.stringify(history) }, ...jsonAttributes(settings),
  }, 'payload_too_large', `the item of stream ${name}`)
}

export function decodeStream(org: OrgId, item: Item): StreamItem {
  const sk = textOf(item, 'sk')
  const type = STREAM_TYPES.find((t) => sk.startsWith(`${t}#`))
  const st = textOf(item, 'st')
  const state = st === STREAM_STATES.live ? 'live' : st === STREAM_STATES.deleted ? 'deleted' : null
  if (type === undefined || state === null) throw unreadable(item, `its type or state is none of ours: '${st}'`)
  const settings = jsonOf(item)
  if (!isObject(settings)) throw unreadable(item, 'its settings are no object')
  return {
    org, type, name: sk.slice(type.length + 1), id: textOf(item, 'id'), inc: wholeOf(item, 'inc', 1),
    history: historyOf(item), settings: settings as StreamSettings, state,
  }
}

function historyOf(item: Item): StreamItem['history'] {
  const history = jsonTextOf(item, 'hs')
  const isStep = (step: unknown): boolean => isObject(step) && Number.isSafeInteger(step['inc']) && Number.isSafeInteger(step['from'])
  if (!Array.isArray(history) || !history.every(isStep)) throw unreadable(item, 'its history is none')
  return history as StreamItem['history']
}

/** 5,000 fields, the most a stream has, fit with names of 128 random hex digits; what does not is refused as too many fields */
export function encodeSchema(org: string, streamId: string, inc: number, { version, fields }: Schema): Item {
  return fitting({ ...keyAttributes(schemaItem(org, streamId, inc)), v: whole(version), ...jsonAttributes(fields) },
    'too_many_fields', `the schema of stream ${streamId} (${Object.keys(fields).length} fields)`)
}

export function decodeSchema(item: Item): Schema {
  const fields = jsonOf(item)
  if (!isObject(fields) || !Object.values(fields).every((type) => FIELD_TYPES.includes(type as FieldType))) {
    throw unreadable(item, 'its fields have other types')
  }
  return { version: wholeOf(item, 'v', 1), fields: fields as Fields }
}

/** `ex` is the instant itself, `exp` the second after which DynamoDB may remove the item */
export function encodeRemembered(org: string, keyHash: string, { bid, bodyHash, acceptedAt, expiresAt }: RememberedRequest): Item {
  return {
    ...keyAttributes(rememberedItem(org, keyHash)), b: { S: bid }, h: { S: bodyHash }, at: whole(acceptedAt), ex: whole(expiresAt), exp: expiry(expiresAt),
  }
}

export function decodeRemembered(item: Item): RememberedRequest {
  return { bid: textOf(item, 'b'), bodyHash: textOf(item, 'h'), acceptedAt: wholeOf(item, 'at'), expiresAt: wholeOf(item, 'ex') }
}

export function encodeDocument(org: string, kind: string, { id, version, value }: Document): Item {
  return fitting({ ...keyAttributes(documentItem(org, kind, id)), v: whole(version), ...jsonAttributes(value) },
    'payload_too_large', `the document '${id.slice(0, 100)}'`)
}

export const decodeDocument = (item: Item): Document =>
  ({ id: documentIdOf(textOf(item, 'sk')), version: wholeOf(item, 'v', 1), value: jsonOf(item) })
