/**
 * The commands of the Redis store over ioredis and iovalkey: a client, also of a Sentinel, or a Cluster.
 *
 * @module
 */

import type { Buffer } from 'node:buffer'
import { ConfigError } from '../../errors.ts'
import type { Lifetime, RedisCommands, Retries } from './client.ts'

type Argument = string | number | Buffer

/** The part of ioredis and iovalkey that their types share for every kind of client. */
export interface IoRedisClient {
  getBuffer(key: string): Promise<Buffer | null>
  set(key: string, value: Buffer, px: 'PX', ms: number, nx: 'NX'): Promise<'OK' | null>
  pttl(key: string): Promise<number>
  del(key: string): Promise<number>
}

type SetCommand = (key: string, value: Buffer, ...words: Argument[]) => Promise<unknown>

/** The rest of what is used: words and methods that their types do not have for every kind of client. */
interface Untyped {
  set: SetCommand
  setBuffer: SetCommand
  evalshaBuffer(sha1: string, keys: number, ...args: Argument[]): Promise<unknown>
  evalBuffer(script: string, keys: number, ...args: Argument[]): Promise<unknown>
  pttl(key: string): Promise<unknown>
  scanBuffer(cursor: string, ...words: Argument[]): Promise<[Buffer, Buffer[]]>
  /** Of a Cluster alone. */
  nodes?(role: 'master'): readonly Untyped[]
  readonly options?: ClientOptions & ClusterOptions
}

interface ClientOptions {
  readonly keyPrefix?: string | Buffer
  readonly role?: string | null
  readonly autoResendUnfulfilledCommands?: boolean
  readonly maxRetriesPerRequest?: number | null
  readonly retryStrategy?: unknown
}

interface ClusterOptions {
  readonly scaleReads?: unknown
  readonly retryDelayOnFailover?: number
  readonly clusterNodeRetryStrategy?: unknown
  readonly redisOptions?: ClientOptions
}

/** @throws {ConfigError} When the client sends commands again after a lost reply, or reads from replicas. */
export function ioRedisCommands(client: IoRedisClient, retries: Retries): RedisCommands {
  const untyped = client as unknown as Untyped
  const { options = {} } = untyped
  const isCluster = typeof untyped.nodes === 'function'
  const fix = isCluster ? clusterFix(options) : clientFix(options)
  if (fix !== undefined && retries !== 'accept') {
    throw new ConfigError(
      `redisStore: this client retries a command by itself when its reply was lost, so a change may count twice. Make it with ${fix}, or accept that with redisStore(client, { retries: 'accept' }).`,
    )
  }
  if (isCluster && (options.scaleReads ?? 'master') !== 'master') {
    throw new ConfigError(
      'redisStore: this Cluster client reads from replicas, which may be behind. Leave out scaleReads.',
    )
  }
  if (options.role === 'slave') {
    throw new ConfigError(
      'redisStore: this client asks the Sentinels for a replica, which takes no writes. Leave out role.',
    )
  }

  return {
    retries: fix !== undefined,
    keyPrefix: (options.keyPrefix ?? '').toString(),
    get: (key) => client.getBuffer(key),
    pttl: async (key) => Number(await client.pttl(key)),
    setNew: async (key, value, lifetime) =>
      (await untyped.set(key, value, ...expiryWords(lifetime), 'NX')) !== null,
    setIfEqual: async (key, value, equal, ms) =>
      (await untyped.setBuffer(key, value, 'PX', ms, 'IFEQ', equal, 'GET')) as Buffer | null,
    evalSha: (script, key, args) => untyped.evalshaBuffer(script.sha1, 1, key, ...args),
    eval: (script, key, args) => untyped.evalBuffer(script.text, 1, key, ...args),
    del: async (key) => Number(await client.del(key)),
    async *scan(pattern) {
      const words = ['MATCH', pattern, 'COUNT', 1_000, 'TYPE', 'string']
      for (const node of await primaries(untyped, pattern)) {
        let cursor = '0'
        do {
          const [next, keys] = await node.scanBuffer(cursor, ...words)
          cursor = next.toString()
          yield keys
        } while (cursor !== '0')
      }
    },
  }
}

/** The servers that own keys. */
async function primaries(client: Untyped, key: string): Promise<readonly Untyped[]> {
  if (client.nodes === undefined) return [client]
  // A Cluster client knows all nodes once it has answered any command.
  await client.pttl(key)
  const nodes = client.nodes('master')
  if (nodes.length === 0) throw new Error('None of startup nodes is available')
  return nodes
}

function expiryWords(lifetime: Lifetime): readonly Argument[] {
  return lifetime === 'ended' ? ['PXAT', 1] : ['PX', lifetime]
}

/** The options that keep a client from retrying a command; undefined: it does not retry. */
function clientFix(options: ClientOptions): string | undefined {
  // With `maxRetriesPerRequest: 0` every command in flight is rejected as soon as the connection closes.
  const never =
    options.autoResendUnfulfilledCommands === false ||
    options.maxRetriesPerRequest === 0 ||
    typeof options.retryStrategy !== 'function'
  return never ? undefined : '{ maxRetriesPerRequest: 0 }'
}

/** The same for a Cluster: it retries after a connection closed, and its connections do when they may reconnect. */
function clusterFix(options: ClusterOptions): string | undefined {
  const { retryDelayOnFailover = 100, clusterNodeRetryStrategy, redisOptions = {} } = options
  const fixes: string[] = []
  // The delay also starts the search for the new primary, which iovalkey otherwise does at intervals only.
  if (retryDelayOnFailover > 0) fixes.push('retryDelayOnFailover: 0, slotsRefreshInterval: 1000')
  const retryStrategy = clusterNodeRetryStrategy
  if (clientFix({ ...redisOptions, retryStrategy }) !== undefined) {
    fixes.push('redisOptions: { maxRetriesPerRequest: 0 }')
  }
  return fixes.length === 0 ? undefined : `{ ${fixes.join(', ')} }`
}
