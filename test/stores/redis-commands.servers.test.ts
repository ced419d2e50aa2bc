/** What the Redis store does on the server: commands, expiries, keys, and what other programs write. */

import { Redis as IoRedis } from 'ioredis'
import { createClient } from 'redis'
import { createSessions } from 'vial'
import { redisStore } from 'vial/stores/redis'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { findProgram } from '../../scripts/services/programs.ts'
import { startRedis } from '../../scripts/services/servers/redis.ts'
import { redisCommand } from '../../scripts/services/servers/redis-command.ts'
import type { RunningServer } from '../../scripts/services/servers/running-server.ts'
import { bytes, content, LATER } from '../support/bytes.ts'
import { failureOf } from '../support/failure-of.ts'
import { PATIENCE } from '../support/patience.ts'
import { clientsFor, openStore } from './redis-clients.ts'

const missing = findProgram('redis-server') ? undefined : 'redis-server is not installed'

describe.skipIf(missing)(`on a server of its own${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let server: RunningServer
  let url = ''
  let port = 0
  /** Whether the server compares by itself: Valkey from 8.1, Redis from 8.4. */
  let knowsIfeq = false
  const raw = (...words: string[]) => redisCommand(port, ...words)

  beforeAll(async () => {
    server = await startRedis()
    ;({ url } = server)
    port = Number(new URL(url).port)
    knowsIfeq = await raw('SET', 'probe', 'x', 'IFEQ', 'y').then(
      () => true,
      () => false,
    )
  })
  afterAll(() => server?.stop())

  /** How often the server ran each command of the store since `CONFIG RESETSTAT`. */
  async function counted(): Promise<Record<string, number>> {
    const info = String(await raw('INFO', 'commandstats'))
    const lines = info.matchAll(/^cmdstat_([\w|]+):calls=(\d+)/gm)
    const all = [...lines].map(([, name, calls]) => [name, Number(calls)] as const)
    return Object.fromEntries(
      all.filter(([name]) => !/^(config|info|client|hello|select)/.test(String(name))),
    )
  }

  describe.each(clientsFor('single'))('over %s', (name) => {
    test('each verb is one round trip', async () => {
      const store = await openStore(name, url)
      const warm = await store.create('warm', bytes('x'), LATER)
      await store.replace('warm', bytes('y'), LATER, bytes('x'))
      await store.delete('warm', bytes('y'))
      expect(warm.kind).toBe('created')
      // What the script runs inside is counted too.
      const swap = knowsIfeq ? { set: 1 } : { evalsha: 1, get: 1, set: 1 }
      const lost = knowsIfeq ? { set: 1 } : { evalsha: 1, get: 1 }
      const steps: readonly (readonly [string, Record<string, number>, () => Promise<unknown>])[] =
        [
          ['create', { set: 1 }, () => store.create('id', bytes('1'), LATER)],
          ['create again', { set: 1 }, () => store.create('id', bytes('1'), LATER)],
          ['read', { get: 1 }, () => store.read('id')],
          ['read with the expiry', { get: 1, pttl: 1 }, () => store.read('id', { expiry: true })],
          ['replace', swap, () => store.replace('id', bytes('2'), LATER, bytes('1'))],
          ['replace, too late', lost, () => store.replace('id', bytes('3'), LATER, bytes('1'))],
          ['touch', { evalsha: 1, get: 1, pexpire: 1 }, () => store.touch('id', LATER, bytes('2'))],
          [
            'touch of another version',
            { evalsha: 1, get: 1 },
            () => store.touch('id', LATER, bytes('1')),
          ],
          [
            'delete of another version',
            { evalsha: 1, get: 1 },
            () => store.delete('id', bytes('1')),
          ],
          [
            'delete of the version',
            { evalsha: 1, get: 1, del: 1 },
            () => store.delete('id', bytes('2')),
          ],
          ['delete', { del: 1 }, () => store.delete('id')],
        ]
      for (const [what, expected, run] of steps) {
        await raw('CONFIG', 'RESETSTAT')
        await run()
        expect(await counted(), what).toEqual(expected)
      }
    })

    test('a request that does not ask costs nothing, one that reads 1, one that writes 2', async () => {
      const store = await openStore(name, url)
      const sessions = createSessions({ store, timeout: PATIENCE, cookie: { secure: false } })
      const first = await sessions.load(undefined)
      first.set('name', 'Ada')
      const { headers } = await sessions.commit(first)
      const cookie = headers.find(([header]) => header === 'set-cookie')?.[1].split(';')[0]
      await store.replace('warm', bytes('x'), LATER, bytes('y'))
      await raw('CONFIG', 'RESETSTAT')
      const reading = await sessions.load(cookie)
      expect(reading.get('name')).toBe('Ada')
      await sessions.commit(reading)
      expect(await counted()).toEqual({ get: 1 })
      await raw('CONFIG', 'RESETSTAT')
      const writing = await sessions.load(cookie)
      writing.set('name', 'Bob')
      await sessions.commit(writing)
      expect(await counted()).toEqual(
        knowsIfeq ? { get: 1, set: 1 } : { get: 2, set: 1, evalsha: 1 },
      )
    })

    test('what another program writes is a conflict, what it deletes is gone', async () => {
      const prefix = 'foreign:'
      const store = await openStore(name, url, { prefix })
      await store.create('id', bytes('ours'), LATER)
      const { version } = (await store.read('id')) ?? {}
      await raw('SET', 'foreign:id', 'theirs', 'EX', '1000')
      const late = await store.replace('id', bytes('late'), LATER, version)
      expect(late.kind === 'conflict' && content(late.current)).toBe('theirs')
      expect(await store.delete('id', version)).toBe('conflict')
      const record = await store.read('id', { expiry: true })
      expect((await store.replace('id', bytes('ours'), LATER, record?.version)).kind).toBe(
        'replaced',
      )
      expect(await raw('GET', 'foreign:id')).toBe('ours')
      await raw('DEL', 'foreign:id')
      expect((await store.replace('id', bytes('x'), LATER, bytes('ours'))).kind).toBe('gone')
      await raw('SET', 'foreign:id', 'without an end')
      expect(await store.read('id', { expiry: true })).not.toHaveProperty('expiresAt')
      await store.delete('id')
    })

    test('expiries are set to the millisecond, rounded up, by the clock that is given', async () => {
      // A clock that is years off.
      const now = () => 1_000_000
      const store = await openStore(name, url, { prefix: 'ttl:', now })
      await raw('CONFIG', 'SET', 'slowlog-log-slower-than', '0')
      for (const [length, run] of [
        [86_400_001, () => store.create('id', bytes('x'), now() + 86_400_001)],
        [123_457, () => store.replace('id', bytes('y'), now() + 123_456.1, bytes('x'))],
        [999_999, () => store.touch('id', now() + 999_999, bytes('y'))],
      ] as const) {
        await raw('SLOWLOG', 'RESET')
        await run()
        const log = (await raw('SLOWLOG', 'GET')) as [number, number, number, string[]][]
        expect(log.flatMap(([, , , words]) => words)).toContain(String(length))
        const left = Number(await raw('PTTL', 'ttl:id'))
        expect(left).toBeGreaterThan(length - 5_000)
        expect(left).toBeLessThanOrEqual(length)
      }
      await raw('CONFIG', 'SET', 'slowlog-log-slower-than', '-1')
      await store.touch('id', Infinity, bytes('y'))
      expect(Number(await raw('PTTL', 'ttl:id'))).toBeGreaterThan(1e15)
      expect(await store.delete('id')).toBe('deleted')
    })

    test('a script cache that is emptied in the middle of a burst changes no answer', async () => {
      const store = await openStore(name, url)
      const ids = Array.from({ length: 40 }, (_, n) => `id-${n}`)
      for (const id of ids) await store.create(id, bytes(id), LATER)
      await raw('SCRIPT', 'FLUSH')
      const results = await Promise.all(
        ids.map(async (id, n) => {
          if (n === 20) await raw('SCRIPT', 'FLUSH')
          return n % 2
            ? store.delete(id, bytes(n % 3 ? id : 'another'))
            : store.replace(id, bytes('new'), LATER, bytes(n % 3 ? id : 'another'))
        }),
      )
      expect(results.map((result) => (typeof result === 'string' ? result : result.kind))).toEqual(
        ids.map((_, n) => (n % 3 ? (n % 2 ? 'deleted' : 'replaced') : 'conflict')),
      )
    })

    test('something else under the key is a typed error', async () => {
      const store = await openStore(name, url, { prefix: 'type:' })
      await raw('RPUSH', 'type:secret-id', 'x')
      for (const [operation, run] of [
        ['read', () => store.read('secret-id')],
        ['replace', () => store.replace('secret-id', bytes('x'), LATER, bytes('y'))],
        ['delete', () => store.delete('secret-id', bytes('y'))],
      ] as const) {
        const error = await failureOf(run)
        expect(error).toMatchObject({ operation, outcome: 'not-done', retriable: false })
        expect(error.message).toContain('the key holds a value of another type')
      }
      expect((await store.create('secret-id', bytes('x'), LATER)).kind).toBe('exists')
    })

    test('lists the ids behind its own prefix only, whatever else is there', async () => {
      const store = await openStore(name, url, { prefix: '[a*]?\\^-:' })
      const ids = ['plain', '*', '[a*]?\\^-:', '~!', 'x'.repeat(189)]
      for (const id of ids) await store.create(id, bytes('x'), LATER)
      await raw('SET', 'a:not-ours', 'x')
      await raw('SET', '[a*]?\\^-:n\u00f6t an id', 'x')
      await raw('SET', '[a*]?\\^-:', 'x')
      await raw('HSET', '[a*]?\\^-:hash', 'x', 'y')
      const listed: string[] = []
      for await (const id of store.list?.() ?? []) listed.push(id)
      expect(listed.toSorted()).toEqual(ids.toSorted())
    })
  })

  describe('whatever the replies of the client are set to', () => {
    const every = Uint8Array.from({ length: 256 }, (_, value) => value)
    const nodeRedis = {
      'RESP 2': () => createClient({ url, RESP: 2 }),
      'RESP 3': () => createClient({ url, RESP: 3 }),
      'strings for all': () =>
        createClient({ url, commandOptions: { typeMapping: { 36: String, 58: String } } }),
      'a near cache': () => createClient({ url, RESP: 3, clientSideCache: { maxEntries: 10 } }),
      'a prefix': () => createClient({ url, keyPrefix: 'app:' }),
    }
    const quick = { maxRetriesPerRequest: 0 }
    const ioRedis = {
      'numbers as strings': () => new IoRedis(url, { ...quick, stringNumbers: true }),
      'a prefix': () => new IoRedis(url, { ...quick, keyPrefix: 'app:' }),
      'pipelines by themselves': () => new IoRedis(url, { ...quick, enableAutoPipelining: true }),
    }

    async function check(store: ReturnType<typeof redisStore>, prefix: string): Promise<void> {
      expect((await store.create('id', every, LATER)).kind).toBe('created')
      expect((await store.create('id', every, LATER)).kind).toBe('exists')
      const read = await store.read('id', { expiry: true })
      expect(Buffer.compare(read?.bytes ?? bytes(''), every)).toBe(0)
      expect(Math.abs((read?.expiresAt ?? 0) - LATER)).toBeLessThan(1_000)
      const lost = await store.replace('id', bytes('x'), LATER, bytes('y'))
      expect(lost.kind === 'conflict' && Buffer.compare(lost.current?.bytes ?? every, every)).toBe(
        0,
      )
      expect((await store.replace('id', bytes('x'), LATER, every)).kind).toBe('replaced')
      expect(await store.touch('id', LATER, bytes('x'))).toBe('touched')
      expect(await store.touch('id', LATER, every)).toBe('conflict')
      expect(await store.touch('another', LATER, every)).toBe('gone')
      // Behind the back of a near cache.
      await raw('SET', `${prefix}id`, 'newest')
      expect(content(await store.read('id'))).toBe('newest')
      const listed: string[] = []
      for await (const id of store.list?.() ?? []) listed.push(id)
      expect(listed).toEqual(['id'])
      expect(await store.delete('id', bytes('newest'))).toBe('deleted')
      expect(await store.delete('id')).toBe('gone')
    }

    test.each(Object.entries(nodeRedis))('node-redis with %s', async (name, make) => {
      const client = make()
      client.on('error', () => undefined)
      onTestFinished(() => client.destroy())
      await client.connect()
      const prefix = `settings-${name.replaceAll(' ', '-')}:`
      await check(redisStore(client, { prefix }), name === 'a prefix' ? `app:${prefix}` : prefix)
    })

    test.each(Object.entries(ioRedis))('ioredis with %s', async (name, make) => {
      const client = make()
      onTestFinished(() => client.disconnect())
      const prefix = `io-settings-${name.replaceAll(' ', '-')}:`
      await check(redisStore(client, { prefix }), name === 'a prefix' ? `app:${prefix}` : prefix)
    })
  })

  test('the client is the program’s, and stays open', async () => {
    const client = createClient({ url })
    client.on('error', () => undefined)
    onTestFinished(() => client.destroy())
    await client.connect()
    const store = redisStore(client)
    await store.close?.()
    expect(await client.ping()).toBe('PONG')
  })
})
