/** Sends commands over ioredis and iovalkey: a client, also of a Sentinel, or a Cluster. */

import type { Buffer } from 'node:buffer'
import { ConfigError } from '../../errors.ts'
import type { RedisCommands, Retries } from './client.ts'

/** The part of ioredis and iovalkey that their types share for every kind of client. */
export interface IoRedisClient {
  getBuffer(key: string): Promise<Buffer | null>
  set(key: string, value: Buffer, px: 'PX', ms: number, nx: 'NX'): Promise<'OK' | null>
  pttl(key: string): Promise<number>
  del(key: string): Promise<number>
}

/** The rest of what is used: methods that their types do not have for every kind of client. */
interface Untyped {
  /** The method of a command, such as `getBuffer`; `callBuffer` would not work with `enableAutoPipelining`. */
  readonly [method: `${string}Buffer`]: (...words: readonly (string | Buffer)[]) => Promise<unknown>
  /** Of a Cluster alone. */
  nodes?(role: 'master'): readonly Untyped[]
  readonly options?: Options
  readonly status?: string
}

interface Options {
  readonly keyPrefix?: string | Buffer
  readonly role?: string | null
  readonly autoResendUnfulfilledCommands?: boolean
  readonly maxRetriesPerRequest?: number | null
  readonly retryStrategy?: unknown
  // The rest is of a Cluster alone.
  readonly scaleReads?: unknown
  readonly retryDelayOnFailover?: number
  readonly clusterNodeRetryStrategy?: unknown
  readonly redisOptions?: Options
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
    send: (start, key, ...rest) => run(untyped, [...start, key, ...rest]),
    async primaries(key) {
      if (untyped.nodes === undefined) return [(words) => run(untyped, words)]
      // A Cluster client knows all nodes once it has answered any command.
      await client.pttl(key)
      const nodes = untyped.nodes('master')
      if (nodes.length === 0) throw new Error('None of startup nodes is available')
      return nodes.map((node) => run.bind(undefined, node))
    },
  }
}

async function run(client: Untyped, words: readonly (string | Buffer)[]): Promise<unknown> {
  // Such a client refuses commands in the words of one that lost them.
  if (client.status === 'end') throw new Error('The client is closed')
  const [name, ...rest] = words
  return client[`${String(name).toLowerCase()}Buffer`]?.(...rest)
}

/** The options that keep a client from retrying a command; undefined: it does not retry. */
function clientFix(options: Options): string | undefined {
  // With `maxRetriesPerRequest: 0` every command in flight is rejected as soon as the connection closes.
  const never =
    options.autoResendUnfulfilledCommands === false ||
    options.maxRetriesPerRequest === 0 ||
    typeof options.retryStrategy !== 'function'
  return never ? undefined : '{ maxRetriesPerRequest: 0 }'
}

/** The same for a Cluster: it retries after a connection closed, and its connections do when they may reconnect. */
function clusterFix(options: Options): string | undefined {
  const { retryDelayOnFailover = 100, clusterNodeRetryStrategy: retryStrategy } = options
  const fixes: string[] = []
  // The delay also starts the search for the new primary, which iovalkey otherwise does at intervals only.
  if (retryDelayOnFailover > 0) fixes.push('retryDelayOnFailover: 0, slotsRefreshInterval: 1000')
  if (clientFix({ ...options.redisOptions, retryStrategy }) !== undefined) {
    fixes.push('redisOptions: { maxRetriesPerRequest: 0 }')
  }
  return fixes.length === 0 ? undefined : `{ ${fixes.join(', ')} }`
}
