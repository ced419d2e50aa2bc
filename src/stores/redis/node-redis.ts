/**
 * The commands of the Redis store over node-redis, the package `redis`: a client, a pool, a Cluster or a Sentinel.
 *
 * @module
 */

import { Buffer } from 'node:buffer'
import { ConfigError } from '../../errors.ts'
import type { Lifetime, RedisCommands, Retries } from './client.ts'

/** The part of node-redis that its types share for every kind of client. */
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
  readonly keys: readonly string[]
  readonly arguments: readonly (string | Buffer)[]
}
interface ScanOptions {
  readonly MATCH: string
  readonly COUNT: number
  readonly TYPE: 'string'
}

/** A client whose strings are Buffers. Its numbers may have another type: the program's own mapping is replaced. */
interface Mapped {
  get(key: string): Promise<Uint8Array | null>
  pTTL(key: string): Promise<number>
  set(key: string, value: Buffer, options: SetOptions): Promise<string | Uint8Array | null>
  evalSha(sha1: string, options: EvalOptions): Promise<unknown>
  eval(script: string, options: EvalOptions): Promise<unknown>
  del(key: string): Promise<number>
  scan(
    cursor: string,
    options: ScanOptions,
  ): Promise<{ readonly cursor: string | Buffer; readonly keys: readonly Buffer[] }>
}

interface SendOptions {
  readonly typeMapping: typeof BUFFERS
  readonly timeout: undefined
}

/** What tells the kinds of clients apart, and the options of theirs that can be seen. */
interface Visible extends NodeRedisClient {
  readonly isOpen?: boolean
  readonly isReady?: boolean
  duplicate?(): unknown
  sendCommand?(words: readonly (string | Buffer)[], options: SendOptions): Promise<unknown>
  readonly _keyPrefix?: string | Buffer | undefined
  readonly _options?: { readonly useReplicas?: boolean } | undefined
  delEx?(): unknown
  getSentinelNode?(): unknown
  readonly masters?: readonly unknown[]
  nodeClient?(node: unknown): NodeRedisClient | Promise<NodeRedisClient>
}

/** Binary strings (`RESP_TYPES.BLOB_STRING`) as Buffers. As text, which is the default, bytes would be damaged. */
const BUFFERS = { 36: Buffer } as const

/** @throws {ConfigError} When the client retries commands by itself, or reads from replicas. */
export function nodeRedisCommands(client: NodeRedisClient, retries: Retries): RedisCommands {
  const visible = client as Visible
  const isSentinel = typeof visible.getSentinelNode === 'function'
  if (isSentinel && retries === undefined) {
    throw new ConfigError(
      "redisStore: a Sentinel client of node-redis retries a command by itself when its reply was lost, so a change may count twice. Give createSentinel({ maxCommandRediscovers: 0 }) and say so with redisStore(client, { retries: 'never' }), as the setting cannot be seen from outside.",
    )
  }
  if (visible._options?.useReplicas === true) {
    throw new ConfigError(
      'redisStore: this Cluster client reads from replicas, which may be behind. Leave out useReplicas.',
    )
  }
  const mapped = mapBuffers(client)
  const send = directSender(visible)

  /** The client for its own methods. A Sentinel client that was closed would retry without end, so it throws here. */
  function open(): Mapped {
    if (visible.isOpen === false) throw new Error('The client is closed')
    return mapped
  }

  return {
    retries: isSentinel && retries === 'accept',
    keyPrefix: (visible._keyPrefix ?? '').toString(),
    get: (key) => send<Uint8Array | null>('GET', key) ?? open().get(key),
    pttl: async (key) => Number(await (send<number>('PTTL', key) ?? open().pTTL(key))),
    async setNew(key, value, lifetime) {
      const expiration = expirationOf(lifetime)
      const { type, value: time } = expiration
      const reply =
        send('SET', key, value, type, String(time), 'NX') ??
        open().set(key, value, { condition: 'NX', expiration })
      return (await reply) !== null
    },
    // Versions before 5.10 drop `matchValue`, and the server would take the next word for it. `delEx` came with it.
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
      send('EVALSHA', script.sha1, '1', key, ...args) ??
      open().evalSha(script.sha1, { keys: [key], arguments: args }),
    eval: (script, key, args) => open().eval(script.text, { keys: [key], arguments: args }),
    del: async (key) => Number(await (send<number>('DEL', key) ?? open().del(key))),
    async *scan(pattern) {
      const options = { MATCH: pattern, COUNT: 1_000, TYPE: 'string' } as const
      open()
      for (const node of await primaries(visible)) {
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

/**
 * Sends a command past node-redis's own time limit, or gives undefined when the client's own method has to be used.
 *
 * node-redis arms an `AbortSignal` of 5 s for each command, which lasts until the command is written; that costs 4 to
 * 8 µs, more than the rest of the command. On a single connection that is ready a command is written at once, and the
 * core has a time limit of its own, so the signal is left out. `timeout: undefined` in the options of the client would
 * do the same without this function, where node-redis took it.
 */
function directSender(
  client: Visible,
): <Reply>(...words: readonly (string | Buffer)[]) => Promise<Reply> | undefined {
  const hasOneConnection =
    typeof client.duplicate === 'function' &&
    client.masters === undefined &&
    typeof client.getSentinelNode !== 'function'
  const keyPrefix = client._keyPrefix ?? ''
  if (!hasOneConnection || client.sendCommand === undefined || keyPrefix.length > 0) {
    return () => undefined
  }
  const options: SendOptions = { typeMapping: BUFFERS, timeout: undefined }
  const direct = client as Visible & Required<Pick<Visible, 'sendCommand'>>
  return <Reply>(...words: readonly (string | Buffer)[]) =>
    direct.isReady === true ? (direct.sendCommand(words, options) as Promise<Reply>) : undefined
}

/** The servers that own keys. */
async function primaries(client: Visible): Promise<readonly Mapped[]> {
  const { masters } = client
  if (masters === undefined || client.nodeClient === undefined) return [mapBuffers(client)]
  if (masters.length === 0) throw new Error('All the root nodes are unavailable')
  const nodes: Mapped[] = []
  for (const master of masters) nodes.push(mapBuffers(await client.nodeClient(master)))
  return nodes
}

function mapBuffers(client: NodeRedisClient): Mapped {
  return client.withTypeMapping(BUFFERS) as Mapped
}

function expirationOf(lifetime: Lifetime): SetOptions['expiration'] {
  return lifetime === 'ended' ? { type: 'PXAT', value: 1 } : { type: 'PX', value: lifetime }
}
