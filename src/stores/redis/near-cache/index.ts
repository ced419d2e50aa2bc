/**
 * The door of the near cache: its options, and a store that works without it until its code is loaded. A program that
 * does not ask for the near cache does not load it.
 *
 * @module
 */

import { type Duration, milliseconds } from '../../../core/duration.ts'
import { guarded } from '../../../core/events.ts'
import type { AsyncStore, Store } from '../../../core/store.ts'
import { ConfigError } from '../../../errors.ts'
import type { NearCacheBounds } from './cache.ts'

/** The bounds of the near cache. */
export interface NearCacheOptions {
  /** The number of records that are held; default 10,000. The oldest is dropped first, unless it was read since it came. */
  readonly maxEntries?: number
  /** The bytes of all records that are held; default 32 MiB. A larger record is not held. */
  readonly maxBytes?: number
  /**
   * The age that a record can have at most, whatever the network does; from 50 ms, default `'2s'`. The server is asked
   * twice in that time while anything is held.
   */
  readonly maxStale?: Duration
}

export interface NearCacheContext {
  /** The client of the store. */
  readonly client: object
  /** What every key begins with, the client's own prefix included. */
  readonly prefix: string
  readonly now: () => number
  readonly onError: ((error: unknown) => void) | undefined
}

const DEFAULT_MAX_BYTES = 32 * 1024 * 1024

/**
 * Puts a near cache before a store. Until it is loaded, reads go to the server.
 *
 * @throws {ConfigError} When an option is unknown or out of its range, or the client has more than one connection.
 */
export function withNearCache(
  store: AsyncStore,
  options: true | NearCacheOptions,
  context: NearCacheContext,
): Store {
  const bounds = boundsOf(options === true ? {} : options)
  checkClient(context)
  /** Takes the writes: the near cache as soon as it is loaded, since it has to know of each write. */
  let writer: Store = store
  /** Takes the reads: the near cache once every write that it does not know of has ended. */
  let reader: Store = store
  const earlier = new Set<Promise<unknown>>()
  let closed = false

  async function load(): Promise<void> {
    const [{ nearCache }, { trackerOf }] = await Promise.all([
      import('./cache.ts'),
      import('./tracking.ts'),
    ])
    if (closed) return
    const { client, prefix, ...rest } = context
    writer = nearCache(store, bounds, { tracker: trackerOf(client, prefix), prefix, ...rest })
    await Promise.allSettled(earlier)
    reader = writer
  }

  async function write<T>(run: (to: Store) => T): Promise<Awaited<T>> {
    if (writer !== store) return await run(writer)
    const running = Promise.resolve(run(store))
    earlier.add(running)
    try {
      return await running
    } finally {
      earlier.delete(running)
    }
  }

  const loading = load().catch(guarded(context.onError, 'redisStore: onError'))
  return {
    ...store,
    read: (id, options) => reader.read(id, options),
    create: (...args) => write((to) => to.create(...args)),
    replace: (...args) => write((to) => to.replace(...args)),
    touch: (...args) => write((to) => to.touch(...args)),
    delete: (...args) => write((to) => to.delete(...args)),

    async close() {
      closed = true
      await loading
      await writer.close?.()
    },
  }
}

/** @throws {ConfigError} When changes cannot be tracked over this client. */
function checkClient({ client, prefix }: NearCacheContext): void {
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

function boundsOf(options: NearCacheOptions): NearCacheBounds {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new ConfigError(
      'redisStore: nearCache is neither a boolean nor an object. Give true, or an object of its options.',
    )
  }
  const { maxEntries = 10_000, maxBytes = DEFAULT_MAX_BYTES, maxStale = '2s', ...unknown } = options
  for (const name of Object.keys(unknown)) {
    throw new ConfigError(
      `redisStore: nearCache has no option ${JSON.stringify(name)}. It has maxEntries, maxBytes and maxStale.`,
    )
  }
  for (const [name, value] of Object.entries({ maxEntries, maxBytes })) {
    if (Number.isSafeInteger(value) && value >= 1) continue
    throw new ConfigError(
      `redisStore: nearCache.${name} is ${String(value)}. Give a whole number from 1.`,
    )
  }
  const length = milliseconds(maxStale, 'redisStore: nearCache.maxStale')
  // A timer fires at once when its time is longer than 2^31 - 1 ms.
  if (length < 50 || length >= 2 ** 31) {
    throw new ConfigError("redisStore: nearCache.maxStale is from 50 ms to '24d'.")
  }
  return { maxEntries, maxBytes, maxStale: length }
}
