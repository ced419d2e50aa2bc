/** A near cache that serves old records because its own connection is cut, silent, refused, or leads elsewhere. */

import { execFile } from 'node:child_process'
import type { EventEmitter } from 'node:events'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { createSessions } from 'vial'
import { redisStore } from 'vial/stores/redis'
import { nearCache } from 'vial/stores/redis-near-cache'
import { describe, expect, onTestFinished, test } from 'vitest'
import { findProgram } from '../../scripts/services/programs.ts'
import { startRedis } from '../../scripts/services/servers/redis.ts'
import { redisCommand } from '../../scripts/services/servers/redis-command.ts'
import { bytes, content, LATER } from '../support/bytes.ts'
import type { CaughtConnection } from '../support/fault-proxy.ts'
import { PATIENCE } from '../support/patience.ts'
import { CLIENTS, newPrefix, openStore } from './redis-clients.ts'
import { held, isHeld, NEAR_CLIENTS, nearPlace, soon } from './redis-near.ts'

const missing = findProgram('redis-server') ? undefined : 'redis-server is not installed'
const because = missing ? ` (skipped: ${missing})` : ''
const LONG = { maxStale: '1h' } as const

describe.skipIf(missing).each(NEAR_CLIENTS)(
  `a near cache that fails, over %s${because}`,
  (name) => {
    test('its connection killed: nothing old is served, and it comes back', async () => {
      const { store, raw, prefix, trackers, reports } = await nearPlace(name, LONG)
      await store.create('id', bytes('0'), LATER)
      for (let turn = 1; turn <= 3; turn++) {
        await held(store, 'id')
        const killed = await trackers()
        expect(killed).toHaveLength(1)
        await raw('CLIENT', 'KILL', 'ID', String(killed[0]))
        await raw('SET', `${prefix}id`, String(turn))
        await soon(async () => expect(content(await store.read('id'))).toBe(String(turn)))
        await held(store, 'id')
        expect(await trackers()).not.toEqual(killed)
      }
      expect(reports).toHaveLength(3)
      expect(reports[0]).toMatchObject({
        code: 'ERR_VIAL_STORE',
        operation: 'read',
        retriable: true,
      })
      expect(reports[0]?.message).toMatch(
        /^redisStore: the near cache is off, and every read goes to the server: /,
      )
    })

    test('what changes between the connections is not missed', async () => {
      const { store, raw, prefix, trackers, tracking } = await nearPlace(name, LONG)
      await store.create('id', bytes('old'), LATER)
      await held(store, 'id')
      const connection = await tracking()
      connection.hold()
      await raw('SET', `${prefix}id`, 'new')
      expect(content(await store.read('id'))).toBe('old')
      for (const id of await trackers()) await raw('CLIENT', 'KILL', 'ID', id)
      await soon(async () => expect(content(await store.read('id'))).toBe('new'))
    })

    test('a server that is restarted, and empty: no old record is served', async () => {
      const { store, server, trackers } = await nearPlace(name, LONG)
      await store.create('id', bytes('x'), LATER)
      await held(store, 'id')
      await server.restart()
      await soon(async () => expect(await store.read('id')).toBeUndefined())
      await store.create('id', bytes('y'), LATER)
      await held(store, 'id')
      expect(await trackers()).toHaveLength(1)
    })

    test('a server that is frozen: served for maxStale at most, and all is well when it goes on', async () => {
      const maxStale = 400
      const { store, server, raw, prefix } = await nearPlace(name, { maxStale })
      await store.create('id', bytes('old'), LATER)
      await held(store, 'id')
      const frozenAt = performance.now()
      server.freeze()
      let servedAt = frozenAt
      const waiting: unknown[] = []
      await soon(async () => {
        const reading = store.read('id')
        waiting.push(reading)
        const later = new Promise((resolve) => setImmediate(resolve, 'later'))
        const first = await Promise.race([reading, later])
        if (first !== 'later') servedAt = performance.now()
        expect(first).toBe('later')
      })
      // The last answer was to a question from before.
      expect(servedAt - frozenAt).toBeLessThanOrEqual(maxStale)
      server.thaw()
      await Promise.all(waiting)
      await raw('SET', `${prefix}id`, 'new')
      await soon(async () => expect(content(await store.read('id'))).toBe('new'))
      await held(store, 'id')
    })

    test('its connection silent: a logout elsewhere is refused after maxStale at the latest', async () => {
      const maxStale = 400
      const { store, server, prefix, tracking } = await nearPlace(name, { maxStale })
      const options = { timeout: PATIENCE, cookie: { secure: false } } as const
      const sessions = createSessions({ store, ...options })
      const first = await sessions.load(undefined)
      first.set('user', 'ada')
      const { headers } = await sessions.commit(first)
      const cookie = headers.find(([header]) => header === 'set-cookie')?.[1].split(';')[0]
      const other = await openStore(name, server.url, { prefix })
      const elsewhere = createSessions({ store: other, ...options })
      const [id = ''] = await ids(store)
      await held(store, id)
      const connection = await tracking()
      connection.hold()
      const session = await elsewhere.load(cookie)
      session.destroy()
      await elsewhere.commit(session)
      const endedAt = performance.now()
      let servedAt = 0
      await soon(async () => {
        const askedAt = performance.now()
        const user = (await sessions.load(cookie)).get('user')
        if (user !== undefined) servedAt = askedAt
        expect(user).toBeUndefined()
      })
      expect(servedAt - endedAt).toBeLessThanOrEqual(maxStale)
      // Given up in the end, and made again.
      const next = await sessions.load(undefined)
      next.set('user', 'ada')
      await sessions.commit(next)
      await held(store, String((await ids(store))[0]))
    })

    test.each([
      ['is not known', ['--rename-command', 'CLIENT', ''], [], 'Redis has from version 6'],
      ['is not allowed', [], ['-client|tracking'], 'It needs CLIENT ID, CLIENT TRACKING'],
      ['has no channel', [], ['resetchannels'], 'It needs CLIENT ID, CLIENT TRACKING'],
      ['may not write to itself', [], ['-publish'], 'It needs CLIENT ID, CLIENT TRACKING'],
    ])('where tracking %s, the store goes on without', async (_what, args, rights, message) => {
      const { store, raw, reports, prefix } = await nearPlace(name, LONG, { arguments: args })
      if (rights.length > 0) await raw('ACL', 'SETUSER', 'default', ...rights)
      await store.create('id', bytes('0'), LATER)
      await soon(async () => {
        await store.read('id')
        expect(reports).toHaveLength(1)
      })
      expect(reports[0]?.message).toContain(message)
      expect(reports[0]).toMatchObject({ retriable: false, outcome: 'not-done' })
      for (let turn = 0; turn < 5; turn++) {
        await raw('SET', `${prefix}id`, String(turn))
        expect(content(await store.read('id'))).toBe(String(turn))
        expect(await isHeld(store, 'id')).toBe(false)
      }
      if (rights.length === 0) return
      await raw('ACL', 'SETUSER', 'default', '+@all', 'allchannels')
      await held(store, 'id')
      expect(reports).toHaveLength(1)
    })

    test('a connection that leads to another server is not believed', async () => {
      const { store, proxy, server, raw, prefix, reports } = await nearPlace(name, LONG)
      await store.create('id', bytes('old'), LATER)
      const elsewhere = await startRedis()
      onTestFinished(() => elsewhere.stop())
      proxy.redirect({ host: '127.0.0.1', port: Number(new URL(elsewhere.url).port) })
      await soon(async () => {
        await store.read('id')
        expect(reports).toHaveLength(1)
      })
      expect(await isHeld(store, 'id')).toBe(false)
      proxy.redirect({ host: '127.0.0.1', port: Number(new URL(server.url).port) })
      await held(store, 'id')
      await raw('SET', `${prefix}id`, 'new')
      await soon(async () => expect(content(await store.read('id'))).toBe('new'))
    })

    test('nothing is served before all is known that the server sends with its reply', async () => {
      const { store, proxy, reports } = await nearPlace(name, LONG)
      await store.create('id', bytes('x'), LATER)
      // Its answer alone could have overtaken what had changed just before.
      const asked = proxy.connectionOf((request) => /\r\nping\r\n/i.test(String(request)))
      let connection: CaughtConnection | undefined
      void asked.then((caught) => {
        connection = caught
        caught.hold()
      })
      await soon(async () => {
        await store.read('id')
        expect(connection).toBeDefined()
      })
      for (let turn = 0; turn < 20; turn++) expect(await isHeld(store, 'id')).toBe(false)
      expect(reports).toEqual([])
      connection?.release()
      await held(store, 'id')
    })

    test('a new connection of the program’s own client drops all', async () => {
      const { store, raw, prefix, trackers } = await nearPlace(name, LONG)
      await store.create('id', bytes('old'), LATER)
      await held(store, 'id')
      const before = await trackers()
      await raw('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
      await soon(async () => expect(await trackers()).toEqual([]))
      await held(store, 'id')
      expect(await trackers()).not.toEqual(before)
      await raw('SET', `${prefix}id`, 'new')
      await soon(async () => expect(content(await store.read('id'))).toBe('new'))
    })

    test('keeps no process alive', async () => {
      const server = await startRedis()
      onTestFinished(() => server.stop())
      const child = fileURLToPath(new URL('redis-near-child.ts', import.meta.url))
      const { stdout } = await promisify(execFile)(process.execPath, [
        '--import',
        'tsx',
        child,
        name,
        server.url,
      ])
      expect(stdout).toBe('held\n')
    })

    test('ends with close, or with the program’s client', async () => {
      const server = await startRedis()
      onTestFinished(() => server.stop())
      const port = Number(new URL(server.url).port)
      const tracked = async () =>
        String(await redisCommand(port, 'CLIENT', 'LIST'))
          .split('\n')
          .filter((line) => / flags=\w*t/.test(line)).length
      const ends = {
        close: async (store: ReturnType<typeof redisStore>) => store.close?.(),
        'end of the client': async (_: unknown, close: () => unknown) => void (await close()),
      }
      for (const [how, end] of Object.entries(ends)) {
        const opened = CLIENTS[name]?.open(server.url)
        if (opened === undefined) throw new Error(`There is no client ${name}`)
        onTestFinished(async () => void (await opened.close()))
        await opened.connected
        const emitter = opened.client as unknown as EventEmitter
        const listeners = () =>
          ['reconnecting', 'terminated', 'close', 'end'].map((event) =>
            emitter.listenerCount(event),
          )
        const before = listeners()
        const store = redisStore(opened.client, { prefix: newPrefix(), nearCache: nearCache(LONG) })
        expect(await tracked(), how).toBe(0)
        await store.create('id', bytes('x'), LATER)
        await held(store, 'id')
        expect(await tracked(), how).toBe(1)
        expect(listeners()).not.toEqual(before)
        await end(store, opened.close)
        await soon(async () => expect(await tracked(), how).toBe(0))
        if (how !== 'close') continue
        expect(listeners()).toEqual(before)
        expect(content(await store.read('id'))).toBe('x')
        expect(await isHeld(store, 'id')).toBe(false)
      }
    })
  },
)

async function ids(store: ReturnType<typeof redisStore>): Promise<string[]> {
  const found: string[] = []
  for await (const id of store.list?.() ?? []) found.push(id)
  return found
}
