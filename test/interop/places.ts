/** Where the sessions of a row are kept: on a real server or disk, away from everything else there. */

import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DynamoDB } from '@aws-sdk/client-dynamodb'
import { MongoClient } from 'mongodb'
import { createClient } from 'redis'
import type { Store } from 'vial'
import { dynamodbStore } from 'vial/stores/dynamodb'
import { memcachedStore } from 'vial/stores/memcached'
import { mongodbStore } from 'vial/stores/mongodb'
import { redisStore } from 'vial/stores/redis'
import { sqlStore } from 'vial/stores/sql'
import { openMariadb, openPostgres, ownDatabase } from '../stores/sql-databases.ts'
import type { FlaskSettings } from './flask-peer.ts'

/** Where both keep the sessions of one row. */
export interface Place {
  /** Absent: in the cookie. */
  readonly store?: Store
  /** What Flask has to know to find it. */
  readonly flask: Pick<FlaskSettings, 'url' | 'name' | 'folder'>
  /** Removes it. */
  remove(): Promise<void>
}

const own = (): string => `vial_${randomUUID().replaceAll('-', '').slice(0, 12)}`

export async function openRedis(url: string, prefix = ''): Promise<Place> {
  const client = createClient({ url, disableOfflineQueue: true })
  await client.connect()
  return {
    store: redisStore(client, { prefix }),
    flask: { url },
    remove: async () => void (await client.close()),
  }
}

export function openMemcached(url: string): Place {
  const store = memcachedStore({ servers: new URL(url).host, prefix: '' })
  return { store, flask: { url }, remove: async () => store.close?.() }
}

/** In a database of its own. Flask makes the table. */
export async function openSql(server: string): Promise<Place> {
  const database = await ownDatabase(server)
  const isPostgres = server.startsWith('postgres')
  const db = isPostgres ? openPostgres(database.url) : openMariadb(database.url)
  const driver = isPostgres ? 'postgresql+psycopg2' : 'mysql+pymysql'
  return {
    store: sqlStore(db, { sweepInterval: false }),
    flask: { url: database.url.replace(/^\w+:/, `${driver}:`) },
    async remove() {
      await db.destroy()
      await database.drop()
    },
  }
}

export async function openMongodb(url: string): Promise<Place> {
  const name = own()
  const client = new MongoClient(url)
  return {
    store: mongodbStore(client.db(name).collection('sessions')),
    flask: { url, name },
    async remove() {
      await client.db(name).dropDatabase()
      await client.close()
    },
  }
}

/** Flask makes the table. */
export function openDynamodb(endpoint: string): Place {
  const name = own()
  const credentials = { accessKeyId: 'key', secretAccessKey: 'secret' }
  const client = new DynamoDB({ endpoint, region: 'eu-central-1', credentials })
  return {
    store: dynamodbStore(client, { table: name }),
    flask: { url: endpoint, name },
    async remove() {
      await client.deleteTable({ TableName: name })
      client.destroy()
    },
  }
}

/** A directory of its own. */
export function newFolder(): { readonly folder: string; readonly remove: () => Promise<void> } {
  const folder = mkdtempSync(join(tmpdir(), 'vial-interop-'))
  return {
    folder,
    remove: async () => rmSync(folder, { recursive: true, force: true }),
  }
}
