/**
 * Where both halves keep their sessions: Redis where there is one, SQLite where this Node has it.
 *
 * @module
 */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { Kysely, SqliteDialect } from 'kysely'
import { createClient } from 'redis'
import type { Store } from 'vial'
import { nodeSqlite } from 'vial/stores/node-sqlite'
import { redisStore } from 'vial/stores/redis'
import { sqlStore } from 'vial/stores/sql'
import { findProgram } from '../../scripts/services/programs.ts'
import { startRedis } from '../../scripts/services/servers/redis.ts'
import type { FlaskSettings } from './flask-process.ts'

export interface DemoBackend {
  readonly store: Store
  readonly flask: FlaskSettings
  /** For people to read. */
  readonly place: string
  close(): Promise<void>
}

/** `VIAL_DEMO_REDIS_URL`, else SQLite of this Node, else a Redis of our own. Rejects when there is none of them. */
export async function openBackend(): Promise<DemoBackend> {
  const url = process.env['VIAL_DEMO_REDIS_URL']
  if (url) return onRedis(url, async () => undefined)
  const sqlite = await import('node:sqlite' as string).catch(() => undefined)
  if (sqlite !== undefined) return onSqlite(sqlite as SqliteModule)
  if (findProgram('redis-server') !== undefined) {
    const server = await startRedis()
    return onRedis(server.url, () => server.stop())
  }
  throw new Error(
    'The demo keeps its sessions in SQLite or Redis. Run it on Node 22.16 or later, install redis-server, or name a Redis: VIAL_DEMO_REDIS_URL=redis://127.0.0.1:6379.',
  )
}

async function onRedis(url: string, stop: () => Promise<void>): Promise<DemoBackend> {
  const client = createClient({ url, disableOfflineQueue: true })
  client.on('error', (error: Error) => console.error(`Redis: ${error.message}`))
  await client.connect()
  return {
    // Flask-Session's prefix is its own; the store adds none.
    store: redisStore(client, { prefix: '' }),
    flask: { type: 'redis', url },
    place: `Redis at ${new URL(url).host}`,
    async close() {
      client.destroy()
      await stop()
    },
  }
}

interface SqliteModule {
  readonly DatabaseSync: new (
    path: string,
    options: { readonly timeout: number },
  ) => Parameters<typeof nodeSqlite>[0] & { exec(sql: string): void }
}

async function onSqlite({ DatabaseSync }: SqliteModule): Promise<DemoBackend> {
  const directory = await mkdtemp(join(tmpdir(), 'vial-demo-'))
  const path = join(directory, 'sessions.db')
  const database = new DatabaseSync(path, { timeout: 500 })
  database.exec('pragma journal_mode = wal; pragma synchronous = normal')
  const db = new Kysely({ dialect: new SqliteDialect({ database: nodeSqlite(database) }) })
  const store = sqlStore(db)
  await store.createTable()
  return {
    store,
    flask: { type: 'sqlalchemy', url: `sqlite:///${path}` },
    place: `SQLite in ${path}`,
    async close() {
      await store.close?.()
      await db.destroy()
      await rm(directory, { recursive: true, force: true })
    },
  }
}
