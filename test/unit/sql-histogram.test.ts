// histogram(): automatic intervals, snapping, buckets in zones, and the text it answers.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { automaticIntervalSeconds, intervalSeconds, snapInterval } from '../../lib/engine/query/sql/histogram.ts'
import { openTestSession } from '../support/sql.ts'
import type { TestSession } from '../support/sql.ts'
import { failure, fillStreams, rewritten, run } from '../support/sql-front.ts'

let session: TestSession
beforeAll(async () => {
  session = await openTestSession()
  await fillStreams(session)
})
afterAll(() => session.close())

const DAY = 86_400

describe('the automatic interval', () => {
  it('follows the range as OpenObserve has it', () => {
    const table: readonly (readonly [rangeSeconds: number, intervalSeconds: number])[] = [
      [0, 1], [9, 1], [10, 10], [1799, 10], [1800, 15], [3599, 15], [3600, 30], [7199, 30], [7200, 60], [6 * 3600 - 1, 60], [6 * 3600, 3600], [15 * DAY - 1, 3600],
      [15 * DAY, 7200], [21 * DAY - 1, 7200], [21 * DAY, 3 * 3600], [28 * DAY - 1, 3 * 3600], [28 * DAY, 6 * 3600], [30 * DAY - 1, 6 * 3600], [30 * DAY, 12 * 3600], [60 * DAY - 1, 12 * 3600], [60 * DAY, DAY], [3650 * DAY, DAY],
    ]
    for (const [range, interval] of table) expect(automaticIntervalSeconds(5, 5 + range * 1_000_000), `${range} s`).toBe(interval)
  })
})

describe('an interval', () => {
  it('is read with every unit', () => {
    for (const [text, seconds] of [['30s', 30], ['30 sec', 30], [' 5 minutes ', 300], ['5MIN', 300], ['1 h', 3600], ['2 hrs', 7200], ['1 day', DAY], ['7d', 7 * DAY], ['0 seconds', 0]] as const) {
      expect(intervalSeconds(text), text).toBe(seconds)
    }
  })

  it('that is none is 20013', async () => {
    for (const text of ['', '5', 'minute', '1 week', '1 month', '-5 minutes', '1.5 hours', '5 x', '99999999999 days', "5 minutes; DROP"]) {
      const error = await failure(session, `SELECT histogram(_timestamp, '${text}') FROM "default"`)
      expect(error, text).toMatchObject({ slug: 'invalid_query', detail: { code: 20013, position: { line: 1, column: 8 } } })
    }
    expect((await failure(session, 'SELECT histogram(_timestamp, 100) FROM "default"')).detail.code).toBe(20013)
    expect((await failure(session, 'SELECT histogram(_timestamp, level) FROM "default"')).detail.code).toBe(20013)
    expect((await failure(session, "SELECT histogram(_timestamp, '1 day', 'Mars/Base') FROM \"default\"")).detail.code).toBe(20013)
  })

  it('is rounded up to one that divides a day', () => {
    for (const [asked, got] of [[1, 1], [3, 3], [7, 10], [45, 45], [50, 50], [70, 300], [400, 400], [420, 600], [700, 900], [5000, 7200], [18_000, 21_600], [DAY, DAY], [90_000, DAY], [2 * DAY, 2 * DAY]] as const) {
      expect(snapInterval(asked), `${asked} s`).toBe(got)
      expect(got % DAY === 0 || DAY % got === 0).toBe(true)
    }
  })

  it('comes from the call, then from the request, then from the range', async () => {
    const interval = async (args: string, histogramIntervalSeconds = 0): Promise<number | null> =>
      (await rewritten(session, `SELECT histogram(_timestamp${args}) FROM "default"`, { histogramIntervalSeconds })).histogramIntervalSeconds
    expect(await interval(", '5 minutes'", 60)).toBe(300)
    expect(await interval('', 60)).toBe(60)
    expect(await interval('')).toBe(10)
    expect(await interval(", '0 seconds'", 60)).toBe(10)
  })
})

describe('buckets', () => {
  it('are counted by alias, by position and by expression alike', async () => {
    const wanted = [['2026-09-21 14:13:00', '40'], ['2026-09-21 14:14:00', '60']]
    for (const by of ['zo_sql_key', '1', "histogram(_timestamp, '1 minute')"]) {
      const { rows } = await run(session, `SELECT histogram(_timestamp, '1 minute') AS zo_sql_key, count(*) AS zo_sql_num FROM "default" GROUP BY ${by} ORDER BY ${by}`)
      expect(rows, by).toEqual(wanted)
    }
  })

  it('are text wherever more than printing sees them', async () => {
    const one = async (sql: string): Promise<unknown> => (await run(session, sql)).rows[0]?.[0]
    expect(await one("SELECT histogram(_timestamp, '1 minute') || '!' AS h FROM \"default\" ORDER BY _timestamp LIMIT 1")).toBe('2026-09-21T14:13:00!')
    expect(await one("SELECT h FROM (SELECT histogram(_timestamp, '1 minute') AS h FROM \"default\") q ORDER BY h LIMIT 1")).toBe('2026-09-21T14:13:00')
    expect(await one("WITH q AS (SELECT histogram(_timestamp, '1 minute') AS h, count(*) AS c FROM \"default\" GROUP BY h) SELECT max(h) FROM q")).toBe('2026-09-21T14:14:00')
    expect(await one("SELECT count(*) FROM \"default\" WHERE histogram(_timestamp, '1 minute') = '2026-09-21T14:13:00'")).toBe('40')
    expect(await one("SELECT histogram(_timestamp, '1 minute') AS h, substr(h, 12) AS t FROM \"default\" ORDER BY n LIMIT 1")).toBe('2026-09-21T14:13:00')
    expect(await one("SELECT substr(histogram(_timestamp, '1 minute'), 1, 10) AS d, count(*) FROM \"default\" GROUP BY histogram(_timestamp, '1 minute')")).toBe('2026-09-21')
  })

  it('take integers, timestamps and text, before 1970 too', async () => {
    const bucket = async (value: string): Promise<unknown> => (await run(session, `SELECT histogram(${value}, '1 hour') || '' AS h FROM other LIMIT 1`)).rows[0]![0]
    expect(await bucket('CAST(-1 AS BIGINT)')).toBe('1969-12-31T23:00:00')
    expect(await bucket('-3600000000')).toBe('1969-12-31T23:00:00')
    expect(await bucket("TIMESTAMP '2026-01-02 03:04:05'")).toBe('2026-01-02T03:00:00')
    expect(await bucket("'2026-01-02 03:04:05'")).toBe('2026-01-02T03:00:00')
    expect(await bucket('to_timestamp_micros(1790000000000000)')).toBe('2026-09-21T14:00:00')
    expect(await bucket('(SELECT 1790000000000000)')).toBe('2026-09-21T14:00:00')
    expect(await bucket("(SELECT '1790000000000000')")).toBe('2026-09-21T14:00:00')
    expect(await bucket('NULL')).toBeNull()
  })

  it('of a zone begin at its midnight and are told in UTC', async () => {
    const bucket = async (time: string, interval: string, zone: string): Promise<unknown> =>
      (await run(session, `SELECT histogram(TIMESTAMP '${time}', '${interval}', '${zone}') || '' AS h`)).rows[0]![0]
    expect(await bucket('2026-07-10 23:30:00', '1 day', 'Europe/Paris')).toBe('2026-07-10T22:00:00')
    expect(await bucket('2026-01-10 23:30:00', '1 day', 'Europe/Paris')).toBe('2026-01-10T23:00:00')
    expect(await bucket('2026-07-10 20:00:00', '1 day', '+08:00')).toBe('2026-07-10T16:00:00')
    expect(await bucket('2026-07-10 20:00:00', '1 hour', 'Asia/Kolkata')).toBe('2026-07-10T19:30:00')
    expect(await bucket('2026-07-10 20:00:00', '1 day', 'UTC')).toBe('2026-07-10T00:00:00')
    // the hour that comes twice when summer time ends is two buckets
    expect(await bucket('2026-10-25 00:30:00', '1 hour', 'Europe/Paris')).toBe('2026-10-25T00:00:00')
    expect(await bucket('2026-10-25 01:30:00', '1 hour', 'Europe/Paris')).toBe('2026-10-25T01:00:00')
    // the day of the change is one bucket of 25 hours
    expect(await bucket('2026-10-24 22:30:00', '1 day', 'Europe/Paris')).toBe('2026-10-24T22:00:00')
    expect(await bucket('2026-10-25 22:30:00', '1 day', 'Europe/Paris')).toBe('2026-10-24T22:00:00')
  })
})
