/** Users' lists on real servers: two life cycles on one store, as two processes are. */

import { Redis as IoRedis } from 'ioredis'
import { createClient } from 'redis'
import { createSessions, type Store, type StoredSessions } from 'vial'
import { openStore } from 'vial/stores/open'
import { redisStore } from 'vial/stores/redis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findProgram } from '../../scripts/services/programs.ts'
import { startRedis } from '../../scripts/services/servers/redis.ts'
import { redisCommand } from '../../scripts/services/servers/redis-command.ts'
import type { RunningServer } from '../../scripts/services/servers/running-server.ts'
import { PATIENCE } from '../support/patience.ts'
import { loading, schemes, titled } from './open-schemes.ts'

const cookie = { name: 'sid', secure: false } as const

async function login(sessions: StoredSessions, user: string): Promise<string> {
  const session = await sessions.load(null)
  session.login(user)
  const commit = await sessions.commit(session)
  return `sid=${commit.cookies[0]?.value}`
}

async function alive(sessions: StoredSessions, cookies: readonly string[]): Promise<number> {
  const users = await Promise.all(cookies.map(async (one) => (await sessions.load(one)).user))
  return users.filter((user) => user !== undefined).length
}

test.for(titled(schemes))(
  '%s',
  { timeout: PATIENCE },
  async ([, { client, server, on }], { skip }) => {
    if ('missing' in server) return skip(server.missing)
    const url = on(server.url)
    const open = (): Promise<Store> => openStore(url, { create: true, load: loading(client) })
    const stores = [await open(), await open()]
    const make = (store: Store): StoredSessions =>
      createSessions({ store, users: { most: 3 }, timeout: '20s', cookie })
    const [store] = stores
    if (store?.evicts) {
      expect(() => make(store)).toThrow('needs a store that keeps each record until its end')
    } else {
      const [one, two] = stores.map(make) as [StoredSessions, StoredSessions]
      const cookies = await Promise.all(
        Array.from({ length: 12 }, (_, at) => login(at % 2 === 0 ? one : two, 'ann')),
      )
      expect(await alive(one, cookies)).toBe(3)
      expect(await two.forUser('ann').count()).toBe(3)
      const [handle = ''] = (await two.forUser('ann').list()).map((listed) => listed.handle)
      expect(await one.forUser('ann').revoke(handle)).toBe(true)
      expect(await two.forUser('ann').revokeAll()).toBe(2)
      expect(await alive(two, cookies)).toBe(0)
      expect(await one.forUser('ann').list()).toEqual([])
    }
    for (const each of stores) await each.close?.()
  },
)

const missing = findProgram('redis-server') ? undefined : 'redis-server is not installed'

describe.skipIf(missing)(`a Redis that evicts${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let server: RunningServer
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server?.stop())

  const clients = {
    'node-redis': async () => {
      const client = createClient({ url: server.url, disableOfflineQueue: true })
      await client.connect()
      return { store: redisStore(client), close: () => client.destroy() }
    },
    ioredis: async () => {
      const client = new IoRedis(server.url, { maxRetriesPerRequest: 0 })
      return { store: redisStore(client, { retries: 'accept' }), close: () => client.disconnect() }
    },
  }

  test.each(Object.entries(clients))(
    '%s: the first login says so',
    { timeout: PATIENCE },
    async (name, open) => {
      const port = Number(new URL(server.url).port)
      const { store, close } = await open()
      const sessions = createSessions({ store, users: true, timeout: '20s', cookie })
      await redisCommand(port, 'CONFIG', 'SET', 'maxmemory', '100mb')
      await redisCommand(port, 'CONFIG', 'SET', 'maxmemory-policy', 'volatile-lru')
      await expect(login(sessions, name)).rejects.toThrow('maxmemory-policy is volatile-lru')
      await redisCommand(port, 'CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
      await login(sessions, name)
      expect(await sessions.forUser(name).count()).toBe(1)
      close()
    },
  )
})
