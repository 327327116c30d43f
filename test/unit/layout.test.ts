// The layout's keys, letter by letter: they are an on-disk format that other programs read.
import { describe, expect, it } from 'vitest'
import {
  fileKey, lineageKey, markKey, packKey, parkedKey, parseListItem, parseObjectKey, spillKey, ulidTimeMs,
} from '../../lib/engine/store/layout.ts'
import {
  claimItem, documentIdOf, documentItem, dropItem, fileItem, garbageItem, packItem, rememberedItem, schemaItem, streamItem,
} from '../../lib/model/item-key.ts'

const FID = '01JD6M3Q8W0000000000000001'
const file = { org: 'o1', type: 'logs' as const, stream: 'größe:a', day: '2026-11-21', streamId: '00aa11bb22cc33dd', inc: 2, fid: FID }

describe('object keys', () => {
  it('are those of the commit protocol', () => {
    expect(packKey('o1', FID)).toBe(`fresh/o1/${FID}.pack`)
    expect(fileKey(file)).toBe(`data/org=o1/type=logs/stream=gr%C3%B6%C3%9Fe%3Aa/date=2026-11-21/00aa11bb22cc33dd.2.${FID}.parquet`)
    expect(lineageKey('o1', '2026-11-21', FID)).toBe(`lineage/o1/2026-11-21/${FID}.json`)
    expect(markKey('o1', '00aa11bb22cc33dd', 3)).toBe('marks/o1/00aa11bb22cc33dd/3.deleted')
    expect(spillKey('o1', FID)).toBe(`wal/o1/${FID}`)
    expect(parkedKey('o1', '2026-11-21', `${FID}~2`)).toBe(`quarantine/o1/2026-11-21/${FID}~2`)
  })

  it.each([
    ['another prefix', `cold/o1/${FID}.pack`],
    ['a day that is none', `quarantine/o1/2026-02-30/${FID}`],
    ['an organisation that is none', `fresh/O1/${FID}.pack`],
    ['a fid of another alphabet', `fresh/o1/${FID.replace('1', 'U')}.pack`],
    ['a folder too many', `fresh/o1/x/${FID}.pack`],
    ['a stream type that is none', fileKey(file).replace('type=logs', 'type=log')],
    ['a name encoded in another way', fileKey(file).replace('%C3', '%c3')],
    ['an incarnation with a leading zero', fileKey(file).replace('.2.', '.02.')],
    ['more after the end', `fresh/o1/${FID}.pack\n`],
  ])('with %s are none of ours', (_, key) => expect(parseObjectKey(key)).toBeNull())
})

describe('list items', () => {
  it('are those of the commit protocol', () => {
    expect(packItem('o1', FID)).toEqual({ pk: 'F#o1', sk: FID })
    expect(fileItem('o1', 'ab', 2, '2026-11-21', FID)).toEqual({ pk: 'L#o1#ab#2', sk: `2026-11-21#${FID}` })
    expect(claimItem('o1', FID)).toEqual({ pk: `C#o1#${FID}`, sk: '-' })
    expect(garbageItem('o1', FID)).toEqual({ pk: 'G#o1', sk: FID })
    expect(dropItem('o1', FID)).toEqual({ pk: 'D#o1', sk: FID })
    expect(streamItem('o1', 'logs', 'a')).toEqual({ pk: 'S#o1', sk: 'logs#a' })
    expect(schemaItem('o1', 'ab', 2)).toEqual({ pk: 'M#o1', sk: 'ab#2' })
    expect(rememberedItem('o1', 'ff')).toEqual({ pk: 'K#o1#ff', sk: '-' })
    expect(documentItem('_platform', 'user', 'a#b@c')).toEqual({ pk: '_platform#user', sk: 'a#b@c' })
  })

  it('of other kinds name no entry', () => {
    expect(parseListItem(claimItem('o1', FID))).toBeNull()
    expect(parseListItem(schemaItem('o1', 'ab', 2))).toBeNull()
  })

  it('take no part that holds a #, for it could name another organisation\'s item', () => {
    expect(() => packItem('o1', 'a#b')).toThrow('holds no "#"')
    expect(() => claimItem('o1#x', FID)).toThrow('holds no "#"')
    expect(() => schemaItem('o1', 'a#b', 1)).toThrow('holds no "#"')
    expect(() => documentItem('o1', 'a#b', 'id')).toThrow('holds no "#"')
  })

  it('of documents have a sort key of their own for every id, never an empty one', () => {
    const ids = ['', '~', '~~', '~a', 'a', 'a~', ' ']
    const sks = ids.map((id) => documentItem('o1', 'k', id).sk)
    expect(sks).toEqual(['~', '~~', '~~~', '~~a', 'a', 'a~', ' '])
    expect(sks.map(documentIdOf)).toEqual(ids)
  })

  it('of one stream sort by day', () => {
    expect(fileItem('o1', 'ab', 1, '2026-11-20', 'Z').sk < fileItem('o1', 'ab', 1, '2026-11-21', '0').sk).toBe(true)
  })
})

describe('the time in a ULID', () => {
  it('is its first ten characters', () => {
    expect(ulidTimeMs('01ARZ3NDEKTSV4RRFFQ69G5FAV')).toBe(1_469_922_850_259)
    expect(ulidTimeMs('01ARZ3NDEKTSV4RRFFQ69G5FAV~3')).toBe(1_469_922_850_259)
  })
  it('is not a number for another text', () => expect(ulidTimeMs('hello')).toBeNaN())
})
