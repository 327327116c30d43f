// What comes after a crash, three ways. `retry`: the messages are delivered again and the client
// repeats what it never heard of. `other`: a second writer had the same messages in its hands and
// writes them when the first is done. `zombie`: after a recovery the dead process goes on: its
// commits, its batches and its sends all happen once more.
import { readFileSync } from 'node:fs'
import type { DeliveredMessage } from '../../lib/engine/ports.ts'
import { drain, openWorld, send, take, write, type Note, type World } from './crash-actors.ts'
import { ALL_REQUESTS, ORG } from './crash-workload.ts'

export const VARIANTS = ['retry', 'other', 'zombie'] as const
export type Variant = (typeof VARIANTS)[number]

/** @param acknowledged names of the requests whose clients heard 200 */
export async function recover(variant: Variant, dataDir: string, notes: string, acknowledged: ReadonlySet<string>): Promise<void> {
  const world = await openWorld(dataDir)
  try {
    if (variant === 'other') await takeOver(world, dataDir)
    await retry(world, acknowledged)
    if (variant === 'zombie') await haunt(world, notes)
  } finally {
    await world.close()
  }
}

/** A request without a key is not repeated: nobody could tell the second from another. */
async function retry(world: World, acknowledged: ReadonlySet<string>): Promise<void> {
  const unheard = ALL_REQUESTS.filter(({ name, request }) => request.idempotencyKey !== null && !acknowledged.has(name))
  await world.delivery.reclaim()
  for (const scripted of unheard) await send(world, scripted)
  await drain(world)
  for (const scripted of unheard) await send(world, scripted)
  await drain(world)
}

/** both hold the same messages, since each believes the other dead */
async function takeOver(world: World, dataDir: string): Promise<void> {
  const other = await openWorld(dataDir)
  try {
    const own = await takeAll(world)
    const theirs = await takeAll(other)
    for (const message of theirs) await write(other, [message])
    for (const message of own) await write(world, [message])
  } finally {
    await other.close()
  }
}

async function takeAll(world: World): Promise<DeliveredMessage[]> {
  await world.delivery.reclaim()
  const all: DeliveredMessage[] = []
  for (let some = await take(world); some.length > 0; some = await take(world)) all.push(...some)
  return all
}

async function haunt(world: World, notes: string): Promise<void> {
  const lines = readFileSync(notes, 'utf8').split('\n').filter((line) => line !== '')
  const remembered = lines.map((line) => JSON.parse(line) as Note)
  for (const note of remembered) if (note.kind === 'commit') await repeatCommit(world, note)
  const held = remembered.filter((note) => note.kind === 'delivered').map(({ bid, bytes }): DeliveredMessage =>
    ({ bid, org: ORG, receives: 1, bytes: Buffer.from(bytes, 'base64') }))
  if (held.length > 0) await write(world, held)
  for (const note of remembered) {
    if (note.kind !== 'send') continue
    await world.ports.queue.send({ org: ORG, bid: note.bid, bytes: Buffer.from(note.bytes, 'base64') })
  }
  await drain(world)
}

async function repeatCommit(world: World, { org, token, changes }: Extract<Note, { kind: 'commit' }>): Promise<void> {
  const outcome = await world.ports.catalog.commit(org, token, changes)
  if (outcome.kind !== 'refused') throw new Error(`the late commit ${token} was not refused`)
}
