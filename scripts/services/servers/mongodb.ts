/**
 * The closest to MongoDB that can be installed: the DocumentDB extension of PostgreSQL behind a gateway that speaks
 * MongoDB's protocol. No transactions, no users.
 */

import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { MongoClient } from 'mongodb'
import pg from 'pg'
import { INSIDE, insideCommand, installDocumentdb } from './documentdb-root.ts'
import { run } from './run.ts'
import {
  freePort,
  ownCommand,
  ownFolder,
  type RunningServer,
  type ServerPlan,
  startServer,
} from './running-server.ts'
import { groupOf, withMore } from './server-group.ts'

const PROGRAMS = '/usr/lib/postgresql/18/bin'
const GATEWAY = fileURLToPath(new URL('./mongo-gateway-main.ts', import.meta.url))

export interface MongodbOptions {
  /** Absent: a temporary folder that `stop` removes. */
  readonly directory?: string
  /** Two ports on 127.0.0.1: of MongoDB's protocol, and of the database behind it. Absent: free ones. */
  readonly ports?: readonly number[]
  /** True: it stays when the program that started it has ended. */
  readonly outlive?: boolean
}

/**
 * Starts one; what is meant for it goes to the gateway and to the database alike.
 *
 * @throws {Error} Without root, or when Debian's packages cannot be had.
 */
export async function startMongodb(options: MongodbOptions = {}): Promise<RunningServer> {
  const { outlive = false } = options
  await installDocumentdb()
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), 'vial-mongodb-')))
  const [port = await freePort(), inner = await freePort()] = options.ports ?? []
  await ownFolder(directory)
  const database = await startServer(databasePlan(join(directory, 'database')), {
    directory: join(directory, 'database'),
    port: inner,
    outlive,
  })
  try {
    await onDatabase(inner, (client) =>
      client.query('CREATE EXTENSION IF NOT EXISTS documentdb CASCADE'),
    )
    const gateway = await startServer(gatewayPlan(inner), {
      directory: join(directory, 'gateway'),
      port,
      outlive,
    })
    const group = groupOf(gateway.url, [gateway, database])
    return withMore(group, {
      async stop() {
        await group.stop()
        if (options.directory === undefined) await rm(directory, { recursive: true, force: true })
      },
    })
  } catch (error) {
    await database.stop()
    throw error
  }
}

function databasePlan(directory: string): ServerPlan {
  const data = `${INSIDE}/data`
  return {
    name: 'documentdb',
    wrap: (command, args, outlive) => insideCommand(directory, command, args, outlive),
    async prepare() {
      if (existsSync(join(directory, 'data'))) return
      const flags = ['-U', 'postgres', '-A', 'trust', '--no-sync', '-E', 'UTF8']
      const initdb = [...flags, '--locale=C.UTF-8', '-D', data]
      const [file, args] = insideCommand(directory, `${PROGRAMS}/initdb`, initdb, false)
      await run(file, args)
      await writeFile(join(directory, 'data', 'postgresql.conf'), settings(), { flag: 'a' })
    },
    command: (_, port) => [`${PROGRAMS}/postgres`, ...['-D', data, '-p', `${port}`]],
    url: (port) => `postgres://postgres@127.0.0.1:${port}/postgres`,
    answers: (port) => onDatabase(port, async () => true),
    stop: 'SIGINT',
  }
}

function gatewayPlan(inner: number): ServerPlan {
  return {
    name: 'mongodb',
    // As whoever runs this, because the unprivileged user may not read this folder.
    wrap: ownCommand,
    command: (_, port) => [
      process.execPath,
      ...['--import', import.meta.resolve('tsx'), GATEWAY, `${port}`, `${inner}`],
    ],
    url: (port) => `mongodb://127.0.0.1:${port}/?directConnection=true`,
    async answers(port) {
      const client = new MongoClient(`mongodb://127.0.0.1:${port}/?directConnection=true`, {
        serverSelectionTimeoutMS: 500,
      })
      try {
        await client.db('admin').command({ ping: 1 })
        return true
      } finally {
        await client.close()
      }
    },
  }
}

function settings(): string {
  return `
listen_addresses = '127.0.0.1'
unix_socket_directories = '${INSIDE}'
max_connections = 200
fsync = off
synchronous_commit = off
full_page_writes = off
shared_preload_libraries = 'pg_cron,pg_documentdb_core,pg_documentdb,pg_documentdb_extended_rum'
cron.database_name = 'postgres'
cron.host = '${INSIDE}'
documentdb.enableBackgroundWorker = on
documentdb.enableBackgroundWorkerJobs = on
`
}

async function onDatabase<T>(port: number, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres' })
  client.on('error', () => undefined)
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}
