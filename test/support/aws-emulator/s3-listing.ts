// Listings in S3's order, that of the keys' bytes: fauxqs sorts as people do (`a` before `B`) and pages
// by bytes, so its pages miss keys. Keeps its own index of what was put and deleted through it, one
// object at a time. docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
import type { Answer, AwsRequest, Forward } from './request.ts'

interface Listed {
  readonly bytes: number
  readonly etag: string
  readonly modifiedAt: Date
}

const PAGE_KEYS = 1_000

export interface S3Listing {
  readonly forward: Forward
  readonly has: (bucket: string, key: string) => boolean
}

export function s3Listing(forward: Forward): S3Listing {
  const buckets = new Map<string, Map<string, Listed>>()

  function indexOf(bucket: string): Map<string, Listed> {
    const index = buckets.get(bucket) ?? new Map<string, Listed>()
    buckets.set(bucket, index)
    return index
  }

  async function listed(request: AwsRequest): Promise<Answer> {
    const answer = await forward(request)
    if (answer.status >= 300) return answer
    const { operation, bucket, key, body } = request
    if (operation === 'PutObject') indexOf(bucket).set(key, { bytes: body.length, etag: String(answer.headers['etag'] ?? ''), modifiedAt: new Date() })
    if (operation === 'DeleteObject') indexOf(bucket).delete(key)
    if (operation !== 'ListObjectsV2' || query(request).has('delimiter')) return answer
    return { ...answer, headers: { 'content-type': 'application/xml' }, body: Buffer.from(pageOf(request, indexOf(bucket))) }
  }

  return { forward: listed, has: (bucket, key) => buckets.get(bucket)?.has(key) === true }
}

const query = (request: AwsRequest): URLSearchParams => new URL(request.url, 'http://s3').searchParams

function pageOf(request: AwsRequest, index: ReadonlyMap<string, Listed>): string {
  const asked = query(request)
  const prefix = asked.get('prefix') ?? ''
  const token = asked.get('continuation-token')
  const after = token === null ? asked.get('start-after') ?? '' : Buffer.from(token, 'base64').toString('utf8')
  const keysMax = Math.min(Number(asked.get('max-keys') ?? PAGE_KEYS), PAGE_KEYS)
  const wanted = [...index].filter(([key]) => key.startsWith(prefix) && compare(key, after) > 0).sort(([a], [b]) => compare(a, b))
  const page = wanted.slice(0, keysMax)
  const isTruncated = wanted.length > page.length
  const contents = page.map(([key, { bytes, etag, modifiedAt }]) =>
    `<Contents><Key>${escaped(key)}</Key><LastModified>${modifiedAt.toISOString()}</LastModified><ETag>${escaped(etag)}</ETag><Size>${bytes}</Size></Contents>`)
  const next = isTruncated ? `<NextContinuationToken>${Buffer.from(page.at(-1)?.[0] ?? after).toString('base64')}</NextContinuationToken>` : ''
  return `<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>${request.bucket}</Name>`
    + `<Prefix>${escaped(prefix)}</Prefix><KeyCount>${page.length}</KeyCount><MaxKeys>${keysMax}</MaxKeys><IsTruncated>${isTruncated}</IsTruncated>`
    + `${next}${contents.join('')}</ListBucketResult>`
}

const compare = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))

const escaped = (text: string): string => text.replace(/[<>&"]/g, (c) => `&#${c.charCodeAt(0)};`)

