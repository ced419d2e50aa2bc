/** What a request costs on each server, counted by the server itself, or on the wire where it does not count. */

import { sql } from 'kysely'
import { createSessions, type Session, type Store } from 'vial'
import { withSession } from 'vial/adapters/fetch'
import { memcachedStore } from 'vial/stores/memcached'
import { mongodbStore } from 'vial/stores/mongodb'
import { describe, expect, onTestFinished, test } from 'vitest'
import { findProgram } from '../../scripts/services/programs.ts'
import { startMariadb } from '../../scripts/services/servers/mariadb.ts'
import { startMemcached } from '../../scripts/services/servers/memcached.ts'
import { startPostgres } from '../../scripts/services/servers/postgres.ts'
import { startRedis } from '../../scripts/services/servers/redis.ts'
import { redisCommand } from '../../scripts/services/servers/redis-command.ts'
import type { RunningServer } from '../../scripts/services/servers/running-server.ts'
import { faultProxy } from '../support/fault-proxy.ts'
import { PATIENCE } from '../support/patience.ts'
import { service } from '../support/services.ts'
import { newTable } from './dynamodb-table.ts'
import { foreign, portOf } from './memcached-server.ts'
import { Database } from './mongodb-collection.ts'
import { openStore } from './redis-clients.ts'
import { newStore, openMariadb, openPostgres } from './sql-databases.ts'

interface Counted {
  readonly store: Store
  /** How many commands of the store the server has had since it began. */
  readonly count: () => Promise<number> | number
}

async function started(server: Promise<RunningServer>): Promise<RunningServer> {
  const running = await server
  onTestFinished(() => running.stop())
  return running
}

/** Counts the requests on their way to a server that keeps no count. */
async function wire(url: string, command: RegExp): Promise<{ url: string; count: () => number }> {
  const { hostname, port } = new URL(url)
  const proxy = await faultProxy({ host: hostname, port: Number(port) })
  onTestFinished(() => proxy.close())
  let seen = 0
  void proxy.loseNextReply((request) => {
    seen += request.toString('latin1').match(command)?.length ?? 0
    return false
  })
  return { url: proxy.url(url), count: () => seen }
}

const STORES: Readonly<Record<string, { missing?: string; open: () => Promise<Counted> }>> = {
  'Redis, by INFO commandstats': {
    ...needs('redis-server'),
    async open() {
      const { url } = await started(startRedis())
      const store = await openStore('node-redis', url)
      // A script is one command to the client; what it runs is not sent.
      const count = async () => {
        const info = String(await redisCommand(portOf(url), 'INFO', 'commandstats'))
        const calls = (name: string) =>
          Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(info)?.[1] ?? 0)
        const scripts = calls('evalsha') + calls('eval')
        return calls('get') + calls('set') + calls('pexpire') + calls('del') - scripts
      }
      // The first of a script brings its text.
      await store.create('warm', new Uint8Array(1), Date.now() + 60_000)
      await store.replace('warm', new Uint8Array(2), Date.now() + 60_000, new Uint8Array(1))
      return { store, count }
    },
  },
  'Memcached, by its stats': {
    ...needs('memcached'),
    async open() {
      const { url } = await started(startMemcached())
      const store = memcachedStore({ servers: `127.0.0.1:${portOf(url)}` })
      onTestFinished(() => store.close?.())
      const count = async () => {
        const stats = await foreign(url, 'stats\r\n', /END\r\n$/)
        const of = (name: string) =>
          Number(new RegExp(`STAT ${name} (\\d+)`).exec(stats)?.[1] ?? Number.NaN)
        return of('cmd_get') + of('cmd_set') + of('cmd_touch') + of('delete_hits')
      }
      return { store, count }
    },
  },
  'PostgreSQL, by pg_stat_statements': {
    ...needs('postgres'),
    async open() {
      const preload = ['-c', 'shared_preload_libraries=pg_stat_statements']
      const { url } = await started(startPostgres({ arguments: preload }))
      const db = openPostgres(url)
      onTestFinished(() => db.destroy())
      await sql`create extension pg_stat_statements`.execute(db)
      const store = await newStore(db, { table: 'counted' })
      const count = async () => {
        const { rows } = await sql<{ calls: string }>`
          select coalesce(sum(calls), 0) as calls from pg_stat_statements
          where query not like '%pg_stat_statements%'`.execute(db)
        return Number(rows[0]?.calls)
      }
      return { store, count }
    },
  },
  'MariaDB, by its status': {
    ...needs('mariadbd'),
    async open() {
      const { url } = await started(startMariadb())
      const db = openMariadb(url)
      onTestFinished(() => db.destroy())
      const store = await newStore(db)
      const count = async () => {
        const { rows } = await sql<{ Value: string }>`
          show global status where Variable_name in ('Com_select', 'Com_insert', 'Com_update',
          'Com_delete', 'Com_replace', 'Com_begin', 'Com_commit')`.execute(db)
        return rows.reduce((sum, { Value }) => sum + Number(Value), 0)
      }
      return { store, count }
    },
  },
  'MongoDB, on the wire': {
    ...runs('mongodb'),
    async open() {
      const { url, count } = await wire(
        urlOf('mongodb'),
        /(?:find|insert|update|delete)[\s\S]{5}counted/g,
      )
      const database = new Database(url)
      onTestFinished(() => database.close())
      return { store: mongodbStore(database.collection('counted')), count }
    },
  },
  'DynamoDB, on the wire': {
    ...runs('dynamodb'),
    async open() {
      const direct = urlOf('dynamodb')
      const table = await newTable(direct, Date.now)
      onTestFinished(() => table.close())
      const { url, count } = await wire(direct, /x-amz-target: DynamoDB_/gi)
      return { store: table.another(url).store, count }
    },
  },
}

describe.each(Object.entries(STORES))('%s', (_, { missing, open }) => {
  test('a request that only reads costs 1 command, one that writes 2, one that asks for nothing 0', async (ctx) => {
    ctx.skip(missing !== undefined, missing)
    const { store, count } = await open()
    const sessions = createSessions({ store, timeout: PATIENCE, cookie: { secure: false } })
    let cookie = ''
    /** One request through the adapter for Fetch; resolves to what it cost. */
    async function costs(act: (session: () => Promise<Session>) => unknown) {
      const answer = withSession(sessions, async (request) => {
        await act(() => sessions.of(request))
        return new Response()
      })
      const before = await count()
      const { headers } = await answer(new Request('http://shop.test/', { headers: { cookie } }))
      cookie = headers.get('set-cookie')?.split(';')[0] ?? cookie
      return (await count()) - before
    }
    const reads = (name: string) => async (session: () => Promise<Session>) =>
      expect((await session()).get('name')).toBe(name)

    expect(await costs(async (session) => (await session()).set('name', 'Ada')), 'new').toBe(1)
    expect(await costs(() => undefined), 'untouched').toBe(0)
    expect(await costs(reads('Ada')), 'read').toBe(1)
    expect(await costs(async (session) => (await session()).set('name', 'Bob')), 'write').toBe(2)
    expect(await costs(reads('Bob')), 'read').toBe(1)
  })
})

function needs(program: string): { missing?: string } {
  return findProgram(program) ? {} : { missing: `${program} is not installed` }
}

function runs(name: 'mongodb' | 'dynamodb'): { missing?: string } {
  const found = service(name)
  return 'missing' in found ? found : {}
}

function urlOf(name: 'mongodb' | 'dynamodb'): string {
  const found = service(name)
  return 'url' in found ? found.url : ''
}
