// The sandbox: entry of a child process that plans and runs SQL in DuckDB, one fresh and locked
// instance a session, asked over stdin and answering on descriptor 3. It has no environment, no
// network and no files but those of the session's directory, and it dies with its parent.
import { once } from 'node:events'
import { Socket } from 'node:net'
import { DuckDBInstance } from '@duckdb/node-api'
import type { DuckDBConnection } from '@duckdb/node-api'
import { FrameReader, bytesHeader, jsonFrame } from './protocol.ts'
import type { Answer, Call, Reply, Request } from './protocol.ts'
import { Refusal, ask, copy, explain, rows } from './statements.ts'
import type { Box } from './statements.ts'

interface Instance {
  readonly instance: DuckDBInstance
  readonly connection: DuckDBConnection
}

const threads = Number(process.argv[2] ?? 1)
const out = new Socket({ fd: 3, readable: false, writable: true })
let standby: Instance
let session: (Instance & Box) | null = null
/** set by an interrupt and by close: DuckDB forgets an interrupt that comes while it plans */
let interrupted = false

/** SIGKILL, for an orderly exit would wait for DuckDB's threads to finish what they are doing */
function die(): void {
  process.kill(process.pid, 'SIGKILL')
}

async function main(): Promise<void> {
  const reader = new FrameReader()
  let work: Promise<void> = standBy()
  process.stdin.on('data', (chunk: Buffer) => {
    for (const frame of reader.push(chunk)) {
      if (frame.kind !== 'json') continue
      const request = JSON.parse(frame.text) as Request
      if (request.op === 'interrupt' || request.op === 'close') interrupt()
      if (request.op !== 'interrupt') work = work.then(() => serve(request))
    }
  })
  // The pipes close when the parent is gone, however it went.
  for (const event of ['end', 'close', 'error']) process.stdin.on(event, die)
  for (const event of ['close', 'error']) out.on(event, die)
  await work
}

function checkInterrupt(): void {
  if (interrupted) throw new Error('INTERRUPT Error: Interrupted!')
}

async function write(bytes: Uint8Array): Promise<void> {
  if (!out.write(bytes)) await once(out, 'drain')
}

const reply = (message: Reply): Promise<void> => write(jsonFrame(message))

async function send(bytes: Uint8Array): Promise<void> {
  await write(bytesHeader(bytes.length))
  await write(bytes)
}

function interrupt(): void {
  interrupted = true
  session?.connection.interrupt()
}

/** answers one request; a failure is an answer too */
async function serve(request: Call): Promise<void> {
  const { id } = request
  try {
    if (request.op !== 'close') checkInterrupt()
    await reply({ kind: 'done', id, value: await perform(request) })
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    await reply({ kind: 'failed', id, fault: error instanceof Refusal ? error.fault : 'duckdb', message })
  }
  if (request.op === 'close') await standBy()
}

async function perform(request: Call): Promise<Answer> {
  if (request.op === 'open') return open(request.dir, request.memoryBytes)
  const box = session
  if (request.op === 'close') return closeBox(box)
  if (box === null) throw new Error('no session is open')
  switch (request.op) {
    case 'prepare':
      for (const statement of request.statements) {
        await box.connection.run(statement)
        checkInterrupt()
      }
      return null
    case 'ask': return ask(box, request.sql, request.parameters)
    case 'explain': return explain(box, request.sql)
    case 'copy': return copy(box, request.select, request.path)
    case 'rows': return rows(box, request.sql, request.rowsMax, request.bytesMax)
  }
}

/** The next session's instance is made while nobody waits: a fresh one costs 9-13 ms. */
async function standBy(): Promise<void> {
  interrupted = false
  const instance = await DuckDBInstance.create(':memory:', {
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    allow_community_extensions: 'false',
    allow_unsigned_extensions: 'false',
    temp_directory: '',
    threads: String(threads),
    max_expression_depth: '250',
    preserve_insertion_order: 'true',
  })
  standby = { instance, connection: await instance.connect() }
  await reply({ kind: 'ready' })
}

/**
 * Locks the standby instance into `dir` (no slash at its end). The order matters: directories
 * before access is cut, the lock last. Only `disabled_optimizers` stays open, for `explain`: it
 * changes plans, never answers, and no user's statement can set it (rows runs SELECTs alone).
 */
async function open(dir: string, memoryBytes: number): Promise<null> {
  const box = standby
  await box.connection.run([
    `SET memory_limit='${memoryBytes}B'`,
    `SET allowed_directories=['${dir.replaceAll("'", "''")}/']`,
    'SET enable_external_access=false',
    'SET integer_division=true',
    "SET default_null_order='nulls_last_on_asc_first_on_desc'",
    'SET late_materialization_max_rows=1000',
    "SET TimeZone='UTC'",
    "SET allowed_configs=['disabled_optimizers']",
    'SET lock_configuration=true',
  ].join(';'))
  session = { ...box, check: checkInterrupt, send }
  return null
}

function closeBox(box: Instance | null): null {
  session = null
  box?.connection.closeSync()
  box?.instance.closeSync()
  return null
}

await main()
