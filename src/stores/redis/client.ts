/**
 * The clients that the Redis store takes, and how it tells them apart: by what they are, never by a guess.
 *
 * @module
 */

import { ConfigError } from '../../errors.ts'
import type { RedisCommands, Resends } from './commands.ts'
import { type IoRedisClient, ioRedisCommands } from './ioredis.ts'
import { type NodeRedisClient, nodeRedisCommands } from './node-redis.ts'

/** A client, pool, Cluster or Sentinel of node-redis 5 or later, of ioredis 5 or 6, or of iovalkey. */
export type RedisClient = NodeRedisClient | IoRedisClient

/** @throws {ConfigError} When it is none of them, or does what the store cannot work with. */
export function commandsOf(client: RedisClient, resends: Resends): RedisCommands {
  const given = client as Partial<NodeRedisClient & IoRedisClient & PromiseLike<unknown>> | null
  if (given !== null && typeof given === 'object') {
    if (typeof given.withTypeMapping === 'function') {
      return nodeRedisCommands(client as NodeRedisClient, resends)
    }
    if (typeof given.getBuffer === 'function') {
      return ioRedisCommands(client as IoRedisClient, resends)
    }
    if (typeof given.then === 'function') {
      throw new ConfigError('redisStore: the client is a promise. Await it first.')
    }
  }
  throw new ConfigError(
    'redisStore: this is none of the clients that it takes. Give one of the packages redis (5 or later), ioredis (5 or 6) or iovalkey.',
  )
}
