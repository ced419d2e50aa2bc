/** Sends commands over node-redis, the package `redis`: a client, a pool, a Cluster or a Sentinel. */

import { Buffer } from 'node:buffer'
import { ConfigError } from '../../errors.ts'
import type { RedisCommands, Retries, SendWords } from './client.ts'

/** The part of node-redis that its types share for every kind of client. */
export interface NodeRedisClient {
  withTypeMapping(mapping: { 36: typeof Buffer }): unknown
}

/** What tells the kinds of clients apart, and the options of theirs that can be seen. */
interface Visible {
  readonly isOpen?: boolean
  readonly isReady?: boolean
  readonly _keyPrefix?: string | Buffer | undefined
  readonly _options?: { readonly useReplicas?: boolean } | undefined
  getSentinelNode?(): unknown
  /** Of a Cluster alone. */
  readonly masters?: readonly unknown[]
  nodeClient?(node: unknown): Visible | Promise<Visible>
  /** A Cluster takes the key and `isReadonly` before the words, a Sentinel `isReadonly`. */
  sendCommand(...args: unknown[]): Promise<unknown>
}

/** Bulk strings (`RESP_TYPES.BLOB_STRING`) as Buffers. As text, which is the default, bytes would be damaged. */
const BUFFERS = { typeMapping: { 36: Buffer } } as const
/**
 * node-redis arms an `AbortSignal` of 5 s for each command, which lasts until the command is written; that costs 4 to
 * 8 µs, more than the rest of the command. A connection that is ready writes at once, and the core has a time limit of
 * its own, so the signal is left out.
 */
const WRITTEN_AT_ONCE = { ...BUFFERS, timeout: undefined } as const

/** @throws {ConfigError} When the client retries commands by itself, or reads from replicas. */
export function nodeRedisCommands(client: NodeRedisClient, retries: Retries): RedisCommands {
  const visible = client as unknown as Visible
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
  const keyPrefix = visible._keyPrefix ?? ''

  async function run(words: readonly unknown[], key?: string | Buffer): Promise<unknown> {
    // A Sentinel client that was closed would retry without end.
    if (visible.isOpen === false) throw new Error('The client is closed')
    if (isSentinel) return visible.sendCommand(false, words, BUFFERS)
    if (visible.masters !== undefined) return visible.sendCommand(key, false, words, BUFFERS)
    return visible.sendCommand(words, visible.isReady === true ? WRITTEN_AT_ONCE : BUFFERS)
  }

  return {
    retries: isSentinel && retries === 'accept',
    keyPrefix: keyPrefix.toString(),
    send(start, id, ...rest) {
      // Commands that are sent as words get no prefix of the client.
      const key =
        typeof keyPrefix === 'string' ? keyPrefix + id : Buffer.concat([keyPrefix, Buffer.from(id)])
      return run([...start, key, ...rest], key)
    },
    async primaries() {
      const { masters } = visible
      if (masters === undefined) return [run]
      if (masters.length === 0) throw new Error('All the root nodes are unavailable')
      const nodes: SendWords[] = []
      for (const master of masters) {
        const node = await visible.nodeClient?.(master)
        if (node !== undefined) nodes.push((words) => node.sendCommand(words, BUFFERS))
      }
      return nodes
    },
  }
}
