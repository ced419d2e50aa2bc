/**
 * The near cache of the Redis store, for `redisStore(client, { nearCache: nearCache() })`: records that this process has
 * read are served again without a command, for as long as the server is known to report every change.
 *
 * @module
 */

import { type Duration, milliseconds } from '../../../core/duration.ts'
import { ConfigError } from '../../../errors.ts'
import type { NearCache } from '../index.ts'
import { nearStore } from './store.ts'
import { trackerOf } from './tracking.ts'

export interface NearCacheOptions {
  /** The number of records that are held; default 10,000. The one that was not read for longest is dropped first. */
  readonly maxEntries?: number
  /** The bytes of all records that are held; default 32 MiB. A larger record is not held. */
  readonly maxBytes?: number
  /**
   * The age that a record can have at most, whatever the network does; from 50 ms, default `'2s'`. The server is asked
   * twice in that time while anything is held.
   */
  readonly maxStale?: Duration
  /** Called with the reason, once per outage, when the cache cannot be used. The store works without it meanwhile. */
  readonly onError?: (error: unknown) => void
}

/**
 * Makes the near cache of a store. A record that this process has read before is served without a command until the
 * server reports that it changed: within milliseconds as a rule, within `maxStale` at worst. It saves round trips and
 * costs CPU. Needs a client with one connection; the cache's own connection ends with `close()` of the store or with the
 * client.
 *
 * ```ts
 * import { createClient } from 'redis'
 * import { redisStore } from 'vial/stores/redis'
 * import { nearCache } from 'vial/stores/redis-near-cache'
 *
 * const client = await createClient({ disableOfflineQueue: true }).on('error', console.error).connect()
 * export const store = redisStore(client, { nearCache: nearCache({ maxStale: '1s' }) })
 * ```
 *
 * @throws {ConfigError} When an option is unknown or out of its range; `redisStore` throws it when the client has more
 * than one connection.
 */
export function nearCache(options: NearCacheOptions = {}): NearCache {
  const {
    maxEntries = 10_000,
    maxBytes = 32 * 1024 * 1024,
    maxStale = '2s',
    onError,
    ...unknown
  } = options
  for (const name of Object.keys(unknown)) {
    throw new ConfigError(
      `nearCache: there is no option ${JSON.stringify(name)}. It has maxEntries, maxBytes, maxStale and onError.`,
    )
  }
  for (const [name, value] of Object.entries({ maxEntries, maxBytes })) {
    if (Number.isSafeInteger(value) && value >= 1) continue
    throw new ConfigError(`nearCache: ${name} is ${String(value)}. Give a whole number from 1.`)
  }
  const staleMs = milliseconds(maxStale, 'nearCache: maxStale')
  // A timer fires at once when its time is longer than 2^31 - 1 ms.
  if (staleMs < 50 || staleMs >= 2 ** 31) {
    throw new ConfigError("nearCache: maxStale is from 50 ms to '24d'.")
  }
  return (store, client, { prefix, now }) => {
    checkClient(client, prefix)
    const settings = { maxEntries, maxBytes, maxStale: staleMs, onError, prefix, now }
    return nearStore(store, trackerOf(client, prefix), settings)
  }
}

/** @throws {ConfigError} When changes cannot be tracked over this client. */
function checkClient(client: object, prefix: string): void {
  const visible = client as Record<'masters' | 'nodes' | 'getSentinelNode' | 'duplicate', unknown>
  const hasManyNodes =
    visible.masters !== undefined || visible.nodes !== undefined || visible.getSentinelNode
  if (hasManyNodes || typeof visible.duplicate !== 'function') {
    throw new ConfigError(
      'redisStore: nearCache needs a client with one connection: createClient() of redis, new Redis() of ioredis or iovalkey. Leave it out for a Cluster, a pool, or createSentinel().',
    )
  }
  // A prefix of bytes that are not UTF-8 decodes to this character, so the server would track another prefix.
  if (prefix.includes('\ufffd')) {
    throw new ConfigError('redisStore: nearCache needs a keyPrefix that is valid UTF-8.')
  }
}
