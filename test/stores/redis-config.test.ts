/** What the Redis store says of a client before anything is sent. No server is needed. */

import {
  type ClusterOptions,
  Cluster as IoCluster,
  Redis as IoRedis,
  type RedisOptions,
} from 'ioredis'
import { Redis as IoValkey } from 'iovalkey'
import { createClient, createClientPool, createCluster, createSentinel } from 'redis'
import { ConfigError, TooLargeError } from 'vial'
import { type RedisClient, type RedisStoreOptions, redisStore } from 'vial/stores/redis'
import { type NearCacheOptions, nearCache } from 'vial/stores/redis-near-cache'
import { describe, expect, test, vi } from 'vitest'

const closed = { lazyConnect: true }
const ioRedis = (options: RedisOptions = {}) => new IoRedis({ lazyConnect: true, ...options })
const ioCluster = (options: ClusterOptions = {}) =>
  new IoCluster(['redis://127.0.0.1:1'], { lazyConnect: true, ...options })
const sentinel = (maxCommandRediscovers = 16) =>
  createSentinel({ name: 'vial', sentinelRootNodes: [], maxCommandRediscovers })

describe('a client that sends again what may have been done', () => {
  test.each([
    ['ioredis', () => ioRedis(), 'maxRetriesPerRequest: 0'],
    [
      'ioredis that never gives up',
      () => ioRedis({ maxRetriesPerRequest: null }),
      'maxRetriesPerRequest: 0',
    ],
    ['iovalkey', () => new IoValkey({ lazyConnect: true }), 'maxRetriesPerRequest: 0'],
    [
      'an ioredis Cluster',
      () => ioCluster(),
      '{ retryDelayOnFailover: 0, slotsRefreshInterval: 1000 }',
    ],
    [
      'an ioredis Cluster whose connections reconnect',
      () =>
        ioCluster({
          retryDelayOnFailover: 0,
          clusterNodeRetryStrategy: () => 50,
        } as ClusterOptions),
      '{ redisOptions: { maxRetriesPerRequest: 0 } }',
    ],
    ['a node-redis Sentinel', () => sentinel(), 'maxCommandRediscovers: 0'],
  ])('is refused with the option to change: %s', (_name, make, fix) => {
    const client = make()
    expect(() => redisStore(client)).toThrow(ConfigError)
    expect(() => redisStore(client)).toThrow(fix)
    expect(redisStore(client, { retries: 'accept' }).name).toBe('redis')
  })

  test('is not taken at its word where the client shows otherwise', () => {
    expect(() => redisStore(ioRedis(), { retries: 'never' })).toThrow(ConfigError)
    expect(redisStore(sentinel(0), { retries: 'never' }).atomic).toBe(true)
  })

  test.each([
    ['an ioredis without retries', () => ioRedis({ maxRetriesPerRequest: 0 })],
    ['an ioredis that does not resend', () => ioRedis({ autoResendUnfulfilledCommands: false })],
    ['an ioredis Cluster without delay', () => ioCluster({ retryDelayOnFailover: 0 })],
    ['a node-redis client', () => createClient()],
    ['a node-redis Cluster', () => createCluster({ rootNodes: [] })],
  ] as const)('is not %s', (_name, make) => {
    expect(redisStore(make() as RedisClient).name).toBe('redis')
  })
})

test.each([
  [
    'an ioredis Cluster',
    () => ioCluster({ retryDelayOnFailover: 0, scaleReads: 'slave' }),
    'scaleReads',
  ],
  [
    'an ioredis of Sentinels',
    () =>
      ioRedis({
        maxRetriesPerRequest: 0,
        sentinels: [{ host: '127.0.0.1' }],
        name: 'vial',
        role: 'slave',
      }),
    'role',
  ],
  [
    'a node-redis Cluster',
    () => createCluster({ rootNodes: [], useReplicas: true }),
    'useReplicas',
  ],
] as const)('a client that reads from replicas is refused: %s', (_name, make, option) => {
  expect(() => redisStore(make() as RedisClient)).toThrow(`Leave out ${option}.`)
})

test.each([
  ['null', null],
  ['an object', {}],
  ['a client of node-redis 4', { get() {}, set() {}, sendCommand() {}, commandOptions() {} }],
  ['a Map', new Map()],
])('something else is refused: %s', (_name, client) => {
  expect(() => redisStore(client as unknown as RedisClient)).toThrow(ConfigError)
  expect(() => redisStore(client as unknown as RedisClient)).toThrow(
    'redis (5 or later), ioredis (5 or 6) or iovalkey',
  )
})

test.each([
  ['ioredis', () => new IoRedis('redis://127.0.0.1:1', { ...closed, maxRetriesPerRequest: 0 })],
  ['iovalkey', () => new IoValkey('redis://127.0.0.1:1', { ...closed, maxRetriesPerRequest: 0 })],
  ['an ioredis Cluster', () => ioCluster({ retryDelayOnFailover: 0 })],
] as const)('%s that was closed fails at once, with the fix', async (_name, make) => {
  const client = make()
  client.disconnect()
  await vi.waitFor(() => expect(client.status).toBe('end'))
  await expect(redisStore(client as RedisClient).delete('id')).rejects.toMatchObject({
    message: expect.stringContaining('close it after the last one'),
    outcome: 'not-done',
    retriable: false,
  })
})

test('a client that was not awaited is refused with the fix', () => {
  const client = Promise.resolve(createClient())
  expect(() => redisStore(client as unknown as RedisClient)).toThrow('Await it first')
})

test.each([
  ['a space', 'my sessions:'],
  ['a line end', 'a\n'],
  ['a letter beyond ASCII', 's\u00e9ance:'],
  ['more than 100 characters', 'x'.repeat(101)],
])('a prefix with %s is refused', (_what, prefix) => {
  expect(() => redisStore(createClient(), { prefix })).toThrow(ConfigError)
  expect(() => redisStore(createClient(), { prefix })).toThrow('100 visible ASCII characters')
})

test.each(['', '!~', 'x'.repeat(100)])('a prefix of visible ASCII is taken: %j', (prefix) => {
  expect(redisStore(createClient(), { prefix }).prefix).toBe(prefix)
})

test('the store says that a failover may lose what it acknowledged, and that it does not evict', () => {
  const store = redisStore(createClient())
  expect([store.atomic, store.forgets, store.evicts]).toEqual([true, true, undefined])
})

test('a record over the limit of Redis is a TooLargeError, and nothing is sent', async () => {
  const store = redisStore(createClient())
  const limit = 256 * 1024 * 1024
  const big = new Uint8Array(limit + 1)
  for (const call of [
    () => store.create('id', big, Date.now() + 1_000),
    () => store.replace('id', big, Date.now() + 1_000, big),
  ]) {
    const error = await call().catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(TooLargeError)
    expect(error).toMatchObject({ size: limit + 1, limit })
  }
})

test.each([
  ['a client', () => createClient(), undefined],
  ['a pool', () => createClientPool(), undefined],
  ['a Cluster', () => createCluster({ rootNodes: [] }), undefined],
  ['a Sentinel', () => sentinel(0), 'never'],
] as const)(
  '%s of node-redis that is not open fails at once, with the fix',
  async (_name, make, retries) => {
    const store = redisStore(make() as RedisClient, { ...(retries && { retries }) })
    await expect(store.delete('id')).rejects.toMatchObject({
      message:
        'redisStore: delete failed: the client is not connected. Await client.connect() before the first request, and close it after the last one.',
      outcome: 'not-done',
      retriable: false,
    })
  },
)

describe('a near cache', () => {
  test.each([
    ['0', 'maxEntries', { maxEntries: 0 }],
    ['a fraction', 'maxEntries', { maxEntries: 1.5 }],
    ['no bytes', 'maxBytes', { maxBytes: -1 }],
    ['no number', 'maxBytes', { maxBytes: '1mb' }],
    ['no time', 'maxStale', { maxStale: 0 }],
    ['no duration', 'maxStale', { maxStale: 'soon' }],
    ['less time than an answer takes', 'maxStale', { maxStale: 10 }],
    ['more time than timers have', 'maxStale', { maxStale: '25d' }],
    ['an unknown name', 'maxAge', { maxAge: 1 }],
  ])('of %s is refused', (_name, named, options) => {
    expect(() => nearCache(options as NearCacheOptions)).toThrow(ConfigError)
    expect(() => nearCache(options as NearCacheOptions)).toThrow(named)
  })

  test.each([
    ['a text', 'yes'],
    ['null', null],
    ['a list', []],
    ['true', true],
    ['its options', { maxEntries: 1 }],
  ])('that is %s is refused with the function that makes one', (_name, given) => {
    const options = { nearCache: given } as unknown as RedisStoreOptions
    expect(() => redisStore(createClient(), options)).toThrow(ConfigError)
    expect(() => redisStore(createClient(), options)).toThrow(
      "Give nearCache() of 'vial/stores/redis-near-cache'",
    )
  })

  test.each([
    ['a Cluster of node-redis', () => createCluster({ rootNodes: [] })],
    ['a pool', () => createClientPool()],
    ['a Sentinel of node-redis', () => sentinel(0)],
    ['a Cluster of ioredis', () => ioCluster({ retryDelayOnFailover: 0 })],
  ] as const)('over %s is refused', (_name, make) => {
    const client = make() as RedisClient
    const options = { retries: 'never', nearCache: nearCache() } as const
    expect(() => redisStore(client, options)).toThrow(ConfigError)
    expect(() => redisStore(client, options)).toThrow('a client with one connection')
    expect(redisStore(client, { retries: 'never' }).name).toBe('redis')
  })

  test('with a prefix of other bytes than text is refused: the server would report another one', () => {
    const client = ioRedis({ maxRetriesPerRequest: 0, keyPrefix: Buffer.from([0xff]) as never })
    expect(() => redisStore(client, { nearCache: nearCache() })).toThrow('valid UTF-8')
  })
})
