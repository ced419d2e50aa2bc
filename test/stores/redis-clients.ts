/** The clients that the tests of the Redis store run on, and what they have in common. */

import { randomUUID } from 'node:crypto'
import { Cluster as IoCluster, Redis as IoRedis } from 'ioredis'
import { Cluster as IoCluster6, Redis as IoRedis6 } from 'ioredis6'
import { Redis as IoValkey, Cluster as ValkeyCluster } from 'iovalkey'
import { createClient, createClientPool, createCluster, createSentinel } from 'redis'
import {
  createClient as createClient5,
  createCluster as createCluster5,
  createSentinel as createSentinel5,
} from 'redis5'
import type { AsyncStore, Store } from 'vial'
import { type RedisClient, type RedisStoreOptions, redisStore } from 'vial/stores/redis'
import { onTestFinished } from 'vitest'

export type Kind = 'single' | 'cluster' | 'sentinel'

/** A client, and how to end it. */
export interface Opened {
  readonly client: RedisClient
  readonly options: Pick<RedisStoreOptions, 'retries'>
  /** Resolves when it is connected; rejects or waits for ever when it cannot be. */
  readonly connected: Promise<unknown>
  readonly close: () => unknown
}

export interface More {
  /** Where another address stands for one that the servers report, such as a proxy's, by port on 127.0.0.1. */
  readonly detours?: ReadonlyMap<number, number>
  /** Whether it goes on looking for a Cluster or Sentinels that are not there; default true. */
  readonly patient?: boolean
}

/** Longer than a connection takes on a busy machine, in ms. */
const CONNECT_TIMEOUT = 30_000
const patience = { connectTimeout: CONNECT_TIMEOUT, reconnectStrategy: 50 }
const nothing = () => undefined

interface NodeRedis {
  on(event: 'error', listener: () => void): unknown
  connect(): Promise<unknown>
  destroy(): unknown
}

function nodeRedis(client: NodeRedis & RedisClient, options: Opened['options'] = {}): Opened {
  client.on('error', nothing)
  const connected = client.connect()
  connected.catch(nothing)
  const close = async () => {
    try {
      await client.destroy()
    } catch {
      // It was never open.
    }
  }
  return { client, options, connected, close }
}

interface IoRedisLike {
  on(event: 'error', listener: () => void): unknown
  connect(): Promise<void>
  disconnect(): void
}

function ioRedis(client: IoRedisLike & RedisClient): Opened {
  client.on('error', nothing)
  const connected = client.connect()
  connected.catch(nothing)
  return { client, options: {}, connected, close: () => client.disconnect() }
}

/** Rejects what is on its way when the connection closes, and does not wait for a server that is away. */
const quick = {
  maxRetriesPerRequest: 0,
  retryStrategy: () => 50,
  connectTimeout: CONNECT_TIMEOUT,
  lazyConnect: true,
}
const quickCluster = {
  retryDelayOnFailover: 0,
  slotsRefreshTimeout: CONNECT_TIMEOUT,
  lazyConnect: true,
}
const clusterRetry = (patient = true) => ({ clusterRetryStrategy: () => (patient ? 50 : null) })

function addressOf(url: string): { readonly host: string; readonly port: number } {
  return { host: '127.0.0.1', port: Number(new URL(url).port) }
}

function sentinelOf(url: string) {
  return { sentinels: [addressOf(url)], name: new URL(url).searchParams.get('sentinel') ?? 'vial' }
}

function mapOf(detours: More['detours'] = new Map()) {
  const entries = [...detours].map(([from, port]) => [
    `127.0.0.1:${from}`,
    { host: '127.0.0.1', port },
  ])
  return Object.fromEntries(entries) as Record<string, { host: string; port: number }>
}

interface Entry {
  readonly kind: Kind
  readonly open: (url: string, more?: More) => Opened
}

/** What the versions of node-redis share. */
interface NodeRedisLibrary {
  readonly createClient: typeof createClient | typeof createClient5
  readonly createCluster: typeof createCluster | typeof createCluster5
  readonly createSentinel: typeof createSentinel | typeof createSentinel5
}

function nodeRedisClients(name: string, library: NodeRedisLibrary): Record<string, Entry> {
  // Their types differ, what is asked of them here does not.
  const { createClient, createCluster, createSentinel } = library as typeof import('redis')
  return {
    [name]: {
      kind: 'single',
      open: (url) => nodeRedis(createClient({ url, disableOfflineQueue: true, socket: patience })),
    },
    [`${name} Cluster`]: {
      kind: 'cluster',
      open: (url, { detours } = {}) =>
        nodeRedis(
          createCluster({
            rootNodes: [{ url }],
            nodeAddressMap: mapOf(detours),
            defaults: { disableOfflineQueue: true, socket: patience },
          }),
        ),
    },
    [`${name} Sentinel`]: {
      kind: 'sentinel',
      open: (url, { detours } = {}) => {
        const { sentinels, name } = sentinelOf(url)
        return nodeRedis(
          createSentinel({
            name,
            sentinelRootNodes: sentinels,
            nodeAddressMap: mapOf(detours),
            maxCommandRediscovers: 0,
            nodeClientOptions: { disableOfflineQueue: true, socket: patience },
          }),
          { retries: 'never' },
        )
      },
    },
  }
}

/** What ioredis, its versions and iovalkey share. */
interface IoRedisLibrary {
  readonly Redis: typeof IoRedis | typeof IoRedis6 | typeof IoValkey
  readonly Cluster: typeof IoCluster | typeof IoCluster6 | typeof ValkeyCluster
}

function ioRedisClients(name: string, library: IoRedisLibrary): Record<string, Entry> {
  const { Redis, Cluster } = library as typeof import('ioredis')
  return {
    [name]: { kind: 'single', open: (url) => ioRedis(new Redis(url, quick)) },
    [`${name} Cluster`]: {
      kind: 'cluster',
      open: (url, { detours, patient } = {}) =>
        ioRedis(
          new Cluster([url], {
            ...quickCluster,
            // Without it, or a retry on failover, iovalkey never looks for the new primary.
            ...(name === 'iovalkey' ? { slotsRefreshInterval: 500 } : {}),
            ...clusterRetry(patient),
            natMap: mapOf(detours),
          }),
        ),
    },
    [`${name} Sentinel`]: {
      kind: 'sentinel',
      open: (url, { detours, patient = true } = {}) =>
        ioRedis(
          new Redis({
            ...quick,
            ...sentinelOf(url),
            natMap: mapOf(detours),
            sentinelRetryStrategy: () => (patient ? 50 : null),
          }),
        ),
    },
  }
}

/** All of them, by name. */
export const CLIENTS: Readonly<Record<string, Entry>> = {
  ...nodeRedisClients('node-redis', { createClient, createCluster, createSentinel }),
  'node-redis pool': {
    kind: 'single',
    // One connection may be away while others are not, so commands wait.
    open: (url, { patient = true } = {}) =>
      nodeRedis(
        createClientPool(
          { url, disableOfflineQueue: !patient, socket: patience },
          { maximum: 3, acquireTimeout: patient ? CONNECT_TIMEOUT : 500 },
        ),
      ),
  },
  ...nodeRedisClients('node-redis 5', {
    createClient: createClient5,
    createCluster: createCluster5,
    createSentinel: createSentinel5,
  }),
  ...ioRedisClients('ioredis', { Redis: IoRedis, Cluster: IoCluster }),
  ...ioRedisClients('ioredis 6', { Redis: IoRedis6, Cluster: IoCluster6 }),
  ...ioRedisClients('iovalkey', { Redis: IoValkey, Cluster: ValkeyCluster }),
}

/** The names of those for a kind of server. */
export function clientsFor(kind: Kind): string[] {
  return Object.keys(CLIENTS).filter((name) => CLIENTS[name]?.kind === kind)
}

/** A prefix that no other test uses. */
export function newPrefix(): string {
  return `vial-test-${randomUUID()}:`
}

type OpenOptions = RedisStoreOptions & { readonly detours?: More['detours'] }

/** A store of its own over a client that goes with its test. */
export async function openStore(
  name: string,
  url: string,
  options?: OpenOptions & { readonly nearCache?: never },
): Promise<AsyncStore>
export async function openStore(name: string, url: string, options: OpenOptions): Promise<Store>
export async function openStore(
  name: string,
  url: string,
  options: OpenOptions = {},
): Promise<Store> {
  const { detours, ...rest } = options
  const opened = CLIENTS[name]?.open(url, detours && { detours })
  if (opened === undefined) throw new Error(`There is no client ${name}`)
  onTestFinished(async () => void (await opened.close()))
  await opened.connected
  return redisStore(opened.client, { prefix: newPrefix(), ...opened.options, ...rest })
}
