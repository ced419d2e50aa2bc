/**
 * The commands of the Redis store over ioredis and iovalkey: a client, also of a Sentinel, or a Cluster.
 *
 * @module
 */

import type { Buffer } from 'node:buffer'
import { ConfigError } from '../../errors.ts'
import type { Lifetime, RedisCommands, Resends } from './commands.ts'
import type { RedisKey } from './keys.ts'

type Argument = string | number | Buffer

/** The slice of ioredis and iovalkey that is used. */
export interface IoRedisClient {
  getBuffer(key: RedisKey): Promise<Buffer | null>
  set(key: RedisKey, value: Buffer, px: 'PX', ms: number, nx: 'NX'): Promise<'OK' | null>
  pttl(key: RedisKey): Promise<number>
  pexpire(key: RedisKey, ms: number): Promise<number>
  del(key: RedisKey): Promise<number>
}

type SetWords = (key: RedisKey, value: Buffer, ...words: Argument[]) => Promise<unknown>

/** The rest, with words and methods that their types do not have for every kind of client. */
interface Untyped {
  set: SetWords
  setBuffer: SetWords
  evalshaBuffer(sha1: string, keys: number, ...args: Argument[]): Promise<unknown>
  evalBuffer(script: string, keys: number, ...args: Argument[]): Promise<unknown>
  pttl(key: RedisKey): Promise<unknown>
  scanBuffer(cursor: string, ...words: Argument[]): Promise<[Buffer, Buffer[]]>
  /** Of a Cluster. */
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

/** @throws {ConfigError} When the client sends commands again, or reads from replicas. */
export function ioRedisCommands(client: IoRedisClient, resends: Resends): RedisCommands {
  const untyped = client as unknown as Untyped
  const { options = {} } = untyped
  const isCluster = typeof untyped.nodes === 'function'
  const fix = isCluster ? clusterFix(options) : clientFix(options)
  if (fix !== undefined && resends !== 'accept') {
    throw new ConfigError(
      `redisStore: this client sends a command again when its reply was lost, so a change may count twice. Make it with ${fix}, or accept that with redisStore(client, { resends: 'accept' }).`,
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
    resends: fix !== undefined,
    keyPrefix: (options.keyPrefix ?? '').toString(),
    get: (key) => client.getBuffer(key),
    pttl: async (key) => Number(await client.pttl(key)),
    setNew: async (key, value, lifetime) =>
      (await untyped.set(key, value, ...wordsOf(lifetime), 'NX')) !== null,
    setIfEqual: async (key, value, equal, ms) =>
      (await untyped.setBuffer(key, value, 'PX', ms, 'IFEQ', equal, 'GET')) as Buffer | null,
    evalSha: (script, key, args) => untyped.evalshaBuffer(script.sha1, 1, key, ...args),
    eval: (script, key, args) => untyped.evalBuffer(script.text, 1, key, ...args),
    pexpire: async (key, ms) => Number(await client.pexpire(key, ms)) === 1,
    del: async (key) => Number(await client.del(key)),
    async *scan(pattern) {
      const words = ['MATCH', pattern, 'COUNT', 1_000, 'TYPE', 'string']
      for (const node of await nodesOf(untyped, pattern)) {
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

/** All that have keys of their own. */
async function nodesOf(client: Untyped, key: RedisKey): Promise<readonly Untyped[]> {
  if (client.nodes === undefined) return [client]
  // It knows all nodes once it has answered anything.
  await client.pttl(key)
  const nodes = client.nodes('master')
  if (nodes.length === 0) throw new Error('no node of the Cluster is known')
  return nodes
}

function wordsOf(lifetime: Lifetime): readonly Argument[] {
  return lifetime === 'ended' ? ['PXAT', 1] : ['PX', lifetime]
}

/** What keeps a client from sending again; undefined: it does not. */
function clientFix(options: ClientOptions): string | undefined {
  // With `maxRetriesPerRequest` 0 every command in flight is rejected as soon as the connection closes.
  const never =
    options.autoResendUnfulfilledCommands === false ||
    options.maxRetriesPerRequest === 0 ||
    typeof options.retryStrategy !== 'function'
  return never ? undefined : '{ maxRetriesPerRequest: 0 }'
}

/** The Cluster itself sends again after a connection closed; its connections do when they may reconnect. */
function clusterFix(options: ClusterOptions): string | undefined {
  const { retryDelayOnFailover = 100, clusterNodeRetryStrategy, redisOptions = {} } = options
  const fixes: string[] = []
  // The delay also makes it look for the new primary, which iovalkey otherwise does at intervals only.
  if (retryDelayOnFailover > 0) fixes.push('retryDelayOnFailover: 0, slotsRefreshInterval: 1000')
  const retryStrategy = clusterNodeRetryStrategy
  if (clientFix({ ...redisOptions, retryStrategy }) !== undefined) {
    fixes.push('redisOptions: { maxRetriesPerRequest: 0 }')
  }
  return fixes.length === 0 ? undefined : `{ ${fixes.join(', ')} }`
}
