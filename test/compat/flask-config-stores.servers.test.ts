/** A Flask configuration on the real servers: with a client, and with a URL. */

import { randomUUID } from 'node:crypto'
import { DynamoDB } from '@aws-sdk/client-dynamodb'
import { Redis } from 'ioredis'
import { sql } from 'kysely'
import { MongoClient } from 'mongodb'
import { createClient } from 'redis'
import { ConfigError, StoreError } from 'vial'
import { type FlaskConfig, flaskConfigFromEnv, fromFlaskConfig } from 'vial/compat/flask-config'
import { redisStore } from 'vial/stores/redis'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { ServiceName } from '../../scripts/services/names.ts'
import { Browser } from '../core/requests.ts'
import { newName, openMariadb, openPostgres } from '../stores/sql-databases.ts'
import { PATIENCE } from '../support/patience.ts'
import { service } from '../support/services.ts'

/** Runs with the URL of a server, and is skipped where there is none. */
function onServer(name: ServiceName, title: string, run: (url: string) => Promise<void>): void {
  const server = service(name)
  if ('url' in server) test(title, () => run(server.url))
  else test(title, (context) => context.skip(server.missing))
}

const unique = () => `flask-${randomUUID()}`

/** Sessions whose store may answer late, as the machine may be busy. */
const made = (config: FlaskConfig) => fromFlaskConfig(config, { timeout: PATIENCE })

/** Logs in with one configuration, and is known with the other. */
async function isShared(one: FlaskConfig, other: FlaskConfig): Promise<string> {
  const [first, second] = [await made(one), await made(other)]
  try {
    const browser = new Browser(first)
    await browser.visit((session) => session.set('user', 'ann'))
    await new Browser(second, browser.cookie).visit((session) => {
      expect(session.get('user')).toBe('ann')
    })
    return browser.cookie?.replace('session=', '') ?? ''
  } finally {
    await first.close()
    await second.close()
  }
}

describe('redis', () => {
  onServer('redis', 'a client of node-redis, of ioredis, and a URL', async (url) => {
    const [client, other] = [
      await createClient({ url, disableOfflineQueue: true }).connect(),
      redis(url),
    ]
    onTestFinished(() => {
      client.destroy()
      other.disconnect()
    })
    const config = { SESSION_TYPE: 'redis', SESSION_KEY_PREFIX: `${unique()}:` }
    const id = await isShared(
      { ...config, SESSION_REDIS: client },
      flaskConfigFromEnv({
        FLASK_SESSION_TYPE: 'redis',
        FLASK_SESSION_REDIS: url,
        FLASK_SESSION_KEY_PREFIX: config.SESSION_KEY_PREFIX,
      }),
    )
    expect(await client.exists(`${config.SESSION_KEY_PREFIX}${id}`)).toBe(1)
    await isShared({ ...config, SESSION_REDIS: other }, { ...config, SESSION_REDIS: client })
  })

  onServer('redis-cluster', 'a Cluster, which Flask-Session replaces by localhost', async (url) => {
    const { hostname: host, port } = new URL(url)
    const cluster = new Redis.Cluster([{ host, port: Number(port) }], {
      enableOfflineQueue: true,
      redisOptions: { autoResendUnfulfilledCommands: false, maxRetriesPerRequest: 0 },
    })
    onTestFinished(() => cluster.disconnect())
    await new Promise((resolve) => cluster.once('ready', resolve))
    const sessions = await made({
      SESSION_TYPE: 'redis',
      SESSION_REDIS: redisStore(cluster, { prefix: '', retries: 'accept' }),
    })
    const browser = new Browser(sessions)
    await browser.visit((session) => session.set('user', 'ann'))
    const key = `session:${browser.cookie?.replace('session=', '')}`
    expect(await cluster.exists(key)).toBe(1)
  })

  onServer(
    'redis',
    'a client that sends commands again: an error that names the key',
    async (url) => {
      const client = new Redis(url)
      onTestFinished(() => client.disconnect())
      const made = fromFlaskConfig({ SESSION_TYPE: 'redis', SESSION_REDIS: client })
      await expect(made).rejects.toThrow(ConfigError)
      await expect(made).rejects.toThrow("SESSION_TYPE 'redis' with SESSION_REDIS: redisStore:")
    },
  )

  test('no server at a URL: a StoreError, without the password', async () => {
    const url = 'redis://user:pass-word@127.0.0.1:1'
    const made = fromFlaskConfig({ SESSION_TYPE: 'redis', SESSION_REDIS: url })
    await expect(made).rejects.toThrow(StoreError)
    await expect(made).rejects.not.toThrow('pass-word')
  })

  onServer('redis', 'cachelib’s RedisCache: its mark stands before the pickle', async (url) => {
    const client = await createClient({ url, disableOfflineQueue: true }).connect()
    onTestFinished(() => client.destroy())
    const config = { SESSION_TYPE: 'cachelib', SESSION_KEY_PREFIX: `${unique()}:` }
    const id = await isShared(
      { ...config, SESSION_CACHELIB: url },
      { ...config, SESSION_CACHELIB: redisStore(client, { prefix: '' }) },
    )
    expect(await client.getRange(`${config.SESSION_KEY_PREFIX}${id}`, 0, 0)).toBe('!')
  })
})

/** As redisStore asks for. */
function redis(url: string): Redis {
  return new Redis(url, {
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: true,
  })
}

describe('memcached', () => {
  onServer('memcached', 'a URL, a server, a list and options', async (url) => {
    const config = { SESSION_TYPE: 'memcached', SESSION_KEY_PREFIX: `${unique()}:` }
    const server = url.replace('memcached://', '')
    await isShared({ ...config, SESSION_MEMCACHED: url }, { ...config, SESSION_MEMCACHED: server })
    await isShared(
      { ...config, SESSION_MEMCACHED: [server] },
      { ...config, SESSION_MEMCACHED: { servers: [server] } },
    )
  })
})

describe('sqlalchemy', () => {
  for (const [name, open, driver] of [
    ['postgres', openPostgres, 'postgresql+psycopg2:'],
    ['mariadb', openMariadb, 'mysql+pymysql:'],
  ] as const) {
    onServer(name, `${name}: a Kysely, and SQLAlchemy's URL; the table is made`, async (url) => {
      const [db, table] = [open(url), newName()]
      onTestFinished(async () => {
        await sql`drop table if exists ${sql.table(table)}`.execute(db)
        await db.destroy()
      })
      const config = { SESSION_TYPE: 'sqlalchemy', SESSION_SQLALCHEMY_TABLE: table }
      const named = `${url.replace(/^\w+:/, driver)}${name === 'mariadb' ? '?charset=utf8mb4' : ''}`
      await isShared(
        { ...config, SQLALCHEMY_DATABASE_URI: named },
        { ...config, SESSION_SQLALCHEMY: db },
      )
      await isShared(
        { ...config, SESSION_SQLALCHEMY: db },
        { ...config, SESSION_SQLALCHEMY_BIND_KEY: 'auth', SQLALCHEMY_BINDS: { auth: named } },
      )
    })
  }

  onServer('postgres', 'a schema that is not there: a StoreError', async (url) => {
    const made = fromFlaskConfig({
      SESSION_TYPE: 'sqlalchemy',
      SESSION_SQLALCHEMY: url,
      SESSION_SQLALCHEMY_SCHEMA: newName(),
    })
    await expect(made).rejects.toThrow(StoreError)
  })
})

describe('mongodb', () => {
  onServer('mongodb', 'a MongoClient, a collection and a URL', async (url) => {
    const client = new MongoClient(url, { writeConcern: { w: 'majority' } })
    const database = unique()
    onTestFinished(async () => {
      await client.db(database).dropDatabase()
      await client.close()
    })
    const config = { SESSION_TYPE: 'mongodb', SESSION_MONGODB_DB: database }
    const id = await isShared(
      { ...config, SESSION_MONGODB: client },
      { ...config, SESSION_MONGODB: url },
    )
    const collection = client.db(database).collection('sessions')
    expect(await collection.countDocuments({ id: `session:${id}` })).toBe(1)
    expect(await collection.indexes()).toHaveLength(3)
    await isShared(
      { ...config, SESSION_MONGODB: collection },
      { ...config, SESSION_MONGODB: client, SESSION_MONGODB_COLLECT: 'sessions' },
    )
    const other = { ...config, SESSION_MONGODB: collection, SESSION_MONGODB_COLLECT: 'other' }
    await expect(fromFlaskConfig(other)).rejects.toThrow(/is the collection .*SESSION_MONGODB_DB/)
  })
})

describe('dynamodb', () => {
  onServer('dynamodb', 'a client and a URL, the table under either key', async (url) => {
    const client = new DynamoDB({
      endpoint: url,
      region: 'us-west-2',
      credentials: { accessKeyId: 'key', secretAccessKey: 'secret' },
      maxAttempts: 1,
    })
    const table = newName()
    onTestFinished(async () => {
      await client.deleteTable({ TableName: table })
      client.destroy()
    })
    await isShared(
      { SESSION_TYPE: 'dynamodb', SESSION_DYNAMODB: client, SESSION_DYNAMODB_TABLE: table },
      {
        SESSION_TYPE: 'dynamodb',
        SESSION_DYNAMODB: `dynamodb://key:secret@us-west-2?endpoint=${url}`,
        SESSION_DYNAMODB_TABLE_NAME: table,
      },
    )
    const missing = fromFlaskConfig({
      SESSION_TYPE: 'dynamodb',
      SESSION_DYNAMODB: `dynamodb://key:secret@us-west-2?endpoint=${url}`,
      SESSION_DYNAMODB_TABLE: newName(),
      SESSION_DYNAMODB_TABLE_EXISTS: true,
    })
    await expect(missing).rejects.toThrow(StoreError)
  })
})
