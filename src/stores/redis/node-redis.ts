/**
 * The commands of the Redis store over node-redis, the package `redis`: a client, a pool, a Cluster or a Sentinel.
 *
 * @module
 */

import { Buffer } from 'node:buffer'
import { ConfigError } from '../../errors.ts'
import type { Lifetime, RedisCommands, Resends } from './commands.ts'
import type { RedisKey } from './keys.ts'

/** The slice of node-redis that is used. */
export interface NodeRedisClient {
  withTypeMapping(mapping: { 36: typeof Buffer }): unknown
}

interface SetOptions {
  readonly expiration: { readonly type: 'PX' | 'PXAT'; readonly value: number }
  readonly condition: 'NX' | 'IFEQ'
  readonly matchValue?: Buffer
  readonly GET?: true
}
interface EvalOptions {
  readonly keys: readonly RedisKey[]
  readonly arguments: readonly (string | Buffer)[]
}
interface ScanOptions {
  readonly MATCH: string
  readonly COUNT: number
  readonly TYPE: 'string'
}

/** The slice with all strings as Buffers. Numbers may have another type: the program's own mapping is replaced, not read. */
interface Mapped {
  get(key: RedisKey): Promise<Uint8Array | null>
  pTTL(key: RedisKey): Promise<number>
  set(key: RedisKey, value: Buffer, options: SetOptions): Promise<string | Uint8Array | null>
  evalSha(sha1: string, options: EvalOptions): Promise<unknown>
  eval(script: string, options: EvalOptions): Promise<unknown>
  pExpire(key: RedisKey, ms: number): Promise<number>
  del(key: RedisKey): Promise<number>
  scan(
    cursor: string,
    options: ScanOptions,
  ): Promise<{ readonly cursor: string | Buffer; readonly keys: readonly Buffer[] }>
}

interface SendOptions {
  readonly typeMapping: typeof BUFFERS
  readonly timeout: undefined
}

/** What tells the kinds of clients apart, and what of their options can be seen. */
interface Visible extends NodeRedisClient {
  readonly isOpen?: boolean
  readonly isReady?: boolean
  duplicate?(): unknown
  sendCommand?(words: readonly RedisKey[], options: SendOptions): Promise<unknown>
  readonly _keyPrefix?: string | Buffer | undefined
  readonly _options?: { readonly useReplicas?: boolean } | undefined
  delEx?(): unknown
  getSentinelNode?(): unknown
  readonly masters?: readonly unknown[]
  nodeClient?(node: unknown): NodeRedisClient | Promise<NodeRedisClient>
}

/** The type of replies that are strings of bytes, `RESP_TYPES.BLOB_STRING`. Otherwise they come as text, and damaged. */
const BUFFERS = { 36: Buffer } as const

/**
 * Without the 5 s that node-redis gives each command until it is written: on a connection that is ready that is at once,
 * the core has a deadline of its own, and an `AbortSignal` for each command costs more than all else about it.
 */
const SENT_NOW: SendOptions = { typeMapping: BUFFERS, timeout: undefined }

/** Told by {@link nodeRedisCommands} for a client that sends nothing; looks like the error of node-redis. */
class ClientClosedError extends Error {}

/** @throws {ConfigError} When the client sends commands again, or reads from replicas. */
export function nodeRedisCommands(client: NodeRedisClient, resends: Resends): RedisCommands {
  const visible = client as Visible
  const isSentinel = typeof visible.getSentinelNode === 'function'
  if (isSentinel && resends === undefined) {
    throw new ConfigError(
      "redisStore: a Sentinel client of node-redis sends a command again when its reply was lost, so a change may count twice. Give createSentinel({ maxCommandRediscovers: 0 }) and tell redisStore so with { resends: 'never' }, as the setting cannot be seen from outside.",
    )
  }
  if (visible._options?.useReplicas === true) {
    throw new ConfigError(
      'redisStore: this Cluster client reads from replicas, which may be behind. Leave out useReplicas.',
    )
  }
  const mapped = mappedOf(client)
  const { _keyPrefix: keyPrefix = '' } = visible

  /** A Sentinel client that was closed would try again without end. */
  function open(): Mapped {
    if (visible.isOpen === false) throw new ClientClosedError('The client is closed')
    return mapped
  }

  /** A client with one connection, whose commands can go as they are. */
  const direct =
    typeof visible.duplicate === 'function' &&
    typeof visible.sendCommand === 'function' &&
    visible.masters === undefined &&
    !isSentinel &&
    keyPrefix.length === 0
      ? (visible as Required<Visible>)
      : undefined

  /** Undefined when the command has to go the client's own way. */
  function sent<Reply>(...words: readonly RedisKey[]): Promise<Reply> | undefined {
    if (direct?.isReady !== true) return undefined
    return direct.sendCommand(words, SENT_NOW) as Promise<Reply>
  }

  return {
    resends: isSentinel && resends === 'accept',
    keyPrefix: keyPrefix.toString(),
    get: (key) => sent<Uint8Array | null>('GET', key) ?? open().get(key),
    pttl: async (key) => Number(await (sent<number>('PTTL', key) ?? open().pTTL(key))),
    async setNew(key, value, lifetime) {
      const expiration = expirationOf(lifetime)
      const { type, value: time } = expiration
      const reply =
        sent('SET', key, value, type, String(time), 'NX') ??
        open().set(key, value, { condition: 'NX', expiration })
      return (await reply) !== null
    },
    // Versions before 5.10 drop `matchValue`, and the next word would be taken for it. `delEx` came with it.
    setIfEqual:
      typeof visible.delEx !== 'function'
        ? undefined
        : async (key, value, equal, ms) => {
            const options = {
              condition: 'IFEQ',
              matchValue: equal,
              expiration: expirationOf(ms),
              GET: true,
            } as const
            return (await open().set(key, value, options)) as Uint8Array | null
          },
    evalSha: (script, key, args) =>
      sent('EVALSHA', script.sha1, '1', key, ...args) ??
      open().evalSha(script.sha1, { keys: [key], arguments: args }),
    eval: (script, key, args) => open().eval(script.text, { keys: [key], arguments: args }),
    pexpire: async (key, ms) =>
      Number(await (sent<number>('PEXPIRE', key, String(ms)) ?? open().pExpire(key, ms))) === 1,
    del: async (key) => Number(await (sent<number>('DEL', key) ?? open().del(key))),
    async *scan(pattern) {
      const options = { MATCH: pattern, COUNT: 1_000, TYPE: 'string' } as const
      open()
      for (const node of await nodesOf(visible)) {
        let cursor = '0'
        do {
          const page = await node.scan(cursor, options)
          cursor = page.cursor.toString()
          yield page.keys
        } while (cursor !== '0')
      }
    },
  }
}

/** All that have keys of their own. */
async function nodesOf(client: Visible): Promise<readonly Mapped[]> {
  const { masters } = client
  if (masters === undefined || client.nodeClient === undefined) return [mappedOf(client)]
  if (masters.length === 0) throw new Error('no node of the Cluster is known')
  const nodes: Mapped[] = []
  for (const master of masters) nodes.push(mappedOf(await client.nodeClient(master)))
  return nodes
}

function mappedOf(client: NodeRedisClient): Mapped {
  return client.withTypeMapping(BUFFERS) as Mapped
}

function expirationOf(lifetime: Lifetime): SetOptions['expiration'] {
  return lifetime === 'ended' ? { type: 'PXAT', value: 1 } : { type: 'PX', value: lifetime }
}
