/** The stores of the race. A process loads the clients of its own store only. */

import { join } from 'node:path'
import type { Store as ExpressStore } from 'express-session'
import type { Store } from 'vial'
import { memoryStore } from 'vial/stores/memory'
import type { NodeSqliteDatabase } from 'vial/stores/node-sqlite'
import { openStore } from 'vial/stores/open'
import { redisStore } from 'vial/stores/redis'
import { findSqlite } from '../provision.ts'
import type { ServiceName } from '../services/names.ts'

/** Where the sessions of one run are. Processes with the same place reach the same sessions. */
export interface Place {
  /** A directory of its own. */
  readonly folder: string
  /** A unique name for prefixes. */
  readonly name: string
  /** The URL of the server; empty: the store needs none. */
  readonly url: string
  /** Whether this process comes before all others, and makes the table. */
  readonly first: boolean
}

export interface Opened<S> {
  readonly store: S
  close(): unknown
}

export interface Backend {
  /** Absent: it needs no server. */
  readonly service?: ServiceName
  /** Set: the store lives in one process, so all servers of the application do. */
  readonly oneProcess?: true
  /** Set: the store cannot compare and set, so it may lose updates and logouts. */
  readonly notAtomic?: true
  /** Why the store cannot run here; undefined: it can. */
  missing?(): string | undefined
  /** The Node that its processes run in; undefined: this one. */
  node?(): string | undefined
  open(place: Place): Promise<Opened<Store>>
  /** The store of express-session for the same server. Absent: no current package has one. */
  readonly peer?: {
    readonly name: string
    open(place: Place): Promise<Opened<ExpressStore>>
  }
}

/** The table or collection of every run: its rows expire, and the next run sweeps them. */
const TABLE = 'vial_race'

/** In the order of the table. */
export const BACKENDS: Readonly<Record<string, Backend>> = {
  memory: {
    oneProcess: true,
    async open() {
      return { store: memoryStore({ whenFull: 'refuse' }), close: () => undefined }
    },
    peer: {
      name: 'MemoryStore',
      async open() {
        const { default: session } = await import('express-session')
        return { store: new session.MemoryStore(), close: () => undefined }
      },
    },
  },

  file: {
    open: (place) => byUrl(`file:${place.folder}`, place),
    peer: {
      name: 'session-file-store',
      async open({ folder }) {
        const { default: session } = await import('express-session')
        const { default: sessionFileStore } = await import('session-file-store')
        const FileStore = sessionFileStore(session)
        const store = new FileStore({ path: folder, reapInterval: -1, logFn: () => undefined })
        return { store, close: () => undefined }
      },
    },
  },

  redis: {
    service: 'redis',
    open: (place) => byUrl(parameter(place.url, 'prefix', `${place.name}:`), place),
    peer: {
      name: 'connect-redis',
      async open({ url, name }) {
        const { createClient } = await import('redis')
        const client = await connected(createClient({ url }))
        return connectRedis(client as never, name, () => client.close())
      },
    },
  },

  'redis-cluster': {
    service: 'redis-cluster',
    async open({ url, name }) {
      const client = await cluster(url)
      return { store: redisStore(client, { prefix: `${name}:` }), close: () => client.close() }
    },
    peer: {
      name: 'connect-redis',
      async open({ url, name }) {
        const client = await cluster(url)
        return connectRedis(client as never, name, () => client.close())
      },
    },
  },

  // connect-redis does not name a Sentinel among its clients, so there is no peer.
  'redis-sentinel': {
    service: 'redis-sentinel',
    async open({ url, name }) {
      const { createSentinel } = await import('redis')
      const { hostname, port, searchParams } = new URL(url)
      const client = createSentinel({
        name: searchParams.get('sentinel') ?? 'vial',
        sentinelRootNodes: [{ host: hostname, port: Number(port) }],
        maxCommandRediscovers: 0,
      })
      client.on('error', (error) => console.error(error))
      await client.connect()
      const store = redisStore(client, { prefix: `${name}:`, retries: 'never' })
      return { store, close: () => client.close() }
    },
  },

  memcached: {
    service: 'memcached',
    open: (place) => byUrl(parameter(place.url, 'prefix', `${place.name}:`), place),
  },

  postgres: {
    service: 'postgres',
    open: (place) => byUrl(parameter(place.url, 'table', TABLE), place),
    peer: {
      name: 'connect-pg-simple',
      async open({ url, first }) {
        const { default: session } = await import('express-session')
        const { default: connectPgSimple } = await import('connect-pg-simple')
        const { default: pg } = await import('pg')
        const pool = new pg.Pool({ connectionString: url })
        pool.on('error', (error) => console.error(error))
        const PgStore = connectPgSimple(session)
        const store = new PgStore({
          pool,
          tableName: `${TABLE}_peer`,
          createTableIfMissing: first,
          pruneSessionInterval: false,
        })
        return { store, close: () => pool.end() }
      },
    },
  },

  mariadb: {
    service: 'mariadb',
    open: (place) => byUrl(parameter(place.url, 'table', TABLE), place),
  },

  sqlite: {
    missing: () =>
      findSqlite() === undefined
        ? 'no Node with SQLite: run "npx tsx scripts/provision.ts sqlite"'
        : undefined,
    node: () => findSqlite()?.node,
    // Not by its URL: eight processes wait longer for the file than `openStore` lets them.
    async open({ folder, first }) {
      const { Kysely, SqliteDialect } = await import('kysely')
      const { nodeSqlite } = await import('vial/stores/node-sqlite')
      const { sqlStore } = await import('vial/stores/sql')
      // Not a literal: the types of Node 20 lack the module.
      const module: string = 'node:sqlite'
      const { DatabaseSync } = (await import(module)) as Sqlite
      const database = new DatabaseSync(join(folder, 'sessions.db'), { timeout: 5_000 })
      database.exec('pragma journal_mode = wal; pragma synchronous = normal')
      const db = new Kysely({ dialect: new SqliteDialect({ database: nodeSqlite(database) }) })
      const store = sqlStore(db, { sweepInterval: false })
      if (first) await store.createTable()
      return { store, close: () => db.destroy() }
    },
  },

  mongodb: {
    service: 'mongodb',
    open: (place) => byUrl(parameter(inDatabase(place.url), 'collection', TABLE), place),
    peer: {
      name: 'connect-mongo',
      async open({ url }) {
        const { MongoStore } = await import('connect-mongo')
        const { MongoClient } = await import('mongodb')
        const client = await new MongoClient(url).connect()
        const names = { dbName: TABLE, collectionName: 'peer' }
        const store = MongoStore.create({ client, ...names })
        return { store, close: () => store.close() }
      },
    },
  },

  dynamodb: {
    service: 'dynamodb',
    open: (place) => {
      const endpoint = encodeURIComponent(place.url)
      return byUrl(`dynamodb://race:race@eu-central-1/${TABLE}?endpoint=${endpoint}`, place)
    },
  },

  // Keyv over a Redis that all processes share.
  cache: {
    service: 'redis',
    notAtomic: true,
    async open({ url, name }) {
      const { default: Keyv } = await import('keyv')
      const { createClient } = await import('redis')
      const { cacheStore } = await import('vial/stores/cache')
      const client = await connected(createClient({ url, disableOfflineQueue: true }))
      const shared = {
        get: async (key: string) => (await client.get(key)) ?? undefined,
        set: (key: string, value: string, ttl = 3_600_000) =>
          client.set(key, value, { expiration: { type: 'PX', value: ttl } }),
        delete: async (key: string) => (await client.del(key)) > 0,
        clear: () => undefined,
      }
      const keyv = new Keyv({ store: shared, namespace: name, throwOnErrors: true })
      return { store: cacheStore(keyv), close: () => client.close() }
    },
  },
}

async function byUrl(url: string, { first }: Place): Promise<Opened<Store>> {
  const store = await openStore(url, { create: first, onError: (error) => console.error(error) })
  return { store, close: () => store.close() }
}

function parameter(url: string, name: string, value: string): string {
  const whole = new URL(url)
  whole.searchParams.set(name, value)
  return whole.href
}

function inDatabase(url: string): string {
  const whole = new URL(url)
  whole.pathname = `/${TABLE}`
  return whole.href
}

interface Sqlite {
  readonly DatabaseSync: new (
    file: string,
    options: { readonly timeout: number },
  ) => NodeSqliteDatabase & { exec(text: string): void }
}

interface Connecting {
  on(event: 'error', listener: (error: Error) => void): unknown
  connect(): Promise<unknown>
}

async function connected<Client extends Connecting>(client: Client): Promise<Client> {
  client.on('error', (error) => console.error(error))
  await client.connect()
  return client
}

async function cluster(url: string) {
  const { createCluster } = await import('redis')
  return connected(createCluster({ rootNodes: [{ url }] }))
}

async function connectRedis(client: never, name: string, close: () => unknown) {
  const { RedisStore } = await import('connect-redis')
  return { store: new RedisStore({ client, prefix: `${name}:` }), close }
}
