/** Every store of vial, over a server that is started for it. */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Kysely } from 'kysely'
import type { Store } from 'vial'
import { whatIsMissing } from '../../scripts/services/packages.ts'
import type { RunningServer } from '../../scripts/services/servers/running-server.ts'
import { vial } from './vial.ts'

interface NewRecord {
  readonly key: string
  readonly bytes: Uint8Array
}

export interface OpenStore {
  readonly store: Store
  /** Puts many records in at once, faster than one by one. Absent: one by one. */
  readonly fill?: (records: readonly NewRecord[], expiresAt: number) => Promise<void>
  /** Lets the server sort what was put in. */
  readonly settle?: () => Promise<void>
  readonly close: () => Promise<void>
}

export type ServerName = 'redis' | 'memcached' | 'postgres' | 'mariadb' | 'mongodb' | 'dynamodb'

type Start = (more: readonly string[]) => Promise<RunningServer>

/** Each is loaded when it is started, as the clients take time to load. */
const STARTS: Readonly<Record<ServerName, Start>> = {
  redis: async (more) =>
    (await import('../../scripts/services/servers/redis.ts')).startRedis({ arguments: more }),
  memcached: async (more) =>
    (await import('../../scripts/services/servers/memcached.ts')).startMemcached({
      arguments: more,
    }),
  postgres: async (more) =>
    (await import('../../scripts/services/servers/postgres.ts')).startPostgres({ arguments: more }),
  mariadb: async (more) =>
    (await import('../../scripts/services/servers/mariadb.ts')).startMariadb({ arguments: more }),
  mongodb: async () => (await import('../../scripts/services/servers/mongodb.ts')).startMongodb(),
  dynamodb: async () =>
    (await import('../../scripts/services/servers/dynamodb.ts')).startDynamodb(),
}

/**
 * Starts a server for one measurement, on loopback.
 *
 * @param more Arguments for the server; a stand-in takes none.
 * @throws {Error} With the reason why this machine has none.
 */
export async function startServer(
  name: ServerName,
  more: readonly string[] = [],
): Promise<RunningServer> {
  const missing = whatIsMissing(name)
  if (missing !== undefined) throw new Error(missing)
  return STARTS[name](more)
}

/** The first line of an error, short enough for a cell of a table. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  const [first = ''] = text.split('\n')
  return first.length > 140 ? `${first.slice(0, 139)}…` : first
}

/** The stores that need a server. */
const ON_SERVERS = {
  redis: { server: 'redis', open: openRedis },
  memcached: { server: 'memcached', open: openMemcached },
  PostgreSQL: { server: 'postgres', open: openPostgres },
  MariaDB: { server: 'mariadb', open: openMariadb },
  'mongodb (stand-in)': { server: 'mongodb', open: openMongodb },
  'dynamodb (stand-in)': { server: 'dynamodb', open: openDynamodb },
} as const satisfies Record<
  string,
  { readonly server: ServerName; readonly open: (url: string) => Promise<OpenStore> }
>

export type ServerStore = keyof typeof ON_SERVERS
export type StoreName = ServerStore | 'memory' | 'SQLite' | 'SQLite, mapped' | 'file'

/** The name of the server that a store needs. */
export function serverOf(name: ServerStore): ServerName {
  return ON_SERVERS[name].server
}

/** Opens a store on a running server. */
export function openOn(name: ServerStore, url: string): Promise<OpenStore> {
  return ON_SERVERS[name].open(url)
}

/** Room for a million sessions. */
const ARGUMENTS: Partial<Record<StoreName, readonly string[]>> = { memcached: ['-m', '2048'] }

/** Opens a store with a server of its own, which `close` stops. */
export async function openStore(name: StoreName): Promise<OpenStore> {
  if (name === 'memory') return openMemory()
  if (name === 'file' || name === 'SQLite' || name === 'SQLite, mapped') {
    const folder = await mkdtemp(join(tmpdir(), 'vial-bench-'))
    const opened = await (name === 'file' ? openFile(folder) : openSqlite(folder, name))
    return {
      ...opened,
      async close() {
        await opened.close()
        await rm(folder, { recursive: true, force: true })
      },
    }
  }
  const server = await startServer(serverOf(name), ARGUMENTS[name])
  const opened = await openOn(name, server.url)
  return {
    ...opened,
    async close() {
      await opened.close()
      await server.stop()
    },
  }
}

async function openMemory(): Promise<OpenStore> {
  const { memoryStore } = await vial('vial/stores/memory')
  const store = memoryStore({ maxSessions: Number.POSITIVE_INFINITY })
  return { store, close: async () => undefined }
}

async function openFile(folder: string): Promise<OpenStore> {
  const { fileStore } = await vial('vial/stores/file')
  // Waiting for the disk has nothing to do with the number of files.
  const store = fileStore(folder, { fsync: false, sweepInterval: false })
  return { store, close: async () => store.close?.() }
}

async function openSqlite(folder: string, name: 'SQLite' | 'SQLite, mapped'): Promise<OpenStore> {
  const { DatabaseSync } = await import('node:sqlite')
  const kysely = await import('kysely')
  const { nodeSqlite } = await vial('vial/stores/node-sqlite')
  const database = new DatabaseSync(join(folder, 'sessions.db'), { timeout: 5_000 })
  database.exec('pragma journal_mode = wal; pragma synchronous = normal')
  if (name === 'SQLite, mapped') database.exec('pragma mmap_size = 1073741824')
  const db = new kysely.Kysely<unknown>({
    dialect: new kysely.SqliteDialect({ database: nodeSqlite(database) }),
  })
  const store = await tableOn(db)
  return {
    store,
    async fill(records, expiresAt) {
      const insert = database.prepare(
        'insert into sessions (session_id, data, expiry) values (?, ?, ?)',
      )
      database.exec('begin')
      for (const { key, bytes } of records) insert.run(key, bytes, instant(expiresAt))
      database.exec('commit')
    },
    close: () => db.destroy(),
  }
}

async function openRedis(url: string): Promise<OpenStore> {
  const { createClient } = await import('redis')
  const { redisStore } = await vial('vial/stores/redis')
  const socket = { reconnectStrategy: false } as const
  const client = createClient({ url, socket, disableOfflineQueue: true })
  client.on('error', (error: Error) => console.error(error))
  await client.connect()
  return { store: redisStore(client), close: async () => void (await client.close()) }
}

async function openMemcached(url: string): Promise<OpenStore> {
  const { memcachedStore } = await vial('vial/stores/memcached')
  const store = memcachedStore({ servers: url })
  return { store, close: async () => store.close?.() }
}

async function openPostgres(url: string): Promise<OpenStore> {
  const { default: pg } = await import('pg')
  const kysely = await import('kysely')
  const pool = new pg.Pool({ connectionString: url })
  pool.on('error', (error) => console.error(error))
  const db = new kysely.Kysely<unknown>({ dialect: new kysely.PostgresDialect({ pool }) })
  const store = await tableOn(db)
  return {
    store,
    async fill(records, expiresAt) {
      const keys = records.map(({ key }) => key)
      const bytes = records.map((record) => Buffer.from(record.bytes))
      await pool.query(
        `insert into sessions (session_id, data, expiry)
          select key, bytes, $3::timestamp from unnest($1::text[], $2::bytea[]) as new (key, bytes)`,
        [keys, bytes, instant(expiresAt)],
      )
    },
    settle: async () => void (await pool.query('vacuum analyze sessions')),
    close: () => db.destroy(),
  }
}

async function openMariadb(url: string): Promise<OpenStore> {
  const { createPool } = await import('mysql2')
  const kysely = await import('kysely')
  const pool = createPool({ uri: url })
  const db = new kysely.Kysely<unknown>({ dialect: new kysely.MysqlDialect({ pool }) })
  const store = await tableOn(db)
  return {
    store,
    async fill(records, expiresAt) {
      const at = instant(expiresAt)
      const rows = records.map(({ key, bytes }) => [key, Buffer.from(bytes), at])
      const text = 'insert into sessions (session_id, data, expiry) values ?'
      await pool.promise().query(text, [rows])
    },
    settle: async () => void (await pool.promise().query('analyze table sessions')),
    close: () => db.destroy(),
  }
}

async function openMongodb(url: string): Promise<OpenStore> {
  const { MongoClient } = await import('mongodb')
  const { mongodbStore } = await vial('vial/stores/mongodb')
  // Heartbeats would be counted as requests.
  const client = await new MongoClient(url, { heartbeatFrequencyMS: 600_000 }).connect()
  const store = mongodbStore(client.db('vial_bench').collection('sessions'))
  await store.createIndexes()
  return { store, close: () => client.close() }
}

async function openDynamodb(url: string): Promise<OpenStore> {
  const { DynamoDB } = await import('@aws-sdk/client-dynamodb')
  const { dynamodbStore } = await vial('vial/stores/dynamodb')
  const client = new DynamoDB({
    endpoint: url,
    region: 'eu-central-1',
    credentials: { accessKeyId: 'bench', secretAccessKey: 'bench' },
    maxAttempts: 1,
  })
  const store = dynamodbStore(client)
  await store.createTable()
  return { store, close: async () => client.destroy() }
}

async function tableOn(db: Kysely<unknown>): Promise<Store> {
  const { sqlStore } = await vial('vial/stores/sql')
  const store = sqlStore(db, { sweepInterval: false })
  await store.createTable()
  return store
}

/** A time as the store writes it. */
function instant(at: number): string {
  const text = new Date(at).toISOString()
  return `${text.slice(0, 10)} ${text.slice(11, 23)}000`
}
